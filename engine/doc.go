// Package engine is the search itself: the three contracts, the loop that
// moves results in and proposals out, retries, deadlines and limits.
//
// Three interfaces meet here. A Strategy decides what to try next, as a pure
// function. An Evaluator carries out Jobs and answers with Results. A Ledger
// keeps everything durable, one transaction at a time. The loop, a single
// goroutine in Search.Run, is the only place where they touch.
//
// The engine knows neither gRPC nor bbolt: plugins/host gives it Strategies
// and Evaluators that live in other processes, engine/ledger a Ledger in a
// file. Without a Ledger a search lives in memory and is gone at its end.
package engine
