package jsonl

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// Results is the version of what the drivers pass on: whoever changes that raises
// it, and a search that has results of another version is refused.
const Results = 1

// ServeEvaluator is the main of an evaluator that drives a program: the Python file
// script or, where that is "", the command that the option command names.
func ServeEvaluator(script string) { serve(program{script: script}) }

// ServeShipped is the main of an evaluator in Python that ships with nascent: that it
// gives other results, its version says and not its files.
func ServeShipped(script string) { serve(program{script: script, ships: true}) }

func serve(p program) {
	settle()
	e := &evaluator{program: p, grace: patience, sweep: sweep, abandon: func(reason string) {
		// Several jobs were on board. The host knows what to do when a plugin
		// dies: it has each tried again alone.
		fmt.Fprintln(os.Stderr, reason)
		os.Exit(1)
	}}
	sdk.ServeEvaluator(e.plugin())
	e.close()
}

// ServeStrategy is the main of a strategy that drives a program, likewise.
func ServeStrategy(script string) {
	settle()
	s := &strategy{program: program{script: script}}
	sdk.Serve(sdk.Plugin{Strategy: s, Name: "exec", Version: "1"})
	s.end()
}

// settle tunes the process to passing messages on.
func settle() {
	runtime.GOMAXPROCS(1)   // waking other threads costs more than they do for it
	debug.SetGCPercent(400) // what lives is small: otherwise the collector would run all the time
}
