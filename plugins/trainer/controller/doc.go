// Package controller is an autoregressive policy over the genomes of a Space: a
// recurrent network that answers the questions of [genome.Space.Decide] one after
// the other, and learns from what came of its answers.
//
// It follows the controllers of Zoph & Le (2016, arXiv 1611.01578) and of ENAS
// (Pham et al. 2018, arXiv 1802.03268): an LSTM reads the option taken before and
// the place that is asked about now; a softmax for each place answers. Which
// earlier node of a cell is read is answered by anchor points (Zoph & Le, section
// 3.3). A step of learning descends on the loss of the policy gradient, or on the
// clipped surrogate of PPO (Schulman et al. 2017, arXiv 1707.06347), with Adam.
//
//   - policy.go: New, what there is to choose, and the weights
//   - sample.go: drawing genomes, and how likely genomes are
//   - update.go: learning
//   - save.go: the file
//   - cell.go: the arithmetic of one step
//   - batch.go, layers.go, graph.go, op.go: many steps as a graph of Gorgonia,
//     which puts the gradients together
//
// Everything is computed in float64, in one order, without fused operations and
// with the exponential and logarithm of package rng: the same calls give the same
// bits on every machine. What is kept between calls is scratch space only.
package controller
