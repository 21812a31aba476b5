package torch

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// About is what a file says of itself.
type About struct {
	Title   string           // one line
	Genome  string           // one line
	Weights string           // one line: what they are
	Beside  string           // name of the safetensors file that the weights are in
	Samples *network.Samples // raw ones, which the module takes; nil: it takes standardised ones
}

// Write writes the network as a Python module: its layers as a list, the code of
// those kinds of layers that it has, and functions that answer it as a
// torch.nn.Module. The weights are read from a safetensors file that lies beside
// the module and has its name; the caller writes it, with the arrays of
// network.Arrays.
func Write(w io.Writer, net *network.Network, about About) error {
	if len(net.Nodes) == 0 {
		return fmt.Errorf("the network has no layers")
	}
	used := map[string]bool{} // operations and functions
	nodes := "NODES: list[dict] = [\n"
	for i := range net.Nodes {
		n := &net.Nodes[i]
		used[string(n.Op)], used[n.Function] = true, true
		text, err := literal(n)
		if err != nil {
			return err
		}
		nodes += "    " + text + ",\n"
	}
	nodes += "]\n"

	var all []*part
	for _, name := range []string{"network.py", "safetensors.py", "standalone.py"} {
		text, err := Source.ReadFile("nascent_torch/" + name)
		if err != nil {
			return err
		}
		parts, err := split(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, parts...)
	}
	for _, p := range all {
		switch {
		case p.defines("NODES"):
			p.text = nodes
		case p.defines("SAMPLES") && about.Samples != nil:
			text, err := json.Marshal(about.Samples) // lists, numbers and texts, which Python writes alike
			if err != nil {
				return err
			}
			p.text = fmt.Sprintf("SAMPLES: dict = %s\n", text)
		case p.defines("LAYERS"), p.defines("FUNCTIONS"):
			p.text = p.only(used)
		}
	}
	imports, code := needed(all, "NODES", "SAMPLES", "CLASSES", "trained", "fresh", "__name__")
	// What is special about this file comes first.
	special := func(p *part) bool { return p.defines("NODES") || p.defines("SAMPLES") || p.defines("CLASSES") }
	slices.SortStableFunc(code, func(a, b *part) int {
		switch {
		case special(a) == special(b):
			return 0
		case special(a):
			return -1
		}
		return 1
	})

	input := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(net.Nodes[0].Shape), "[]")), ", ")
	takes, says := "standardised as in training", ""
	if about.Samples != nil {
		takes, says = "raw, as they were read for training", "\n    CLASSES[logits[0].argmax()]"
		if about.Samples.Offset != nil {
			takes = "raw, as they were read for training, in float64" // float32 cannot tell them apart
		}
	}
	_, err := fmt.Fprintf(w, `"""%s.

    network = trained()   # a torch.nn.Module, with the weights in %s
    logits = network(x)   # x: [batch, %s], %s%s

%s
fresh() answers it with new ones, to train from the beginning. Written by
nascent; it needs PyTorch (1.13 or newer) and nothing else.
"""

# %s

%s`, docstring(about.Title), docstring(about.Beside), input, takes, says, docstring(about.Weights),
		about.Genome, strings.Join(imports, "\n")+"\n")
	for i, p := range code {
		gap := max(p.gap, 1)
		if i > 0 && (p.block || code[i-1].block) {
			gap = 2
		} else if i > 0 {
			gap = p.gap
		}
		if err == nil {
			_, err = io.WriteString(w, strings.Repeat("\n", gap)+p.text)
		}
	}
	return err
}

// part is a statement at the top of a module, with the comments before it.
type part struct {
	text  string
	names []string // that it defines, or imports
	from  string   // for imports: the whole line
	block bool     // class, def or if
	gap   int      // empty lines before it
}

var (
	definition = regexp.MustCompile(`^(class|def)?\s*(\w+)`)
	identifier = regexp.MustCompile(`[A-Za-z_]\w*`)
	prose      = regexp.MustCompile(`(?s)""".*?"""|#[^\n]*`) // docstrings and comments
)

// split takes a module to pieces. It knows no more of Python than the modules
// here need.
func split(text string) ([]*part, error) {
	open, rest, ok := strings.Cut(text, `"""`)
	_, rest, closed := strings.Cut(rest, `"""`)
	if !ok || !closed || open != "" {
		return nil, fmt.Errorf("does not begin with a docstring")
	}
	var parts []*part
	var lines []string
	begun := false     // the lines hold more than comments
	gap, below := 0, 0 // empty lines before and below the lines
	end := func() error {
		if len(lines) == 0 {
			return nil
		}
		p := &part{text: strings.Join(lines, "\n") + "\n"}
		first := lines[slices.IndexFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "#") })]
		switch {
		case strings.HasPrefix(first, "import "), strings.HasPrefix(first, "from "):
			p.from = first
			_, list, _ := strings.Cut(first, "import ")
			for _, name := range strings.Split(list, ", ") {
				if _, as, ok := strings.Cut(name, " as "); ok {
					name = as
				}
				p.names = append(p.names, name)
			}
		case strings.HasPrefix(first, "if __name__"):
			p.names = []string{"__name__"}
			p.block = true
		default:
			m := definition.FindStringSubmatch(first)
			if m == nil {
				return fmt.Errorf("cannot tell what %q defines", first)
			}
			p.names, p.block = []string{m[2]}, m[1] != ""
		}
		p.gap = gap
		parts = append(parts, p)
		return nil
	}
	for _, line := range strings.Split(rest, "\n") {
		if line == "" {
			below++
			continue
		}
		if begun && !strings.ContainsAny(line[:1], " \t)]}") {
			if err := end(); err != nil {
				return nil, err
			}
			lines, begun = nil, false
		}
		if len(lines) == 0 {
			gap = below
		} else {
			lines = append(lines, make([]string, below)...)
		}
		below = 0
		lines = append(lines, line)
		begun = begun || line[0] != '#' && line[0] != '@'
	}
	return parts, end()
}

func (p *part) defines(name string) bool { return p.from == "" && slices.Contains(p.names, name) }

// only is the text of a table without the entries that are not used.
func (p *part) only(used map[string]bool) string {
	var kept []string
	keep := true
	for _, line := range strings.Split(p.text, "\n") {
		if key, ok := strings.CutPrefix(line, `    "`); ok {
			key, _, _ = strings.Cut(key, `"`)
			keep = used[key]
		} else if !strings.HasPrefix(line, " ") {
			keep = true
		}
		if keep {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// needed finds what the parts that define the roots need, and so on: the imports,
// sorted, and all other parts in their order.
func needed(all []*part, roots ...string) (imports []string, code []*part) {
	byName := map[string][]*part{}
	for _, p := range all {
		for _, name := range p.names {
			byName[name] = append(byName[name], p)
		}
	}
	in := map[*part]bool{}
	for queue := roots; len(queue) > 0; {
		name := queue[0]
		queue = queue[1:]
		for _, p := range byName[name] {
			if in[p] {
				continue
			}
			in[p] = true
			if p.from == "" {
				queue = append(queue, identifier.FindAllString(prose.ReplaceAllString(p.text, ""), -1)...)
			}
		}
	}
	for _, p := range all {
		switch {
		case p.from == "" && in[p]:
			code = append(code, p)
		case strings.HasPrefix(p.from, "from ."): // stands here itself
		case p.from != "" && in[p] && !slices.Contains(imports, p.from):
			imports = append(imports, p.from)
		}
	}
	rank := func(line string) string {
		module := strings.Fields(line)[1]
		third, from := strings.HasPrefix(module, "torch"), strings.HasPrefix(line, "from")
		return fmt.Sprintf("%t %t %s", third, from, line)
	}
	slices.SortFunc(imports, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	if i := slices.IndexFunc(imports, func(l string) bool { return strings.Contains(l, "torch") }); i > 0 {
		imports = slices.Insert(imports, i, "")
	}
	return append([]string{"from __future__ import annotations", ""}, imports...), code
}

// docstring makes a line safe to stand in one.
func docstring(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `'`).Replace(s)
}

// literal writes a node as Python does: its JSON, with spaces and True.
func literal(n *network.Node) (string, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return "", err
	}
	var tree genome.Map
	if err := json.Unmarshal(text, &tree); err != nil {
		return "", err
	}
	var write func(v any) (string, error)
	write = func(v any) (string, error) {
		var parts []string
		switch v := v.(type) {
		case bool:
			return map[bool]string{false: "False", true: "True"}[v], nil
		case genome.Map:
			for _, e := range v {
				s, err := write(e.Value)
				if err != nil {
					return "", err
				}
				parts = append(parts, fmt.Sprintf("%q: %s", e.Key, s))
			}
			return "{" + strings.Join(parts, ", ") + "}", nil
		case []any:
			for _, x := range v {
				s, err := write(x)
				if err != nil {
					return "", err
				}
				parts = append(parts, s)
			}
			return "[" + strings.Join(parts, ", ") + "]", nil
		}
		b, err := json.Marshal(v)
		return string(b), err
	}
	return write(tree)
}
