package gorgonia

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
)

// Each set of kernels rounds in its own way.
func TestResults(t *testing.T) {
	t.Parallel()
	os.Getenv("NASCENT_KERNEL") // it was read before go test looks what is read, and caches by that
	if runtime.GOARCH != "amd64" {
		t.Skip("what is pinned was computed on amd64; other processors round otherwise")
	}
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	version := fmt.Sprintf("%d %s", Results, nn.KernelSet())
	plugintest.Pinned(t, version, map[string]string{"1 go": "8c88db2b40be8da1", "1 avx2": "2ba7998a0512d411", "1 avx512": "35b13721d967e098"}, engine.Config{
		Space: networktest.Space(t, `{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [1e-3, 1e-2], "log": true}, "weight_decay": {"choice": [0, 0.01]},
			"optimizer": {"choice": ["sgd", "adam", "adamw"]}, "blocks": {"length": [1, 2], "list": {"block": {"channels": {"int": [2, 4]}, "kernel": {"choice": [3, 5]},
			"stride": 2, "norm": "bool", "dropout": 0.1, "act": {"choice": ["relu", "gelu", "elu"]}}}}, "head": {"pool": {"choice": ["average", "max"]}}}`),
		Strategy: strategy, StrategyName: "random", Seed: 7,
		Evaluators: map[string]engine.EvaluatorRef{
			"train": {Evaluator: sdk.InProcess(*Plugin()), Options: json.RawMessage(`{"data": {"samples": 200, "test": 50}, "batch": 40}`)},
		},
		Fidelities: []engine.Fidelity{{Evaluator: "train", Budget: 2}}, Limits: engine.Limits{Evaluations: 12}, Final: engine.Final{Skip: true},
	})
}
