package genome

import "strconv"

// maxColumns bounds what Encode makes of a genome: 8 MiB.
const maxColumns = 1 << 20

// Columns returns how many numbers Encode makes of a genome. The error says
// that they are more than 1,048,576, as recursion can make them: then there is no
// encoding, and EncodingNames and Encode return nil.
func (s *Space) Columns() (int, error) {
	s.columnsOnce.Do(func() { s.columns = s.root.columns(map[*gene]float64{}) })
	if s.columns > maxColumns {
		return 0, fault(nil, "lower the depth of recursion, or shorten lists", "a genome of the space would be %.3g numbers, more than %d", s.columns, maxColumns)
	}
	return int(s.columns), nil
}

// columns counts those of one gene.
func (g *gene) columns(seen map[*gene]float64) float64 {
	if n, ok := seen[g]; ok || g.static {
		return n
	}
	n := 1.0
	switch g.kind {
	case kindGroup:
		n = 0
		for _, f := range g.fields {
			n += f.gene.columns(seen)
		}
	case kindList:
		n = float64(g.maxLen-g.minLen) + float64(g.maxLen)*g.elem.columns(seen)
		if g.minLen != g.maxLen {
			n++
		}
	case kindChoice:
		n = float64(len(g.options))
		if g.ordered {
			n = 1
		}
		for _, o := range g.options {
			if o.body != nil {
				n += o.body.columns(seen)
			}
			if o.body != nil && g.ordered {
				n++
			}
		}
	case kindEdges:
		n = float64(g.cellCodes() * len(g.cell.ops))
	case kindVertices:
		n = float64((g.cell.nodes-2)*len(g.cell.ops) + g.cell.nodes*(g.cell.nodes-1)/2)
	case kindPairs:
		n = 0
		for node := range g.cell.nodes {
			n += float64(2 * (g.cell.inputs + node + len(g.cell.ops)))
			if g.cell.nodeCodes() == 5 {
				n += float64(len(g.cell.combine))
			}
		}
	}
	seen[g] = n
	return n
}

// EncodingNames names the columns of Encode: "lr", "op=conv", "op.conv.kernel",
// "blocks.length", "blocks[2]?" (whether there is such an element),
// "cell.edge(0,1)=skip".
func (s *Space) EncodingNames() []string {
	if _, err := s.Columns(); err != nil {
		return nil
	}
	s.namesOnce.Do(func() {
		e := encoder{naming: true}
		e.encode(s.root, 0, "")
		s.names = e.names
	})
	return append([]string(nil), s.names...)
}

// Encode returns a genome as numbers from 0 to 1 for models, always as many as
// EncodingNames has. Scalars are scaled to their range (its logarithm with
// log), ordered options to their steps, others have a column each. Genes that a
// genome lacks are 0; a column before them says whether they are there. The
// result is nil for a genome of another space, and where there is no encoding:
// see Columns.
func (s *Space) Encode(g Genome) []float64 {
	n, err := s.Columns()
	if err != nil {
		return nil
	}
	t, err := s.codes(nil, g)
	if err != nil {
		return nil
	}
	e := encoder{codes: t, out: make([]float64, 0, n)}
	e.encode(s.root, 0, "")
	return e.out
}

// encoder writes columns, or their names. A place below 0 stands for a gene
// that is absent.
type encoder struct {
	codes  []uint64
	naming bool
	out    []float64
	names  []string
}

func (e *encoder) put(v float64, name func() string) {
	if e.naming {
		e.names = append(e.names, name())
	} else {
		e.out = append(e.out, v)
	}
}

// oneHot writes a column for each name, 1 for the one at index code.
func (e *encoder) oneHot(path string, names []string, there bool, code uint64) {
	for k, name := range names {
		e.put(unit(there && uint64(k) == code), func() string { return path + "=" + name })
	}
}

func unit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (e *encoder) encode(g *gene, i int, path string) {
	if g.static {
		return
	}
	there := i >= 0 && !e.naming
	end := func(g *gene, i int) int {
		if i < 0 || e.naming {
			return i
		}
		return g.stretch(e.codes, i)
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			inner := path
			if e.naming {
				inner = path + "." + f.name
				if g.tuple {
					inner = path + "[" + f.name + "]"
				} else if path == "" {
					inner = f.name
				}
			}
			e.encode(f.gene, i, inner)
			i = end(f.gene, i)
		}
	case kindList:
		n := 0
		if there {
			n, i = g.length(e.codes, i)
		}
		if g.minLen != g.maxLen {
			e.put(float64(n)/float64(g.maxLen), func() string { return path + ".length" })
		}
		for k := range g.maxLen {
			at := path
			if e.naming {
				at = path + "[" + strconv.Itoa(k) + "]"
			}
			if k >= g.minLen {
				e.put(unit(k < n), func() string { return at + "?" })
			}
			if k < n {
				e.encode(g.elem, i, at)
				i = end(g.elem, i)
			} else {
				e.encode(g.elem, -1, at)
			}
		}
	case kindChoice:
		var code uint64
		if there {
			code = e.codes[i]
		}
		if g.ordered {
			v := 0.0
			if len(g.options) > 1 {
				v = float64(code) / float64(len(g.options)-1)
			}
			e.put(v, func() string { return path })
		}
		for k, o := range g.options {
			if !g.ordered || o.body != nil {
				e.put(unit(there && uint64(k) == code), func() string { return path + "=" + o.text })
			}
		}
		for k, o := range g.options {
			if o.body == nil {
				continue
			}
			at := -1
			if there && uint64(k) == code {
				at = i + 1
			}
			inner := path
			if e.naming {
				inner = path + "." + o.text
			}
			e.encode(o.body, at, inner)
		}
	case kindEdges, kindVertices, kindPairs:
		e.cell(g, i, there, path)
	default:
		v := 0.0
		if there && g.kind == kindBool {
			v = float64(e.codes[i])
		} else if there {
			v = g.scaled(e.codes[i])
		}
		e.put(v, func() string { return path })
	}
}

func (e *encoder) cell(g *gene, i int, there bool, path string) {
	c := g.cell
	at := func(k int) uint64 {
		if !there {
			return 0
		}
		return e.codes[i+k]
	}
	edge := func(from, to int) string {
		if !e.naming {
			return ""
		}
		return path + ".edge(" + strconv.Itoa(from) + "," + strconv.Itoa(to) + ")"
	}
	switch g.kind {
	case kindEdges:
		k := 0
		for to := 1; to < c.nodes; to++ {
			for from := range to {
				e.oneHot(edge(from, to), c.ops, there, at(k))
				k++
			}
		}
	case kindVertices:
		// Inner nodes keep their places, the output is always the last one.
		n, last := 0, c.nodes-1
		if there {
			n = int(at(0))
		}
		for v := 1; v < last; v++ {
			inside := v < n-1
			name := ""
			if e.naming {
				name = path + ".node" + strconv.Itoa(v)
			}
			var op uint64
			if inside {
				op = at(v)
			}
			e.oneHot(name, c.ops, inside, op)
		}
		for to := 1; to <= last; to++ {
			var set uint64
			switch {
			case to < n-1:
				set = at(n - 2 + to)
			case to == last && n > 0:
				set = at(2*n - 3)
			}
			for from := range to {
				e.put(unit(set>>from&1 == 1), func() string { return edge(from, to) })
			}
		}
	default:
		for node := range c.nodes {
			name := ""
			if e.naming {
				name = path + ".node" + strconv.Itoa(node)
			}
			k := node * c.nodeCodes()
			if c.nodeCodes() == 5 {
				e.oneHot(name+".combine", c.combine, there, at(k))
				k++
			}
			for input := range 2 {
				in := name
				if e.naming {
					in = name + ".input" + strconv.Itoa(input)
				}
				for from := range c.inputs + node {
					e.put(unit(there && at(k) == uint64(from)), func() string { return in + "~" + strconv.Itoa(from) })
				}
				e.oneHot(in, c.ops, there, at(k+1))
				k += 2
			}
		}
	}
}
