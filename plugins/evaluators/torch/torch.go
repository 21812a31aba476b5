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

// Serve is the main of the evaluator.
func Serve() {
	folder, err := python.UnpackFiles("torch", torch.Source)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	jsonl.ServeEvaluator(filepath.Join(folder, "evaluate.py"))
}
