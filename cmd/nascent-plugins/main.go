// Command nascent-plugins serves every evaluator and strategy that comes with
// Nascent, by its kind and name: nascent-plugins evaluator gorgonia. Nascent starts
// it. nascent-plugins list says which there are, as a line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

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

// script is the Python file that exec is to run; "" for a command.
var script = os.Getenv("NASCENT_SCRIPT")

// served are the mains of the plugins, by kind and name.
var served = map[string]map[string]func(){
	"evaluator": {
		"exec":     func() { jsonl.ServeEvaluator(script) },
		"gorgonia": func() { sdk.ServeEvaluator(gorgonia.Plugin()) },
		"onemax":   func() { sdk.ServeEvaluator(onemax.Plugin()) },
		"supernet": func() { sdk.ServeEvaluator(weights.Plugin()) },
		"table":    func() { sdk.ServeEvaluator(table.Plugin()) },
		"torch":    torch.Serve,
	},
	"strategy": {
		"darts":     func() { sdk.Serve(supernet.Plugin("darts")) },
		"enas":      func() { sdk.Serve(supernet.Plugin("enas")) },
		"exec":      func() { jsonl.ServeStrategy(script) },
		"gdas":      func() { sdk.Serve(supernet.Plugin("gdas")) },
		"qlearning": func() { sdk.Serve(qlearning.Plugin()) },
		"reinforce": func() { sdk.Serve(reinforce.Plugin()) },
		"supernet":  func() { sdk.Serve(supernet.Plugin(supernet.Name)) },
	},
}

func main() {
	args := os.Args[1:]
	if len(args) == 2 && served[args[0]][args[1]] != nil {
		served[args[0]][args[1]]()
		return
	}
	if len(args) == 1 && args[0] == "list" {
		names := map[string][]string{}
		for kind, plugins := range served {
			names[kind] = slices.Sorted(maps.Keys(plugins))
		}
		json.NewEncoder(os.Stdout).Encode(names)
		return
	}
	fmt.Fprintln(os.Stderr, "nascent-plugins serves the evaluators and strategies that come with nascent, which starts it: keep it beside nascent; nascent-plugins list names them")
	os.Exit(2)
}
