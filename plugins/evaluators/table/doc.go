// Package table is the evaluator that looks results up.
//
//   - options.go reads and checks the options;
//   - file.go reads the CSV file, of which it keeps the columns that are asked for;
//   - key.go finds the row of a genome;
//   - evaluator.go answers jobs.
//
// Report columns are kept apart from everything that answers a search: they are
// read from the table only for jobs of phase test, which the engine makes after
// the search has ended, and leave in a file of the search's store.
package table
