// Command nascent-evaluator-exec evaluates with a program in any language: it
// drives a worker process with lines of JSON over pipes, or runs one process for
// each job. Python files are run by it, too: the host starts it for
// "use: ./evaluate.py" and names the file in $NASCENT_SCRIPT.
//
// docs/exec.md has the protocol, docs/python.md what Python adds.
package main

import (
	"fmt"
	"os"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

func main() {
	e := &evaluator{script: os.Getenv("NASCENT_SCRIPT"), grace: patience, abandon: func(reason string) {
		// Several jobs were on board. The host knows what to do when a plugin
		// dies: it has each tried again alone.
		fmt.Fprintln(os.Stderr, reason)
		os.Exit(1)
	}}
	sdk.ServeEvaluator(e.plugin())
	e.close()
}
