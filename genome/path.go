package genome

import (
	"strconv"
	"strings"
)

// branch is one way down from a gene into the tree: by a name, or by a place below
// places where the name is "".
type branch struct {
	name   string
	place  int // the first place
	places int // how many
	gene   gene
}

// takes tells whether a step goes this way.
func (b *branch) takes(s step) bool {
	return s.name == b.name && (s.name != "" || s.place >= b.place && s.place < b.place+b.places)
}

// step is one of a path: a name, or a place in a list.
type step struct {
	name  string
	place int
}

// steps reads a path such as "blocks[0].channels". It is false for what is none.
func steps(path string) ([]step, bool) {
	var out []step
	for part := range strings.SplitSeq(path, ".") {
		name, rest, indexed := strings.Cut(part, "[")
		if name != "" {
			out = append(out, step{name: name})
		}
		for indexed {
			var number string
			number, rest, indexed = strings.Cut(rest, "[")
			number, shut := strings.CutSuffix(number, "]")
			i, err := strconv.Atoi(number)
			if !shut || err != nil || i < 0 {
				return nil, false
			}
			out = append(out, step{place: i})
		}
	}
	return out, len(out) > 0
}

// follow returns what lies at the end of a path in a tree.
func follow(v any, path []step) (any, bool) {
	for _, s := range path {
		if s.name != "" {
			m, ok := v.(Map)
			if !ok {
				return nil, false
			}
			if v, ok = m.Get(s.name); !ok { // a plain option is its own scalar
				return nil, false
			}
			continue
		}
		list, ok := v.([]any)
		if !ok || s.place >= len(list) {
			return nil, false
		}
		v = list[s.place]
	}
	return v, true
}

// Paths lists those of genes, at most so many, in the order of the declaration and
// of a list its first element: "lr", "blocks[0].channels", "op.conv.kernel". Constants
// are left out.
func (s *Space) Paths(most int) []string {
	var out []string
	var walk func(g gene, path string)
	walk = func(g gene, path string) {
		if g.about().static || len(out) >= most {
			return
		}
		if _, group := g.(*group); !group && path != "" {
			out = append(out, path)
		}
		for _, b := range g.branches() {
			switch {
			case b.name == "":
				walk(b.gene, path+"["+strconv.Itoa(b.place)+"]")
			case path == "":
				walk(b.gene, b.name)
			default:
				walk(b.gene, path+"."+b.name)
			}
		}
	}
	walk(s.root, "")
	return out
}
