// Package fleet carries out the jobs of a search on other machines.
//
// To the engine a Fleet is an evaluator like any other: jobs are submitted, and each is
// answered once. Hosts dial in, prove themselves with the search's key, open the evaluator
// as one machine does, and carry out what they are sent. The ledger is the only queue:
// what is here is in memory, and what was lost with a coordinator is submitted again.
//
// What a host has begun, it goes on with while the coordinator is away, and keeps what
// came of it until the ledger has it. When it is back it says what it has on board, and a
// job that is submitted again goes on there, or has its result already.
//
// The wire is HTTP/2 over mutual TLS: one request whose two bodies are streams of messages,
// and files under their hashes. Both sides are the same version of nascent.
package fleet
