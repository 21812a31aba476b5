package genome

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"
)

// Rules is the revision of the rules by which genomes are drawn, varied and
// compared. It is raised where that changes; what was recorded by an earlier
// revision goes on by that one ([Space.ByRules]).
//
//	1  steps of floats are counted as decimals; edges of a cell with operations
//	   on nodes also change places where every edge is taken; genes of weight 0
//	   never mutate
//	2  several objectives are equal in rank; before, the first decided
//	3  a target is to be reached by the lower bound that candidates are compared by
//	   where there is noise; before, by the mean, so by one lucky measurement; a
//	   reference that nothing is better than does not lead guided
const Rules = 3

// Space is what may be searched: a typed grammar of genes, the measure that its
// limits are checked by, and the genomes that it is restricted to. It is
// immutable and may be used by several goroutines.
type Space struct {
	*grammar
	rules   int
	measure Measure
	pool    *pool // nil: all genomes
	memo    *memo // nil: nothing is remembered
}

// grammar is the declaration of a space, and what is derived from it when it
// is first asked for.
type grammar struct {
	decl *declaration
	root *group
	json []byte
	hash Hash

	sizeOnce    sync.Once
	size        Size
	columnsOnce sync.Once
	columns     float64 // of Encode
	namesOnce   sync.Once
	names       []string
	askOnce     sync.Once
	ask         *question
	vetOnce     sync.Once
	vetted      error // see Vet
	sites       []Site
}

// Rules returns the revision of the rules that the space goes by: that of the
// constant, unless ByRules says otherwise.
func (s *Space) Rules() int { return s.rules }

// ByRules returns the space by another revision of the rules, from 0 (what was
// recorded before there were revisions) to Rules. Its genomes are other ones
// where the revisions read the declaration differently.
func (s *Space) ByRules(n int) *Space {
	if n == s.rules {
		return s
	}
	by, err := RecordedSpace(s.json, n)
	if err != nil { // it was declared for later rules, and keeps their reading
		by = &Space{grammar: s.grammar, rules: n}
	}
	by.measure = s.measure
	if s.pool != nil {
		by.pool = s.pool.of(by)
	}
	return by
}

// Hash is the first 16 bytes of a SHA-256.
type Hash [16]byte

func hashOf(b []byte) (h Hash) {
	sum := sha256.Sum256(b)
	copy(h[:], sum[:])
	return h
}

// String returns 32 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero tells whether the hash was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes 32 hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (h *Hash) UnmarshalText(b []byte) error {
	var out Hash
	if len(b) != 2*len(out) {
		return fmt.Errorf("a hash has %d hexadecimal digits, got %d bytes", 2*len(out), len(b))
	}
	if _, err := hex.Decode(out[:], b); err != nil {
		return fmt.Errorf("a hash has hexadecimal digits: %w", err)
	}
	*h = out
	return nil
}

// Limits bound what a network may cost. 0 means no limit.
type Limits struct {
	Parameters int64 // trained numbers
	Macs       int64 // multiply-adds for one sample
	Depth      int64 // convolutions and dense layers on the longest chain
}

// Cost is what a network costs, in the units of Limits.
type Cost struct{ Parameters, Macs, Depth int64 }

// Measure reads a genome's network and returns its cost. An error means that
// the genome describes no valid network. It must depend on nothing but the
// genome, and be safe for concurrent use.
type Measure func(Genome) (Cost, error)

// Size is how many genomes a space has, before limits.
type Size struct {
	// Exact is nil if the space has a float without step, or if the number has
	// more than 100,000 digits.
	Exact *big.Int
	// Log10 is the number's decimal logarithm. A float without step counts as
	// a million values.
	Log10 float64
}

// String writes the number as a person reads it: 15625, about 10^18.0.
func (s Size) String() string {
	if s.Exact != nil && s.Log10 < 9 {
		return s.Exact.String()
	}
	return fmt.Sprintf("about 10^%.1f", s.Log10)
}

// ParseSpace reads a declaration from a decoded tree: Map, or map[string]any
// with its keys sorted; []any; numbers of any Go kind; booleans and strings.
// The error is an *Mistake.
func ParseSpace(tree any) (*Space, error) {
	return parseSpace(tree, declarer{rules: Rules})
}

func parseSpace(tree any, read declarer) (*Space, error) {
	d, err := read.declare(tree)
	if err != nil {
		return nil, err
	}
	root, err := d.expand()
	if err != nil {
		return nil, err
	}
	if err := d.checkWeights(root); err != nil {
		return nil, err
	}
	json := d.appendJSON(nil)
	return &Space{grammar: &grammar{decl: d, root: root, json: json, hash: hashOf(json)}, rules: read.rules}, nil
}

// ParseSpaceJSON reads a declaration from JSON and keeps the order of genes.
// The error is an *Mistake.
func ParseSpaceJSON(b []byte) (*Space, error) {
	v, err := decodeJSON(b)
	if err != nil {
		return nil, err
	}
	return ParseSpace(v)
}

// RecordedSpace reads what JSON wrote under a revision of the rules, 0 for what
// was written before there were revisions. It takes whatever was a declaration
// then, also what ParseSpace would rather take for a slip of the pen.
func RecordedSpace(json []byte, rules int) (*Space, error) {
	v, err := decodeJSON(json)
	if err != nil {
		return nil, err
	}
	return parseSpace(v, declarer{rules: rules, recorded: true})
}

// MustParseSpace is ParseSpaceJSON for tests and examples: it panics.
func MustParseSpace(json string) *Space {
	s, err := ParseSpaceJSON([]byte(json))
	if err != nil {
		panic("genome: " + err.Error())
	}
	return s
}

// JSON returns the canonical declaration, defaults left out. Parsed again it
// gives an equal space.
func (s *Space) JSON() []byte { return append([]byte(nil), s.json...) }

// Hash returns the hash of the canonical declaration.
func (s *Space) Hash() Hash { return s.hash }

// Meta returns the constant data under a reserved key of the declaration:
// "network" or "limits".
func (s *Space) Meta(key string) (any, bool) {
	switch {
	case key == "network" && s.decl.network != nil:
		return s.decl.network, true
	case key == "limits" && s.decl.limits != nil:
		return s.decl.limits, true
	}
	return nil, false
}

// Limits returns the limits that the space declares. They hold once a Measure
// is bound.
func (s *Space) Limits() Limits { return s.decl.limit }

// Bind returns the space with a way to measure networks, by which its limits
// hold. Without one every genome counts as valid.
func (s *Space) Bind(m Measure) *Space {
	c := *s
	c.measure = m
	return &c
}

// Vet returns what check says of the space, which follows from its declaration: it is
// called once for all copies.
func (s *Space) Vet(check func() error) error {
	s.vetOnce.Do(func() { s.vetted = check() })
	return s.vetted
}

// finish makes a genome of checked codes.
func (s *Space) finish(codes []uint64) Genome { return Genome{s, pack(codes)} }

// violation says how far a genome lies outside the limits, 0 if inside, and
// why. A genome that is no network is infinitely far.
func (s *Space) violation(g Genome) (float64, error) {
	if err := s.outside(g); err != nil {
		return invalidNetwork, err
	}
	if s.measure == nil {
		return 0, nil
	}
	cost, err := s.measure(g)
	if err != nil {
		return invalidNetwork, err
	}
	var worst *Mistake
	far := 0.0
	for _, l := range []struct {
		name      string
		have, max int64
	}{
		{"parameters", cost.Parameters, s.decl.limit.Parameters},
		{"macs", cost.Macs, s.decl.limit.Macs},
		{"depth", cost.Depth, s.decl.limit.Depth},
	} {
		if l.max > 0 && l.have > l.max {
			far += float64(l.have-l.max) / float64(l.max)
			if worst == nil {
				worst = fault([]string{"limits", l.name}, "make the network smaller or raise the limit",
					"the network has %d, the limit is %d", l.have, l.max)
			}
		}
	}
	if worst != nil {
		return far, worst
	}
	return 0, nil
}

const invalidNetwork = 1e300

// valid tells whether a genome is a network within the limits.
func (s *Space) valid(g Genome) bool {
	far, _ := s.violation(g)
	return far == 0
}

// Check verifies that g is a genome of this space, a valid network if a Measure
// is bound, and within the limits.
func (s *Space) Check(g Genome) error {
	if g.space == nil {
		return fault(nil, "make one with Random or Parse", "is no genome")
	}
	if _, err := s.codes(nil, g); err != nil {
		return err
	}
	_, err := s.violation(Genome{s, g.packed})
	return err
}

// codes appends the codes of a genome, checked if it comes from elsewhere.
func (s *Space) codes(buf []uint64, g Genome) ([]uint64, error) {
	if g.space == nil {
		return nil, fault(nil, "make one with Random or Parse", "is no genome")
	}
	t := unpack(buf, g.packed)
	if g.space.grammar != s.grammar {
		if g.space.hash != s.hash {
			return nil, fault(nil, "carry it over with Carry", "the genome belongs to another space")
		}
		if _, err := s.Unpack(g.packed); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Unpack returns the genome of a packed string, after checking its structure.
func (s *Space) Unpack(packed string) (Genome, error) {
	w := unpacked(packed)
	defer w.done()
	t := w.codes
	end, err := s.root.check(t, 0)
	if err != nil {
		return Genome{}, err
	}
	// Packing again also finds what unpack skipped and integers in long form.
	if end != len(t) || pack(t) != packed {
		return Genome{}, fault(nil, "take it from a genome of this space", "the packed genome is damaged at its end")
	}
	return Genome{s, packed}, nil
}

// Constants names the groups and lists at the top in which nothing is left to
// choose or to copy: every genome has the same there.
func (s *Space) Constants() []string {
	var out []string
	for _, f := range s.root.fields {
		copies := false
		walkGrammar(f.gene, func(g gene) {
			_, isCopy := g.(*from)
			copies = copies || isCopy
		})
		if f.gene.about().static && !copies && !isScalar(f.gene) {
			out = append(out, f.name)
		}
	}
	return out
}

// isScalar tells a constant that is no list.
func isScalar(g gene) bool {
	c, ok := g.(*constant)
	if !ok {
		return false
	}
	_, list := c.value.([]any)
	return !list
}
