package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// known are results from elsewhere, better than any that can be measured.
func known(n int) (out []engine.Known) {
	r := rng.New(5)
	for i := range n {
		g, _ := plainSpace.Random(r)
		out = append(out, engine.Known{Genome: g, Result: engine.Result{
			Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 5 + float64(i)}}, Seconds: 100,
		}})
	}
	return out
}

func genomes(all []engine.Known) (out []genome.Genome) {
	for _, k := range all {
		out = append(out, k.Genome)
	}
	return out
}

// begunTo is a search that has taken so many turns.
func begunTo(t *testing.T, cfg engine.Config, turns uint64) {
	t.Helper()
	if turns == 0 {
		if err := engine.Begin(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		return
	}
	cfg.Turns = turns
	run(t, cfg)
}

func TestImportedResultsInform(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 7} {
		for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
			for _, turns := range []uint64{0, 5} {
				t.Run(fmt.Sprint(batch, order, turns), func(t *testing.T) {
					t.Parallel()
					led := enginetest.Memory(t)
					cfg := config(led)
					cfg.Strategy, cfg.Order = climber{batch: batch}, order
					begunTo(t, cfg, turns)
					first, err := engine.Import(led, known(20), "elsewhere", "once", time.Now())
					if err != nil {
						t.Fatal(err)
					}
					again, err := engine.Import(led, known(20), "elsewhere", "once", time.Now())
					if err != nil || !slices.Equal(first, again) || len(first) != 20 {
						t.Errorf("imported as %v, and again as %v, %v", first, again, err)
					}
					if more, err := engine.Import(led, known(21), "elsewhere", "more", time.Now()); err != nil || len(more) != 1 {
						t.Errorf("of what was imported before, and one more, %v are taken in, %v", more, err)
					} else {
						first = append(first, more...)
					}
					s := run(t, cfg)
					st := s.Status()
					if st.Evaluations != 60 || st.OK != 60 || st.Imported != 21 || st.FinalDone != 6 || st.Waiting < 0 {
						t.Errorf("ended as %+v", st)
					}
					for _, b := range st.Best {
						if slices.Contains(first, b.ID) {
							t.Errorf("candidate %s, which was imported, is among the best", b.ID)
						}
					}
					children, imported := 0, 0
					for c := range s.Candidates() {
						for _, id := range c.Parents {
							if slices.Contains(first, id) {
								children++
							}
						}
						if c.Phase != engine.PhaseSearch && slices.ContainsFunc(known(21), func(k engine.Known) bool { return k.Genome.Text() == c.Genome.Text() }) {
							t.Errorf("candidate %s measures again what was imported", c.ID)
						}
						if c.Origin() == engine.Imported {
							imported++
						} else if x, _ := c.Metrics.Get("accuracy"); x > 1 || slices.Contains(first, c.Reuse) {
							t.Errorf("candidate %s has a result that was imported", c.ID)
						}
					}
					if children == 0 || imported != 21 {
						t.Errorf("%d candidates have a parent among the %d that were imported", children, imported)
					}
					if err := engine.Replay(t.Context(), always(cfg.Strategy), led, nil); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// What is imported or added is an input of the search: its digest is another one, and
// the same wherever it is interrupted.
func TestForeignCandidatesAreInTheDigest(t *testing.T) {
	t.Parallel()
	whole := func(stops []uint64, bring func(led engine.Ledger) error) string {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Strategy = climber{batch: 7}
		begunTo(t, cfg, 3)
		if err := bring(led); err != nil {
			t.Fatal(err)
		}
		for _, turns := range stops {
			cfg.Turns = turns
			run(t, cfg)
		}
		cfg.Turns = 0
		run(t, cfg)
		if err := engine.Replay(t.Context(), always(cfg.Strategy), led, nil); err != nil {
			t.Error(err)
		}
		return digest(t, led, -1)
	}
	seen := map[string]string{}
	for name, bring := range map[string]func(led engine.Ledger) error{
		"nothing": func(engine.Ledger) error { return nil },
		"one": func(led engine.Ledger) error {
			_, err := engine.Import(led, known(1), "", "a", time.Now())
			return err
		},
		"two": func(led engine.Ledger) error {
			_, err := engine.Import(led, known(2), "", "a", time.Now())
			return err
		},
		"added": func(led engine.Ledger) error {
			_, err := engine.Add(led, genomes(known(3)), 0, "a", time.Now())
			return err
		},
	} {
		d := whole(nil, bring)
		if other, same := seen[d]; same {
			t.Errorf("with %s the digest is as with %s", name, other)
		}
		seen[d] = name
		if again := whole([]uint64{3, 4, 6}, bring); again != d {
			t.Errorf("with %s the search takes another way when it is interrupted", name)
		}
	}
}

func TestAddedGenomesAreMeasured(t *testing.T) {
	t.Parallel()
	best, err := plainSpace.Parse("x=1 y=1000 z=a")
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		t.Run(string(order), func(t *testing.T) {
			t.Parallel()
			led := enginetest.Memory(t)
			cfg := config(led)
			cfg.Strategy, cfg.Order = climber{batch: 7}, order
			cfg.Evaluators["f"] = engine.EvaluatorRef{Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
				if j.Genome.Text() == best.Text() {
					return map[string]float64{"accuracy": 2}, nil
				}
				return evaluate(ctx, j)
			})}
			var s *engine.Search
			asked := make(chan error, 1)
			n := 0
			cfg.Observe = func(u engine.Update) {
				if n++; n == 30 { // while it runs
					go func() {
						_, err := s.Add([]genome.Genome{best, best}, 0, "please")
						asked <- err
					}()
				}
			}
			s, err := engine.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-asked; err != nil {
				t.Fatal(err)
			}
			st := s.Status()
			if st.Evaluations != 60 || st.Added != 2 || st.Best[0].Genome != best.Text() {
				t.Errorf("ended as %+v", st)
			}
			if st.Reused == 0 {
				t.Error("what was added twice was measured twice")
			}
			for r, err := range led.Turns(engine.PartSearch) {
				own, of := 0, 7
				for _, id := range r.Consumed {
					if c, _ := s.Candidate(id); c.Origin() == "" {
						own++
					}
				}
				if order == engine.Strict && (err != nil || own != of && own != 0) {
					t.Errorf("turn %d consumes %v, %v", r.N, r.Consumed, err)
				}
			}
			if err := engine.Replay(t.Context(), always(cfg.Strategy), led, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// broken is a ledger that cannot write down what was added.
type broken struct{ engine.Ledger }

func (b broken) Commit(c *engine.Change) error {
	if slices.ContainsFunc(c.Jobs, func(j engine.JobRecord) bool { return j.Operator == engine.OpAdded }) {
		return errors.New("the disk is full")
	}
	return b.Ledger.Commit(c)
}

func TestWhatIsNotRecordedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	cfg := config(broken{enginetest.Memory(t)})
	asked := make(chan error, 1)
	var s *engine.Search
	cfg.Observe = func(u engine.Update) {
		if u.Kind == engine.Consumed && u.Candidate.ID == 5 {
			go func() {
				_, err := s.Add(genomes(known(1)), 0, "please")
				asked <- err
			}()
		}
	}
	s, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("the search goes on without its ledger")
	}
	if err := <-asked; err == nil {
		t.Error("what the ledger does not hold was acknowledged")
	}
}

// A limit cuts a batch short, and something is imported before the search is extended.
func TestImportAfterACutBatch(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Strategy, cfg.Limits.Evaluations = climber{batch: 7}, 25
	run(t, cfg)
	if _, err := engine.Import(led, known(3), "", "a", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Add(led, genomes(known(5))[3:], 0, "b", time.Now()); err != nil {
		t.Fatal(err)
	}
	cfg.Limits.Evaluations = 60
	st := run(t, cfg).Status()
	if st.Evaluations != 60 || st.Imported != 3 || st.Added != 2 {
		t.Errorf("ended as %+v", st)
	}
	times := map[engine.ID]int{}
	for r, err := range led.Turns(engine.PartSearch) {
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range r.Consumed {
			if times[id]++; times[id] > 1 {
				t.Errorf("turn %d consumes %s once more", r.N, id)
			}
		}
	}
	if err := engine.Replay(t.Context(), always(cfg.Strategy), led, nil); err != nil {
		t.Error(err)
	}
}

func TestWrongImportsChangeNothing(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	least := 0.0
	cfg.Constraints = []engine.Constraint{{Metric: "accuracy", Min: &least}}
	begunTo(t, cfg, 4)
	before := digest(t, led, -1)
	for name, wrong := range map[string]func(*engine.Known){
		"is none of the search's":     func(k *engine.Known) { k.Fidelity = 1 },
		"none of ok, invalid, failed": func(k *engine.Known) { k.Status = "great" },
		"has no metric accuracy":      func(k *engine.Known) { k.Metrics = engine.Values{{Name: "loss", Value: 1}} },
		"accuracy is 1, or comes twice": func(k *engine.Known) {
			k.Metrics = engine.Values{{Name: "accuracy", Value: 1}, {Name: "accuracy", Value: 1}}
		},
		"genome": func(k *engine.Known) {
			k.Genome, _ = genome.MustParseSpace(`{"q": {"bool": true}}`).Random(rng.New(1))
		},
	} {
		all := known(3)
		wrong(&all[2])
		_, err := engine.Import(led, all, "", name, time.Now())
		if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "[2]") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if digest(t, led, -1) != before {
		t.Error("something was changed")
	}
}
