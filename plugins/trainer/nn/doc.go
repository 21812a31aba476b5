// Package nn trains a network.Network on CPU.
//
// Gorgonia composes the graph and its gradients from Ops of our own, one per
// layer, whose work is done by package kernel. Inside, an activation has the
// shape (positions, channels, lanes): the batch is innermost and padded to a
// multiple of 16, so that every kernel is a loop over whole vectors, for 1-D,
// 2-D and flat data alike. Samples sit in the first lanes. The other lanes
// carry harmless values forward and zeros backward. Numbers are float32; the same
// code computes in float64 where others are to be held to it (BuildWide).
//
// A Model is a function of its network, Options, and the calls made on it: the
// same calls give the same bits with one kernel set, whatever runs beside it.
package nn
