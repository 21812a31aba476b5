// Package kernel holds the inner loops of training: convolution, batch
// normalisation, pooling, activations and optimizers over arrays of floats whose
// innermost dimension is the batch.
//
// Arrays of activations have the shape (positions, channels, lanes), with
// lanes a multiple of 16. Each loop exists as plain Go, the fallback, and as
// AVX2 and AVX-512 assembly written by the generator in gen; a Set names one of
// the three. They are compared with each other and with float64 in the tests;
// plain Go computes in float64, too.
package kernel

//go:generate go run ./gen -out kernel_amd64.s -stubs kernel_amd64.go -pkg kernel
