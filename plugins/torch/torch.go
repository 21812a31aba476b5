// Package torch is the program in Python that trains networks with PyTorch, and
// writes a network as a Python file of its own, which needs nothing but PyTorch.
// Such a file is put together from the modules with which the program trains.
package torch

import "embed"

// Source is the program: evaluate.py and the package that it imports.
//
//go:embed evaluate.py nascent_torch/*.py
var Source embed.FS
