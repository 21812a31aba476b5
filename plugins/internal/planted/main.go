// Planted is a plugin for the test of the conformance suite: it serves a
// strategy with a planted fault, a built-in one, or an evaluator with or without
// a fault. NASCENT_PLANTED says which.
package main

import (
	"fmt"
	"os"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/bugs"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

const env = "NASCENT_PLANTED"

func main() {
	switch os.Getenv(env) {
	case "landscape":
		sdk.ServeEvaluator(landscape(2, ""))
		return
	case "landscape, one at once":
		sdk.ServeEvaluator(landscape(1, ""))
		return
	case "landscape, counter":
		sdk.ServeEvaluator(landscape(2, "counter"))
		return
	}
	s, err := planted(os.Getenv(env))
	if err != nil {
		fmt.Fprintf(os.Stderr, "planted: %v; set $%s to the name of a fault or of a built-in strategy\n", err, env)
		os.Exit(1)
	}
	sdk.ServeStrategy(s)
}

// planted makes the strategy with this fault or name.
func planted(name string) (engine.Strategy, error) {
	if s, err := bugs.New(name); err == nil {
		return s, nil
	}
	return evolve.New(name)
}
