package reinforce

import (
	"encoding/json"
	"math"

	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/trainer/controller"
)

// options are those of the strategy; docs/reinforce.md describes them.
type options struct {
	Algorithm    string          `json:"algorithm"`
	Batch        int             `json:"batch"`
	LearningRate *float64        `json:"learning_rate"`
	Reward       string          `json:"reward"`
	Decay        float64         `json:"baseline_decay"`
	Entropy      float64         `json:"entropy"`
	Clip         *float64        `json:"clip"`
	Epochs       *int            `json:"epochs"`
	Hidden       int             `json:"hidden"`
	Layers       int             `json:"layers"`
	Temperature  float64         `json:"temperature"`
	Squash       float64         `json:"squash"`
	MaxNorm      float64         `json:"max_norm"`
	Promote      json.RawMessage `json:"promote"`
}

// readOptions reads a JSON object.
func readOptions(raw json.RawMessage) (options, error) {
	o := options{
		Algorithm: "reinforce", Reward: "rank", Batch: 10, Decay: 0.95, Entropy: 0.01, Hidden: 35, Layers: 2, Temperature: 1,
	}
	if err := sdk.DecodeOptions(raw, &o); err != nil {
		return o, err
	}
	rate := 0.02
	switch o.Algorithm {
	case "reinforce":
		if o.Clip != nil || o.Epochs != nil {
			return o, sdk.BadOption("algorithm", "reinforce has neither clip nor epochs: leave them out, or write ppo")
		}
	case "ppo":
		rate = 0.005 // it takes several steps
		if o.Clip == nil {
			o.Clip = new(0.2)
		}
		if o.Epochs == nil {
			o.Epochs = new(4)
		}
	default:
		return o, sdk.BadOption("algorithm", "%q is none of reinforce, ppo", o.Algorithm)
	}
	if o.LearningRate == nil {
		o.LearningRate = &rate
	}
	if o.Reward != "rank" && o.Reward != "value" {
		return o, sdk.BadOption("reward", "%q is none of rank, value", o.Reward)
	}
	whole := func(key string, value, lo, hi int) error {
		if value < lo || value > hi {
			return sdk.BadOption(key, "%d is no whole number from %d to %d", value, lo, hi)
		}
		return nil
	}
	number := func(key string, value, lo, hi float64) error {
		if !(value >= lo && value <= hi) {
			return sdk.BadOption(key, "%v is no number from %v to %v", value, lo, hi)
		}
		return nil
	}
	checks := []error{
		whole("batch", o.Batch, 1, 10_000), whole("hidden", o.Hidden, 1, 512), whole("layers", o.Layers, 1, 4),
		number("learning_rate", *o.LearningRate, 0, 1), number("baseline_decay", o.Decay, 0, math.Nextafter(1, 0)),
		number("entropy", o.Entropy, 0, 1000), number("temperature", o.Temperature, 1e-3, 1000),
		number("squash", o.Squash, 0, 1000), number("max_norm", o.MaxNorm, 0, 1e9),
	}
	if o.Clip != nil {
		checks = append(checks, number("clip", *o.Clip, 1e-6, 1), whole("epochs", *o.Epochs, 1, 1000))
	}
	for _, err := range checks {
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// policy is what the controller is made from.
func (o *options) policy() controller.Options {
	return controller.Options{
		Hidden: o.Hidden, Layers: o.Layers, Temperature: o.Temperature, Squash: o.Squash, Rate: *o.LearningRate, MaxNorm: o.MaxNorm,
	}
}

// loss is what an update descends on.
func (o *options) loss() controller.Loss {
	l := controller.Loss{Entropy: o.Entropy}
	if o.Clip != nil {
		l.Clip, l.Epochs = *o.Clip, *o.Epochs
	}
	return l
}
