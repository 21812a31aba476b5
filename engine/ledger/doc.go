// Package ledger keeps a search in one bbolt file and one folder of
// content-addressed files, and forgets nothing that it said it has.
//
// Open gives the one writer of a search directory an engine.Ledger, Inspect
// gives readers of a stopped search the same without the right to change it,
// Check reads everything and names the first thing that is not whole. The
// bytes of every record are described in docs/ledger.md.
//
// One file, one reason: codec.go has the alphabet of the records, records.go
// their sentences, format.go the version and its migrations, pages.go an
// independent reading of bbolt's pages, dir.go what may lie in a search
// directory, lock.go who may enter, files.go the content-addressed store,
// commit.go and read.go the two directions, check.go the questions that a whole
// ledger answers.
package ledger
