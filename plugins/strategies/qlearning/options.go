package qlearning

import (
	"encoding/json"
	"slices"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// options are those of the strategy; docs/qlearning.md describes them.
type options struct {
	State        string          `json:"state"` // "" chooses by the space
	Schedule     schedule        `json:"schedule"`
	Budget       *int            `json:"budget"` // nil: that of the schedule
	LearningRate float64         `json:"learning_rate"`
	Discount     float64         `json:"discount"`
	Trace        *float64        `json:"trace"` // nil: by the states
	Replay       int             `json:"replay"`
	Initial      float64         `json:"initial"`
	Batch        int             `json:"batch"`
	Promote      json.RawMessage `json:"promote"`
	legal
}

// readOptions reads a JSON object. What it leaves out is as in the paper.
func readOptions(raw json.RawMessage) (options, error) {
	o := options{
		Schedule: published(), LearningRate: 0.01, Discount: 1, Replay: 100, Initial: 0.5, Batch: 1,
		legal: legal{Bins: []int{8, 4, 1}, MaxDense: 2, DenseFrom: 7},
	}
	if err := sdk.DecodeOptions(raw, &o); err != nil {
		return o, err
	}
	if o.State != "" && !slices.Contains([]string{"layers", "element", "prefix"}, o.State) {
		return o, sdk.BadOption("state", "%q is none of layers, element, prefix", o.State)
	}
	for _, x := range []struct {
		key   string
		value *float64
	}{{"learning_rate", &o.LearningRate}, {"discount", &o.Discount}, {"trace", o.Trace}} {
		if x.value != nil && (*x.value < 0 || *x.value > 1) {
			return o, sdk.BadOption(x.key, "%v is no number from 0 to 1", *x.value)
		}
	}
	budget := o.Schedule.total()
	if o.Budget != nil {
		budget = *o.Budget
	}
	for _, x := range []struct {
		key       string
		value, lo int
	}{{"budget", budget, 1}, {"replay", o.Replay, 1}, {"batch", o.Batch, 1}, {"max_dense", o.MaxDense, 0}, {"dense_from", o.DenseFrom, 0}} {
		if x.value < x.lo || x.value > maxWhole {
			return o, sdk.BadOption(x.key, "%d is no whole number from %d to %d", x.value, x.lo, maxWhole)
		}
	}
	if !falling(o.Bins) {
		return o, sdk.BadOption("bins", "%v are no falling sizes of at least 1: write [8, 4, 1]", o.Bins)
	}
	o.Schedule = o.Schedule.scaled(budget)
	return o, nil
}

// forgetfulTrace is the trace for states that forget most of what was decided.
const forgetfulTrace = 0.9

// rates are the constants of learning. The paper has no trace.
func (o *options) rates(forgetful bool) rates {
	r := rates{learning: o.LearningRate, discount: o.Discount}
	switch {
	case o.Trace != nil:
		r.trace = *o.Trace
	case forgetful:
		r.trace = forgetfulTrace
	}
	return r
}

// maxWhole bounds options that are whole numbers.
const maxWhole = 1_000_000

// falling tells whether sizes fall, down to 1 at least.
func falling(sizes []int) bool {
	for i, n := range sizes {
		if n < 1 || i > 0 && n >= sizes[i-1] {
			return false
		}
	}
	return len(sizes) > 0
}
