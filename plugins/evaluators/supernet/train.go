package supernet

import (
	"context"
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
)

// Recipe says how shared weights, and alphas, are trained.
type Recipe struct {
	Batch        int     `json:"batch"`               // samples in one step
	LearningRate float64 `json:"learning_rate"`       // of the weights, before the schedule (cosine to 0)
	WeightDecay  float64 `json:"weight_decay"`        // of the weights, decoupled
	AlphaRate    float64 `json:"alpha_learning_rate"` // of the alphas, constant
	AlphaDecay   float64 `json:"alpha_weight_decay"`  // of the alphas, part of the gradient
}

// Declare declares the recipe as options.
func (r *Recipe) Declare(s *option.Set) {
	s.Int(&r.Batch, "batch", 32, 1, 1<<16, "samples in one step, and in one batch of a score")
	s.Float(&r.LearningRate, "learning_rate", 0.02, option.Over(0), option.Under(1000),
		"of the weights (AdamW), cosine to 0 over all epochs")
	s.Float(&r.WeightDecay, "weight_decay", 0.01, 0, option.Under(1000), "of the weights, decoupled")
	s.Float(&r.AlphaRate, "alpha_learning_rate", 0.006, option.Over(0), option.Under(1000), "of the alphas (Adam, 0.5 and 0.999)")
	s.Float(&r.AlphaDecay, "alpha_weight_decay", 1e-3, 0, option.Under(1000), "of the alphas, part of the gradient")
}

// point is what was measured over one epoch, each batch before its step.
type point struct {
	Epoch     float64 `json:"epoch"`      // since the beginning of this order
	Loss      float64 `json:"loss"`       // of the weights' steps
	AlphaLoss float64 `json:"alpha_loss"` // of the alphas' steps; 0 without
}

// trainer carries out one order.
type trainer struct {
	space  *genome.Space
	net    *network.Supernet
	model  *nn.Supernet
	recipe Recipe
	order  orders.Order
	seed   uint64
	data   *data.Part
	report func(point)

	progress
	paths  [][][]int // of order.Paths
	alphas *alphas   // darts and gdas
	own    []int     // samples that the weights are trained on
	other  []int     // samples that the alphas are trained on
	x      []float32
	y      []int32
}

// progress is how far a trainer has come, besides its weights and alphas.
type progress struct {
	Done  int     `json:"done"`  // steps
	Curve []point `json:"curve"` // of what is done

	// Sums over the steps since the newest Point.
	Loss      float64 `json:"loss"`
	AlphaLoss float64 `json:"alpha_loss"`
	Steps     int     `json:"steps"`
}

// bilevel tells whether alphas are trained, on samples of their own.
func (t *trainer) bilevel() bool {
	return t.order.Method == orders.Mixed || t.order.Method == orders.Gumbel
}

// prepare reads the paths and divides the samples.
func (t *trainer) prepare() error {
	for _, text := range t.order.Paths {
		g, err := t.space.Parse(text)
		if err != nil {
			return fmt.Errorf("path %s: %w", text, err)
		}
		path, err := t.net.Path(g)
		if err != nil {
			return fmt.Errorf("path %s: %w", text, err)
		}
		t.paths = append(t.paths, path)
	}
	n := t.data.Len()
	t.x, t.y = make([]float32, t.recipe.Batch*t.data.Features()), make([]int32, t.recipe.Batch)
	if !t.bilevel() {
		for i := range n {
			t.own = append(t.own, i)
		}
		return t.trains()
	}
	// Two halves, the same in every job (Liu et al. 2018, section 3.1).
	for i, sample := range rng.New(rng.Derive(1, "halves")).Perm(n) {
		if i < n/2 {
			t.own = append(t.own, sample)
		} else {
			t.other = append(t.other, sample)
		}
	}
	if len(t.own) == 0 {
		return fmt.Errorf("%d samples cannot be halved", n)
	}
	return t.trains()
}

// trains checks that the smallest batch is no too small one.
func (t *trainer) trains() error {
	for _, samples := range [][]int{t.own, t.other} {
		if n := len(samples); n > 0 {
			if err := t.net.Network.Trains(min(t.recipe.Batch, n-(batches(n, t.recipe.Batch)-1)*t.recipe.Batch)); err != nil {
				return err
			}
		}
	}
	return nil
}

// batches is how many there are in a pass over n samples; a last one of less than
// half the size is left out.
func batches(n, batch int) int { return max(1, (n+batch/2)/batch) }

// perEpoch is how many steps an epoch has.
func (t *trainer) perEpoch() int { return batches(len(t.own), t.recipe.Batch) }

// run trains until a number of epochs are done, on from what is done already. If
// the context ends it stops within a step and returns the context's cause.
func (t *trainer) run(ctx context.Context, epochs float64) (point, error) {
	perEpoch := t.perEpoch()
	first := int(math.Round(t.order.Epoch * float64(perEpoch)))
	total := max(1, int(math.Round(t.order.Epochs*float64(perEpoch))))
	count := max(1, int(math.Round(epochs*float64(perEpoch))))
	for t.Done < count {
		if ctx.Err() != nil {
			return point{}, context.Cause(ctx)
		}
		at := first + t.Done
		if err := t.step(at, min(float64(at)/float64(total), 1)); err != nil {
			return point{}, err
		}
		if math.IsNaN(t.Loss) || math.IsInf(t.Loss, 0) {
			return point{}, fmt.Errorf("the loss became %v in epoch %d: lower the learning_rate of the "+
				"supernet evaluator", t.Loss, at/perEpoch+1)
		}
		if t.Done++; (at+1)%perEpoch == 0 || t.Done == count {
			t.point(float64(t.Done) / float64(perEpoch))
		}
	}
	return t.Curve[len(t.Curve)-1], nil
}

// step takes one of the alphas, where the order trains them, and one of the
// weights. part is how much of the schedule lies behind it.
func (t *trainer) step(at int, part float64) error {
	r := rng.New(rng.Derive(t.seed, "step", uint64(at)))
	if t.bilevel() {
		if !t.order.Frozen {
			loss, err := t.alphaStep(r, at, part)
			if err != nil {
				return err
			}
			t.AlphaLoss += loss
		}
		t.alphas.open(t, r, part)
	} else {
		path, err := t.path(r, at)
		if err != nil {
			return err
		}
		t.model.Use(path)
	}
	x, y := t.batch(t.own, "order", at)
	loss, _, err := t.model.Train(x, y, float32(t.rate(part)))
	t.Loss += loss
	t.Steps++
	return err
}

// rate is the learning rate of the weights at a part of the schedule.
func (t *trainer) rate(part float64) float64 {
	return t.recipe.LearningRate * 0.5 * (1 + math.Cos(math.Pi*part))
}

// point ends what is summed up, and reports it.
func (t *trainer) point(epoch float64) {
	p := point{Epoch: epoch, Loss: t.Loss / float64(t.Steps), AlphaLoss: t.AlphaLoss / float64(t.Steps)}
	t.progress = progress{Done: t.Done, Curve: append(t.Curve, p)}
	if t.report != nil {
		t.report(p)
	}
}

// batch is the one of a step, out of an order of samples that is drawn anew for
// each pass over them.
func (t *trainer) batch(samples []int, label string, step int) (x []float32, y []int32) {
	perPass := batches(len(samples), t.recipe.Batch)
	pass, within := step/perPass, step%perPass
	perm := rng.New(rng.Derive(t.seed, label, uint64(pass))).Perm(len(samples))
	from := within * t.recipe.Batch
	which := perm[from:min(from+t.recipe.Batch, len(perm))]
	for i, k := range which {
		which[i] = samples[k]
	}
	n := len(which)
	x, y = t.x[:n*t.data.Features()], t.y[:n]
	t.data.Gather(x, y, which)
	return x, y
}

// path is the one that a step trains.
func (t *trainer) path(r *rng.Rand, step int) ([][]int, error) {
	if t.order.Method == orders.Paths {
		return t.paths[step%len(t.paths)], nil
	}
	sites := t.space.Sites()
	g, err := t.space.Decide(func(d genome.Decision) int {
		for {
			if k := r.Intn(len(sites[d.Site].Options)); d.Closed == nil || !d.Closed[k] {
				return k
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return t.net.Path(g)
}
