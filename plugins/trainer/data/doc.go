// Package data gives the evaluator its labelled samples: MNIST-1D made by its
// published recipe, IDX files (MNIST, Fashion-MNIST) and CSV files, split into
// parts for training, validation and testing.
//
// What lies in which part is a function of the data options alone, so it is
// the same for every job of a search. Numbers are standardised with the
// statistics of the part that is trained on, and no other.
package data
