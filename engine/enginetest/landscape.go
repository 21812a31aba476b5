package enginetest

import (
	"math"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Landscape is a made-up problem over any space: it measures genomes in no
// time, always with the same result for the same job. Each number of a
// genome's encoding has a place where it would be best, and neighbouring
// numbers help or hinder one another.
type Landscape struct {
	Seed    uint64  // which problem
	Noise   float64 // standard deviation of the accuracy over job seeds, at budget 1; falls with the root of the budget
	Invalid float64 // share of the genomes that are invalid
	Failed  float64 // share of the jobs that fail
	Points  int     // of the learning curve
}

// Quality is the noise-free accuracy of a genome, in 0..1.
func (l Landscape) Quality(g genome.Genome) float64 {
	r := rng.New(rng.Derive(l.Seed, "landscape"))
	x := g.Space().Encode(g)
	if len(x) == 0 {
		return 1
	}
	sum, last := 0.0, 0.5
	for _, v := range x {
		best, weight := r.Float64(), float64(0.2+r.Float64())
		miss := v - best
		sum += float64(weight*float64(miss*miss)) + float64(float64(0.3*(v-best))*(last-0.5))
		last = v
	}
	return 1 / (1 + math.Abs(sum))
}

// Measure carries out a job: metrics accuracy, loss, parameters and seconds.
func (l Landscape) Measure(j *engine.Job) engine.Result {
	h := j.Genome.Hash()
	genes := uint64(0)
	for _, b := range h[:8] {
		genes = genes<<8 | uint64(b)
	}
	if rng.New(rng.Derive(l.Seed, "invalid", genes)).Float64() < l.Invalid {
		return engine.Result{Status: engine.Invalid, Reason: "this genome cannot be measured here"}
	}
	r := rng.New(rng.Derive(j.Seed, "measure"))
	if r.Float64() < l.Failed {
		return engine.Result{Status: engine.Failed, Reason: "this job failed"}
	}
	budget := j.Budget
	if budget <= 0 {
		budget = 1
	}
	accuracy := l.Quality(j.Genome) + float64(l.Noise*r.Normal())/math.Sqrt(budget)
	res := engine.Result{
		Status: engine.OK,
		Metrics: engine.Values{
			{Name: "accuracy", Value: accuracy},
			{Name: "loss", Value: 1 - accuracy},
			{Name: "parameters", Value: float64(genes % 10_000)},
		},
		Seconds: budget,
	}
	for i := range l.Points {
		part := float64(i+1) / float64(l.Points)
		res.Curve = append(res.Curve, engine.Point{
			Step:    float64(budget * part),
			Metrics: engine.Values{{Name: "accuracy", Value: float64(accuracy * part)}},
		})
	}
	return res
}

// Metrics declares what Measure reports.
func (l Landscape) Metrics() []engine.Metric {
	return []engine.Metric{
		{Name: "accuracy", Goal: engine.Maximize},
		{Name: "loss", Goal: engine.Minimize},
		{Name: "parameters", Goal: engine.Minimize},
	}
}
