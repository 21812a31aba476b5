package supernet

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
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
	strategy, err := evolve.New("spos")
	if err != nil {
		t.Fatal(err)
	}
	version := fmt.Sprintf("%d %s", Results, nn.KernelSet())
	plugintest.Pinned(t, version, map[string]string{"1 go": "9780816cb2f9e932", "1 avx2": "5364e64da94cd426", "1 avx512": "de4897816555c9f0"}, engine.Config{
		Space: networktest.Space(t, cells), Strategy: strategy, StrategyName: "spos", Seed: 7,
		StrategyOptions: json.RawMessage(`{"epochs": 2, "epochs_a_job": 1, "promote": {"eta": 4, "after": 0}}`),
		Evaluators: map[string]engine.EvaluatorRef{
			"land": {Evaluator: enginetest.Landscape{}.Instant()}, "weights": {Evaluator: sdk.InProcess(*Plugin()), Options: json.RawMessage(tiny)},
		},
		Fidelities: []engine.Fidelity{{Evaluator: "land"}}, Limits: engine.Limits{Evaluations: 16}, Final: engine.Final{Skip: true},
	})
}
