package kernel

import "math"

// float is what the plain loops compute with. float64 serves the tests.
type float interface{ float32 | float64 }

// rectify is x for positive x and slope*x otherwise, for slopes in [0, 1].
func rectify[T float](x, slope T) T { return max(x, slope*x) }

// rectified is the gradient of a rectified value y: dy where y is positive and
// slope*dy elsewhere.
func rectified[T float](dy, y, slope T) T {
	// A branch would be taken at random.
	factor, i := [2]T{slope, 1}, 0
	if y > 0 {
		i = 1
	}
	return factor[i] * dy
}

func axpy[T float](y, x []T, a T) {
	x = x[:len(y)]
	for j := range y {
		y[j] += a * x[j]
	}
}

func scale[T float](y, x []T, a T) {
	for j := range y {
		y[j] = a * x[j]
	}
}

func add[T float](y, a, b []T) {
	for j := range y {
		y[j] = a[j] + b[j]
	}
}

func mul[T float](y, a, b []T) {
	for j := range y {
		y[j] = a[j] * b[j]
	}
}

func maximum[T float](y, x []T) {
	for j, v := range x {
		if v > y[j] || v != v {
			y[j] = v
		}
	}
}

func maximumGradient[T float](dx, rest, x, y []T) {
	for j := range dx {
		if x[j] == y[j] {
			dx[j] += rest[j]
			rest[j] = 0
		}
	}
}

func leaky[T float](y, x []T, slope T) {
	for j, v := range x {
		y[j] = rectify(v, slope)
	}
}

// rows calls f for every row of lanes of an array (positions, channels, lanes).
func rows(positions, channels, lanes int, f func(c, from, to int)) {
	at := 0
	for range positions {
		for c := range channels {
			f(c, at, at+lanes)
			at += lanes
		}
	}
}

func leakyGradient[T float](dx, sums, y, dy []T, channels, lanes int, slope T) {
	rows(len(y)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			dx[j] = rectified(dy[j], y[j], slope)
			sums[c*Vector+j%Vector] += dx[j]
		}
	})
}

func rowSums[T float](sums, x []T, channels, lanes int) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			sums[c*Vector+j%Vector] += x[j]
		}
	})
}

func moments[T float](sums, x, shift, mask []T, channels, lanes int) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			if mask[j-from] != 0 {
				d := x[j] - shift[c]
				sums[2*c*Vector+j%Vector] += d
				sums[(2*c+1)*Vector+j%Vector] += d * d
			}
		}
	})
}

func affine[T float](y, x, a, b []T, channels, lanes int, slope T) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			y[j] = rectify(a[c]*x[j]+b[c], slope)
		}
	})
}

func normSums[T float](sums, x, dy, a, b, mean []T, channels, lanes int, slope T) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			g := rectified(dy[j], a[c]*x[j]+b[c], slope)
			sums[2*c*Vector+j%Vector] += g
			sums[(2*c+1)*Vector+j%Vector] += g * (x[j] - mean[c])
		}
	})
}

func normGradient[T float](dx, x, dy, a, b, kx, k0, mask []T, channels, lanes int, slope T) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			dx[j] = 0
			if mask[j-from] != 0 {
				dx[j] = a[c]*rectified(dy[j], a[c]*x[j]+b[c], slope) + (kx[c]*x[j] + k0[c])
			}
		}
	})
}

func exponential[T float](y, x []T) {
	for j, v := range x {
		y[j] = T(math.Exp(float64(v)))
	}
}

// smooth makes a kernel out of a function that returns value and derivative.
func smooth[T float](f func(x float64) (y, d float64)) func(y, d, x []T) {
	return func(y, d, x []T) {
		for j, v := range x {
			value, slope := f(float64(v))
			y[j], d[j] = T(value), T(slope)
		}
	}
}

func sigmoidOf(x float64) (y, d float64) {
	y = 1 / (1 + math.Exp(-x))
	return y, y * (1 - y)
}

func tanhOf(x float64) (y, d float64) {
	y = math.Tanh(x)
	return y, 1 - y*y
}

func swishOf(x float64) (y, d float64) {
	s := 1 / (1 + math.Exp(-x))
	return x * s, s * (1 + x*(1-s))
}

// mishOf is x tanh(softplus(x)): Misra 2019, "Mish: a self regularized
// non-monotonic activation function".
func mishOf(x float64) (y, d float64) {
	t := math.Tanh(math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))))
	s := 1 / (1 + math.Exp(-x))
	return x * t, t + x*s*(1-t*t)
}

func eluOf(x float64) (y, d float64) {
	if x > 0 {
		return x, 1
	}
	return math.Expm1(x), math.Exp(x)
}

// geluOf is x times the normal distribution function, not its tanh
// approximation: Hendrycks & Gimpel 2016, "Gaussian error linear units".
func geluOf(x float64) (y, d float64) {
	p := 0.5 * math.Erfc(-x/math.Sqrt2)
	return x * p, p + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}

// AdamStep holds the numbers of one step of Adam.
type AdamStep struct {
	Beta1, Beta2 float32
	Rate         float32 // learning rate over the first moment's bias correction
	Root         float32 // 1/sqrt of the second moment's bias correction
	Epsilon      float32
	Keep         float32 // what decoupled weight decay leaves of a parameter: 1 - rate*decay
	Decay        float32 // weight decay that is added to the gradient
}

func adam(p, g, m, v []float32, s *AdamStep) {
	for j := range p {
		grad := g[j] + s.Decay*p[j]
		m[j] += (1 - s.Beta1) * (grad - m[j])
		v[j] += (1 - s.Beta2) * (grad*grad - v[j])
		p[j] = s.Keep*p[j] - s.Rate*m[j]/(float32(math.Sqrt(float64(v[j])))*s.Root+s.Epsilon)
	}
}

func descend(p, g []float32, rate, decay float32) {
	for j := range p {
		p[j] -= rate * (g[j] + decay*p[j])
	}
}

func momentum(p, g, m []float32, rate, keep, decay float32) {
	for j := range p {
		m[j] = keep*m[j] + (g[j] + decay*p[j])
		p[j] -= rate * m[j]
	}
}
