// Package fit trains one network by a Recipe and measures it.
//
// A Trainer is a function of its Setup: the order of the samples, the initial
// weights and dropout follow from the seed, the learning rate from the number
// of the step. So its position is one number, and what a checkpoint holds is
// that number and the model's state; training that goes on from one gives the
// same bits as training that never stopped.
package fit
