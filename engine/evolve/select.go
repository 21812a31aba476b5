package evolve

import (
	"math"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
)

// judge compares candidates of one fidelity.
type judge struct{ engine.Ranking }

func newJudge(s engine.Setup) judge { return judge{s.Ranking()} }

// selector picks one of at least one ranked candidates (best first).
type selector func(r *rng.Rand, ranked []*engine.Candidate) *engine.Candidate

// tournament picks the best of size draws with replacement, as Real et al.
// (2019) do; size 1 is uniform.
func tournament(size int) selector {
	return func(r *rng.Rand, ranked []*engine.Candidate) *engine.Candidate {
		best := len(ranked)
		for range size {
			best = min(best, r.Intn(len(ranked)))
		}
		return ranked[best]
	}
}

// truncation picks evenly among the best share, at least one.
func truncation(share float64) selector {
	return func(r *rng.Rand, ranked []*engine.Candidate) *engine.Candidate {
		n := int(math.Ceil(float64(share * float64(len(ranked)))))
		return ranked[r.Intn(min(max(n, 1), len(ranked)))]
	}
}

// ranking is linear ranking (Baker 1985): the best is drawn pressure times as
// often as the average, the worst 2 - pressure times. Pressure is 1 to 2.
func ranking(pressure float64) selector {
	return func(r *rng.Rand, ranked []*engine.Candidate) *engine.Candidate {
		n := len(ranked)
		if n == 1 {
			return ranked[0]
		}
		weights := make([]float64, n)
		for i := range weights {
			fall := float64((2*pressure-2)*float64(i)) / float64(n-1)
			weights[i] = pressure - fall
		}
		return ranked[max(0, r.Weighted(weights))]
	}
}

// roulette draws in proportion to the first objective, counted from the worst
// of those that keep the constraints best (Goldberg 1989, with windowing), plus
// one n-th of the range, so that the worst keeps a chance. Candidates that
// violate more than the best does get none. Where the objective tells nothing
// apart, the draw is even. With several objectives it is in proportion to the
// places among the ranked, as no number says how good a candidate is.
func (j judge) roulette(r *rng.Rand, ranked []*engine.Candidate) *engine.Candidate {
	least := j.Violation(ranked[0].Metrics)
	n := 0
	scores := make([]float64, len(ranked))
	low, high := math.Inf(1), math.Inf(-1)
	for i, c := range ranked {
		s := 0.0
		switch len(j.Objectives) {
		case 0:
		case 1:
			s = j.Worth(j.Objectives[0], c.Metrics)
		default:
			s = float64(-i)
		}
		if math.IsInf(s, 0) || j.Violation(c.Metrics) != least {
			break // ranked: all that follow are no better
		}
		scores[i], n = s, i+1
		low, high = min(low, s), max(high, s)
	}
	if n == 0 {
		return ranked[r.Intn(len(ranked))]
	}
	span := high/2 - low/2 // halves: the difference of two large numbers may overflow
	if span == 0 {
		return ranked[r.Intn(n)]
	}
	for i, s := range scores[:n] {
		scores[i] = (s/2-low/2)/span + 1/float64(n)
	}
	return ranked[max(0, r.Weighted(scores[:n]))]
}
