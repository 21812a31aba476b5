// Command nascent-plugins serves every evaluator and strategy that comes with
// Nascent, by the name that it is given: nascent-plugins evaluator gorgonia.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nascent-nas/nascent/plugins/evaluators/gorgonia"
	"github.com/nascent-nas/nascent/plugins/evaluators/onemax"
	weights "github.com/nascent-nas/nascent/plugins/evaluators/supernet"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/evaluators/torch"
	"github.com/nascent-nas/nascent/plugins/jsonl"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/qlearning"
	"github.com/nascent-nas/nascent/plugins/strategies/reinforce"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet"
)

// script is the Python file that is to be run, if one is.
var script = os.Getenv("NASCENT_SCRIPT")

var evaluators = map[string]func(){
	"exec":     func() { jsonl.ServeEvaluator(script) },
	"gorgonia": func() { sdk.ServeEvaluator(gorgonia.Plugin()) },
	"onemax":   func() { sdk.ServeEvaluator(onemax.Plugin()) },
	"supernet": func() { sdk.ServeEvaluator(weights.Plugin()) },
	"table":    func() { sdk.ServeEvaluator(table.Plugin()) },
	"torch":    torch.Serve,
}

var strategies = map[string]func(){
	"exec":      func() { jsonl.ServeStrategy(script) },
	"qlearning": func() { sdk.Serve(qlearning.Plugin()) },
	"reinforce": func() { sdk.Serve(reinforce.Plugin()) },
}

func init() {
	for _, name := range supernet.Names() {
		p, err := supernet.Plugin(name)
		if err != nil {
			panic(err)
		}
		strategies[name] = func() { sdk.Serve(p) }
	}
}

func main() {
	args := os.Args[1:]
	if rest, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "nascent-"); ok && len(args) == 0 {
		args = strings.SplitN(rest, "-", 2)
	}
	if len(args) == 2 {
		for kind, all := range map[string]map[string]func(){"evaluator": evaluators, "strategy": strategies} {
			if serve, ok := all[args[1]]; ok && args[0] == kind {
				serve()
				return
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: nascent-plugins evaluator NAME, or nascent-plugins strategy NAME")
	os.Exit(2)
}
