package health

import (
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// collector reads the search's state whenever somebody asks for it.
type collector struct{ live show.Live }

// Describe tells nothing: what there is depends on the search.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	v, err := c.live()
	if err != nil {
		return // it is just beginning
	}
	s := v.Status()
	put := func(kind prometheus.ValueType, name, help string, value float64, labels ...string) { // labels: name, value, ...
		names, values := []string{"search"}, []string{s.Name}
		for i := 0; i < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("nascent_"+name, help, names, nil), kind, value, values...)
	}
	gauge := func(name, help string, value float64, labels ...string) {
		put(prometheus.GaugeValue, name, help, value, labels...)
	}
	total := func(name, help string, value float64, labels ...string) {
		put(prometheus.CounterValue, name+"_total", help, value, labels...)
	}

	gauge("info", "The search that runs; always 1.", 1, "strategy", s.Strategy, "version", engine.Version)
	gauge("phase", "1 for the phase that the search is in.", 1, "phase", string(s.Phase))
	for _, x := range []struct {
		status engine.Status
		n      int
	}{{engine.OK, s.OK}, {engine.Invalid, s.Invalid}, {engine.Failed, s.Failed}} {
		total("evaluations", "Evaluations of the search that ended, by status.", float64(x.n), "status", string(x.status))
	}
	total("evaluations_reused", "Of the evaluations, those that shared an earlier result.", float64(s.Reused))
	if s.Limits.Evaluations > 0 {
		gauge("evaluations_limit", "Evaluations at which the search ends.", float64(s.Limits.Evaluations))
	}
	total("failed_attempts", "Attempts that failed and counted.", float64(s.Retries))
	total("turns", "Turns of the strategy.", float64(s.Turns))
	gauge("deciding_seconds", "For how long the strategy has been deciding one turn, where that is long, else 0.", s.Deciding)
	slow := 0
	for _, j := range s.Jobs {
		if j.Slow {
			slow++
		}
	}
	for _, x := range []struct {
		stage string
		n     int
	}{{"running", s.Running}, {"slow", slow}, {"waiting", s.Waiting}} {
		gauge("jobs", "Jobs by stage; slow ones run, too.", float64(x.n), "stage", x.stage)
	}
	gauge("workers", "Jobs that may run at once.", float64(s.Workers))
	total("evaluator_seconds", "Evaluators' time, with what was lost.", s.Spent.Seconds)
	total("lost_seconds", "Of the evaluators' time, that of attempts which brought no result.", s.Lost)
	total("processor_seconds", "Processors' time of jobs that ended, as far as it is known.", s.Usage.CPU)
	gauge("peak_memory_bytes", "The most that a job had of memory, as far as it is known.", float64(s.Usage.Memory))
	gauge("peak_gpu_memory_bytes", "The most that a job had of a GPU's memory, as far as it is known.", float64(s.Usage.GPUMemory))
	total("idle_seconds", "Workers' time without a job.", s.Idle)
	total("wall_seconds", "How long the search has been running, over all its runs.", s.Wall)
	total("test_looks", "Jobs that looked at test data.", float64(s.TestLooks))
	gauge("final_jobs", "Jobs of the final phase.", float64(s.FinalDone), "stage", "done")
	gauge("final_jobs", "Jobs of the final phase.", float64(s.FinalTotal), "stage", "planned")
	if len(s.Best) > 0 {
		for _, m := range s.Best[0].Means() {
			gauge("best", "Metrics of the best candidate, means where it was measured again.", m.Value, "metric", m.Name)
		}
	}
	if len(v.Plan.Objectives) > 1 {
		gauge("front_size", "Candidates on the front.", float64(len(s.Front)))
	}
	if s.Hypervolume != nil {
		gauge("hypervolume", "Hypervolume of the front.", *s.Hypervolume)
		gauge("hypervolume_error", "Its standard error; 0 where it is exact.", s.HypervolumeError)
	}
	if info, err := os.Stat(filepath.Join(v.Dir, "ledger.db")); err == nil {
		gauge("ledger_bytes", "Size of the ledger.", float64(info.Size()))
	}
}
