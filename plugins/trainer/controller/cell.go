package controller

import (
	"math"

	"github.com/nascent-nas/nascent/genome/rng"
)

// add is y += a x.
func add(y []float64, a float64, x []float64) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float64(a * x[i])
	}
}

// dot is the inner product, in four partial sums.
func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float64(x[i] * y[i])
		b += float64(x[i+1] * y[i+1])
		c += float64(x[i+2] * y[i+2])
		d += float64(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float64(x[i] * y[i])
	}
	return (a + b) + (c + d)
}

// exp is e to the power of x, |x| <= 40, with the same bits everywhere, like
// rng.Exp. The coefficients of its series are multiplied out beforehand, which is
// four times as fast and off by a unit in the last place more.
func exp(x float64) float64 {
	k := math.Floor(float64(x*(1/math.Ln2)) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	s := float64(r*series[0]) + series[1]
	for _, c := range series[2:] {
		s = float64(s*r) + c
	}
	return float64(s * math.Float64frombits(uint64(int64(k)+1023)<<52))
}

// ln2 in two parts; the product of the high one and a small integer is exact.
const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// series is 1/n! from n = 13 to 0.
var series = [14]float64{
	1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880, 1. / 40320, 1. / 5040,
	1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1, 1,
}

func sigmoid(x float64) float64 { return 1 / (1 + exp(-min(max(x, -40), 40))) }

func tanh(x float64) float64 { return 1 - 2/(exp(2*min(max(x, -20), 20))+1) }

// lstm takes one step of a layer of n units (Hochreiter & Schmidhuber 1997, with
// the forget gate of Gers et al. 2000). x is its input, h and c its state before;
// nil at the beginning. It fills the gates (input, forget, candidate, output: 4n),
// the new cell, its tanh, and the new h. Rows of the kernel belong to x and then h.
func lstm(gates, cell, squashed, out, x, h, c, kernel, bias []float64) {
	n := len(out)
	copy(gates, bias)
	for k, v := range x {
		add(gates, v, kernel[k*4*n:][:4*n])
	}
	for k, v := range h {
		add(gates, v, kernel[(n+k)*4*n:][:4*n])
	}
	for k := range n {
		in, forget, candidate, output := sigmoid(gates[k]), sigmoid(gates[n+k]), tanh(gates[2*n+k]), sigmoid(gates[3*n+k])
		gates[k], gates[n+k], gates[2*n+k], gates[3*n+k] = in, forget, candidate, output
		s := float64(in * candidate)
		if c != nil {
			s += float64(forget * c[k])
		}
		cell[k] = s
		squashed[k] = tanh(s)
		out[k] = float64(output * squashed[k])
	}
}

// lstmBack goes one step back: from the gradient at the step's h (dh) and at its
// cell from the step that follows (dc), to the gradient before the gates' own
// functions (dz) and at the cell of the step before (dc). c is the cell before.
func lstmBack(dz, dc, dh, gates, squashed, c []float64) {
	n := len(dh)
	for k := range n {
		in, forget, candidate, output, t := gates[k], gates[n+k], gates[2*n+k], gates[3*n+k], squashed[k]
		d := dc[k] + float64(float64(dh[k]*output)*(1-float64(t*t)))
		dz[3*n+k] = float64(float64(dh[k]*t) * float64(output*(1-output)))
		dz[k] = float64(float64(d*candidate) * float64(in*(1-in)))
		dz[2*n+k] = float64(float64(d*in) * (1 - float64(candidate*candidate)))
		dz[n+k] = 0
		if c != nil {
			dz[n+k] = float64(float64(d*c[k]) * float64(forget*(1-forget)))
		}
		dc[k] = float64(d * forget)
	}
}

// project is y = W x for a square W.
func project(y, w, x []float64) {
	n := len(x)
	for k := range y {
		y[k] = dot(w[k*n:][:n], x)
	}
}

// score is v . tanh(earlier + now); it fills the tanh.
func score(squashed, v, earlier, now []float64) float64 {
	for k := range squashed {
		squashed[k] = tanh(earlier[k] + now[k])
	}
	return dot(v, squashed)
}

// shape bends a logit as the options say.
func (o *Options) shape(z float64) float64 {
	z /= o.Temperature
	if o.Squash > 0 {
		z = float64(o.Squash * tanh(z))
	}
	return z
}

// slope is the derivative of shape.
func (o *Options) slope(z float64) float64 {
	if o.Squash == 0 {
		return 1 / o.Temperature
	}
	t := tanh(z / o.Temperature)
	return float64(o.Squash*(1-float64(t*t))) / o.Temperature
}

// distribution fills the probabilities and their logarithms from logits, 0 and
// minus infinity where an option is closed, and returns the entropy in nats.
func (o *Options) distribution(p, log, logits []float64, closed []bool) (entropy float64) {
	highest := math.Inf(-1)
	for k, z := range logits {
		log[k] = math.Inf(-1)
		if closed == nil || !closed[k] {
			log[k] = o.shape(z)
			highest = max(highest, log[k])
		}
	}
	total := 0.0
	for k := range p {
		p[k] = 0
		if !math.IsInf(log[k], -1) {
			log[k] -= highest
			p[k] = rng.Exp(log[k])
			total += p[k]
		}
	}
	base := rng.Log(total)
	for k := range p {
		if p[k] /= total; p[k] > 0 {
			log[k] -= base
			entropy -= float64(p[k] * log[k])
		}
	}
	return entropy
}
