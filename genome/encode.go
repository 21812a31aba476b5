package genome

// maxColumns bounds what Encode makes of a genome: 8 MiB.
const maxColumns = 1 << 20

// Columns returns how many numbers Encode makes of a genome. The error says
// that they are more than 1,048,576, as recursion can make them: then there is no
// encoding, and EncodingNames and Encode return nil.
func (s *Space) Columns() (int, error) {
	s.columnsOnce.Do(func() { s.columns = columnsOf(s.root, map[gene]float64{}) })
	if s.columns > maxColumns {
		return 0, fault(nil, "lower the depth of recursion, or shorten lists",
			"a genome of the space would be %.3g numbers, more than %d", s.columns, maxColumns)
	}
	return int(s.columns), nil
}

// columnsOf counts those of one gene.
func columnsOf(g gene, seen map[gene]float64) float64 {
	n, ok := seen[g]
	if !ok && !g.about().static {
		n = g.columns(seen)
		seen[g] = n
	}
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
		s.root.encode(&e, 0, "")
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
	s.root.encode(&e, 0, "")
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
func (e *encoder) oneHot(path func() string, names []string, there bool, code uint64) {
	for k, name := range names {
		e.put(unit(there && uint64(k) == code), func() string { return path() + "=" + name })
	}
}

// there tells whether the value at i is to be encoded: it may be absent, or only
// names be wanted.
func (e *encoder) there(i int) bool { return i >= 0 && !e.naming }

// at returns code k of the value at i, 0 if that is not there.
func (e *encoder) at(i, k int) uint64 {
	if !e.there(i) {
		return 0
	}
	return e.codes[i+k]
}

// end returns where the value at i ends, i if it is not there.
func (e *encoder) end(g gene, i int) int {
	if !e.there(i) {
		return i
	}
	return g.end(e.codes, i)
}

func unit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
