// Package enginetest checks implementations of the engine's contracts, and has
// stand-ins for them.
//
// The conformance suites run in the tests of whoever implements a contract, in
// this repository or outside:
//
//		func TestStrategy(t *testing.T) {
//			enginetest.Strategy(t, func() engine.Strategy { return New() }, enginetest.StrategyOptions{})
//		}
//
//	  - [Strategy] drives Open and Step through whole searches over several
//	    spaces and asks each question again: twice in a row, in a fresh instance,
//	    between the turns of another search, under another clock. Any answer that
//	    depends on more than its arguments shows.
//	  - [Evaluator] sends jobs, cancels, kills and closes, and checks that every
//	    job is answered once and equal jobs are measured equally.
//
// The stand-ins: [Landscape] measures any genome in no time, [Instant] is an
// Evaluator made of such a function, [Scripted] one that answers what and when
// the test says, [Clock] a time that the test moves by hand, [Memory] a ledger whose
// files go with the test. Package proctest builds programs and looks at processes.
//
// The suites report through [T], which *testing.T implements; [Record] catches
// their reports, to test the suites themselves.
package enginetest
