package kernel

import "unsafe"

// Vector is what the lanes of every array are a multiple of. Sums over an
// array are kept in Vector strands, which Sum adds up.
const Vector = 16

// Float is what kernels compute with.
type Float interface{ float32 | float64 }

// Kernels are the elementwise loops of one Set. The length of every slice of
// lanes is a multiple of Vector. Where channels are given, an array is
// (positions, channels, lanes) and numbers without lanes are [channels].
type Kernels[E Float] struct {
	Set Set

	Add     func(y, a, b []E)   // y = a + b
	Mul     func(y, a, b []E)   // y = a * b
	Scale   func(y, x []E, a E) // y = a * x
	Axpy    func(y, x []E, a E) // y += a * x
	Maximum func(y, x []E)      // y = max(y, x)
	Leaky   func(y, x []E, s E) // y = x where positive, else s * x

	// Dot sums products x * y in a fixed order, the same in every set.
	Dot func(x, y []E) float64

	// MaximumGradient gives what is left of a gradient to the elements of x
	// that are the maximum y: dx += rest and rest = 0 where x == y.
	MaximumGradient func(dx, rest, x, y []E)

	// LeakyGradient is dx = dy where y is positive, else slope * dy; sums, of
	// Vector strands a channel, grow by dx.
	LeakyGradient func(dx, sums, y, dy []E, channels, lanes int, slope E)

	// RowSums adds x to sums, of Vector strands a channel.
	RowSums func(sums, x []E, channels, lanes int)

	// Moments adds x-shift and its square to sums, 2*Vector strands a channel,
	// in the lanes whose mask is set (all bits; otherwise none).
	Moments func(sums, x, shift, mask []E, channels, lanes int)

	// Affine is y = a*x + b, then as Leaky.
	Affine func(y, x, a, b []E, channels, lanes int, slope E)

	// NormSums adds g and g*(x-mean) to sums, 2*Vector strands a channel,
	// where g is the gradient before Affine's rectification.
	NormSums func(sums, x, dy, a, b, mean []E, channels, lanes int, slope E)

	// NormGradient is dx = a*g + kx*x + k0 in the lanes whose mask is set,
	// with g as in NormSums, and 0 in the others.
	NormGradient func(dx, x, dy, a, b, kx, k0, mask []E, channels, lanes int, slope E)

	Exp func(y, x []E) // y = e to the x

	// Activations: value and derivative.
	Sigmoid, Tanh, Swish, Mish, Elu, Gelu func(y, d, x []E)

	Adam     func(p, g, m, v []E, s *AdamStep[E])
	Descend  func(p, g []E, rate, decay E) // gradient descent
	Momentum func(p, g, m []E, rate, keep, decay E)

	// Convolution in registers.
	floats  int      // in a vector
	tiles   [][]tile // by output channels and vectors of lanes, less one each
	weights [][]tile // by output and input channels, less one each
}

// tile is a piece of a convolution that is computed in registers. It is given
// the address of a tileCall or weightCall.
type tile func(call *byte)

// plainOf are the kernels in plain Go.
func plainOf[E Float]() *Kernels[E] {
	tiles, weights := goTiles[E]()
	return &Kernels[E]{
		Set: Go,

		Add: add[E], Mul: mul[E], Scale: scale[E], Axpy: axpy[E],
		Maximum: maximum[E], Leaky: leaky[E], Dot: dot[E],
		MaximumGradient: maximumGradient[E], LeakyGradient: leakyGradient[E],
		RowSums: rowSums[E], Moments: moments[E], Affine: affine[E],
		NormSums: normSums[E], NormGradient: normGradient[E],
		Exp:     exponential[E],
		Sigmoid: smooth[E](sigmoidOf), Tanh: smooth[E](tanhOf), Swish: smooth[E](swishOf),
		Mish: smooth[E](mishOf), Elu: smooth[E](eluOf), Gelu: smooth[E](geluOf),
		Adam: adam[E], Descend: descend[E], Momentum: momentum[E],

		floats: Vector, tiles: tiles, weights: weights,
	}
}

var plain, wide = plainOf[float32](), plainOf[float64]()

// For returns the kernels of a set that is Available.
func For(s Set) *Kernels[float32] { return tables[s] }

// Wide returns kernels for float64, in plain Go: slow, and exact enough to hold
// others to.
func Wide() *Kernels[float64] { return wide }

// Sum adds up the strands of sums: out[i] is the sum of the i-th Vector of them.
func Sum[E Float](out, sums []E) {
	for i := range out {
		var s [4]E
		for j, v := range sums[i*Vector:][:Vector] {
			s[j%4] += v
		}
		out[i] = (s[0] + s[1]) + (s[2] + s[3])
	}
}

// Floats returns n zeros that begin on a cache line.
func Floats[E Float](n int) []E {
	const line = 64
	size := width[E]()
	s := make([]E, n+line/size)
	skip := (line - int(uintptr(unsafe.Pointer(&s[0]))%line)) % line / size
	return s[skip : skip+n : skip+n]
}

// width is the number of bytes of a float.
func width[E Float]() int { return int(unsafe.Sizeof(E(0))) }
