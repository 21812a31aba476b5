package surrogate

import (
	"math"

	"github.com/nascent-nas/nascent/genome"
)

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

// Guess is what is predicted of a Point at a level.
type Guess struct {
	Means   []float64 // of each output
	beliefs []belief  // of each process
}

// Guess predicts Points at a level. What was taken for measured counts for the
// variances alone: it is believed to have the values that are predicted of it, which
// changes no mean.
func (p *Posterior) Guess(points []*Point, level int) []Guess {
	out := make([]Guess, len(points))
	processes := p.model.processes
	rows := len(processes[0].rows)
	each := rows + spareRows
	space := make([]float64, len(points)*len(processes)*each)
	beliefs := make([]belief, len(points)*len(processes))
	means := make([]float64, len(points)*len(p.weights))
	var unlike []float64
	for i, x := range points {
		unlike = processes[0].unlike(x, unlike[:0])
		out[i].Means = means[i*len(p.weights) : (i+1)*len(p.weights)]
		for k, process := range processes {
			b := &beliefs[k*len(points)+i]
			at := (k*len(points) + i) * each
			b.row = process.kernel.row(x, level)
			b.solved = process.covariances(&b.row, unlike, space[at:at:at+each])
		}
		for output, w := range p.weights {
			out[i].Means[output] = dot(w, beliefs[p.model.processOf(output)*len(points)+i].solved)
		}
	}
	for k, process := range processes {
		process.believe(beliefs[k*len(points) : (k+1)*len(points)])
	}
	each = len(processes)
	for i := range out {
		out[i].beliefs = make([]belief, 0, each)
		for k := range processes {
			out[i].beliefs = append(out[i].beliefs, beliefs[k*len(points)+i])
		}
	}
	return out
}

// Variance is that of an output, on the scale of Means; without the noise of measuring.
func (p *Posterior) Variance(g *Guess, output int) float64 {
	return g.beliefs[p.model.processOf(output)].variance
}

// Moves is the standard deviation of what is to be believed of a Point's output once
// it is measured: where much is known, or a measurement says little, it moves little.
// The variance of its value is known to be at most so much.
func (p *Posterior) Moves(g *Guess, output int, most float64) float64 {
	v := min(p.Variance(g, output), most)
	return max(v/math.Sqrt(v+p.Noise(output)), 1e-9)
}

// Noise is the variance of measuring an output, on the scale of Means.
func (p *Posterior) Noise(output int) float64 {
	return p.model.processes[p.model.processOf(output)].kernel.noise
}

// Scale is that of an output at a level: what Means are on.
func (p *Posterior) Scale(output, level int) Scale { return p.model.scales.at(output, level) }

// Believe takes a Point for measured: its values as they are predicted.
func (p *Posterior) Believe(x *Point, level int) { p.model.add(x, level) }

// Follow lets a Guess take in what was believed since it was made.
func (p *Posterior) Follow(g *Guess) {
	for k := range g.beliefs {
		p.model.processes[k].follow(&g.beliefs[k])
	}
}
