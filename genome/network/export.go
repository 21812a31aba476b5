package network

import (
	"fmt"
	"strconv"
	"strings"
)

// Dot writes the network in the language of Graphviz: a box for each line that
// String draws, with what it computes, the shape it answers and its parameters.
func (n *Network) Dot() string {
	var s strings.Builder
	s.WriteString("digraph network {\n\tnode [shape=box, fontname=\"sans-serif\"];\n")
	rows := n.rows()
	for i, r := range rows {
		fmt.Fprintf(&s, "\tn%d [label=%s];\n", i, strconv.Quote(n.label(r, "\n")))
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
// draw: the boxes of Dot.
func (n *Network) Mermaid() string {
	var s strings.Builder
	s.WriteString("flowchart TD\n")
	rows := n.rows()
	for i, r := range rows {
		fmt.Fprintf(&s, "  n%d[\"%s\"]\n", i, n.label(r, "<br>"))
	}
	for i, r := range rows {
		for _, from := range r.from {
			fmt.Fprintf(&s, "  n%d --> n%d\n", from, i)
		}
	}
	return s.String()
}

// label is the text in a row's box.
func (n *Network) label(r row, newline string) string {
	s := n.describe(r) + newline + shapeText(n.Nodes[r.last].Shape)
	if p := n.rowParameters(r); p > 0 {
		s += newline + thousands(p) + " parameters"
	}
	return s
}
