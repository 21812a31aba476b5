package surrogate

import (
	"math"

	"github.com/nascent-nas/nascent/genome"
)

// Process is a Gaussian process: rows of Points with a level, and how their values
// vary together. It is not safe for concurrent use.
type Process struct {
	kernel *Kernel
	rows   []row
	factor factor
}

// newProcess begins one without rows.
func newProcess(k *Kernel) *Process { return &Process{kernel: k} }

// add adds a row.
func (p *Process) add(x *Point, level int) {
	r := p.kernel.row(x, level)
	p.factor.add(p.covariances(&r, nil), p.kernel.variance()+p.kernel.noise)
	p.rows = append(p.rows, r)
}

// truncate drops all but the first n rows.
func (p *Process) truncate(n int) { p.rows, p.factor.rows = p.rows[:n], p.factor.rows[:n] }

// covariances appends those with all rows.
func (p *Process) covariances(r *row, into []float64) []float64 {
	for i := range p.rows {
		into = append(into, p.kernel.between(r, &p.rows[i]))
	}
	return into
}

// weigh makes weights of the rows' values: a mean is the sum of covariances times
// weights.
func (p *Process) weigh(values []float64) []float64 {
	w := append([]float64(nil), values...)
	p.factor.solve(w)
	p.factor.solveBack(w)
	return w
}

// Guess is what is predicted of a Point at a level.
type Guess struct {
	Means    []float64 // of each output
	Variance float64   // of each, on the scale where what was measured has 1; without the noise of measuring

	row    row
	solved []float64 // the covariances with the rows, solved by the factor
}

// guess predicts Points. Rows beyond the weights count for the variance alone: they
// are believed to have the values that are predicted of them, which changes no mean.
func (p *Process) guess(points []*Point, level int, weights [][]float64) []Guess {
	out := make([]Guess, len(points))
	const room = 8 // for rows that are believed afterwards
	each := len(p.rows) + room
	space := make([]float64, len(points)*each)
	for i, x := range points {
		g := &out[i]
		g.row = p.kernel.row(x, level)
		g.solved = p.covariances(&g.row, space[i*each:i*each:(i+1)*each])
		for _, w := range weights {
			g.Means = append(g.Means, dot(w, g.solved))
		}
	}
	var four [4][]float64
	spare := make([]float64, len(p.rows))
	for i := 0; i < len(out); i += len(four) {
		for j := range four {
			if four[j] = spare; i+j < len(out) {
				four[j] = out[i+j].solved
			}
		}
		p.factor.solveFour(&four)
	}
	variance := p.kernel.variance()
	for i := range out {
		g := &out[i]
		g.Variance = max(variance-dot(g.solved, g.solved), leastVariance)
	}
	return out
}

const leastVariance = 1e-12

// follow lets a Guess take in the rows that were added since it was made.
func (p *Process) follow(g *Guess) {
	for k := len(g.solved); k < len(p.rows); k++ {
		l := p.factor.rows[k]
		x := (p.kernel.between(&g.row, &p.rows[k]) - dot(g.solved, l)) / l[k]
		g.solved = append(g.solved, x)
		g.Variance = max(g.Variance-float64(x*x), leastVariance)
	}
}

// Posterior is what a Model knows at one moment. It holds until the Model is asked
// for the next one.
type Posterior struct {
	model   *Model
	weights [][]float64 // of each output
	Rows    []Seen      // the observations that it rests on, in the order in which they came
}

// Seen is an observation that a Posterior rests on.
type Seen struct {
	Index int       // of the observation
	Level int       //
	Means []float64 // of each output, what is believed instead of what was measured
	Key   genome.Hash
}

// Guess predicts genomes at a level.
func (p *Posterior) Guess(points []*Point, level int) []Guess {
	return p.model.process.guess(points, level, p.weights)
}

// Moves is the standard deviation of what is to be believed of a Point once it is
// measured: where much is known, or a measurement says little, it moves little. The
// variance of its value is known to be at most so much.
func (p *Posterior) Moves(g *Guess, most float64) float64 {
	v := min(g.Variance, most)
	return max(v/math.Sqrt(v+p.Noise()), 1e-9)
}

// Noise is the variance of measuring, on the scale of Means.
func (p *Posterior) Noise() float64 { return p.model.kernel.noise }

// Believe takes Points for measured: their values as they are predicted.
func (p *Posterior) Believe(x *Point, level int) { p.model.process.add(x, level) }

// Follow lets a Guess take in what was believed since it was made.
func (p *Posterior) Follow(g *Guess) { p.model.process.follow(g) }
