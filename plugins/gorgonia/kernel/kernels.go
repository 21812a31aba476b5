package kernel

import "unsafe"

// Vector is what the lanes of every array are a multiple of. Sums over an
// array are kept in Vector strands, which Sum adds up.
const Vector = 16

// Kernels are the elementwise loops of one Set. The length of every slice of
// lanes is a multiple of Vector. Where channels are given, an array is
// (positions, channels, lanes) and numbers without lanes are [channels].
type Kernels struct {
	Set Set

	Add     func(y, a, b []float32)         // y = a + b
	Mul     func(y, a, b []float32)         // y = a * b
	Scale   func(y, x []float32, a float32) // y = a * x
	Axpy    func(y, x []float32, a float32) // y += a * x
	Maximum func(y, x []float32)            // y = max(y, x)
	Leaky   func(y, x []float32, s float32) // y = x where positive, else s * x

	// MaximumGradient gives what is left of a gradient to the elements of x
	// that are the maximum y: dx += rest and rest = 0 where x == y.
	MaximumGradient func(dx, rest, x, y []float32)

	// LeakyGradient is dx = dy where y is positive, else slope * dy; sums, of
	// Vector strands a channel, grow by dx.
	LeakyGradient func(dx, sums, y, dy []float32, channels, lanes int, slope float32)

	// RowSums adds x to sums, of Vector strands a channel.
	RowSums func(sums, x []float32, channels, lanes int)

	// Moments adds x-shift and its square to sums, 2*Vector strands a channel,
	// in the lanes whose mask is set (all bits; otherwise none).
	Moments func(sums, x, shift, mask []float32, channels, lanes int)

	// Affine is y = a*x + b, then as Leaky.
	Affine func(y, x, a, b []float32, channels, lanes int, slope float32)

	// NormSums adds g and g*(x-mean) to sums, 2*Vector strands a channel,
	// where g is the gradient before Affine's rectification.
	NormSums func(sums, x, dy, a, b, mean []float32, channels, lanes int, slope float32)

	// NormGradient is dx = a*g + kx*x + k0 in the lanes whose mask is set,
	// with g as in NormSums, and 0 in the others.
	NormGradient func(dx, x, dy, a, b, kx, k0, mask []float32, channels, lanes int, slope float32)

	Exp func(y, x []float32) // y = e to the x

	// Activations: value and derivative.
	Sigmoid, Tanh, Swish, Mish, Elu, Gelu func(y, d, x []float32)

	Adam     func(p, g, m, v []float32, s *AdamStep)
	Descend  func(p, g []float32, rate, decay float32) // gradient descent
	Momentum func(p, g, m []float32, rate, keep, decay float32)

	// Convolution in registers.
	floats  int      // in a vector
	tiles   [][]tile // by output channels and vectors of lanes, less one each
	weights [][]tile // by output and input channels, less one each
}

// tile is a piece of a convolution that is computed in registers. It is given
// the address of a tileCall or weightCall.
type tile func(call *byte)

var plain = Kernels{
	Set: Go,

	Add: add[float32], Mul: mul[float32], Scale: scale[float32], Axpy: axpy[float32],
	Maximum: maximum[float32], Leaky: leaky[float32],
	MaximumGradient: maximumGradient[float32], LeakyGradient: leakyGradient[float32],
	RowSums: rowSums[float32], Moments: moments[float32], Affine: affine[float32],
	NormSums: normSums[float32], NormGradient: normGradient[float32],
	Exp:     exponential[float32],
	Sigmoid: smooth[float32](sigmoidOf), Tanh: smooth[float32](tanhOf), Swish: smooth[float32](swishOf),
	Mish: smooth[float32](mishOf), Elu: smooth[float32](eluOf), Gelu: smooth[float32](geluOf),
	Adam: adam, Descend: descend, Momentum: momentum,

	floats: Vector, tiles: goTiles, weights: goWeights,
}

// For returns the kernels of a set that is Available.
func For(s Set) *Kernels { return tables[s] }

// Sum adds up the strands of sums: out[i] is the sum of the i-th Vector of them.
func Sum(out, sums []float32) {
	for i := range out {
		var s [4]float32
		for j, v := range sums[i*Vector:][:Vector] {
			s[j%4] += v
		}
		out[i] = (s[0] + s[1]) + (s[2] + s[3])
	}
}

// Floats returns n zeros that begin on a cache line.
func Floats(n int) []float32 {
	s := make([]float32, n+Vector)
	skip := (64 - int(uintptr(unsafe.Pointer(&s[0]))%64)) % 64 / 4
	return s[skip : skip+n : skip+n]
}
