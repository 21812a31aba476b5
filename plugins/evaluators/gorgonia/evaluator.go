// Package gorgonia is the evaluator that trains classifiers on a CPU: networks of
// the space's layers, on MNIST-1D, IDX files or CSV files.
package gorgonia

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
	"github.com/nascent-nas/nascent/plugins/trainer/fit"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
)

// options are what search.yaml may say of this evaluator.
type options struct {
	Data data.Options `json:"data"`
	fit.Recipe
	Checkpoints bool    `json:"checkpoints"` // results carry a checkpoint; default true
	SaveEvery   float64 `json:"save_every"`  // epochs between keeping progress; default 0: only when asked to
}

// checkpointFile is the name of the one file that jobs leave.
const checkpointFile = "checkpoint"

// evaluator trains jobs. After open it does not change.
type evaluator struct {
	options options
	data    *data.Data
}

// Results is the version of what it answers: whoever changes that raises it, and a
// search that has results of another version is refused.
const Results = 1

// Plugin is the evaluator as it is served.
func Plugin() *sdk.EvaluatorPlugin {
	e := &evaluator{}
	return &sdk.EvaluatorPlugin{
		Name:               "gorgonia",
		Version:            "1",
		SlotsFollowWorkers: true,
		OneThread:          true,
		Tests:              true,
		Budget:             10,
		BudgetUnit:         "epochs",
		Operational:        []string{"save_every"},
		Metrics: []engine.Metric{
			{Name: "accuracy", Goal: engine.Maximize},
			{Name: "loss", Goal: engine.Minimize},
			{Name: "train_accuracy", Goal: engine.Maximize},
			{Name: "train_loss", Goal: engine.Minimize},
			{Name: "test_accuracy", Goal: engine.Maximize},
			{Name: "test_loss", Goal: engine.Minimize},
			{Name: "parameters", Goal: engine.Minimize},
			{Name: "macs", Goal: engine.Minimize},
			{Name: "seconds", Unit: "s", Goal: engine.Minimize, Measured: true},
		},
		Optional: []string{"accuracy", "loss", "test_accuracy", "test_loss"}, // each belongs to some phases
		Open:     e.open,
		Evaluate: e.evaluate,
	}
}

// open reads the options and loads the data.
func (e *evaluator) open(setup *sdk.Setup) error {
	e.options = options{Recipe: fit.Default(), Checkpoints: true}
	if err := setup.Decode(&e.options); err != nil {
		return err
	}
	if err := e.options.Check(); err != nil {
		key, problem, _ := strings.Cut(err.Error(), " ")
		return sdk.BadOption(key, "%s", problem)
	}
	if !(e.options.SaveEvery >= 0) {
		return sdk.BadOption("save_every", "%v is no number of epochs: give one above 0, or 0", e.options.SaveEvery)
	}
	var err error
	e.options.Data.At = setup.Path
	if e.data, err = data.Load(e.options.Data); err != nil {
		return sdk.BadOption("data", "%v", err)
	}
	if err := suits(setup.Space, e.data); err != nil {
		return err
	}
	setup.Data = e.data.Fingerprint + " kernels " + nn.KernelSet()
	setup.Splits = e.data.Splits
	return nil
}

// suits checks that the networks of a space can read the data.
func suits(space *genome.Space, d *data.Data) error {
	if space == nil {
		return nil
	}
	if !network.Has(space) {
		return errors.New("the gorgonia evaluator trains networks, but the space has no layers: give it some, such as block and head")
	}
	declared, _ := space.Meta("network")
	m, _ := declared.(genome.Map)
	if v, ok := m.Get("classes"); ok && fmt.Sprint(v) != fmt.Sprint(len(d.Classes)) {
		return fmt.Errorf("space.network.classes is %v, but the data has %d classes: set it to %d", v, len(d.Classes), len(d.Classes))
	}
	v, ok := m.Get("input")
	if list, isList := v.([]any); ok && isList {
		var input []int
		for _, x := range list {
			if i, whole := x.(int64); whole {
				input = append(input, int(i))
			}
		}
		if err := data.Reads(input, d.Shape); err != nil {
			return fmt.Errorf("space.network.input %w", err)
		}
	}
	return nil
}

// evaluate trains one candidate and measures it.
func (e *evaluator) evaluate(job *sdk.Job) (sdk.Result, error) {
	recipe, err := e.options.With(job.Genes)
	if err != nil {
		return sdk.Result{}, sdk.Invalid("%v", err)
	}
	setup := fit.Setup{Network: job.Network, Recipe: recipe, Budget: job.Budget, Seed: job.Seed}
	setup.Train, setup.Check = e.data.Search()
	if job.Phase == engine.PhaseTest {
		setup.Train, setup.Check = e.data.Final()
		setup.AtEnd = true
		setup.Recipe.Horizon = 0 // nothing goes on from a test
	}
	if setup.Recipe.Horizon == 0 {
		// A job and the one that it is promoted from are different trainings:
		// luck with one shall not be luck with the other.
		setup.Seed = rng.Derive(job.Seed, "budget", math.Float64bits(job.Budget))
	}
	var t *fit.Trainer
	setup.Report = func(p fit.Point) {
		job.Report(p.Epoch, metrics(job, p))
		if every := e.options.SaveEvery; every > 0 && p.Epoch < job.Budget && math.Mod(p.Epoch, every) == 0 {
			// Progress that cannot be kept is not worth losing the job for.
			_ = keep(job, t)
		}
	}
	if t, err = fit.New(setup); err != nil {
		return sdk.Result{}, blame(err)
	}
	var result sdk.Result
	if result.Remark, err = resume(job, t, setup); err != nil {
		return sdk.Result{}, err
	}
	last, err := t.Run(job.Context())
	switch {
	case errors.Is(err, sdk.ErrStopped) && len(t.Curve()) > 0:
		result.Stopped = true
		last = t.Curve()[len(t.Curve())-1]
	case err != nil && job.Cancelled():
		if job.Saving() {
			if err := keep(job, t); err != nil {
				return sdk.Result{}, err
			}
		}
		return sdk.Result{}, err
	case err != nil:
		return sdk.Result{}, blame(err)
	}
	result.Metrics = metrics(job, last)
	result.Metrics["parameters"] = float64(t.Parameters())
	result.Metrics["macs"] = float64(job.Network.Macs())
	if e.options.Checkpoints {
		path := filepath.Join(job.Scratch(), checkpointFile)
		if err := t.Save(path); err != nil {
			return sdk.Result{}, err
		}
		result.Files = map[string]string{checkpointFile: path}
	}
	return result, nil
}

// metrics names what was measured by the phase that it was measured in.
func metrics(job *sdk.Job, p fit.Point) sdk.Metrics {
	m := sdk.Metrics{"train_accuracy": p.TrainAccuracy, "train_loss": p.TrainLoss}
	switch {
	case !p.Checked:
	case job.Phase == engine.PhaseTest:
		m["test_accuracy"], m["test_loss"] = p.Accuracy, p.Loss
	default:
		m["accuracy"], m["loss"] = p.Accuracy, p.Loss
	}
	return m
}

// resume lets a training go on where an earlier attempt, or with a fixed
// horizon an earlier job, stopped. The remark says where it does not.
func resume(job *sdk.Job, t *fit.Trainer, setup fit.Setup) (remark string, err error) {
	path, ok := job.Resume()
	switch {
	case !ok:
		return "", nil
	case job.ResumedOwn():
		// Kept progress only saves time: without it the result is the same.
		if t.Load(path, true) == nil {
			for _, p := range t.Curve() {
				job.Report(p.Epoch, metrics(job, p))
			}
		}
		return "", nil
	case setup.Recipe.Horizon == 0:
		return "trained afresh: the horizon is the budget", nil
	}
	return "", t.Load(path, false)
}

// keep saves progress for the next attempt.
func keep(job *sdk.Job, t *fit.Trainer) error {
	path := filepath.Join(job.Scratch(), "progress")
	if err := t.Save(path); err != nil {
		return err
	}
	return job.Save(checkpointFile, path)
}

// blame tells the genome's faults from others.
func blame(err error) error {
	var invalid *fit.Invalid
	if errors.As(err, &invalid) {
		return sdk.Invalid("%s", invalid.Reason)
	}
	return err
}
