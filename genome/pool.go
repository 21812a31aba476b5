package genome

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// pool is a set of genomes outside of which nothing is drawn.
type pool struct {
	members []Genome
	forms   map[string]bool
}

// Pool returns the space restricted to the genomes with these packed forms, for
// searches over what was measured before. Random draws among them alone,
// uniformly, and all else counts as invalid, as if Measure had refused it. A
// cell of vertices is the same however its vertices are numbered. Of a space
// that is restricted already, what both hold remains. Bind comes before it: the
// limits hold for members too.
func (s *Space) Pool(packed [][]byte) (*Space, error) {
	p := &pool{forms: make(map[string]bool, len(packed))}
	for _, b := range packed {
		g, err := s.Unpack(string(b))
		if err != nil {
			return nil, err
		}
		if s.valid(g) { // the limits, and an earlier pool
			p.members = append(p.members, g)
			p.forms[g.Form()] = true
		}
	}
	if len(p.members) == 0 {
		return nil, fault(nil, "widen the space or its limits", "none of the %d genomes that can be measured belongs to the space", len(packed))
	}
	same := func(a, b Genome) bool { return a.packed == b.packed }
	if s.pool != nil && slices.EqualFunc(p.members, s.pool.members, same) {
		return s, nil // restricted so already
	}
	c := *s
	c.pool = p.of(&c)
	return &c, nil
}

// of returns the pool with its members in another space of the same genomes.
func (p *pool) of(s *Space) *pool {
	members := make([]Genome, len(p.members))
	for i, g := range p.members {
		members[i] = Genome{s, g.packed}
	}
	return &pool{members, p.forms}
}

// Members are the packed forms of the genomes that Pool restricted the space
// to; nil for a space without a pool.
func (s *Space) Members() [][]byte {
	if s.pool == nil {
		return nil
	}
	out := make([][]byte, len(s.pool.members))
	for i, g := range s.pool.members {
		out[i] = []byte(g.packed)
	}
	return out
}

// draw returns a random member.
func (p *pool) draw(r *rng.Rand) Genome { return p.members[r.Intn(len(p.members))] }

// outside says that g is not in the pool, if there is one.
func (s *Space) outside(g Genome) error {
	if s.pool == nil || s.pool.forms[g.Form()] {
		return nil
	}
	return fault(nil, "propose one of those", "the genome is not among the %d that can be measured", len(s.pool.members))
}

// Form is equal for genomes of one space that differ at most in how the
// vertices of cells are numbered. It is the packed form, with every cell of
// vertices replaced by what does not depend on their numbering.
func (g Genome) Form() string {
	if g.space == nil {
		return ""
	}
	var buf [128]uint64
	f := former{codes: unpack(buf[:0], g.packed)}
	f.visit(g.space.root, 0)
	return string(f.out)
}

type former struct {
	codes []uint64
	out   []byte
}

func (f *former) copy(from, to int) {
	for _, c := range f.codes[from:to] {
		f.out = binary.AppendUvarint(f.out, c)
	}
}

// visit writes the value at i and returns where it ends.
func (f *former) visit(g *gene, i int) int {
	if g.static {
		return i
	}
	switch g.kind {
	case kindGroup:
		for _, field := range g.fields {
			i = f.visit(field.gene, i)
		}
		return i
	case kindList:
		n, end := g.length(f.codes, i)
		f.copy(i, end)
		i = end
		for range n {
			i = f.visit(g.elem, i)
		}
		return i
	case kindChoice:
		f.copy(i, i+1)
		if body := g.options[f.codes[i]].body; body != nil {
			return f.visit(body, i+1)
		}
		return i + 1
	case kindVertices:
		n := int(f.codes[i])
		end := i + 2*n - 2
		f.out = binary.AppendUvarint(f.out, uint64(n))
		for _, c := range colours(f.codes[i+1:i+n-1], f.codes[i+n-1:end]) {
			f.out = binary.LittleEndian.AppendUint64(f.out, c)
		}
		return end
	case kindEdges, kindPairs:
		end := i + g.cellCodes()
		f.copy(i, end)
		return end
	}
	f.copy(i, i+1)
	return i + 1
}

// colours are those of a cell's vertices after as many rounds of refinement
// (Weisfeiler and Leman) as it has vertices, sorted: NAS-Bench-101 tells its
// graphs apart in the same way. ops are those of the inner vertices, before the
// sets of earlier vertices of all but the first.
func colours(ops, before []uint64) []uint64 {
	n := len(ops) + 2
	now, next := make([]uint64, n), make([]uint64, n)
	now[n-1] = 1
	for v, op := range ops {
		now[v+1] = op + 2
	}
	var in, out []uint64
	for range n {
		for v := range n {
			in, out = in[:0], out[:0]
			if v > 0 {
				for set := before[v-1]; set != 0; set &= set - 1 {
					in = append(in, now[bits.TrailingZeros64(set)])
				}
			}
			for w := v + 1; w < n; w++ {
				if before[w-1]>>v&1 == 1 {
					out = append(out, now[w])
				}
			}
			slices.Sort(in)
			slices.Sort(out)
			c := stir(now[v]+1, uint64(len(in)))
			for _, x := range in {
				c = stir(c, x)
			}
			c = stir(c, uint64(len(out)))
			for _, x := range out {
				c = stir(c, x)
			}
			next[v] = c
		}
		now, next = next, now
	}
	slices.Sort(now)
	return now
}

// stir mixes x into c (the finisher of SplitMix64).
func stir(c, x uint64) uint64 {
	c = (c ^ x) + 0x9e3779b97f4a7c15
	c = (c ^ c>>30) * 0xbf58476d1ce4e5b9
	c = (c ^ c>>27) * 0x94d049bb133111eb
	return c ^ c>>31
}
