// Package onemax counts ones. It is for trying things out in
// seconds: any genome with booleans, at any depth, is measured by the share of
// them that are true. It can be told to be slow, and to fail in every way in
// which an evaluator can.
//
// Options:
//
//	delay    how long a job takes: "5ms"; default none
//	fail     share of attempts that fail; default 0
//	crash    share of attempts in which the process exits; default 0
//	hang     share of attempts that never end; default 0
//	invalid  share of genomes that are invalid; default 0
//	slots    jobs at once in one process; default as many as there are workers
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
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

type options struct {
	Delay   sdk.Duration `json:"delay"`
	Fail    float64      `json:"fail"`
	Crash   float64      `json:"crash"`
	Hang    float64      `json:"hang"`
	Invalid float64      `json:"invalid"`
	Slots   int          `json:"slots"`
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
		Open: func(setup *sdk.Setup) error {
			if err := setup.Decode(&o); err != nil {
				return err
			}
			for _, share := range []struct {
				key string
				of  float64
			}{{"fail", o.Fail}, {"crash", o.Crash}, {"hang", o.Hang}, {"invalid", o.Invalid}} {
				if share.of < 0 || share.of > 1 {
					return sdk.BadOption(share.key, "%v is not a share: use a number from 0 to 1", share.of)
				}
			}
			if o.Delay < 0 {
				return sdk.BadOption("delay", "it is negative: use 0 or more")
			}
			if o.Slots < 0 {
				return sdk.BadOption("slots", "it is negative: use 1 or more")
			}
			if o.Slots > 0 {
				setup.Slots = o.Slots
			}
			setup.Splits = "nothing is trained; ones are counted"
			return nil
		},
		Evaluate: func(job *sdk.Job) (sdk.Result, error) { return evaluate(job, o) },
	}
}

func evaluate(job *sdk.Job, o options) (sdk.Result, error) {
	if o.Delay > 0 {
		select {
		case <-time.After(time.Duration(o.Delay)):
		case <-job.Context().Done():
			return sdk.Result{}, job.Context().Err()
		}
	}
	switch attempt := fmt.Sprintf("%d %d", job.Seed, job.Attempt); {
	case share("crash", attempt) < o.Crash:
		fmt.Fprintf(os.Stderr, "crashing in job %s, as told to\n", job.ID)
		os.Exit(3)
	case share("hang", attempt) < o.Hang:
		select {}
	case share("fail", attempt) < o.Fail:
		return sdk.Result{}, fmt.Errorf("failed in attempt %d, as told to", job.Attempt)
	}
	if share("invalid", job.Text) < o.Invalid {
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
