// Package genome holds what may be searched and every way to vary it.
//
// The types:
//
//   - [Space]: what may be searched, a typed grammar of genes declared as data
//     ([ParseSpace], [ParseSpaceJSON]); docs/space.md is its reference.
//   - [Genome]: one point of a Space, an immutable value. Inside it is a packed
//     string; its text, tree and hash are made on demand.
//   - [Map]: an ordered map, the form in which declarations come in and in which
//     evaluators read a genome ([Genome.Tree]).
//   - [Measure], [Cost] and [Limits]: what a network may cost. Package
//     genome/network measures; this package only compares.
//   - [Mistake]: a user's mistake, with the path of keys that leads to it.
//
// A Genome is stored as a flat sequence of whole numbers, one for each gene
// that is present, depth first in the order of declaration; a choice or a list
// writes its option or its length before what it holds. The packed string is
// that sequence as variable-length integers. Every operator works on this
// sequence, and every genome that leaves the package has been checked.
//
// A kind of gene is a file: number.go, boolean.go, choice.go, group.go, list.go,
// constant.go, and of cells edges.go, vertices.go, pairs.go. Each has a type that
// implements the interface gene (gene.go) with all that the kind means; what walks
// genes knows no kinds: declare.go and expand.go, parse.go and text.go, mutate.go,
// neighbours.go, cross.go, repair.go, distance.go, diff.go, encode.go, decide.go.
// docs/extending.md says how a kind is added.
//
// Variation knows nothing of fitness. Random numbers come only from a stream
// that the caller gives; equal streams give equal genomes on every machine. A
// Space is immutable and may be used by several goroutines at once.
package genome
