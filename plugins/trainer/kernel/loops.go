package kernel

import "math"

// rectify is x for positive x and slope*x otherwise, for slopes in [0, 1].
func rectify[E Float](x, slope E) E { return max(x, slope*x) }

// rectified is the gradient of a rectified value y: dy where y is positive and
// slope*dy elsewhere.
func rectified[E Float](dy, y, slope E) E {
	// A branch would be taken at random.
	factor, i := [2]E{slope, 1}, 0
	if y > 0 {
		i = 1
	}
	return factor[i] * dy
}

func axpy[E Float](y, x []E, a E) {
	x = x[:len(y)]
	for j := range y {
		y[j] += a * x[j]
	}
}

func scale[E Float](y, x []E, a E) {
	for j := range y {
		y[j] = a * x[j]
	}
}

func add[E Float](y, a, b []E) {
	for j := range y {
		y[j] = a[j] + b[j]
	}
}

func mul[E Float](y, a, b []E) {
	for j := range y {
		y[j] = a[j] * b[j]
	}
}

// dot sums in four strands for each 64 products, and these in float64. Products are
// rounded before they are added, on every machine.
func dot[E Float](x, y []E) (sum float64) {
	for len(x) > 0 {
		n := min(len(x), 64)
		var part [4]E
		a, b := x[:n], y[:n]
		for j := 0; j < n; j += 4 {
			part[0] += E(a[j] * b[j])
			part[1] += E(a[j+1] * b[j+1])
			part[2] += E(a[j+2] * b[j+2])
			part[3] += E(a[j+3] * b[j+3])
		}
		sum += float64(part[0]) + float64(part[1]) + float64(part[2]) + float64(part[3])
		x, y = x[n:], y[n:]
	}
	return sum
}

func maximum[E Float](y, x []E) {
	for j, v := range x {
		if v > y[j] || v != v {
			y[j] = v
		}
	}
}

func maximumGradient[E Float](dx, rest, x, y []E) {
	for j := range dx {
		if x[j] == y[j] {
			dx[j] += rest[j]
			rest[j] = 0
		}
	}
}

func leaky[E Float](y, x []E, slope E) {
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

func leakyGradient[E Float](dx, sums, y, dy []E, channels, lanes int, slope E) {
	rows(len(y)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			dx[j] = rectified(dy[j], y[j], slope)
			sums[c*Vector+j%Vector] += dx[j]
		}
	})
}

func rowSums[E Float](sums, x []E, channels, lanes int) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			sums[c*Vector+j%Vector] += x[j]
		}
	})
}

func moments[E Float](sums, x, shift, mask []E, channels, lanes int) {
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

func affine[E Float](y, x, a, b []E, channels, lanes int, slope E) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			y[j] = rectify(a[c]*x[j]+b[c], slope)
		}
	})
}

func normSums[E Float](sums, x, dy, a, b, mean []E, channels, lanes int, slope E) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			g := rectified(dy[j], a[c]*x[j]+b[c], slope)
			sums[2*c*Vector+j%Vector] += g
			sums[(2*c+1)*Vector+j%Vector] += g * (x[j] - mean[c])
		}
	})
}

func normGradient[E Float](dx, x, dy, a, b, kx, k0, mask []E, channels, lanes int, slope E) {
	rows(len(x)/(channels*lanes), channels, lanes, func(c, from, to int) {
		for j := from; j < to; j++ {
			dx[j] = 0
			if mask[j-from] != 0 {
				dx[j] = a[c]*rectified(dy[j], a[c]*x[j]+b[c], slope) + (kx[c]*x[j] + k0[c])
			}
		}
	})
}

func exponential[E Float](y, x []E) {
	for j, v := range x {
		y[j] = E(math.Exp(float64(v)))
	}
}

// smooth makes a kernel out of a function that returns value and derivative.
func smooth[E Float](f func(x float64) (y, d float64)) func(y, d, x []E) {
	return func(y, d, x []E) {
		for j, v := range x {
			value, slope := f(float64(v))
			y[j], d[j] = E(value), E(slope)
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
type AdamStep[E Float] struct {
	Beta1, Beta2 E
	Rate         E // learning rate over the first moment's bias correction
	Root         E // 1/sqrt of the second moment's bias correction
	Epsilon      E
	Keep         E // what decoupled weight decay leaves of a parameter: 1 - rate*decay
	Decay        E // weight decay that is added to the gradient
}

func adam[E Float](p, g, m, v []E, s *AdamStep[E]) {
	for j := range p {
		grad := g[j] + s.Decay*p[j]
		m[j] += (1 - s.Beta1) * (grad - m[j])
		v[j] += (1 - s.Beta2) * (grad*grad - v[j])
		p[j] = s.Keep*p[j] - s.Rate*m[j]/(E(math.Sqrt(float64(v[j])))*s.Root+s.Epsilon)
	}
}

func descend[E Float](p, g []E, rate, decay E) {
	for j := range p {
		p[j] -= rate * (g[j] + decay*p[j])
	}
}

func momentum[E Float](p, g, m []E, rate, keep, decay E) {
	for j := range p {
		m[j] = keep*m[j] + (g[j] + decay*p[j])
		p[j] -= rate * m[j]
	}
}
