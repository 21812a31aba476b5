// Package evolve holds the strategies that evolve: one file for each
// algorithm, on shared selectors, options and promotion.
//
//   - aging: aging evolution (Real et al. 2019), the default
//   - asha: asynchronous successive halving (Li et al. 2018), with any strategy for new candidates
//   - genetic: a generational genetic algorithm (Holland 1975, Goldberg 1989)
//   - guided: evolution that a surrogate guides, for evaluations that are dear
//   - local: local search over neighbours (White, Nolen & Savani 2020)
//   - islands: several searches side by side, with migration, each by any strategy
//   - mapelites: the best of every kind, by descriptors (Mouret & Clune 2015)
//   - nsga2: NSGA-II for several objectives (Deb et al. 2002)
//   - nsga3: NSGA-III for many (Deb & Jain 2014)
//   - random: random search, the control
//   - repeats: measures again near the top what any other strategy found (Frazier et al. 2008)
//   - spos: single-path one-shot search (Guo et al. 2020), which scores candidates
//     with shared weights and searches with another strategy
//
// [New] makes one by its name; the file of an algorithm adds it. They are pure, as [engine.Strategy] asks: what
// they remember from turn to turn is ids and numbers in their state, and what
// came of a candidate is read from the History. A candidate that is invalid,
// failed or was stopped early is never a parent and never promoted. What was imported
// may be a parent, and is not promoted either.
//
// With several fidelities the best are promoted while the search goes on, see
// promote.go. docs/strategies.md has every option.
package evolve

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// Find finds a strategy by its name or path: how one that searches with another
// comes by that.
type Find func(use string) (engine.Strategy, error)

// algorithm is a strategy that is built in.
type algorithm struct {
	name    string
	general bool // searches any space, and needs no option and no other strategy for it
	build   func(find Find) engine.Strategy
}

// algorithms are all that are built in, by name: the file of each adds it.
var algorithms []algorithm

func register(name string, general bool, build func(find Find) engine.Strategy) {
	algorithms = append(algorithms, algorithm{name, general, build})
	slices.SortFunc(algorithms, func(a, b algorithm) int { return strings.Compare(a.name, b.name) })
}

// New returns the strategy called name, ready for Open. Where it searches with
// another, that is built in, too.
func New(name string) (engine.Strategy, error) { return NewWith(name, New) }

// NewWith returns the strategy called name, ready for Open, which finds what it
// searches with by find.
func NewWith(name string, find Find) (engine.Strategy, error) {
	for _, a := range algorithms {
		if a.name == name {
			return a.build(find), nil
		}
	}
	return nil, fmt.Errorf("there is no built-in strategy %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names lists the strategies that New makes, in alphabetical order.
func Names() []string { return names(func(algorithm) bool { return true }) }

// General lists those that search any space by themselves, whatever their options:
// spos wants cells, mapelites descriptors, asha and islands other strategies.
func General() []string { return names(func(a algorithm) bool { return a.general }) }

func names(which func(algorithm) bool) []string {
	var out []string
	for _, a := range algorithms {
		if which(a) {
			out = append(out, a.name)
		}
	}
	return out
}

// imported tells whether a candidate is a result from elsewhere.
func imported(c *engine.Candidate) bool { return c.Origin() == engine.Imported }

// usable tells whether a result may make its candidate a parent.
func usable(c *engine.Candidate) bool {
	return c.Status == engine.OK && !c.Stopped && c.Task == engine.Train
}

// opener proposes the known-good genomes and keeps count of them.
type opener struct {
	start []engine.Proposal
}

func newOpener(setup engine.Setup) opener {
	var o opener
	for _, g := range setup.Start {
		o.start = append(o.start, engine.Proposal{Operator: engine.OpStart, Genome: g})
	}
	return o
}

// next returns the next known-good genome, or a random one when all were
// proposed. used counts the known-good ones.
func (o opener) next(used *int) engine.Proposal {
	if *used < len(o.start) {
		*used++
		return o.start[*used-1]
	}
	return engine.Proposal{Operator: engine.OpRandom}
}

// unpack reads the state of an earlier turn.
func unpack(state []byte, into any) error {
	if err := json.Unmarshal(state, into); err != nil {
		return fmt.Errorf("the strategy's state cannot be read: %w", err)
	}
	return nil
}

// pack writes a state; ids and numbers always can be.
func pack(state any) []byte {
	b, err := json.Marshal(state)
	if err != nil {
		panic(err)
	}
	return b
}

// find looks up candidates that the state names.
func find(h engine.History, ids []engine.ID) ([]*engine.Candidate, error) {
	out := make([]*engine.Candidate, len(ids))
	for i, id := range ids {
		c, ok := h.Get(id)
		if !ok {
			return nil, fmt.Errorf("the strategy's state names candidate %s, which the history lacks", id)
		}
		out[i] = c
	}
	return out, nil
}

// has tells whether a candidate that was found in a History is of this one.
func has(h engine.History, c *engine.Candidate) bool {
	now, ok := h.Get(c.ID)
	return ok && now == c
}
