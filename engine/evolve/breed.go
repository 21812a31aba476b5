package evolve

import (
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
)

// breeder makes children of ranked parents. The rates are those of each child: to have
// two parents, and to be mutated. A child of neither would repeat its parent, so it is
// mutated.
type breeder struct {
	pick      selector
	crossover float64
	mutation  float64
}

func (b *breeder) declare(o *option.Set, crossover, mutation float64) {
	o.Float(&b.crossover, "crossover", crossover, 0, 1, "probability that a child has two parents")
	o.Float(&b.mutation, "mutation", mutation, 0, 1,
		"probability that a child is mutated; one that would be neither crossed nor mutated is mutated")
}

// child proposes offspring.
func (b *breeder) child(r *rng.Rand, parents []*engine.Candidate) engine.Proposal {
	first := b.pick(r, parents)
	cross, mutate := r.Float64() < b.crossover, r.Float64() < b.mutation
	if cross {
		second := b.pick(r, parents)
		switch {
		case first.Genome.Packed() == second.Genome.Packed():
		case mutate:
			return engine.Proposal{Operator: engine.OpCrossMutate, Parents: []engine.ID{first.ID, second.ID}}
		default:
			return engine.Proposal{Operator: engine.OpCross, Parents: []engine.ID{first.ID, second.ID}}
		}
	}
	return engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{first.ID}}
}
