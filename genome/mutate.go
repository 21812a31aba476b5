package genome

import (
	"slices"
	"sync"

	"github.com/nascent-nas/nascent/genome/rng"
)

// How often an operator tries before it looks at what is left.
const (
	mutateTries = 60
	crossTries  = 20
)

// site is a place in a genome where one kind of mutation applies.
type site struct {
	gene gene
	at   int // its first code
	sub  int // which of its codes, nodes or whatever the kind counts
}

// mutant is a genome in work.
type mutant struct {
	rules        int
	codes, spare []uint64
	sites        [mutationKinds][]site
	weights      [mutationKinds][]float64 // of the sites
}

var mutants = sync.Pool{New: func() any { return &mutant{} }}

// Mutate returns a valid genome that differs from g: as many changes as drawn
// from the space's variation.changes, each of a kind drawn by
// variation.kinds among those that apply anywhere, at a place drawn among those
// where it applies, by variation.weights.
//
// A change gives a scalar another value: an option by its weight (one or two
// steps away if ordered), an integer or float near the old one (see docs/space.md).
// An option with genes brings new ones, except that genes it shares with the old
// option keep their values. The error says that no neighbour is valid.
func (s *Space) Mutate(g Genome, r *rng.Rand) (Genome, error) {
	m := mutants.Get().(*mutant)
	defer mutants.Put(m)
	var err error
	m.rules = s.rules
	for range mutateTries {
		if m.codes, err = s.codes(m.codes[:0], g); err != nil {
			return Genome{}, err
		}
		v := s.decl.variation
		for range v.changes[r.Intn(len(v.changes))] {
			m.step(s, r)
		}
		if h := s.finish(m.codes); h.packed != g.packed && s.valid(h) {
			return h, nil
		}
	}
	return s.anyNeighbour(g, r)
}

// anyNeighbour draws a valid neighbour when mutation found none: one that the
// kinds of mutation allow; if there is none, any in a gene that may mutate.
func (s *Space) anyNeighbour(g Genome, r *rng.Rand) (Genome, error) {
	kinds := s.decl.variation.kinds
	passes := []func(kind int, weight float64) bool{
		func(kind int, weight float64) bool { return weight > 0 && kinds[kind] > 0 },
		func(_ int, weight float64) bool { return weight > 0 },
	}
	if s.rules < 1 {
		passes = []func(int, float64) bool{everySite}
	}
	for _, may := range passes {
		// Up to a bound all of them are listed, so that each may be drawn.
		var all []Genome
		for h := range s.structural(g, may) {
			if all = append(all, h); len(all) == 20000 {
				break
			}
		}
		for n := len(all); n > 0; n-- {
			k := r.Intn(n)
			if s.valid(all[k]) {
				return all[k], nil
			}
			all[k] = all[n-1]
		}
	}
	return Genome{}, fault(nil, "widen the space or its limits, or let more genes mutate (variation.weights)",
		"no genome of the space lies one change away from %s", shorten(g.Text()))
}

// step makes one change, if any is possible.
func (m *mutant) step(s *Space, r *rng.Rand) {
	m.collect(s)
	kinds := s.decl.variation.kinds
	var weights [mutationKinds]float64
	for k := range weights {
		for _, weight := range m.weights[k] {
			if weight > 0 {
				weights[k] = kinds[k]
				break
			}
		}
	}
	kind := r.Weighted(weights[:])
	if kind < 0 {
		return
	}
	x := m.sites[kind][r.Weighted(m.weights[kind])]
	x.gene.mutate(m, kind, x, r)
}

// collect lists the sites of all kinds.
func (m *mutant) collect(s *Space) {
	for k := range m.sites {
		m.sites[k], m.weights[k] = m.sites[k][:0], m.weights[k][:0]
	}
	s.root.sites(m, 0, s.decl.variation.top())
}

func (m *mutant) add(kind int, g gene, at, sub int, p place) {
	m.sites[kind] = append(m.sites[kind], site{g, at, sub})
	m.weights[kind] = append(m.weights[kind], p.weight)
}

// replace puts codes in the place of those from at to end.
func (m *mutant) replace(at, end int, with ...uint64) {
	m.codes = slices.Replace(m.codes, at, end, with...)
}

// another changes a code into another one below n.
func (m *mutant) another(at, n int, r *rng.Rand) {
	m.codes[at] = (m.codes[at] + 1 + uint64(r.Intn(n-1))) % uint64(n)
}
