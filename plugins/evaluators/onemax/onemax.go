// Package onemax counts ones. It is for trying things out in
// seconds: any genome with booleans, at any depth, is measured by the share of
// them that are true. It can be told to be slow, and to fail in every way in
// which an evaluator can.
//
// Which attempts fail, crash or hang follows from the job's seed and the number
// of the attempt, so the next one may well succeed; none of these options can
// change a result. Which genomes are invalid follows from the genome.
package onemax

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

type options struct {
	delay                      time.Duration
	fail, crash, hang, invalid float64
	slots                      int
}

func (o *options) declare(s *option.Set) {
	s.Duration(&o.delay, "delay", 0, "how long a job takes")
	s.Float(&o.fail, "fail", 0, 0, 1, "share of attempts that fail")
	s.Float(&o.crash, "crash", 0, 0, 1, "share of attempts in which the process exits")
	s.Float(&o.hang, "hang", 0, 0, 1, "share of attempts that never end")
	s.Float(&o.invalid, "invalid", 0, 0, 1, "share of genomes that are invalid")
	s.Int(&o.slots, "slots", 0, 0, 100_000, "jobs at once in one process").Said("as many as there are workers")
}

// Results is the version of what it answers: whoever changes that raises it, and a
// search that has results of another version is refused.
const Results = 1

// Plugin is the evaluator as it is served.
func Plugin() *sdk.EvaluatorPlugin {
	var o options
	return &sdk.EvaluatorPlugin{
		Name: "onemax", Version: "1", SlotsFollowWorkers: true, Unseeded: true, Tests: true,
		Metrics: []engine.Metric{
			{Name: "accuracy", Goal: engine.Maximize},
			{Name: "ones", Goal: engine.Maximize},
			{Name: "seconds", Unit: "s", Goal: engine.Minimize, Measured: true},
		},
		Operational: []string{"delay", "fail", "crash", "hang", "slots"},
		Options:     o.declare,
		Open: func(setup *sdk.Setup) error {
			if o.slots > 0 {
				setup.Slots = o.slots
			}
			setup.Splits = "nothing is trained; ones are counted"
			return nil
		},
		Evaluate: func(job *sdk.Job) (sdk.Result, error) { return evaluate(job, o) },
	}
}

func evaluate(job *sdk.Job, o options) (sdk.Result, error) {
	if o.delay > 0 {
		select {
		case <-time.After(o.delay):
		case <-job.Context().Done():
			return sdk.Result{}, job.Context().Err()
		}
	}
	switch attempt := fmt.Sprintf("%d %d", job.Seed, job.Attempt); {
	case share("crash", attempt) < o.crash:
		fmt.Fprintf(os.Stderr, "crashing in job %s, as told to\n", job.ID)
		os.Exit(3)
	case share("hang", attempt) < o.hang:
		select {}
	case share("fail", attempt) < o.fail:
		return sdk.Result{}, fmt.Errorf("failed in attempt %d, as told to", job.Attempt)
	}
	if share("invalid", job.Text) < o.invalid {
		return sdk.Result{}, sdk.Invalid("invalid, as told to")
	}
	ones, total := count(job.Genes)
	if total == 0 {
		return sdk.Result{}, sdk.Invalid("the genome has no booleans: give the space some, for example bits: {list: bool, length: 100}")
	}
	return sdk.Result{Metrics: sdk.Metrics{"accuracy": float64(ones) / float64(total), "ones": float64(ones)}}, nil
}

// share is a number in [0, 1) that follows from the texts.
func share(what, of string) float64 {
	h := sha256.Sum256([]byte(what + " " + of))
	return float64(binary.BigEndian.Uint64(h[:])>>11) / (1 << 53)
}

// count counts the booleans of a tree.
func count(tree any) (ones, total int) {
	switch v := tree.(type) {
	case bool:
		if v {
			return 1, 1
		}
		return 0, 1
	case genome.Map:
		for _, e := range v {
			o, t := count(e.Value)
			ones, total = ones+o, total+t
		}
	case []any:
		for _, e := range v {
			o, t := count(e)
			ones, total = ones+o, total+t
		}
	}
	return ones, total
}
