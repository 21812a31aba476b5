package fit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
)

// Setup is what a Trainer is a function of.
type Setup struct {
	Network *network.Network
	Recipe  Recipe
	Train   *data.Part // trained on
	Check   *data.Part // measured on
	AtEnd   bool       // measure only at the end, not after every epoch
	Budget  float64    // epochs
	Seed    uint64     // of initial weights, order of samples and dropout

	// Report is called after every epoch, and at the end. May be nil.
	Report func(Point)
}

// Point is what was measured at one moment of training.
type Point struct {
	Epoch         float64 `json:"epoch"`
	Checked       bool    `json:"checked"`  // Accuracy and Loss were measured
	Accuracy      float64 `json:"accuracy"` // on Check
	Loss          float64 `json:"loss"`
	TrainAccuracy float64 `json:"train_accuracy"` // over the steps of this epoch, each before it was taken
	TrainLoss     float64 `json:"train_loss"`
}

// Invalid is the error of a candidate that cannot be trained: its loss is no
// finite number, a layer is unknown here, or one of its genes makes no sense.
type Invalid struct{ Reason string }

func (e *Invalid) Error() string { return e.Reason }

// Trainer trains one model. It is not safe for concurrent use.
type Trainer struct {
	setup    Setup
	model    *nn.Model
	perEpoch int // steps
	total    int // steps of the budget
	horizon  float64
	at       position
	order    []int // of the samples, in the running epoch
	x        []float32
	y        []int32
}

// position is where a training stands; together with the model's state it is
// all that going on needs.
type position struct {
	Step    int     `json:"step"` // steps taken
	Seed    uint64  `json:"seed"`
	Seen    int     `json:"seen"`    // samples of this epoch
	Correct int     `json:"correct"` // of them
	LossSum float64 `json:"loss_sum"`
	Curve   []Point `json:"curve"`
	Earlier int     `json:"earlier"` // how many of the curve's points are another job's
}

// New builds the model and is ready to Run.
func New(s Setup) (*Trainer, error) {
	if err := s.Recipe.Check(); err != nil {
		return nil, &Invalid{err.Error()}
	}
	if !(s.Budget > 0) || s.Budget > 1e9 {
		return nil, fmt.Errorf("the budget is %v epochs; give more than 0", s.Budget)
	}
	if err := fits(s.Network, s.Train); err != nil {
		return nil, err
	}
	r := s.Recipe
	// A last batch of less than half the size is left out; its samples come in
	// other epochs.
	perEpoch := max(1, (s.Train.Len()+r.Batch/2)/r.Batch)
	t := &Trainer{
		setup:    s,
		perEpoch: perEpoch,
		total:    max(1, int(math.Round(s.Budget*float64(perEpoch)))),
		at:       position{Seed: s.Seed},
		x:        make([]float32, r.Batch*s.Train.Features()),
		y:        make([]int32, r.Batch),
	}
	t.horizon = float64(t.total)
	if r.Horizon > 0 {
		t.horizon = math.Round(float64(r.Horizon) * float64(perEpoch))
	}
	if float64(t.total) > t.horizon {
		return nil, fmt.Errorf("the budget of %v epochs exceeds the horizon of %v; raise the evaluator's horizon", s.Budget, r.Horizon)
	}
	if err := s.Network.Trains(t.fewest()); err != nil {
		return nil, &Invalid{err.Error()}
	}
	return t, t.build()
}

// fewest is how many samples the smallest batch has that is trained on.
func (t *Trainer) fewest() int {
	batch, samples := t.setup.Recipe.Batch, t.setup.Train.Len()
	if t.total < t.perEpoch {
		return batch // the last one of an epoch is not reached
	}
	return min(batch, samples-(t.perEpoch-1)*batch)
}

// fits checks a network against the data.
func fits(n *network.Network, p *data.Part) error {
	if n == nil || len(n.Nodes) == 0 {
		return errors.New("the space describes no network; give it layers, such as conv, dense or head, or use another evaluator")
	}
	if err := data.Reads(n.Nodes[0].Shape, p.Shape()); err != nil {
		return fmt.Errorf("space.network.input %w", err)
	}
	if answer := n.Nodes[len(n.Nodes)-1].Shape; len(answer) != 1 || answer[0] != p.Classes() {
		return fmt.Errorf("the network answers %v, but the data has %d classes; set space.network.classes", answer, p.Classes())
	}
	return nil
}

func (t *Trainer) build() error {
	r := t.setup.Recipe
	o := nn.Options{
		Batch: r.Batch, Seed: rng.Derive(t.at.Seed, "model"), Optimizer: r.Optimizer,
		WeightDecay: r.WeightDecay, LabelSmoothing: r.LabelSmoothing,
		Beta1: r.Beta1, Beta2: r.Beta2, Epsilon: r.Epsilon,
	}
	if r.Optimizer == "sgd" {
		o.Momentum = r.Momentum
	}
	model, err := nn.Build(t.setup.Network, o)
	if err != nil {
		return &Invalid{err.Error()}
	}
	t.model = model
	return nil
}

// Parameters returns the number of trainable parameters.
func (t *Trainer) Parameters() int { return t.model.Parameters() }

// Epochs returns how many epochs were trained so far.
func (t *Trainer) Epochs() float64 { return float64(t.at.Step) / float64(t.perEpoch) }

// Curve returns this job's Points so far, also those before a checkpoint.
func (t *Trainer) Curve() []Point { return t.at.Curve[t.at.Earlier:] }

// Run trains to the end of the budget and returns the last Point. If the
// context ends it stops within a batch and returns the context's cause; the
// Trainer can then be saved, or Run again. An *Invalid is final.
func (t *Trainer) Run(ctx context.Context) (Point, error) {
	for {
		if t.due() {
			if err := t.measure(ctx); err != nil {
				return Point{}, err
			}
		}
		if t.at.Step == t.total {
			return t.at.Curve[len(t.at.Curve)-1], nil
		}
		if err := t.step(ctx); err != nil {
			return Point{}, err
		}
	}
}

// due tells whether the next Point belongs here: after every epoch, and at the
// end of the budget.
func (t *Trainer) due() bool {
	if n := len(t.at.Curve); n > 0 && t.at.Curve[n-1].Epoch == t.Epochs() {
		return false
	}
	return t.at.Step > 0 && t.at.Step%t.perEpoch == 0 || t.at.Step == t.total
}

// step takes one step, or none if the context has ended.
func (t *Trainer) step(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	epoch, within := t.at.Step/t.perEpoch, t.at.Step%t.perEpoch
	if within == 0 {
		t.at.Seen, t.at.Correct, t.at.LossSum = 0, 0, 0
	}
	if within == 0 || t.order == nil {
		t.order = rng.New(rng.Derive(t.at.Seed, "order", uint64(epoch))).Perm(t.setup.Train.Len())
	}
	from := within * t.setup.Recipe.Batch
	which := t.order[from:min(from+t.setup.Recipe.Batch, len(t.order))]
	n := len(which)
	x, y := t.x[:n*t.setup.Train.Features()], t.y[:n]
	t.setup.Train.Gather(x, y, which)
	rate := t.setup.Recipe.Rate(float64(t.at.Step), t.horizon, t.setup.Recipe.Warmup*float64(t.perEpoch))
	loss, correct, err := t.model.Train(x, y, rate)
	if err != nil {
		return err
	}
	if err := finite("loss", loss, epoch+1); err != nil {
		return err
	}
	t.at.Step++
	t.at.Seen += n
	t.at.Correct += correct
	t.at.LossSum += loss * float64(n)
	return nil
}

// measure adds a Point to the curve.
func (t *Trainer) measure(ctx context.Context) error {
	p := Point{Epoch: t.Epochs()}
	if t.at.Seen > 0 {
		p.TrainAccuracy = float64(t.at.Correct) / float64(t.at.Seen)
		p.TrainLoss = t.at.LossSum / float64(t.at.Seen)
	}
	if !t.setup.AtEnd || t.at.Step == t.total {
		if err := t.check(ctx, &p); err != nil {
			return err
		}
	}
	t.at.Curve = append(t.at.Curve, p)
	if t.setup.Report != nil {
		t.setup.Report(p)
	}
	return nil
}

// check measures the model on the samples that are held out.
func (t *Trainer) check(ctx context.Context, p *Point) error {
	part, batch := t.setup.Check, t.setup.Recipe.Batch
	which := make([]int, 0, batch)
	lossSum, right := 0.0, 0
	for from := 0; from < part.Len(); from += batch {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		which = which[:0]
		for i := from; i < min(from+batch, part.Len()); i++ {
			which = append(which, i)
		}
		x, y := t.x[:len(which)*part.Features()], t.y[:len(which)]
		part.Gather(x, y, which)
		loss, correct, err := t.model.Eval(x, y)
		if err != nil {
			return err
		}
		lossSum += loss
		right += correct
	}
	p.Checked = true
	p.Accuracy = float64(right) / float64(part.Len())
	p.Loss = lossSum / float64(part.Len())
	return finite("loss on held-out data", p.Loss, int(math.Ceil(p.Epoch)))
}

func finite(what string, v float64, epoch int) error {
	switch {
	case math.IsNaN(v):
		return &Invalid{fmt.Sprintf("%s became NaN in epoch %d", what, epoch)}
	case math.IsInf(v, 0):
		return &Invalid{fmt.Sprintf("%s became infinite in epoch %d", what, epoch)}
	}
	return nil
}
