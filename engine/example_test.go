package engine_test

import (
	"context"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
)

// A search as a library: 20 lines, with an evaluator in this process.
func Example() {
	space := genome.MustParseSpace(`{"x": {"float": [-5, 5]}, "act": {"choice": ["relu", "mish"]}}`)
	strategy, _ := evolve.New("aging")
	search, err := engine.Run(context.Background(), engine.Config{
		Space:    space,
		Strategy: strategy,
		Evaluator: engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			x, _ := job.Genome.Gene("x")
			act, _ := job.Genome.Gene("act")
			accuracy := 1 - (x.(float64)-2)*(x.(float64)-2)/49
			if act == "mish" {
				accuracy += 0.1
			}
			return map[string]float64{"accuracy": accuracy}, nil
		}),
		Limits: engine.Limits{Evaluations: 300},
	})
	best := search.Best(1)[0]
	act, _ := best.Genome.Gene("act")
	fmt.Printf("%v %s %.2f\n", err, act, best.Metrics[0].Value)
	// Output: <nil> mish 1.10
}
