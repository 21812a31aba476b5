package surrogate

import (
	"cmp"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// Model learns from a growing list of observations. What it predicts is a function of
// that list: it fits its Kernel anew whenever the list has grown by three tenths, to
// some of what was there then, and looks at all observations while they are few, else
// at the best, a sample of the others, and the newest. It is not safe for concurrent use.
type Model struct {
	reader *Reader
	levels int
	active int // observations that are looked at
	rounds int // of fitting
	rows   []observation
	points map[string]*Point // by packed genome: a cache

	fitted  int // how many observations there were when the kernel was fitted
	chosen  int // and when the active ones were chosen
	kernel  *Kernel
	process *Process
	members []int     // the observations in the process
	scales  [][]Scale // of each output and level
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

// NewModel makes one of genomes of a space that are measured at so many levels. It
// looks at most at active observations, and fits in so many rounds.
func NewModel(space *genome.Space, levels, active, rounds int) *Model {
	return &Model{reader: NewReader(space), levels: levels, active: active, rounds: rounds, points: map[string]*Point{}}
}

// Len is how many observations there are.
func (m *Model) Len() int { return len(m.rows) }

// Clear forgets all observations.
func (m *Model) Clear() {
	*m = Model{reader: m.reader, levels: m.levels, active: m.active, rounds: m.rounds, points: m.points}
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
	for output := range m.scales {
		values := m.standardised(m.members, output, m.scales)
		w := m.process.weigh(values)
		p.weights = append(p.weights, w)
		for i := range p.Rows {
			p.Rows[i].Means = append(p.Rows[i].Means, values[i]-float64(m.kernel.noise*w[i]))
		}
	}
	return p
}

// Scale is that of an output at a level: what Means are on.
func (p *Posterior) Scale(output, level int) Scale { return p.model.scales[output][level] }

// follow brings the process up to the observations, and drops what was believed.
func (m *Model) follow() {
	n := len(m.rows)
	fitted := 1
	for next := fitted; next <= n; next = int(float64(growth*float64(next))) + 1 {
		fitted = next
	}
	if m.kernel == nil || fitted != m.fitted {
		some := m.choose(fitted, mostFitted)
		f := newFitter(m.reader)
		for _, k := range some {
			f.add(m.Point(m.rows[k].genome), m.rows[k].level)
		}
		m.kernel = f.fit(m.standardised(some, 0, m.scalesOf(fitted)), m.rounds)
		m.fitted, m.process = fitted, nil
	}
	chosen := n
	if n > m.active {
		chosen -= (n - m.active) % turnover
	}
	if m.process == nil || n > m.active && chosen != m.chosen {
		m.process, m.members = newProcess(m.kernel), nil
		for _, k := range m.choose(chosen, m.active) {
			m.join(k)
		}
		m.scales = m.scalesOf(chosen)
	}
	m.process.truncate(len(m.members))
	for k := m.members[len(m.members)-1] + 1; k < n; k++ {
		m.join(k)
	}
	if n <= m.active {
		m.scales = m.scalesOf(n)
	}
	m.chosen = chosen
}

func (m *Model) join(k int) {
	m.process.add(m.Point(m.rows[k].genome), m.rows[k].level)
	m.members = append(m.members, k)
}

// choose lists at most so many of the first n observations: the best half by the
// first output, others evenly among the rest by rank, and the newest.
func (m *Model) choose(n, most int) []int {
	out := make([]int, n)
	for k := range out {
		out[k] = k
	}
	if n <= most {
		return out
	}
	values := m.standardised(out, 0, m.scalesOf(n))
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

// scalesOf are those of each output and level by the first n observations. A level
// above the lowest follows the one below it by the genomes that were measured at both.
func (m *Model) scalesOf(n int) [][]Scale {
	out := make([][]Scale, len(m.rows[0].values))
	for output := range out {
		values := make([][]float64, m.levels)
		at := make([]map[string]float64, m.levels)
		high, low := make([][]float64, m.levels), make([][]float64, m.levels)
		for i := range m.rows[:n] {
			r := &m.rows[i]
			x := r.values[output]
			values[r.level] = append(values[r.level], x)
			if m.levels == 1 {
				continue
			}
			if at[r.level] == nil {
				at[r.level] = map[string]float64{}
			}
			at[r.level][r.genome.Packed()] = x
			if r.level > 0 && !math.IsInf(x, 0) {
				if y, ok := at[r.level-1][r.genome.Packed()]; ok && !math.IsInf(y, 0) {
					high[r.level], low[r.level] = append(high[r.level], x), append(low[r.level], y)
				}
			}
		}
		for level, v := range values {
			s := newScale(v)
			if level > 0 {
				s = s.above(high[level], low[level], out[output][level-1])
			}
			out[output] = append(out[output], s)
		}
	}
	return out
}

// standardised are the values of an output of some observations.
func (m *Model) standardised(of []int, output int, scales [][]Scale) []float64 {
	out := make([]float64, len(of))
	for i, k := range of {
		out[i] = scales[output][m.rows[k].level].Of(m.rows[k].values[output])
	}
	return out
}
