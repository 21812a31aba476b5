package supernet

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	weights "github.com/nascent-nas/nascent/plugins/evaluators/supernet"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/search"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
	"github.com/nascent-nas/nascent/plugins/trainer/fit"
)

var whole = flag.Bool("whole", false, "train the random cells too, which records their accuracies anew, and derive cells with gdas")

// recorded are the accuracies of the random cells, by their texts. To train them takes
// the better part of a minute, and that they come to the same again is looked at for a
// few of them.
const recorded = "testdata/random.json"

// The data of the example mnist1d-cells, and how it trains a candidate.
const (
	exampleData = `{"source": "mnist1d", "samples": 4000, "validation": 800, "test": 100}`
	alone       = 10 // epochs of a candidate's own training
)

// laboratory is the example's search, with evaluators in this process.
type laboratory struct {
	space *genome.Space
	data  *data.Data
}

func newLaboratory(t testing.TB) *laboratory {
	t.Helper()
	l := &laboratory{}
	var o data.Options
	err := json.Unmarshal([]byte(exampleData), &o)
	if err == nil {
		l.data, err = data.Load(o)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.space = networktest.Space(t, exampleSpace)
	return l
}

// train trains a candidate as the example's evaluator does.
func (l *laboratory) train(ctx context.Context, job *engine.Job) (map[string]float64, error) {
	recipe := fit.Default()
	recipe.LearningRate = 0.01
	net, err := job.Network()
	if err != nil {
		return nil, err
	}
	setup := fit.Setup{Network: net, Recipe: recipe, AtEnd: true, Budget: job.Budget, Seed: job.Seed}
	setup.Train, setup.Check = l.data.Search()
	trainer, err := fit.New(setup)
	if err != nil {
		return nil, err
	}
	last, err := trainer.Run(ctx)
	return map[string]float64{"accuracy": last.Accuracy}, err
}

// unread stands in for the trainings of a search whose cells alone are looked at:
// what it promotes does not depend on what comes of them.
func unread(context.Context, *engine.Job) (map[string]float64, error) {
	return map[string]float64{"accuracy": 0}, nil
}

// run makes a search by a method. It ends after so many evaluations, or when the
// strategy is done.
func (l *laboratory) run(t testing.TB, method, options string, seed uint64, evaluations int) []engine.Candidate {
	t.Helper()
	strategy, err := search.New(method)
	if err != nil {
		t.Error(err)
		return nil
	}
	s, err := engine.Run(context.Background(), engine.Config{
		Space: l.space, Strategy: strategy, StrategyName: method, StrategyOptions: json.RawMessage(options),
		Evaluators: map[string]engine.EvaluatorRef{
			"train":    {Evaluator: engine.Func(unread)},
			"supernet": {Evaluator: sdk.InProcess(*weights.Plugin()), Options: json.RawMessage(`{"data": ` + exampleData + `}`)},
		},
		Fidelities: []engine.Fidelity{{Evaluator: "train", Budget: alone}}, Limits: engine.Limits{Evaluations: evaluations},
		Seed: seed, Workers: 1, Final: engine.Final{Skip: true}, Ledger: enginetest.Memory(t),
	})
	if err != nil {
		t.Error(err)
		return nil
	}
	return slices.Collect(s.Candidates())
}

// accuracy of a cell is the mean of three trainings, so that what is compared are
// cells and not the luck of one training: a quantile of single trainings is mostly
// the luck of the lucky ones.
func (l *laboratory) accuracy(t testing.TB, g genome.Genome) (a float64) {
	t.Helper()
	for seed := range uint64(3) {
		m, err := l.train(t.Context(), &engine.Job{Genome: g, Budget: alone, Seed: 9000 + seed})
		if err != nil {
			t.Error(err)
			return 0
		}
		a += m["accuracy"] / 3
	}
	return a
}

// random scores cells with shared weights, and tells what each is trained to for itself:
// single-path one-shot over random search that promotes whatever it draws.
func (l *laboratory) random(t testing.TB, cells int) (scores, accuracies []float64) {
	t.Helper()
	score := map[engine.ID]float64{}
	var drawn []genome.Genome
	for _, c := range l.run(t, "spos", `{"epochs": 60, "epochs_a_job": 60, "search": "random", "promote": {"eta": 1, "after": 0}}`, 1, 1+2*cells+8) {
		switch x, _ := c.Metrics.Get(orders.SharedAccuracy); {
		case c.Task == engine.Score:
			score[c.ID] = x
		case c.Task == engine.Train && len(scores) < cells:
			scores, drawn = append(scores, score[c.Parents[0]]), append(drawn, c.Genome)
		}
	}
	if len(scores) < cells {
		t.Fatalf("%d of %d cells were scored and trained", len(scores), cells)
	}
	return scores, l.accuracies(t, drawn)
}

// accuracies are those of cells, as they are recorded.
func (l *laboratory) accuracies(t testing.TB, cells []genome.Genome) []float64 {
	t.Helper()
	accuracies, known := make([]float64, len(cells)), map[string]float64{}
	if *whole {
		each(len(cells), func(i int) { accuracies[i] = l.accuracy(t, cells[i]) })
		for i, g := range cells {
			known[g.Text()] = accuracies[i]
		}
		text, err := json.MarshalIndent(known, "", "\t")
		if err == nil {
			err = os.WriteFile(recorded, append(text, '\n'), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		return accuracies
	}
	text, err := os.ReadFile(recorded)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range cells {
		a, ok := known[g.Text()]
		if !ok {
			t.Fatalf("%s has no accuracy for %s: record it with -args -whole", recorded, g.Text())
		}
		accuracies[i] = a
	}
	// Other kernels round otherwise, which a training of a few epochs makes more of.
	const few, near = 3, 0.02
	each(few, func(i int) {
		if a := l.accuracy(t, cells[i]); math.Abs(a-accuracies[i]) > near {
			t.Errorf("%s trains to %.3f, and %.3f is recorded: do so again with -args -whole, if that is right", cells[i].Text(), a, accuracies[i])
		}
	})
	return accuracies
}

// derived lists the accuracy of the first cell that a method derives, by seeds.
func (l *laboratory) derived(t testing.TB, method, options string, seeds int) []float64 {
	t.Helper()
	accuracies := make([]float64, seeds)
	each(seeds, func(i int) {
		for _, c := range l.run(t, method, options, uint64(100+i), 100_000) {
			if c.Task == engine.Train {
				accuracies[i] = l.accuracy(t, c.Genome)
				return
			}
		}
		t.Errorf("%s derives no cell with seed %d", method, 100+i)
	})
	t.Logf("%s %s: derived cells have %.1f %% in the mean, %.3f", method, options, 100*mean(accuracies), accuracies)
	return accuracies
}

// each calls f for 0 to n-1, on all processors.
func each(n int, f func(int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	group.Wait()
}

// kendall is Kendall's tau-b of two lists: how often pairs stand in one order in
// both, from -1 to 1.
func kendall(x, y []float64) float64 {
	agree, inX, inY := 0.0, 0.0, 0.0 // pairs that differ in x, and in y
	for i := range x {
		for k := range i {
			a, b := cmp.Compare(x[i], x[k]), cmp.Compare(y[i], y[k])
			agree += float64(a * b)
			inX += float64(a * a)
			inY += float64(b * b)
		}
	}
	return agree / math.Sqrt(inX*inY)
}

// quantile of a list, from 0 to 1.
func quantile(x []float64, q float64) float64 {
	return slices.Sorted(slices.Values(x))[int(q*float64(len(x)-1)+0.5)]
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// Shared weights rank random cells as trainings of their own do, and gradients
// find cells above the 75th percentile of random ones; with frozen alphas they do
// not.
func TestSharedWeightsAreOfUse(t *testing.T) {
	if testing.Short() {
		t.Skip("trains shared weights and some 40 networks, most of a minute: skipped with -short")
	}
	t.Parallel()
	l := newLaboratory(t)
	scores, accuracies := l.random(t, 60)
	tau, bar := kendall(scores, accuracies), quantile(accuracies, 0.75)
	t.Logf("%d random cells: Kendall tau %.2f; accuracy %.1f %% in the mean, quartiles %.1f, %.1f and %.1f %%", len(scores), tau,
		100*mean(accuracies), 100*quantile(accuracies, 0.25), 100*quantile(accuracies, 0.5), 100*bar)
	if tau < 0.4 {
		t.Errorf("Kendall tau is %.2f, want 0.4 or more", tau)
	}
	if *whole {
		l.derived(t, "gdas", `{"derive": 1}`, 5) // to be read
	}
	if x := mean(l.derived(t, "darts", `{"derive": 1}`, 5)); x <= bar {
		t.Errorf("derived cells have %.1f %% in the mean, not more than the best quarter of random ones has at least, %.1f %%", 100*x, 100*bar)
	}
	// Frozen alphas are the same after any number of epochs.
	if x := mean(l.derived(t, "darts", `{"derive": 1, "epochs": 1, "frozen": true}`, 5)); x > bar {
		t.Errorf("with frozen alphas derived cells have %.1f %% in the mean, as if they were learned: the check above shows nothing", 100*x)
	}
}
