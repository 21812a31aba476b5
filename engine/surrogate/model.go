package surrogate

import (
	"cmp"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Model learns from a growing list of observations. What it predicts is a function of
// that list: it fits its Kernels anew whenever the list has grown by three tenths, to
// some of what was there then, and looks at all observations while they are few, else
// at the best, a sample of the others, and the newest. Each objective has a Kernel and
// a Process of its own; other outputs go by those of the first. It is not safe for
// concurrent use.
type Model struct {
	reader     *reader
	levels     int
	objectives int // the first outputs
	active     int // observations that are looked at
	rounds     int // of fitting
	rows       []observation
	points     map[string]*Point // by packed genome: a cache

	fitted    int // how many observations there were when the kernels were fitted
	chosen    int // and when the active ones were chosen
	kernels   []*kernel
	processes []*process
	members   []int // the observations in the processes
	scales    scaling
}

// scaling are the scales of each output and level.
type scaling struct {
	lowest int // of the levels
	by     [][]Scale
}

// at is the scale at a level; below those that were observed it is that of level 0.
func (s scaling) at(output, level int) Scale {
	if level < s.lowest {
		level = 0
	}
	return s.by[output][level-s.lowest]
}

// observation is a genome that was measured at a level.
type observation struct {
	genome genome.Genome
	level  int
	values []float64 // of each output; more is better; minus infinity: as bad as any
}

const (
	growth     = 1.3   // of the list from one fit to the next
	turnover   = 32    // observations between choices of the active ones
	mostFitted = 150   // observations that a kernel is fitted to
	mostPoints = 20000 // that are remembered
)

// NewModel makes one of genomes of a space that are measured at so many levels, from 0
// on, where that is what is to be predicted; levels below may be observed as well, such
// as what was measured elsewhere. Of the outputs the first ones are objectives. It looks at most at active observations,
// and fits in so many rounds.
func NewModel(space *genome.Space, levels, objectives, active, rounds int) *Model {
	return &Model{
		reader: newReader(space), levels: levels, objectives: objectives, active: active, rounds: rounds, points: map[string]*Point{},
	}
}

// Len is how many observations there are.
func (m *Model) Len() int { return len(m.rows) }

// Clear forgets all observations.
func (m *Model) Clear() {
	*m = Model{reader: m.reader, levels: m.levels, objectives: m.objectives, active: m.active, rounds: m.rounds, points: m.points}
}

// Observe adds an observation: a value of each output, of which more is better. Minus
// infinity stands for what is as bad as anything that was measured.
func (m *Model) Observe(g genome.Genome, level int, values []float64) {
	m.rows = append(m.rows, observation{g, level, values})
}

// Point reads a genome.
func (m *Model) Point(g genome.Genome) *Point {
	p := m.points[g.Packed()]
	if p == nil {
		if len(m.points) >= mostPoints {
			clear(m.points)
		}
		p = m.reader.Read(g)
		m.points[g.Packed()] = p
	}
	return p
}

// Posterior is what the observations tell. There must be one.
func (m *Model) Posterior() *Posterior {
	m.follow()
	p := &Posterior{model: m}
	for _, k := range m.members {
		p.Rows = append(p.Rows, Seen{Index: k, Level: m.rows[k].level, Key: m.Point(m.rows[k].genome).Key})
	}
	for output := range m.scales.by {
		values := m.standardised(m.members, output, m.scales)
		w := m.processes[m.processOf(output)].weigh(values)
		p.weights = append(p.weights, w)
		for i := range p.Rows {
			p.Rows[i].Means = append(p.Rows[i].Means, values[i]-float64(p.Noise(output)*w[i]))
		}
	}
	return p
}

// processOf is which process predicts an output.
func (m *Model) processOf(output int) int {
	if output < m.objectives {
		return output
	}
	return 0
}

// follow brings the processes up to the observations, and drops what was believed.
func (m *Model) follow() {
	n := len(m.rows)
	fitted := 1
	for next := fitted; next <= n; next = int(float64(growth*float64(next))) + 1 {
		fitted = next
	}
	if m.kernels == nil || fitted != m.fitted {
		some := m.choose(fitted, mostFitted)
		f := newFitter(m.reader)
		for _, k := range some {
			f.add(m.Point(m.rows[k].genome), m.rows[k].level)
		}
		m.fitted, m.kernels, m.processes = fitted, nil, nil
		scales := m.scalesOf(fitted)
		f.compare()
		for output := range m.objectives {
			m.kernels = append(m.kernels, f.fit(m.standardised(some, output, scales), m.rounds))
		}
	}
	chosen := n
	if n > m.active {
		chosen -= (n - m.active) % turnover
	}
	if m.processes == nil || n > m.active && chosen != m.chosen {
		m.processes, m.members = nil, nil
		for _, k := range m.kernels {
			m.processes = append(m.processes, newProcess(k))
		}
		for _, k := range m.choose(chosen, m.active) {
			m.join(k)
		}
		m.scales = m.scalesOf(chosen)
	}
	for _, p := range m.processes {
		p.truncate(len(m.members))
	}
	for k := m.members[len(m.members)-1] + 1; k < n; k++ {
		m.join(k)
	}
	if n <= m.active {
		m.scales = m.scalesOf(n)
	}
	m.chosen = chosen
}

func (m *Model) join(k int) {
	m.add(m.Point(m.rows[k].genome), m.rows[k].level)
	m.members = append(m.members, k)
}

func (m *Model) add(x *Point, level int) {
	unlike := m.processes[0].unlike(x, nil)
	for _, p := range m.processes {
		p.add(x, level, unlike)
	}
}

// choose lists at most so many of the first n observations: the best half, others
// evenly among the rest by rank, and the newest.
func (m *Model) choose(n, most int) []int {
	out := make([]int, n)
	for k := range out {
		out[k] = k
	}
	if n <= most {
		return out
	}
	values := m.promise(n)
	slices.SortFunc(out[:n-1], func(a, b int) int { return cmp.Or(cmp.Compare(values[b], values[a]), cmp.Compare(a, b)) })
	best := (most - 1) / 2
	rest := slices.Clone(out[best : n-1])
	out = out[:best]
	for i := range most - 1 - best {
		out = append(out, rest[i*len(rest)/(most-1-best)])
	}
	slices.Sort(out)
	return append(out, n-1)
}

// promise says of each of the first n observations how good it is: with one objective
// its value, with several how far it is from the best in that direction in which it is
// nearest to them.
func (m *Model) promise(n int) []float64 {
	all := make([]int, n)
	for k := range all {
		all[k] = k
	}
	scales := m.scale(n, nil)
	if m.objectives == 1 {
		return m.standardised(all, 0, scales)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Inf(-1)
	}
	m.directions(all, scales, func(scores []float64, best int) {
		for i, x := range scores {
			out[i] = max(out[i], x-scores[best])
		}
	})
	return out
}

// directions visits the scores of some observations in several directions of the
// objectives, and says which is best: by the objective in which it is furthest behind
// the best there is, each having its weight (Steuer & Choo 1983).
func (m *Model) directions(of []int, scales scaling, visit func(scores []float64, best int)) {
	const drawn, next = 30, 1e-6 // directions; the weight of others where one objective counts
	behind := make([][]float64, m.objectives)
	for j := range behind {
		behind[j] = m.standardised(of, j, scales)
		best := slices.Max(behind[j])
		for i := range behind[j] {
			behind[j][i] -= best
		}
	}
	r := rng.New(1) // always the same
	weights, scores := make([]float64, m.objectives), make([]float64, len(of))
	for d := range m.objectives + drawn {
		for j := range weights {
			if weights[j] = next; d >= m.objectives {
				weights[j] = -rng.Log(1 - float64(r.Float64()))
			} else if d == j {
				weights[j] = 1
			}
		}
		best := 0
		for i := range scores {
			scores[i] = 0
			for j, w := range weights {
				scores[i] = min(scores[i], float64(w*behind[j][i]))
			}
			if scores[i] > scores[best] {
				best = i
			}
		}
		visit(scores, best)
	}
}

// scalesOf are those of each output and level by the first n observations. With several
// objectives those that are best in any direction are told apart.
func (m *Model) scalesOf(n int) scaling {
	scales := m.scale(n, nil)
	if m.objectives == 1 {
		return scales
	}
	least := make([][]float64, len(scales.by))
	at := make([][]int, m.levels-scales.lowest)
	for k := range n {
		level := m.rows[k].level - scales.lowest
		at[level] = append(at[level], k)
	}
	for j := range least {
		least[j] = make([]float64, len(at))
		for level := range least[j] {
			least[j][level] = math.Inf(1)
		}
	}
	for level, of := range at {
		if len(of) == 0 {
			continue
		}
		m.directions(of, scales, func(_ []float64, best int) {
			for j, x := range m.rows[of[best]].values[:m.objectives] {
				if !math.IsInf(x, 0) {
					least[j][level] = min(least[j][level], x)
				}
			}
		})
	}
	return m.scale(n, least)
}

// scale makes scales that tell apart what is not worse than least, of each output and
// level. A level above the lowest follows the one below it by the genomes that were
// measured at both. Where there are levels below 0, one at which nothing was measured is
// as the one below it.
func (m *Model) scale(n int, least [][]float64) scaling {
	lowest := 0
	for i := range m.rows[:n] {
		lowest = min(lowest, m.rows[i].level)
	}
	levels := m.levels - lowest
	out := make([][]Scale, len(m.rows[0].values))
	for output := range out {
		values := make([][]float64, levels)
		at := make([]map[string]float64, levels)
		high, low := make([][]float64, levels), make([][]float64, levels)
		for i := range m.rows[:n] {
			r := &m.rows[i]
			x, level := r.values[output], r.level-lowest
			values[level] = append(values[level], x)
			if levels == 1 {
				continue
			}
			if at[level] == nil {
				at[level] = map[string]float64{}
			}
			at[level][r.genome.Packed()] = x
			if level > 0 && !math.IsInf(x, 0) {
				if y, ok := at[level-1][r.genome.Packed()]; ok && !math.IsInf(y, 0) {
					high[level], low[level] = append(high[level], x), append(low[level], y)
				}
			}
		}
		for level, v := range values {
			told := math.Inf(1)
			if least != nil {
				told = least[output][level]
			}
			s := newScale(v, told)
			if level > 0 {
				s = s.above(high[level], low[level], out[output][level-1])
				if lowest < 0 && len(v) == 0 {
					s = out[output][level-1]
				}
			}
			out[output] = append(out[output], s)
		}
	}
	return scaling{lowest, out}
}

// standardised are the values of an output of some observations.
func (m *Model) standardised(of []int, output int, scales scaling) []float64 {
	out := make([]float64, len(of))
	for i, k := range of {
		out[i] = scales.at(output, m.rows[k].level).Of(m.rows[k].values[output])
	}
	return out
}
