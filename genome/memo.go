package genome

import "sync"

// memo keeps what was derived of genomes, by their packed forms.
type memo struct {
	most int

	mu   sync.Mutex
	kept map[memoKey]any
}

type memoKey struct {
	what   string
	packed string
}

// Remember returns the space with a memory for what [Genome.Derived] derives of up
// to n genomes: for those who meet the same ones again and again, as many searches
// of one table do. Copies of the space share it.
func (s *Space) Remember(n int) *Space {
	c := *s
	c.memo = &memo{most: n, kept: map[memoKey]any{}}
	if s.pool != nil {
		c.pool = s.pool.of(&c)
	}
	return &c
}

// Derived is what derive makes of the genome, which is a function of it: remembered
// where the space remembers, under a word that says what it is.
func (g Genome) Derived(what string, derive func() any) any {
	if g.space == nil || g.space.memo == nil {
		return derive()
	}
	m, k := g.space.memo, memoKey{what, g.packed}
	m.mu.Lock()
	v, ok := m.kept[k]
	m.mu.Unlock()
	if ok {
		return v
	}
	v = derive() // may take long, and may ask for something else
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= m.most {
		clear(m.kept)
	}
	m.kept[k] = v
	return v
}
