package genome

import (
	"github.com/nascent-nas/nascent/genome/rng"
)

// How often Random draws before it repairs the closest draw, and how many steps
// repair may take.
const (
	maxDraws       = 1000
	maxRepairSteps = 200
)

// Random draws a genome, each gene uniformly: integers and floats over their
// range (over its logarithm with log), options by their weights, lengths of
// lists, operations of edges cells; of a pairs cell every node's unordered pair
// of inputs, of a vertices cell every valid cell of any size alike. Draws
// outside the limits are repeated, at most 1000 times; then the closest one is
// repaired. The error names the limit that stands in the way. With a Pool every
// member is equally likely.
func (s *Space) Random(r *rng.Rand) (Genome, error) {
	var best Genome
	least := 0.0
	if s.pool != nil {
		return s.pool.draw(r), nil
	}
	w := unpacked("")
	defer w.done()
	for i := range maxDraws {
		w.codes = s.root.sample(w.codes[:0], r)
		g := s.finish(w.codes)
		far, _ := s.violation(g)
		if far == 0 {
			return g, nil
		}
		if i == 0 || far < least {
			best, least = g, far
		}
	}
	g, err := s.approach(best)
	if err != nil {
		return Genome{}, err
	}
	return g, nil
}
