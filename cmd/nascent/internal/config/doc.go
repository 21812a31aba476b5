// Package config reads search.yaml into what the engine runs.
//
// A Document is the file as written, with positions; what the command line
// sets is set in it, so that one reading finds every mistake and can say where
// it stands. Read turns a Document into a Search.
//
// One file, one reason: document.go has the text and its positions, values.go
// single values, search.go the keys, space.go everything that speaks of genes,
// differ.go what may change between two runs of one search.
package config
