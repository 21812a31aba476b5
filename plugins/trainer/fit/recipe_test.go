package fit

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
)

func TestGenesComeBeforeOptions(t *testing.T) {
	t.Parallel()
	options := Default()
	options.LearningRate, options.Warmup = 0.5, 2
	got, err := options.With(genome.Map{
		{Key: "lr", Value: 0.01}, {Key: "weight_decay", Value: int64(0)}, {Key: "batch", Value: int64(32)},
		{Key: "optimizer", Value: genome.Map{{Key: "sgd", Value: genome.Map{{Key: "momentum", Value: 0.5}}}}},
		{Key: "schedule", Value: "step"}, {Key: "label_smoothing", Value: 0.1},
		{Key: "blocks", Value: []any{genome.Map{{Key: "lr", Value: "not read"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := options
	want.LearningRate, want.WeightDecay, want.Batch, want.Optimizer = 0.01, 0, 32, "sgd"
	want.Momentum, want.Schedule, want.LabelSmoothing = 0.5, "step", 0.1
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if options.LearningRate != 0.5 {
		t.Error("the options were changed")
	}
}

func TestRecipeErrors(t *testing.T) {
	t.Parallel()
	for word, genes := range map[string]genome.Map{
		"learning_rate is -1": {{Key: "learning_rate", Value: -1.0}},
		"learning_rate is 2000; give a number above 0 and below 1000": {{Key: "lr", Value: 2000.0}},
		"learning_rate is NaN":   {{Key: "lr", Value: math.NaN()}},
		"gene lr is fast":        {{Key: "lr", Value: "fast"}},
		"gene batch is 1.5":      {{Key: "batch", Value: 1.5}},
		"batch is 0":             {{Key: "batch", Value: int64(0)}},
		`optimizer is "lion"`:    {{Key: "optimizer", Value: "lion"}},
		"gene optimizer is true": {{Key: "optimizer", Value: true}},
		`schedule is "zigzag"`:   {{Key: "schedule", Value: "zigzag"}},
		"label_smoothing is 1":   {{Key: "label_smoothing", Value: int64(1)}},
		"momentum is 2":          {{Key: "momentum", Value: int64(2)}},
		"weight_decay is -0.1":   {{Key: "weight_decay", Value: -0.1}},
		"beta1 is 0":             {{Key: "beta1", Value: int64(0)}},
		"beta2 is 1":             {{Key: "beta2", Value: int64(1)}},
		"epsilon is 0":           {{Key: "epsilon", Value: 0.0}},
		"warmup is -1":           {{Key: "warmup", Value: int64(-1)}},
	} {
		if _, err := Default().With(genes); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v: error %v does not say %q", genes, err, word)
		}
	}
}

func TestHorizonText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Horizon{`"budget"`: 0, `40`: 40, `1.5`: 1.5} {
		var h Horizon
		if err := json.Unmarshal([]byte(text), &h); err != nil || h != want {
			t.Errorf("%s: %v, %v", text, h, err)
		}
		if b, err := json.Marshal(h); err != nil || string(b) != text {
			t.Errorf("%s is written as %s, %v", text, b, err)
		}
	}
	for _, text := range []string{`0`, `-1`, `"job"`, `true`, `[]`} {
		var h Horizon
		if err := json.Unmarshal([]byte(text), &h); err == nil {
			t.Errorf("%s was taken as %v", text, h)
		}
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	r := Default()
	r.LearningRate = 0.1
	for _, c := range []struct {
		schedule     string
		step, warmup float64
		want         float64
	}{
		{"cosine", 0, 0, 0.1}, {"cosine", 50, 0, 0.05}, {"cosine", 100, 0, 0}, {"cosine", 25, 0, 0.1 * (1 + math.Sqrt2/2) / 2},
		{"cosine", 0, 9, 0.01}, {"cosine", 8, 9, 0.09}, {"cosine", 9, 9, 0.1},
		{"constant", 0, 0, 0.1}, {"constant", 99, 0, 0.1},
		{"step", 49, 0, 0.1}, {"step", 50, 0, 0.01}, {"step", 75, 0, 0.001}, {"step", 200, 0, 0.001},
	} {
		r.Schedule = c.schedule
		if got := float64(r.Rate(c.step, 100, c.warmup)); math.Abs(got-c.want) > 1e-8 {
			t.Errorf("%s at step %v of 100 with %v for warming up: %v, want %v", c.schedule, c.step, c.warmup, got, c.want)
		}
	}
	if got := Default().Rate(0, 10, 0); got != 0.003 {
		t.Errorf("adamw begins with %v", got)
	}
	if got := (Recipe{Optimizer: "sgd"}).Rate(0, 10, 0); got != 0.05 {
		t.Errorf("sgd begins with %v", got)
	}
}
