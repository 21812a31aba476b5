package qlearning

import "github.com/nascent-nas/nascent/genome/rng"

// question is one decision as the agent sees it.
type question struct {
	state   uint64
	options int
	closed  []bool    // options that may not be taken; nil: all may
	weights []float64 // how often a random decision takes each option; nil: equally often
	action  bool      // an action of the agent begins here: epsilon is tossed for anew
}

// open tells whether an option may be taken.
func (q *question) open(option int) bool { return q.closed == nil || !q.closed[option] }

// step is a decision that was taken.
type step struct {
	question
	option int
}

// table holds the Q-values of the states that were learned about; all others
// have the initial value.
type table struct {
	rows    map[uint64][]float64
	initial float64
}

func (t *table) value(state uint64, option int) float64 {
	if row := t.rows[state]; row != nil {
		return row[option]
	}
	return t.initial
}

// best is the largest Q-value of a question's open options.
func (t *table) best(q *question) float64 {
	row := t.rows[q.state]
	if row == nil {
		return t.initial
	}
	best, any := 0.0, false
	for k, v := range row {
		if q.open(k) && (!any || v > best) {
			best, any = v, true
		}
	}
	return best
}

// greedy draws among the open options of the largest Q-value, as the authors'
// code does.
func (t *table) greedy(q *question, r *rng.Rand) int {
	best := t.best(q)
	var among []int
	for k := range q.options {
		if q.open(k) && t.value(q.state, k) == best {
			among = append(among, k)
		}
	}
	return among[r.Intn(len(among))]
}

// random draws an open option.
func random(q *question, r *rng.Rand) int {
	weights := make([]float64, q.options)
	for k := range weights {
		switch {
		case !q.open(k):
		case q.weights == nil:
			weights[k] = 1
		default:
			weights[k] = q.weights[k]
		}
	}
	return max(0, r.Weighted(weights))
}

// rates are the constants of learning.
type rates struct {
	learning float64 // alpha
	discount float64 // gamma
	trace    float64 // lambda; 0 in the paper
}

// learn updates the Q-values of a sequence of decisions by equation 3 of the
// paper, from the last decision to the first (section 4.3):
//
//	Q(s, u) += alpha (r + gamma max Q(s', u') - Q(s, u))
//
// where s' is the state of the next decision, u' one of its open options, and r
// the reward after the last decision, 0 after all others.
//
// With a trace the reward reaches every decision at once: in place of max Q
// stands the mean of it, with weight 1 - lambda, and of what the next decision
// was updated towards, with weight lambda (Peng and Williams, "Incremental
// multi-step Q-learning", 1996). States that do not see enough of what was
// decided before need that: see docs/qlearning.md.
func (t *table) learn(episode []step, reward float64, by rates) {
	target := reward
	for i := len(episode) - 1; i >= 0; i-- {
		e := &episode[i]
		if i+1 < len(episode) {
			next := t.best(&episode[i+1].question)
			target = float64(by.discount * (float64((1-by.trace)*next) + float64(by.trace*target)))
		}
		row := t.rows[e.state]
		if row == nil {
			row = make([]float64, e.options)
			for k := range row {
				row[k] = t.initial
			}
			t.rows[e.state] = row
		}
		row[e.option] += float64(by.learning * (target - row[e.option]))
	}
}
