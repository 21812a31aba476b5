package qlearning

import (
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// experience is a network of the replay memory with its reward.
type experience struct {
	packed  string // genome
	reward  float64
	barred  bool   // it could not be measured: it is no experience, but is not proposed again
	episode []step // follows from the genome
}

// agent is all that was learned. It follows from the file that keeps it.
type agent struct {
	problem *problem
	table   table
	memory  []experience           // in order; what was drawn again stands there again
	sampled []int                  // those of memory that are not barred
	known   map[genome.Hash]int    // by the network: the first of memory
	spelled map[string]int         // by the packed genome: likewise
	keys    map[string]genome.Hash // networks by the packed genome, as far as they were asked for
}

// problem is what the agent is told once: it does not change in a search.
type problem struct {
	space   *genome.Space
	begin   func() walk
	rates   rates
	initial float64
	replay  int // experiences learned from after each network
}

func newAgent(p *problem) *agent {
	return &agent{
		problem: p, table: table{rows: map[uint64][]float64{}, initial: p.initial},
		known: map[genome.Hash]int{}, spelled: map[string]int{}, keys: map[string]genome.Hash{},
	}
}

// remember appends an experience, without learning from it.
func (a *agent) remember(g genome.Genome, reward float64, barred bool) error {
	e := experience{packed: g.Packed(), reward: reward, barred: barred}
	if first, ok := a.spelled[e.packed]; ok {
		e.episode = a.memory[first].episode
	} else {
		a.spelled[e.packed] = len(a.memory)
		if key := a.key(g); !a.knows(key) {
			a.known[key] = len(a.memory)
		}
	}
	if e.episode == nil && !barred {
		var err error
		if e.episode, err = a.problem.episode(g); err != nil {
			return err
		}
	}
	if !barred {
		a.sampled = append(a.sampled, len(a.memory))
	}
	a.memory = append(a.memory, e)
	return nil
}

// key is what equal networks have in common. Each genome is read once for it.
func (a *agent) key(g genome.Genome) genome.Hash {
	packed := g.Packed()
	key, ok := a.keys[packed]
	if !ok {
		key = network.Key(g)
		a.keys[packed] = key
	}
	return key
}

func (a *agent) knows(network genome.Hash) bool {
	_, ok := a.known[network]
	return ok
}

// episode reads a genome as the decisions that lead to it.
func (p *problem) episode(g genome.Genome) ([]step, error) {
	decisions, options, err := p.space.Decisions(g)
	if err != nil {
		return nil, err
	}
	w := p.begin()
	steps := make([]step, len(decisions))
	for i, d := range decisions {
		steps[i] = step{w.ask(d), options[i]}
		w.take(options[i])
	}
	return steps, nil
}

// study learns from experiences drawn from the memory with replacement
// (section 4.3 of the paper: 100 after each network).
func (a *agent) study(r *rng.Rand) {
	if len(a.sampled) == 0 {
		return
	}
	for range a.problem.replay {
		e := &a.memory[a.sampled[r.Intn(len(a.sampled))]]
		a.table.learn(e.episode, e.reward, a.problem.rates)
	}
}

// draw designs a network.
func (a *agent) draw(epsilon float64, r *rng.Rand) (genome.Genome, error) {
	w := a.problem.begin()
	explore := false
	return a.problem.space.Decide(func(d genome.Decision) int {
		q := w.ask(d)
		if q.action {
			explore = r.Float64() < epsilon
		}
		var option int
		if explore {
			option = random(&q, r)
		} else {
			option = a.table.greedy(&q, r)
		}
		w.take(option)
		return option
	})
}
