package genome

import (
	"encoding/binary"
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
	if s.pool != nil && slices.EqualFunc(packed, s.pool.members, func(b []byte, g Genome) bool { return string(b) == g.packed }) {
		return s, nil // restricted so already
	}
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
		return nil, fault(nil, "widen the space or its limits",
			"none of the %d genomes that can be measured belongs to the space", len(packed))
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
	w := unpacked(g.packed)
	defer w.done()
	f := former{codes: w.codes}
	g.space.root.form(&f, 0)
	return string(f.out)
}

type former struct {
	codes []uint64
	out   []byte
}

// copy writes codes as they are, and returns to.
func (f *former) copy(from, to int) int {
	for _, c := range f.codes[from:to] {
		f.out = binary.AppendUvarint(f.out, c)
	}
	return to
}

// words writes numbers of eight bytes.
func (f *former) words(words []uint64) {
	for _, c := range words {
		f.out = binary.LittleEndian.AppendUint64(f.out, c)
	}
}
