package qlearning

import (
	"math"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// taken is an option taken in a state.
type taken struct {
	state  uint64
	option int
}

// model is a decision process as a graph.
type model struct {
	next   map[taken]question // without an entry: the end
	reward map[taken]float64  // at the end
	first  question
	states map[uint64]question
}

// explore walks through all sequences of decisions of a space. The reward
// follows from the last decision and the state that it is taken in.
func explore(t *testing.T, p *problem) *model {
	t.Helper()
	m := &model{next: map[taken]question{}, reward: map[taken]float64{}, states: map[uint64]question{}}
	for path := []int{}; ; {
		w := p.begin()
		var episode []step
		_, err := p.space.Decide(func(d genome.Decision) int {
			q := w.ask(d)
			k := 0
			if i := len(episode); i < len(path) {
				k = path[i]
			}
			for !q.open(k) {
				k++
			}
			w.take(k)
			episode = append(episode, step{q, k})
			return k
		})
		if err != nil {
			t.Fatal(err)
		}
		m.first = episode[0].question
		for i, e := range episode {
			m.states[e.state] = e.question
			at := taken{e.state, e.option}
			if i+1 == len(episode) {
				m.reward[at] = rng.New(e.state ^ uint64(e.option)).Float64()
				continue
			}
			if before, ok := m.next[at]; ok && before.state != episode[i+1].state {
				t.Fatalf("option %d in state %x leads to several states: dynamic programming does not know how often to which", e.option, e.state)
			}
			m.next[at] = episode[i+1].question
		}
		// The next sequence: the last decision that has a further option takes it.
		for len(episode) > 0 {
			e := &episode[len(episode)-1]
			k := e.option + 1
			for k < e.options && !e.open(k) {
				k++
			}
			if k < e.options {
				e.option = k
				break
			}
			episode = episode[:len(episode)-1]
		}
		if len(episode) == 0 {
			return m
		}
		path = path[:0]
		for _, e := range episode {
			path = append(path, e.option)
		}
	}
}

// solve is Q* by dynamic programming.
func (m *model) solve() map[taken]float64 {
	values := map[taken]float64{}
	var value func(q question) float64
	value = func(q question) float64 {
		best := math.Inf(-1)
		for k := range q.options {
			if !q.open(k) {
				continue
			}
			at := taken{q.state, k}
			if _, ok := values[at]; !ok {
				if next, ok := m.next[at]; ok {
					values[at] = value(next)
				} else {
					values[at] = m.reward[at]
				}
			}
			best = max(best, values[at])
		}
		return best
	}
	value(m.first)
	return values
}

// With the paper's constants and its schedule the agent finds the Q-values and
// the policy of dynamic programming.
func TestConvergence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		space, state string
		networks     int
	}{
		"prefix": {`{"a": {"choice": ["x", "y", "z"]}, "b": {"choice": ["n", {"m": {"k": {"choice": ["p", "q", "r"]}}}]}, "c": {"choice": ["u", "v", "w"]}}`, "prefix", 3000},
		"layers": {`{"network": {"input": [1, 8, 8], "classes": 10}, "layers": {"list": {"choice": [
			{"conv": {"channels": {"choice": [4, 8]}, "kernel": {"choice": [3, 5]}}}, {"pool": {"kernel": 2}}, {"dense": {"units": {"choice": [16, 32]}}}]}, "length": [1, 3]}}`, "layers", 8000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlaces(genome.MustParseSpace(c.space))
			o, err := readOptions(nil)
			if err != nil {
				t.Fatal(err)
			}
			begin, _, err := states(p, c.state, o.legal)
			if err != nil {
				t.Fatal(err)
			}
			problem := &problem{space: p.space, begin: begin, rates: o.rates(false), initial: o.initial, replay: o.replay}
			m := explore(t, problem)
			a, r := newAgent(problem), rng.New(1)
			s := published().scaled(c.networks)
			for n := range c.networks {
				g, err := a.draw(s.at(n), r)
				if err != nil {
					t.Fatal(err)
				}
				e, err := problem.episode(g)
				if err != nil {
					t.Fatal(err)
				}
				last := e[len(e)-1]
				if err := a.remember(g, m.reward[taken{last.state, last.option}], false); err != nil {
					t.Fatal(err)
				}
				a.study(r)
			}
			exact := m.solve()
			if len(exact) < 30 {
				t.Fatalf("there are only %d decisions here", len(exact))
			}
			for at, want := range exact {
				if got := a.table.value(at.state, at.option); math.Abs(got-want) > 0.01 {
					t.Errorf("Q(%x, %d) is %.4f; dynamic programming has %.4f", at.state, at.option, got, want)
				}
			}
			for q, ends := m.first, false; !ends; {
				k := a.table.greedy(&q, r)
				for other := range q.options {
					if q.open(other) && exact[taken{q.state, other}] > exact[taken{q.state, k}] {
						t.Errorf("in state %x the agent takes %d; %d is better", q.state, k, other)
					}
				}
				next, more := m.next[taken{q.state, k}]
				q, ends = next, !more
			}
		})
	}
}
