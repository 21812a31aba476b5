// Package expression computes numbers from metrics by what users write, such as
//
//	accuracy - 0.02*log10(parameters)
//
// There are numbers (0.02, 1e-3), names of metrics, the operators + - * / and ^ (or **),
// parentheses, and the functions that Functions lists; nothing else. A name that is no
// word of letters, digits and underscores is written metric("val/acc"). ^ binds more
// tightly than a minus before it and is taken from the right: -2^2 is -4, 2^3^2 is 2^9.
//
// Values have the same bits on every machine: the functions are written out, and each
// operation is rounded by itself.
package expression
