// Package surrogate predicts what a genome is worth from those that were measured:
// a Gaussian process over features of genomes and of their layer graphs.
//
// A [Model] reads the genomes of one space as Points, and a kernel says how alike
// two Points are. A Gaussian process holds Points that were measured, and predicts a value
// of others, with its uncertainty.
//
// Everything here is plain arithmetic: sums and products are rounded one by one
// (no fused multiply-add), exponentials and logarithms are written out, and sums run
// in the order in which rows were added. So a decision that rests on a prediction is
// the same on every machine.
package surrogate
