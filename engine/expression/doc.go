// Package expression reads the one little language in which users write numbers and
// conditions. A number is computed from metrics:
//
//	accuracy - 0.02*log10(parameters)
//
// There are numbers (0.02, 1e-3), names of metrics, the operators + - * / and ^ (or **),
// parentheses, and the functions that Functions lists; nothing else. A name that is no
// word of letters, digits and underscores is written metric("val/acc"). ^ binds more
// tightly than a minus before it and is taken from the right: -2^2 is -4, 2^3^2 is 2^9.
//
// A condition holds of a candidate or does not:
//
//	accuracy > 0.9 and (blocks.length < 4 or failed)
//
// It has besides = (or ==), !=, <, <=, >, >= and ~ (a text within another), and, or and
// not, texts in quotation marks, and names of fields and genes: blocks[0].kernel, or
// blocks.kernel for that of any block; gene("learning-rate") where a name is no word. A
// text that the other side of a comparison is known to have may stand without quotation
// marks: act = relu. A name may stand for several values or for none, and a comparison
// holds if it does for any of them: blocks.kernel != 3 holds where some kernel is
// another, not blocks.kernel = 3 where none is 3, and accuracy < 1 not of what failed.
// What names there are is the caller's to say, see Scope.
//
// Values have the same bits on every machine: the functions are written out, and each
// operation is rounded by itself.
package expression
