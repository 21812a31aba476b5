// Package onnx writes networks in the Open Neural Network Exchange format, which
// onnxruntime and many other programs run: operator set 17, IR version 10. What
// only newer operator sets have as one operator (Mish, Gelu, padding that wraps)
// is written as several.
//
// A model has one input, "input", of shape [batch, ...], with any batch, and
// one output, "logits", [batch, classes]. The input takes raw samples where it is
// known how they were standardised, in float32 or, where that would lose
// differences, float64; what happens to them is part of the graph. It is for measuring, not for training:
// normalisations use their running statistics, dropout hands on its input.
// Layers and arrays have the names that they have in the genome and in
// checkpoints. What the answer does not depend on is left out.
package onnx
