// Package clients lets programs that attach to a running search carry out its jobs:
// the evaluator "clients", see docs/client.md.
//
// A Desk is that evaluator, in the process that runs the search. Jobs that it gets
// wait there. A client is a connection to the search's socket, with lines of JSON in
// both directions; one that asks is lent a job, a trial to it, and tells what came of
// it. What is told is acknowledged once it is durable. A client that goes, however it
// ends, gives back what it has. One whose engine was killed names what it still has
// when it attaches to the next, which lends it to the same client again: so whatever is
// told counts once, and nothing that was acknowledged is lost.
package clients
