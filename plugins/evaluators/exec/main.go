// Command exec drives a program in any language, by lines of JSON over pipes. It
// is two plugins in one: nascent-evaluator-exec evaluates with it, one job after
// the other or one process for each job; nascent-strategy-exec decides with it.
// Python files are run by it, too: the host starts it for "use: ./evaluate.py" and
// names the file in $NASCENT_SCRIPT.
//
// docs/exec.md has the protocol, docs/python.md what Python adds.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

func main() {
	runtime.GOMAXPROCS(1)   // what passes messages on spends more on waking other threads than they do for it
	debug.SetGCPercent(400) // what lives is small: otherwise the collector would run all the time
	p := program{script: os.Getenv("NASCENT_SCRIPT")}
	if strings.HasPrefix(filepath.Base(os.Args[0]), "nascent-strategy-") {
		s := &strategy{program: p}
		sdk.Serve(sdk.Plugin{Strategy: s, Version: "1"})
		s.end()
		return
	}
	e := &evaluator{program: p, grace: patience, sweep: sweep, abandon: func(reason string) {
		// Several jobs were on board. The host knows what to do when a plugin
		// dies: it has each tried again alone.
		fmt.Fprintln(os.Stderr, reason)
		os.Exit(1)
	}}
	sdk.ServeEvaluator(e.plugin())
	e.close()
}
