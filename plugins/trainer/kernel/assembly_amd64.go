package kernel

import "unsafe"

var tables = [...]*Kernels[float32]{Go: plain, AVX2: &avx2, AVX512: &avx512}

var avx2 = Kernels[float32]{
	Set: AVX2,

	Add: addAVX2, Mul: mulAVX2, Scale: scaleAVX2, Axpy: axpyAVX2, Maximum: maximumAVX2, Leaky: leakyAVX2, Dot: dotAVX2,
	MaximumGradient: maximumGradientAVX2, LeakyGradient: leakyGradientAVX2,
	RowSums: rowSumsAVX2, Moments: momentsAVX2, Affine: affineAVX2,
	NormSums: normSumsAVX2, NormGradient: normGradientAVX2,
	Exp: exponentialAVX2, Sigmoid: sigmoidAVX2, Tanh: tanhAVX2, Swish: swishAVX2,
	Mish: mishAVX2, Elu: eluAVX2, Gelu: geluAVX2,
	Adam:    func(p, g, m, v []float32, s *AdamStep[float32]) { adamAVX2(p, g, m, v, &s.Beta1) },
	Descend: descend[float32], Momentum: momentum[float32],

	floats: 8,
	tiles: [][]tile{
		{tile1x1AVX2, tile1x2AVX2}, {tile2x1AVX2, tile2x2AVX2}, {tile3x1AVX2, tile3x2AVX2},
		{tile4x1AVX2, tile4x2AVX2}, {tile5x1AVX2, tile5x2AVX2}, {tile6x1AVX2, tile6x2AVX2},
	},
	weights: [][]tile{
		{weights1x1AVX2, weights1x2AVX2, weights1x3AVX2}, {weights2x1AVX2, weights2x2AVX2, weights2x3AVX2},
		{weights3x1AVX2, weights3x2AVX2, weights3x3AVX2}, {weights4x1AVX2, weights4x2AVX2, weights4x3AVX2},
	},
}

var avx512 = Kernels[float32]{
	Set: AVX512,

	Add: addAVX512, Mul: mulAVX512, Scale: scaleAVX512, Axpy: axpyAVX512, Maximum: maximumAVX512, Leaky: leakyAVX512, Dot: dotAVX512,
	MaximumGradient: maximumGradientAVX512, LeakyGradient: leakyGradientAVX512,
	RowSums: rowSumsAVX512, Moments: momentsAVX512, Affine: affineAVX512,
	NormSums: normSumsAVX512, NormGradient: normGradientAVX512,
	Exp: exponentialAVX512, Sigmoid: sigmoidAVX512, Tanh: tanhAVX512, Swish: swishAVX512,
	Mish: mishAVX512, Elu: eluAVX512, Gelu: geluAVX512,
	Adam:    func(p, g, m, v []float32, s *AdamStep[float32]) { adamAVX512(p, g, m, v, &s.Beta1) },
	Descend: descend[float32], Momentum: momentum[float32],

	floats: 16,
	tiles: [][]tile{
		{tile1x1AVX512, tile1x2AVX512, tile1x3AVX512, tile1x4AVX512},
		{tile2x1AVX512, tile2x2AVX512, tile2x3AVX512, tile2x4AVX512},
		{tile3x1AVX512, tile3x2AVX512, tile3x3AVX512, tile3x4AVX512},
		{tile4x1AVX512, tile4x2AVX512, tile4x3AVX512, tile4x4AVX512},
		{tile5x1AVX512, tile5x2AVX512, tile5x3AVX512, tile5x4AVX512},
		{tile6x1AVX512, tile6x2AVX512, tile6x3AVX512, tile6x4AVX512},
	},
	weights: [][]tile{
		{weights1x1AVX512, weights1x2AVX512, weights1x3AVX512, weights1x4AVX512, weights1x5AVX512},
		{weights2x1AVX512, weights2x2AVX512, weights2x3AVX512, weights2x4AVX512, weights2x5AVX512},
		{weights3x1AVX512, weights3x2AVX512, weights3x3AVX512, weights3x4AVX512, weights3x5AVX512},
		{weights4x1AVX512, weights4x2AVX512, weights4x3AVX512, weights4x4AVX512, weights4x5AVX512},
		{weights5x1AVX512, weights5x2AVX512, weights5x3AVX512, weights5x4AVX512, weights5x5AVX512},
	},
}

// The assembly reads these structs by offset: gen/conv.go.
var (
	_ [0]struct{} = [unsafe.Offsetof(tileCall[float32]{}.slope) - 80]struct{}{}
	_ [0]struct{} = [unsafe.Offsetof(weightCall[float32]{}.dwStride) - 64]struct{}{}
)
