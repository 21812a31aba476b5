// Package supernet is the evaluator half of the supernet plugin: it holds the
// shared weights of a space of cells, trains them (task supernet) and measures
// genomes with them (task score). The strategies are the other half.
package supernet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
)

// options are what search.yaml may say of the evaluator.
type options struct {
	data data.Options
	Recipe
}

func (o *options) declare(s *option.Set) {
	s.Value(&o.data, "data", `"mnist1d"`, "a source, or a group", "as for gorgonia; the same as for the evaluator that trains")
	o.Recipe.Declare(s)
}

// evaluator does not change after open.
type evaluator struct {
	options options
	space   *genome.Space
	net     *network.Supernet
	data    *data.Data

	mu    sync.Mutex
	ready []*loaded // supernets with weights, for scores; those that are not in use
}

// loaded is a supernet with the weights of a file.
type loaded struct {
	path  string // files are called by their content
	model *nn.Supernet
}

// Results is the version of what it answers: whoever changes that raises it, and a
// search that has results of another version is refused.
const Results = 1

// Plugin describes the evaluator.
func Plugin() *sdk.EvaluatorPlugin {
	e := &evaluator{}
	return &sdk.EvaluatorPlugin{
		Name:               "supernet",
		Version:            "1",
		SlotsFollowWorkers: true,
		OneThread:          true,
		Tasks:              []engine.Task{engine.Supernet, engine.Score},
		Budget:             1,
		BudgetUnit:         "epochs",
		Metrics: []engine.Metric{
			{Name: orders.SharedAccuracy, Goal: engine.Maximize},
			{Name: orders.SharedLoss, Goal: engine.Minimize},
			{Name: orders.SupernetLoss, Goal: engine.Minimize},
			{Name: orders.AlphaLoss, Goal: engine.Minimize},
			{Name: "seconds", Unit: "s", Goal: engine.Minimize, Measured: true},
		},
		Optional: []string{orders.SharedAccuracy, orders.SharedLoss, orders.SupernetLoss, orders.AlphaLoss}, // each belongs to one task
		Options:  e.options.declare,
		Open:     e.open,
		Evaluate: e.evaluate,
	}
}

func (e *evaluator) open(setup *sdk.Setup) error {
	var err error
	e.space = setup.Space
	if e.net, err = network.ReadSupernet(e.space); err != nil {
		return err
	}
	e.options.data.At = setup.Path
	if e.data, err = data.Load(e.options.data); err != nil {
		return sdk.BadOption("data", "%v", err)
	}
	nodes := e.net.Network.Nodes
	part, _ := e.data.Search()
	if err := data.Reads(nodes[0].Shape, part.Shape()); err != nil {
		return fmt.Errorf("space.network.input %w", err)
	}
	if classes := nodes[len(nodes)-1].Shape[0]; classes != part.Classes() {
		return fmt.Errorf("space.network.classes is %d, but the data has %d classes: set it to %d", classes, part.Classes(), part.Classes())
	}
	setup.Data = e.data.Fingerprint + " kernels " + nn.KernelSet()
	setup.Splits = e.data.Splits
	return nil
}

func (e *evaluator) evaluate(job *sdk.Job) (sdk.Result, error) {
	switch job.Task {
	case engine.Supernet:
		return e.train(job)
	case engine.Score:
		return e.score(job)
	}
	return sdk.Result{}, errors.New("the supernet evaluator trains shared weights and scores with them; candidates are trained by " +
		"another one, such as gorgonia: name it in fidelities")
}

// build makes a supernet with fresh weights for a method. DARTS and GDAS have
// normalisations without scale and shift, so that alphas alone say what an
// operation counts.
func (e *evaluator) build(method orders.Method, seed uint64) (*nn.Supernet, error) {
	affine := method != orders.Mixed && method != orders.Gumbel
	return nn.BuildSupernet(e.net, affine, nn.Options{Batch: e.options.Batch, Seed: seed, WeightDecay: e.options.WeightDecay})
}

// train carries out an order of the strategy.
func (e *evaluator) train(job *sdk.Job) (sdk.Result, error) {
	t := &trainer{space: e.space, net: e.net, recipe: e.options.Recipe, seed: job.Seed}
	if err := orders.Read(job.Input, &t.order); err != nil {
		return sdk.Result{}, err
	}
	shape := make([]int, len(e.net.Choices))
	for i, c := range e.net.Choices {
		shape[i] = len(c.Options)
	}
	if err := t.order.Check(shape); err != nil {
		return sdk.Result{}, err
	}
	var err error
	if t.model, err = e.build(t.order.Method, job.Seed); err != nil {
		return sdk.Result{}, err
	}
	t.data, _ = e.data.Search()
	if t.bilevel() {
		t.alphas = newAlphas(t.order.Alphas)
	}
	if err := t.prepare(); err != nil {
		return sdk.Result{}, err
	}
	if err := e.resume(job, t); err != nil {
		return sdk.Result{}, err
	}
	t.report = func(p point) { job.Report(p.Epoch, pointMetrics(t, p)) }
	last, err := t.run(job.Context(), job.Budget)
	if err != nil {
		if job.Saving() {
			err = cmp.Or(keep(job, t), err)
		}
		return sdk.Result{}, err
	}
	result := sdk.Result{Metrics: pointMetrics(t, last)}
	if t.bilevel() {
		if result.Output, err = orders.Write(orders.Answer{Alphas: t.alphas.Alphas}); err != nil {
			return sdk.Result{}, err
		}
	}
	file := filepath.Join(job.Scratch(), orders.WeightsFile)
	if err := save(t.model, file, header{Method: t.order.Method}); err != nil {
		return sdk.Result{}, err
	}
	result.Files = map[string]string{orders.WeightsFile: file}
	return result, nil
}

// resume loads the weights that an order begins with, or those that an earlier
// attempt at it has come to.
func (e *evaluator) resume(job *sdk.Job, t *trainer) error {
	path, there := job.File(orders.WeightsFile)
	if !there {
		if t.order.Epoch > 0 {
			return fmt.Errorf("the weights that epoch %g begins with are gone; begin the schedule again", t.order.Epoch)
		}
		return nil
	}
	h, state, err := read(path)
	switch {
	case err != nil:
		return err
	case h.Method != t.order.Method:
		return fmt.Errorf("%s: holds weights of the method %q, not of %q; begin the schedule again", path, h.Method, t.order.Method)
	}
	if err := t.model.Load(state); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !job.ResumedOwn() || h.Progress == nil {
		return nil
	}
	t.progress = *h.Progress
	if t.bilevel() {
		t.alphas.Alphas = h.Alphas
	}
	for _, p := range t.Curve {
		job.Report(p.Epoch, pointMetrics(t, p))
	}
	return nil
}

// keep saves progress for the next attempt.
func keep(job *sdk.Job, t *trainer) error {
	path := filepath.Join(job.Scratch(), "progress")
	h := header{Method: t.order.Method, Progress: &t.progress}
	if t.bilevel() {
		h.Alphas = t.alphas.Alphas
	}
	if err := save(t.model, path, h); err != nil {
		return err
	}
	return job.Save(orders.WeightsFile, path)
}

func pointMetrics(t *trainer, p point) sdk.Metrics {
	m := sdk.Metrics{orders.SupernetLoss: p.Loss}
	if t.bilevel() && !t.order.Frozen {
		m[orders.AlphaLoss] = p.AlphaLoss
	}
	return m
}

// score measures a genome on the validation part, with the weights that the job
// inherits.
func (e *evaluator) score(job *sdk.Job) (sdk.Result, error) {
	path, ok := job.Inherit(orders.WeightsFile)
	if !ok {
		return sdk.Result{}, errors.New("there are no shared weights to score with: the job that they come from is " +
			"gone, or left none; train the supernet again")
	}
	g, err := e.space.Parse(job.Text)
	if err != nil {
		return sdk.Result{}, err
	}
	way, err := e.net.Path(g)
	if err != nil {
		return sdk.Result{}, err
	}
	l, err := e.take(path)
	if err != nil {
		return sdk.Result{}, err
	}
	defer e.giveBack(l)
	l.model.Use(way)
	loss, accuracy, err := measure(job.Context(), l.model, e.data, e.options.Batch)
	if err != nil {
		return sdk.Result{}, err
	}
	return sdk.Result{Metrics: sdk.Metrics{orders.SharedAccuracy: accuracy, orders.SharedLoss: loss}}, nil
}

// measure is the mean loss and the accuracy over the validation part.
func measure(ctx context.Context, m *nn.Supernet, d *data.Data, batch int) (loss, accuracy float64, err error) {
	_, part := d.Search()
	x, y := make([]float32, batch*part.Features()), make([]int32, batch)
	which := make([]int, 0, batch)
	right := 0
	for from := 0; from < part.Len(); from += batch {
		if ctx.Err() != nil {
			return 0, 0, context.Cause(ctx)
		}
		which = which[:0]
		for i := from; i < min(from+batch, part.Len()); i++ {
			which = append(which, i)
		}
		part.Gather(x, y, which)
		sum, correct, err := m.Eval(x[:len(which)*part.Features()], y[:len(which)])
		if err != nil {
			return 0, 0, err
		}
		loss += sum
		right += correct
	}
	n := float64(part.Len())
	return loss / n, float64(right) / n, nil
}

// take returns a supernet with the weights of a file, one that was used before
// if there is one: loading takes longer than scoring.
func (e *evaluator) take(path string) (*loaded, error) {
	e.mu.Lock()
	for i, l := range e.ready {
		if l.path == path {
			e.ready = append(e.ready[:i], e.ready[i+1:]...)
			e.mu.Unlock()
			return l, nil
		}
	}
	e.ready = nil // of older weights
	e.mu.Unlock()
	h, state, err := read(path)
	if err != nil {
		return nil, err
	}
	m, err := e.build(h.Method, 0)
	if err != nil {
		return nil, err
	}
	if err := m.Load(state); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &loaded{path, m}, nil
}

func (e *evaluator) giveBack(l *loaded) {
	e.mu.Lock()
	e.ready = append(e.ready, l)
	e.mu.Unlock()
}
