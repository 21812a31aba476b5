// Command nascent searches for neural-network architectures by evolution, and
// forgets nothing. docs/cli.md describes it.
package main

import (
	"os"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
