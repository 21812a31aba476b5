// Command science measures what docs/science.md reports: it runs the searches of a
// suite (docs/bench.md) that were not run yet, keeps what all came to in one file,
// and writes tables of it between two marks of the text.
//
//	go run ./internal/science              what is missing
//	go run ./internal/science -again aging   also, again, strategies of such names
//
// A search counts as run as long as what the suite says of it, of its strategy
// and of the seeds stays the same, and the first of a strategy's searches of a
// problem, which is run each time, takes the same way.
package main
