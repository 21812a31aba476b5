package fit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

var small = sync.OnceValue(func() *data.Data {
	validation, test := 60.0, 50.0
	d, err := data.Load(data.Options{Samples: 300, Validation: &validation, Test: &test})
	if err != nil {
		panic(err)
	}
	return d
})

// net reads MNIST-1D and has everything that keeps a state: normalisation with
// its statistics, and dropout.
func net(t *testing.T) *network.Network {
	t.Helper()
	block := genome.Map{{Key: "block", Value: genome.Map{
		{Key: "channels", Value: int64(4)}, {Key: "norm", Value: true}, {Key: "stride", Value: int64(2)}, {Key: "dropout", Value: 0.1}}}}
	n, err := network.Build(genome.Map{{Key: "body", Value: []any{block, block}},
		{Key: "head", Value: genome.Map{{Key: "pool", Value: "average"}}}}, []int{1, 40}, 10)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func setup(t *testing.T, r Recipe, budget float64) Setup {
	train, validation := small().Search()
	return Setup{Network: net(t), Recipe: r, Train: train, Check: validation, Budget: budget, Seed: 7}
}

func start(t *testing.T, s Setup) *Trainer {
	t.Helper()
	trainer, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return trainer
}

func run(t *testing.T, trainer *Trainer) Point {
	t.Helper()
	p, err := trainer.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bits is everything that a trainer would go on from.
func bits(t *testing.T, trainer *Trainer) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bits")
	if err := trainer.Save(path); err != nil {
		t.Fatal(err)
	}
	tensors, _, err := safetensors.ReadFile[float32](path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// countdown is a context that ends when it has been asked often enough.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestLearns(t *testing.T) {
	t.Parallel()
	r := Default()
	r.Batch, r.LearningRate = 20, 0.01
	s := setup(t, r, 40)
	var reported []Point
	s.Report = func(p Point) { reported = append(reported, p) }
	trainer := start(t, s)
	p := run(t, trainer)
	if p.TrainAccuracy < 0.3 || p.TrainLoss > 2 || p.Accuracy < 0.25 || p.Epoch != 40 {
		t.Errorf("learned next to nothing: %+v", p)
	}
	if len(reported) != 40 || !reflect.DeepEqual(reported, trainer.Curve()) || reported[0].Epoch != 1 || !reported[0].Checked {
		t.Errorf("reported %d points", len(reported))
	}
	if got := int64(trainer.Parameters()); got != s.Network.Parameters() {
		t.Errorf("trained %d parameters, the network counts %d", got, s.Network.Parameters())
	}
}

func TestSameSeedSameBits(t *testing.T) {
	t.Parallel()
	want := start(t, setup(t, Default(), 3))
	point := run(t, want)
	alone := bits(t, want)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s := setup(t, Default(), 3)
			if i == 3 {
				s.Seed++
			}
			beside, err := New(s)
			if err != nil {
				t.Error(err)
				return
			}
			p, err := beside.Run(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if same := p == point && bits(t, beside) == alone; same != (i < 3) {
				t.Errorf("run %d beside others: same bits as alone is %v", i, same)
			}
		})
	}
	wg.Wait()
}

// TestPromotion trains to 2 epochs and then, from the checkpoint, to 5. With
// a fixed horizon that is the same as training to 5 at once.
func TestPromotion(t *testing.T) {
	t.Parallel()
	for _, optimizer := range []string{"adamw", "adam", "sgd"} {
		for _, first := range []float64{2, 1.4} {
			r := Default()
			r.Horizon, r.Optimizer, r.Batch, r.LabelSmoothing, r.Warmup = 8, optimizer, 32, 0.05, 1
			whole := start(t, setup(t, r, 5))
			want := run(t, whole)

			begin := start(t, setup(t, r, first))
			run(t, begin)
			path := filepath.Join(t.TempDir(), "checkpoint")
			if err := begin.Save(path); err != nil {
				t.Fatal(err)
			}
			s := setup(t, r, 5)
			s.Seed = 99 // the checkpoint's counts
			promoted := start(t, s)
			if err := promoted.Load(path, false); err != nil {
				t.Fatal(err)
			}
			if got := run(t, promoted); got != want {
				t.Errorf("%s from %v epochs: %+v, uninterrupted %+v", optimizer, first, got, want)
			}
			if bits(t, promoted) != bits(t, whole) {
				t.Errorf("%s from %v epochs: weights, moments or statistics differ from the uninterrupted run's", optimizer, first)
			}
			if c := promoted.Curve(); c[0].Epoch <= first {
				t.Errorf("the promoted job's curve begins at %v, with its predecessor's", c[0].Epoch)
			}
		}
	}
}

// TestInterrupted cancels a training after every possible number of batches,
// measurements included, and lets another go on from what was saved.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	r := Default()
	r.Batch = 50
	whole := start(t, setup(t, r, 3))
	want := run(t, whole)
	for n := 0; ; n++ {
		first := start(t, setup(t, r, 3))
		_, err := first.Run(&countdown{t.Context(), n})
		if err == nil {
			if n < 15 {
				t.Errorf("only %d chances to cancel", n)
			}
			return
		}
		path := filepath.Join(t.TempDir(), "progress")
		if err := first.Save(path); err != nil {
			t.Fatal(err)
		}
		second := start(t, setup(t, r, 3))
		if err := second.Load(path, true); err != nil {
			t.Fatal(err)
		}
		if got := run(t, second); got != want || bits(t, second) != bits(t, whole) || !reflect.DeepEqual(second.Curve(), whole.Curve()) {
			t.Fatalf("cancelled after %d batches: %+v, uninterrupted %+v", n, got, want)
		}
	}
}

func TestCancelCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := setup(t, Default(), 1e6)
	s.Report = func(Point) { cancel(cause) }
	if _, err := start(t, s).Run(ctx); !errors.Is(err, cause) {
		t.Errorf("ended with %v", err)
	}
}

func TestAtEnd(t *testing.T) {
	t.Parallel()
	s := setup(t, Default(), 2)
	s.AtEnd = true
	trainer := start(t, s)
	run(t, trainer)
	if c := trainer.Curve(); len(c) != 2 || c[0].Checked || c[0].Accuracy != 0 || !c[1].Checked {
		t.Errorf("curve %+v", c)
	}
	s.AtEnd = false
	often := start(t, s)
	run(t, often)
	if bits(t, often) != bits(t, trainer) {
		t.Error("measuring changes what is trained")
	}
}

func TestDiverges(t *testing.T) {
	t.Parallel()
	r := Default()
	r.Optimizer, r.LearningRate, r.Momentum, r.Schedule, r.WeightDecay = "sgd", 999, 0.99, "constant", 10
	_, err := start(t, setup(t, r, 30)).Run(t.Context())
	var invalid *Invalid
	if !errors.As(err, &invalid) || !strings.HasPrefix(err.Error(), "loss") || !strings.Contains(err.Error(), " became ") ||
		!strings.Contains(err.Error(), " in epoch ") {
		t.Errorf("ended with %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	fixed := Default()
	fixed.Horizon = 4
	for word, change := range map[string]func(*Setup){
		"exceeds the horizon of 4":  func(s *Setup) { s.Recipe = fixed },
		"budget is 0":               func(s *Setup) { s.Budget = 0 },
		"batch is -1":               func(s *Setup) { s.Recipe.Batch = -1 },
		"describes no network":      func(s *Setup) { s.Network = nil },
		"space.network.input is":    func(s *Setup) { s.Network = other(t, []int{1, 28}, 10) },
		"set space.network.classes": func(s *Setup) { s.Network = other(t, []int{1, 40}, 3) },
	} {
		s := setup(t, Default(), 5)
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not say %q", err, word)
		}
	}
}

func other(t *testing.T, input []int, classes int) *network.Network {
	t.Helper()
	n, err := network.Build(genome.Map{{Key: "dense", Value: genome.Map{{Key: "units", Value: int64(4)}}}}, input, classes)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	r := Default()
	r.Horizon = 4
	from := start(t, setup(t, r, 2))
	run(t, from)
	path := filepath.Join(t.TempDir(), "checkpoint")
	if err := from.Save(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".part"); err == nil {
		t.Error("a partial file was left behind")
	}
	fixed, smoothed := r, r
	fixed.Horizon, smoothed.LabelSmoothing = 5, 0.1
	for word, s := range map[string]Setup{
		"of step 4":    setup(t, r, 1),
		"of recipe {B": setup(t, fixed, 3),
		"of recipe {":  setup(t, smoothed, 3),
		"of network":   {Network: other(t, []int{1, 40}, 10), Recipe: r, Train: from.setup.Train, Check: from.setup.Check, Budget: 3},
	} {
		trainer := start(t, s)
		before := bits(t, trainer)
		if err := trainer.Load(path, false); err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v does not say %q", err, word)
		}
		if bits(t, trainer) != before {
			t.Error("a refused checkpoint changed the trainer")
		}
	}
	tensors, metadata, err := safetensors.ReadFile[float32](path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	for name, damage := range map[string]func() error{
		"absent":        func() error { return os.RemoveAll(bad) },
		"garbage":       func() error { return os.WriteFile(bad, []byte("garbage, not tensors"), 0o600) },
		"no metadata":   func() error { return safetensors.WriteFile(bad, tensors, nil) },
		"a lost tensor": func() error { return safetensors.WriteFile(bad, tensors[1:], metadata) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		trainer := start(t, setup(t, r, 3))
		if err := trainer.Load(bad, false); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

// A normalisation over one value is no fault of the data or the machine: the
// candidate is invalid before it is trained.
func TestNormOverOneValue(t *testing.T) {
	t.Parallel()
	flat, err := network.Build(genome.Map{{Key: "hidden", Value: genome.Map{{Key: "dense", Value: genome.Map{
		{Key: "units", Value: int64(4)}, {Key: "norm", Value: true}}}}}}, []int{1, 40}, 10)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[int]*data.Part{}
	for _, n := range []int{189, 190} {
		validation, test := 60.0, 50.0
		d, err := data.Load(data.Options{Samples: n + 60, Validation: &validation, Test: &test})
		if err != nil {
			t.Fatal(err)
		}
		if parts[n], _ = d.Search(); parts[n].Len() != n {
			t.Fatalf("%d samples", parts[n].Len())
		}
	}
	for name, c := range map[string]struct {
		net     *network.Network
		batch   int
		samples int
		budget  float64
		invalid bool
	}{
		"batch of 1":                   {flat, 1, 190, 1, true},
		"batch of 1, with positions":   {net(t), 1, 190, 1, false},
		"last batch of 1":              {flat, 2, 189, 1, true},
		"last batch of 1, not reached": {flat, 2, 189, 0.5, false},
		"last batch of 1, left out":    {flat, 4, 189, 1, false},
		"last batch of 2":              {flat, 2, 190, 1, false},
	} {
		r := Default()
		r.Batch = c.batch
		s := setup(t, r, c.budget)
		s.Network, s.Train = c.net, parts[c.samples]
		_, err := New(s)
		var invalid *Invalid
		if errors.As(err, &invalid) != c.invalid || err != nil && !strings.Contains(err.Error(), "hidden.dense.norm: normalises over one value") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
