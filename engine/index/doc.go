// Package index keeps what History holds as columns, in the file ledger.index beside
// the ledger: what takes the ledger seconds to read of 100,000 candidates is at hand
// in some hundredths.
//
// It is a cache and nothing else. The process that runs a search appends to it what was
// committed, now and then and without waiting for the disk; a reader who finds it
// missing, torn, behind, of another search or of another version reads what is lacking
// from the ledger, and writes it where it may. History only grows, so what is there
// stays. Every block has its checksum, and that of the ledger's last record in it.
package index
