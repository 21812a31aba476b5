package surrogate

import (
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

func BenchmarkFit(b *testing.B) {
	s := genome.MustParseSpace(edgeCell)
	r := rng.New(1)
	m := NewModel(s, 1, 1, 300, 40)
	for range 150 {
		g, err := s.Random(r)
		if err != nil {
			b.Fatal(err)
		}
		m.Observe(g, 0, []float64{r.Normal()})
	}
	for b.Loop() {
		m.kernels = nil
		m.follow()
	}
}

func BenchmarkGuess(b *testing.B) {
	s := genome.MustParseSpace(edgeCell)
	r := rng.New(1)
	m := NewModel(s, 1, 1, 300, 0)
	var all []*Point
	for range 300 {
		g, err := s.Random(r)
		if err != nil {
			b.Fatal(err)
		}
		m.Observe(g, 0, []float64{r.Normal()})
		all = append(all, m.Point(g))
	}
	p := m.Posterior()
	for b.Loop() {
		p.Guess(all, 0)
	}
}
