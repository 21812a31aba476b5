package fit

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/genome"
)

// Recipe says how a network is trained. It is read from the evaluator's
// options; genes of the same names come before it.
type Recipe struct {
	Batch          int     `json:"batch"`           // samples in one step
	Optimizer      string  `json:"optimizer"`       // adamw, adam or sgd
	LearningRate   float64 `json:"learning_rate"`   // before the schedule; 0: 0.003, for sgd 0.05
	Schedule       string  `json:"schedule"`        // cosine (to 0), constant, or step (a tenth from half of the horizon on, a hundredth from three quarters on)
	Warmup         float64 `json:"warmup"`          // epochs in which the rate grows from 0
	Horizon        Horizon `json:"horizon"`         // what the schedule spans
	WeightDecay    float64 `json:"weight_decay"`    // of weights; decoupled for adamw, part of the gradient otherwise
	Momentum       float64 `json:"momentum"`        // of sgd
	LabelSmoothing float64 `json:"label_smoothing"` // share of the target spread over all classes
	Beta1          float64 `json:"beta1"`           // of adam and adamw
	Beta2          float64 `json:"beta2"`           // of adam and adamw
	Epsilon        float64 `json:"epsilon"`         // of adam and adamw
}

// Default is the recipe where options and genes say nothing.
func Default() Recipe {
	return Recipe{
		Batch: 100, Optimizer: "adamw", Schedule: "cosine", WeightDecay: 0.01, Momentum: 0.9,
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8,
	}
}

// Horizon is how many epochs the schedule spans; 0 means the job's budget.
//
// With a fixed horizon a job of a smaller budget is the beginning of one of a
// larger, so a promoted job goes on where its predecessor stopped. With the
// budget as horizon every job ends at the end of its schedule, and a promoted
// one starts afresh.
type Horizon float64

// UnmarshalJSON takes a number of epochs or "budget".
func (h *Horizon) UnmarshalJSON(b []byte) error {
	var v float64
	if string(b) == `"budget"` {
		*h = 0
		return nil
	}
	if err := json.Unmarshal(b, &v); err != nil || !(v > 0) {
		return fmt.Errorf("horizon is %s; give a number of epochs above 0, or budget", b)
	}
	*h = Horizon(v)
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (h Horizon) MarshalJSON() ([]byte, error) {
	if h == 0 {
		return []byte(`"budget"`), nil
	}
	return json.Marshal(float64(h))
}

// numbers are the genes that are plain numbers, and where they go.
func (r *Recipe) number(name string) *float64 {
	switch name {
	case "learning_rate", "lr":
		return &r.LearningRate
	case "weight_decay":
		return &r.WeightDecay
	case "momentum":
		return &r.Momentum
	case "label_smoothing":
		return &r.LabelSmoothing
	case "warmup":
		return &r.Warmup
	case "beta1":
		return &r.Beta1
	case "beta2":
		return &r.Beta2
	case "epsilon":
		return &r.Epsilon
	}
	return nil
}

// With returns the recipe as a candidate's genes change it. Read are genes at
// the top level called learning_rate (or lr), weight_decay, label_smoothing,
// optimizer, batch, momentum, schedule, warmup, beta1, beta2 and epsilon; an
// optimizer or schedule chosen with genes of its own brings those too. All
// other genes are left alone.
func (r Recipe) With(genes genome.Map) (Recipe, error) {
	for _, gene := range genes {
		if p := r.number(gene.Key); p != nil {
			switch v := gene.Value.(type) {
			case float64:
				*p = v
			case int64:
				*p = float64(v)
			default:
				return r, fmt.Errorf("gene %s is %v; it has to be a number", gene.Key, gene.Value)
			}
			continue
		}
		switch gene.Key {
		case "batch":
			v, whole := gene.Value.(int64)
			if !whole {
				return r, fmt.Errorf("gene batch is %v; it has to be a whole number", gene.Value)
			}
			r.Batch = int(v)
		case "optimizer", "schedule":
			name, own := gene.Value, genome.Map(nil)
			if option, chosen := gene.Value.(genome.Map); chosen && len(option) == 1 {
				name = option[0].Key
				own, _ = option[0].Value.(genome.Map)
			}
			text, ok := name.(string)
			if !ok {
				return r, fmt.Errorf("gene %s is %v; it has to be a name", gene.Key, gene.Value)
			}
			if gene.Key == "optimizer" {
				r.Optimizer = text
			} else {
				r.Schedule = text
			}
			var err error
			if r, err = r.With(own); err != nil {
				return r, err
			}
		}
	}
	return r, r.Check()
}

// Check returns an error naming the first value that makes no sense.
func (r Recipe) Check() error {
	bad := func(name string, value any, remedy string) error {
		return fmt.Errorf("%s is %v; %s", name, value, remedy)
	}
	within := func(v, low, high float64) bool { return v >= low && v < high }
	switch {
	case r.Batch < 1 || r.Batch > 1<<16:
		return bad("batch", r.Batch, "give 1 to 65536 samples")
	case r.Optimizer != "adamw" && r.Optimizer != "adam" && r.Optimizer != "sgd":
		return bad("optimizer", fmt.Sprintf("%q", r.Optimizer), "use adamw, adam or sgd")
	case r.Schedule != "cosine" && r.Schedule != "constant" && r.Schedule != "step":
		return bad("schedule", fmt.Sprintf("%q", r.Schedule), "use cosine, constant or step")
	case !within(r.LearningRate, 0, 1000):
		return bad("learning_rate", r.LearningRate, "give a number above 0 and below 1000, such as 0.003")
	case !within(r.Warmup, 0, 1e6):
		return bad("warmup", r.Warmup, "give a number of epochs, such as 1")
	case !within(r.WeightDecay, 0, 1000):
		return bad("weight_decay", r.WeightDecay, "give a number from 0 to below 1000, such as 0.01")
	case !within(r.Momentum, 0, 1):
		return bad("momentum", r.Momentum, "give a number from 0 to below 1")
	case !within(r.LabelSmoothing, 0, 1):
		return bad("label_smoothing", r.LabelSmoothing, "give a number from 0 to below 1")
	case !(within(r.Beta1, 0, 1) && r.Beta1 > 0):
		return bad("beta1", r.Beta1, "give a number between 0 and 1")
	case !(within(r.Beta2, 0, 1) && r.Beta2 > 0):
		return bad("beta2", r.Beta2, "give a number between 0 and 1")
	case !(within(r.Epsilon, 0, 1) && r.Epsilon > 0):
		return bad("epsilon", r.Epsilon, "give a small number above 0, such as 1e-8")
	}
	return nil
}

// Rate returns the learning rate of a step (from 0) of a schedule that spans
// steps, of which the first warmup are for warming up.
func (r Recipe) Rate(step, steps, warmup float64) float32 {
	rate := r.LearningRate
	if rate == 0 {
		rate = 0.003
		if r.Optimizer == "sgd" {
			rate = 0.05
		}
	}
	if step < warmup {
		return float32(rate * (step + 1) / (warmup + 1))
	}
	part := min((step-warmup)/max(steps-warmup, 1), 1)
	switch r.Schedule {
	case "cosine":
		rate *= 0.5 * (1 + math.Cos(math.Pi*part))
	case "step":
		if part >= 0.75 {
			rate /= 100
		} else if part >= 0.5 {
			rate /= 10
		}
	}
	return float32(rate)
}
