// Package torch is the evaluator that trains classifiers with PyTorch, on a CPU or
// a GPU. The work is done by a Python program that is embedded, and driven as any
// Python file is.
//
// docs/torch.md has its options.
package torch

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/plugins/jsonl"
	"github.com/nascent-nas/nascent/plugins/python"
	"github.com/nascent-nas/nascent/plugins/torch"
)

// Results is the version of what it answers: whoever changes that raises it, and a
// search that has results of another version is refused.
const Results = 1

// Serve is the main of the evaluator.
func Serve() {
	folder, err := python.UnpackFiles("torch", torch.Source)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	jsonl.ServeShipped(filepath.Join(folder, "evaluate.py"))
}
