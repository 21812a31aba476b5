package main

import (
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// measured counts the jobs of this process: of the fault "counter".
var measured atomic.Int64

// landscape is an evaluator of enginetest.Landscape. With the option slow a job
// takes until it is cancelled. The fault "counter" lets its results depend on
// how many came before.
func landscape(slots int, fault string) *sdk.EvaluatorPlugin {
	var (
		land    = enginetest.Landscape{Seed: 1, Noise: 0.1}
		space   *genome.Space
		options struct {
			Slow bool `json:"slow"`
		}
	)
	return &sdk.EvaluatorPlugin{
		Name: "landscape", Version: "1", Slots: slots, Metrics: land.Metrics(),
		Open: func(setup *sdk.Setup) error {
			space = setup.Space
			return setup.Decode(&options)
		},
		Evaluate: func(job *sdk.Job) (sdk.Result, error) {
			g, err := space.Parse(job.Text)
			if err != nil {
				return sdk.Result{}, err
			}
			if n, _ := g.Gene("n"); n == int64(0) {
				return sdk.Result{}, sdk.Invalid("n is 0: it takes at least 1")
			}
			r := land.Measure(&engine.Job{ID: job.ID, Genome: g, Budget: job.Budget, Seed: job.Seed})
			m := sdk.Metrics{}
			for _, v := range r.Metrics {
				m[v.Name] = v.Value
			}
			if fault == "counter" {
				m["loss"] += float64(measured.Add(1))
			}
			job.Report(job.Budget/2, sdk.Metrics{"accuracy": m["accuracy"] / 2})
			if options.Slow {
				<-job.Context().Done()
				return sdk.Result{}, job.Context().Err()
			}
			path := filepath.Join(job.Scratch(), "weights")
			if err := os.WriteFile(path, []byte(job.Text), 0o600); err != nil {
				return sdk.Result{}, err
			}
			return sdk.Result{Metrics: m, Files: map[string]string{"checkpoint": path}}, nil
		},
	}
}
