package supernet

import (
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// alphas are the weights of operations before the softmax, in training.
type alphas struct {
	orders.Alphas
	soft [][]float64 // gdas: the softmax that the path was drawn from
}

func newAlphas(a orders.Alphas) *alphas {
	clone := func(rows [][]float64) [][]float64 {
		out := make([][]float64, len(rows))
		for i, row := range rows {
			out[i] = slices.Clone(row)
		}
		return out
	}
	return &alphas{Alphas: orders.Alphas{Logits: clone(a.Logits), First: clone(a.First), Second: clone(a.Second), Steps: a.Steps}}
}

// open lets the supernet compute what the alphas say at this part of the
// schedule: a mixture, or for gdas a path drawn from it.
func (a *alphas) open(t *trainer, r *rng.Rand, part float64) {
	if t.order.Method == orders.Gumbel {
		a.draw(t, r, part)
		return
	}
	beta := t.order.Auxiliary * (1 - part)
	weights := make([][]float64, len(a.Logits))
	for i, row := range a.Logits {
		weights[i] = orders.Softmax(row, 1)
		if skip := t.net.Choices[i].Skip; skip >= 0 {
			weights[i][skip] += beta
		}
	}
	t.model.Mix(weights)
}

// draw chooses one option of each choice: the largest of logit plus Gumbel noise
// (Dong & Yang 2019, equations 3 and 4).
func (a *alphas) draw(t *trainer, r *rng.Rand, part float64) {
	temperature := t.order.Hot + (t.order.Cold-t.order.Hot)*part
	a.soft = make([][]float64, len(a.Logits))
	path := make([][]int, len(a.Logits))
	for i, row := range a.Logits {
		noisy := make([]float64, len(row))
		for k, x := range row {
			u := max(r.Float64(), 1e-300)
			noisy[k] = x - rng.Log(max(-rng.Log(u), 1e-300))
		}
		path[i] = []int{orders.Largest(noisy)}
		a.soft[i] = orders.Softmax(noisy, temperature)
	}
	t.model.Use(path)
}

// alphaStep takes a step of the alphas on a batch of their own half.
func (t *trainer) alphaStep(r *rng.Rand, step int, part float64) (loss float64, err error) {
	a := t.alphas
	var gradient [][]float64
	if t.order.Method == orders.Mixed && t.order.Order == 2 {
		gradient, loss, err = t.unrolled(r, step, part)
	} else {
		a.open(t, r, part)
		gradient, loss, err = t.alphaGradient(t.other, "alpha order", step, part)
	}
	if err != nil {
		return 0, err
	}
	a.adam(gradient, t.recipe.AlphaRate, t.recipe.AlphaDecay)
	return loss, nil
}

// alphaGradient is the gradient of a batch's loss by the logits, with the
// supernet as it is open.
func (t *trainer) alphaGradient(samples []int, label string, step int, part float64) ([][]float64, float64, error) {
	x, y := t.batch(samples, label, step)
	loss, _, err := t.model.Gradients(x, y)
	if err != nil {
		return nil, 0, err
	}
	by := t.model.MixGradients()
	temperature := 1.0
	for i, row := range t.alphas.Logits {
		soft := orders.Softmax(row, 1)
		if t.order.Method == orders.Gumbel { // straight through the one-hot of the path
			soft = t.alphas.soft[i]
			temperature = t.order.Hot + (t.order.Cold-t.order.Hot)*part
		}
		mean := 0.0
		for k, w := range soft {
			mean += w * by[i][k]
		}
		for k, w := range soft {
			by[i][k] = w * (by[i][k] - mean) / temperature
		}
	}
	return by, loss, nil
}

// unrolled is the second-order gradient: that at the weights after one more step
// of theirs, with the finite difference that stands for the Hessian (Liu et al.
// 2018, section 2.3, equations 7 and 8). The step is one of plain gradient
// descent at the weights' learning rate.
func (t *trainer) unrolled(r *rng.Rand, step int, part float64) ([][]float64, float64, error) {
	w := t.model.Weights()
	kept := slices.Clone(w)
	defer copy(w, kept)
	rate := t.rate(part)
	t.alphas.open(t, r, part)
	x, y := t.batch(t.own, "order", step)
	if _, _, err := t.model.Gradients(x, y); err != nil {
		return nil, 0, err
	}
	for i, g := range t.model.WeightGradients() {
		w[i] -= float32(rate) * g
	}
	gradient, loss, err := t.alphaGradient(t.other, "alpha order", step, part)
	if err != nil {
		return nil, 0, err
	}
	direction := slices.Clone(t.model.WeightGradients())
	norm := 0.0
	for _, v := range direction {
		norm += float64(v) * float64(v)
	}
	if norm = math.Sqrt(norm); norm == 0 {
		return gradient, loss, nil
	}
	eps := 0.01 / norm
	var sides [2][][]float64
	for side, sign := range []float64{1, -1} {
		for i := range w {
			w[i] = kept[i] + float32(sign*eps)*direction[i]
		}
		if sides[side], _, err = t.alphaGradient(t.own, "order", step, part); err != nil {
			return nil, 0, err
		}
	}
	for i := range gradient {
		for k := range gradient[i] {
			gradient[i][k] -= rate * (sides[0][i][k] - sides[1][i][k]) / (2 * eps)
		}
	}
	return gradient, loss, nil
}

// adam takes a step with the constants of DARTS: beta 0.5 and 0.999.
func (a *alphas) adam(gradient [][]float64, rate, decay float64) {
	const beta1, beta2, epsilon = 0.5, 0.999, 1e-8
	a.Steps++
	n := float64(a.Steps)
	for i, row := range a.Logits {
		for k := range row {
			g := gradient[i][k] + decay*row[k]
			a.First[i][k] = beta1*a.First[i][k] + (1-beta1)*g
			a.Second[i][k] = beta2*a.Second[i][k] + (1-beta2)*g*g
			first := a.First[i][k] / (1 - math.Pow(beta1, n))
			second := a.Second[i][k] / (1 - math.Pow(beta2, n))
			row[k] -= rate * first / (math.Sqrt(second) + epsilon)
		}
	}
}
