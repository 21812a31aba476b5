package genome

import (
	"encoding/binary"
	"strconv"
)

// A genome in work is a slice of codes, one number for each gene that is
// present, depth first:
//
//	int, float with step   index of the value
//	float                  its decimal
//	bool                   0 or 1
//	choice                 index of the option, then the option's genes
//	list                   length (unless fixed), then the elements
//	edges                  one operation per edge: (0,1) (0,2) (1,2) (0,3) ...
//	vertices               number of nodes, the operations of the inner ones,
//	                       then for each node from 1 the set of nodes before it
//	pairs                  for each node: combine (if a gene), source and
//	                       operation of the first input, of the second

// pack writes codes as variable-length integers.
func pack(codes []uint64) string {
	var buf [512]byte
	b := buf[:0]
	for _, c := range codes {
		b = binary.AppendUvarint(b, c)
	}
	return string(b)
}

// unpack appends the codes of a packed string. It stops at damage; check then
// finds that something is missing.
func unpack(codes []uint64, packed string) []uint64 {
	for i := 0; i < len(packed); {
		c := uint64(packed[i])
		i++
		if c >= 0x80 {
			c &= 0x7f
			for shift := 7; ; shift += 7 {
				if i == len(packed) || shift > 63 {
					return codes
				}
				x := packed[i]
				i++
				c |= uint64(x&0x7f) << shift
				if x < 0x80 {
					break
				}
			}
		}
		codes = append(codes, c)
	}
	return codes
}

// stretch returns where the value of g that begins at i ends. The codes must
// be whole.
func (g *gene) stretch(t []uint64, i int) int {
	if g.static {
		return i
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			i = f.gene.stretch(t, i)
		}
		return i
	case kindList:
		n, i := g.length(t, i)
		for range n {
			i = g.elem.stretch(t, i)
		}
		return i
	case kindChoice:
		if o := &g.options[t[i]]; o.body != nil {
			return o.body.stretch(t, i+1)
		}
		return i + 1
	case kindEdges, kindPairs:
		return i + g.cellCodes()
	case kindVertices:
		return i + 2*int(t[i]) - 2
	}
	return i + 1
}

// length returns the length of a list and where its elements begin.
func (g *gene) length(t []uint64, i int) (n, at int) {
	if g.minLen == g.maxLen {
		return g.minLen, i
	}
	return int(t[i]), i + 1
}

// check verifies one value and returns where it ends. It is safe for any codes.
func (g *gene) check(t []uint64, i int) (int, *Mistake) {
	if g.static {
		return i, nil
	}
	if i >= len(t) && g.kind != kindGroup && !(g.kind == kindList && g.minLen == g.maxLen) {
		return i, fault(nil, "take it from a genome of this space", "the packed genome ends too early")
	}
	bad := func(what string, most uint64) *Mistake {
		return fault(nil, "take it from a genome of this space", "the packed %s is %d, at most %d", what, t[i], most)
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			var err *Mistake
			if i, err = f.gene.check(t, i); err != nil {
				return i, err.within(f.name)
			}
		}
		return i, nil
	case kindList:
		n := g.minLen
		if g.minLen != g.maxLen {
			if t[i] < uint64(g.minLen) || t[i] > uint64(g.maxLen) {
				return i, fault(nil, "take it from a genome of this space", "has %d elements, needs %d to %d", t[i], g.minLen, g.maxLen)
			}
			n = int(t[i])
			i++
		}
		for k := range n {
			var err *Mistake
			if i, err = g.elem.check(t, i); err != nil {
				return i, err.within(strconv.Itoa(k))
			}
		}
		return i, nil
	case kindChoice:
		if t[i] >= uint64(len(g.options)) {
			return i, bad("option", uint64(len(g.options)-1))
		}
		o := &g.options[t[i]]
		if o.body == nil {
			return i + 1, nil
		}
		end, err := o.body.check(t, i+1)
		if err != nil {
			return end, err.within(o.text)
		}
		return end, nil
	case kindEdges, kindVertices, kindPairs:
		return g.checkCell(t, i)
	case kindBool:
		if t[i] > 1 {
			return i, bad("boolean", 1)
		}
	case kindInt, kindFloat:
		if g.continuous() {
			d := decimal(t[i])
			if v := d.value(); !d.whole() || v < g.flo || v > g.fhi {
				return i, fault(nil, "take it from a genome of this space", "the packed float %v lies outside %v to %v", v, g.flo, g.fhi)
			}
		} else if t[i] >= uint64(g.count) {
			return i, bad("value", uint64(g.count-1))
		}
	}
	return i + 1, nil
}
