// Command mutants plants bugs in the source, one at a time, and says which tests catch
// each. A bug that survives, or that does not apply any more, is an error.
//
// A bug is a file in bugs/. Its first line says what is wrong. Then come, for each place
// that it changes, a line "file: PATH" and lines that begin with "-" (what stands
// there), "+" (what is planted) or a space (what stays); what stands there must do so
// exactly once. A line "tests: PACKAGES" names those that should catch it, and
// "run: REGEXP" which of their tests.
//
// The source itself is not touched: go build and go test are told to read other files
// in its place, and so are those that the tests call.
package main
