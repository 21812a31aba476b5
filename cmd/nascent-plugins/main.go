// Command nascent-plugins serves every evaluator and strategy that comes with
// Nascent, by its kind and name: nascent-plugins evaluator gorgonia. Nascent starts
// it. nascent-plugins list says which there are, and the versions of
// their results, as a line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"

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

// plugin is one that ships: its main, and the version of its results.
type plugin struct {
	serve   func()
	results int
}

// served are the plugins by kind and name.
var served = map[string]map[string]plugin{
	"evaluator": {
		"exec":     {func() { jsonl.ServeEvaluator(script) }, jsonl.Results},
		"gorgonia": {func() { sdk.ServeEvaluator(gorgonia.Plugin()) }, gorgonia.Results},
		"onemax":   {func() { sdk.ServeEvaluator(onemax.Plugin()) }, onemax.Results},
		"supernet": {func() { sdk.ServeEvaluator(weights.Plugin()) }, weights.Results},
		"table":    {func() { sdk.ServeEvaluator(table.Plugin()) }, table.Results},
		"torch":    {torch.Serve, torch.Results},
	},
	"strategy": {
		"darts":     {func() { sdk.Serve(supernet.Plugin("darts")) }, supernet.Results},
		"enas":      {func() { sdk.Serve(supernet.Plugin("enas")) }, supernet.Results},
		"exec":      {func() { jsonl.ServeStrategy(script) }, jsonl.Results},
		"gdas":      {func() { sdk.Serve(supernet.Plugin("gdas")) }, supernet.Results},
		"qlearning": {func() { sdk.Serve(qlearning.Plugin()) }, qlearning.Results},
		"reinforce": {func() { sdk.Serve(reinforce.Plugin()) }, reinforce.Results},
		"supernet":  {func() { sdk.Serve(supernet.Plugin(supernet.Name)) }, supernet.Results},
	},
}

func main() {
	args := os.Args[1:]
	if len(args) == 2 {
		if p, ok := served[args[0]][args[1]]; ok {
			p.serve()
			return
		}
	}
	if len(args) == 1 && args[0] == "list" {
		versions := map[string]map[string]int{}
		for kind, plugins := range served {
			versions[kind] = map[string]int{}
			for name, p := range plugins {
				versions[kind][name] = p.results
			}
		}
		json.NewEncoder(os.Stdout).Encode(versions)
		return
	}
	fmt.Fprintln(os.Stderr, "nascent-plugins serves the evaluators and strategies that come with nascent, which starts it: "+
		"keep it beside nascent; nascent-plugins list names them")
	os.Exit(2)
}
