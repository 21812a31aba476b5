package network

import (
	"fmt"
	"strconv"
	"strings"
)

// Dot writes the network in the language of Graphviz: a box for each line that
// String draws.
func (n *Network) Dot() string {
	var s strings.Builder
	s.WriteString("digraph network {\n\tnode [shape=box, fontname=\"sans-serif\"];\n")
	rows := n.rows()
	for i, r := range rows {
		fmt.Fprintf(&s, "\tn%d [label=%s];\n", i, strconv.Quote(n.describe(r)+"\n"+shapeText(n.Nodes[r.last].Shape)))
	}
	for i, r := range rows {
		for _, from := range r.from {
			fmt.Fprintf(&s, "\tn%d -> n%d;\n", from, i)
		}
	}
	s.WriteString("}\n")
	return s.String()
}

// Mermaid writes the network as a Mermaid flowchart, which Markdown viewers
// draw: a box for each line that String draws.
func (n *Network) Mermaid() string {
	var s strings.Builder
	s.WriteString("flowchart TD\n")
	rows := n.rows()
	for i, r := range rows {
		fmt.Fprintf(&s, "  n%d[\"%s<br>%s\"]\n", i, n.describe(r), shapeText(n.Nodes[r.last].Shape))
	}
	for i, r := range rows {
		for _, from := range r.from {
			fmt.Fprintf(&s, "  n%d --> n%d\n", from, i)
		}
	}
	return s.String()
}
