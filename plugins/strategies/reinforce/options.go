package reinforce

import (
	"encoding/json"

	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/trainer/controller"
)

// options are those of the strategy; docs/reinforce.md describes them.
type options struct {
	algorithm, reward    string
	batch, epochs        int
	rate, decay, entropy float64
	clip                 float64
	hidden, layers       int
	temperature, squash  float64
	maxNorm              float64
	promote              evolve.Promotion
}

func (o *options) declare(s *option.Set) {
	s.Choice(&o.algorithm, "algorithm", "reinforce, ppo", "the policy gradient, or its clipped surrogate")
	s.Int(&o.batch, "batch", 10, 1, 10_000, "jobs of a round")
	s.Float(&o.rate, "learning_rate", -1, 0, 1, "Adam's; the paper has 0.0006").Said("0.02; 0.005 with ppo")
	s.Choice(&o.reward, "reward", "rank, value",
		"rank: the share of the candidates so far that are worse; value: the objective, where there is one")
	s.Float(&o.decay, "baseline_decay", 0.95, 0, option.Under(1), "what one more reward leaves of the moving average")
	s.Float(&o.entropy, "entropy", 0.01, 0, 1000, "weight of the entropy bonus")
	s.Float(&o.clip, "clip", 0.2, 1e-6, 1, "a round changes no probability by more than about this share").Only("algorithm", "ppo")
	s.Int(&o.epochs, "epochs", 4, 1, 1000, "steps on a round").Only("algorithm", "ppo")
	s.Int(&o.hidden, "hidden", 35, 1, 512, "units of a layer of the LSTM")
	s.Int(&o.layers, "layers", 2, 1, 4, "of the LSTM")
	s.Float(&o.temperature, "temperature", 1, 1e-3, 1000, "logits are divided by it")
	s.Float(&o.squash, "squash", 0, 0, 1000, "bounds logits: squash x tanh(logit / temperature), as ENAS does; 0 does not")
	s.Float(&o.maxNorm, "max_norm", 0, 0, 1e9, "longer gradients are shortened to it; 0 shortens none")
	o.promote.Declare(s, 4, -1).Said("twice batch")
}

// readOptions reads a JSON object.
func readOptions(raw json.RawMessage) (o options, err error) {
	err = option.Read(raw, o.declare)
	if o.rate < 0 {
		o.rate = 0.02
		if o.algorithm == "ppo" {
			o.rate = 0.005 // it takes several steps
		}
	}
	if o.promote.After < 0 {
		o.promote.After = 2 * o.batch
	}
	return o, err
}

// policy is what the controller is made from.
func (o *options) policy() controller.Options {
	return controller.Options{
		Hidden: o.hidden, Layers: o.layers, Temperature: o.temperature, Squash: o.squash, Rate: o.rate, MaxNorm: o.maxNorm,
	}
}

// loss is what an update descends on.
func (o *options) loss() controller.Loss {
	l := controller.Loss{Entropy: o.entropy}
	if o.algorithm == "ppo" {
		l.Clip, l.Epochs = o.clip, o.epochs
	}
	return l
}
