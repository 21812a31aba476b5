package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome/rng"
)

// farmer promotes candidates from far back in its History, whoever they are, and
// keeps nothing: some of their checkpoints are there, others were let go.
type farmer struct{}

func (farmer) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{History: engine.NeedMetrics}, nil
}

func (farmer) Step(_ context.Context, _ []byte, t engine.Turn) (d engine.Decision, err error) {
	for i := range t.Want {
		p := engine.Proposal{Operator: engine.OpRandom}
		id, n := int(t.FirstID)+i, t.History.Len()
		if n > 100 && id%2 == 0 {
			if c := t.History.At(n - 1 - id*37%95); c.Fidelity == 0 && c.Reuse == 0 {
				p = engine.Proposal{Operator: engine.OpSame, Parents: []engine.ID{c.ID}, Fidelity: 1, Resume: c.ID}
			}
		}
		d.Proposals = append(d.Proposals, p)
	}
	return d, nil
}

// trainer is an evaluator whose results tell whether there was a checkpoint to go
// on from. Jobs take as long as its own random numbers say. Their checkpoints have
// one of a few contents, so that many are the same file.
func trainer(t *testing.T, seed uint64, contents engine.ID) *actor {
	r := rng.New(seed)
	var mu sync.Mutex // held while something is written
	ended := false
	end := func(s *scene, _ context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		s.end()
		return nil
	}
	return &actor{hello: engine.Hello{Deterministic: true}, close: end, submit: func(s *scene, a engine.Assignment) error {
		x := measure(a.Job)
		for _, f := range a.Resume {
			path, err := s.files.Path(f.Hash)
			if err != nil {
				t.Errorf("job %s is to go on from a file that is gone: %v", a.Job.ID, err)
				continue
			}
			if b, err := os.ReadFile(path); err != nil || len(b) == 0 {
				t.Errorf("job %s: %v", a.Job.ID, err)
			}
			x++
		}
		work, way := time.Duration(1+r.Intn(60))*time.Second, time.Duration(r.Intn(3))*time.Second
		time.AfterFunc(work, func() {
			mu.Lock()
			defer mu.Unlock()
			if ended {
				return
			}
			f, err := os.CreateTemp(s.files.Temp(), "job")
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(f, "weights ", a.Job.ID%contents)
			f.Close()
			ref, err := s.files.Put(f.Name(), "checkpoint")
			if err != nil {
				t.Error(err)
				return
			}
			time.AfterFunc(way, func() { // the message is on its way
				s.send(begun(a), finished(a, engine.Result{
					Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: x}}, Files: []engine.FileRef{ref},
				}))
			})
		})
		return nil
	}}
}

func farm(t *testing.T, led engine.Ledger, seed uint64, contents engine.ID, workers int) engine.Config {
	cfg := config(led)
	cfg.Strategy, cfg.StrategyName, cfg.Workers, cfg.Final.Skip = farmer{}, "farmer", workers, true
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: trainer(t, seed, contents)}}
	cfg.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 1}, {Evaluator: "f", Budget: 3}}
	cfg.Limits.Evaluations, cfg.Keep = 400, 3
	return cfg
}

// gains counts the promoted candidates that had a checkpoint, and those that had none.
func gains(t *testing.T, led engine.Ledger) (had, none int) {
	for c := range mustArchive(t, led).Candidates() {
		if c.Fidelity == 0 {
			continue
		}
		if x, _ := c.Metrics.Get("accuracy"); c.Reuse == 0 && (x > measure(&c.Job)+0.5) != (c.Resume != 0) {
			t.Errorf("candidate %s says that it goes on from %s, and measured %v", c.ID, c.Resume, x)
		}
		if c.Resume != 0 {
			had++
		} else {
			none++
		}
	}
	return had, none
}

// Whether a promoted candidate finds its checkpoint is decided by turns: it is the
// same for any number of workers, any order in which jobs end, and any stop.
func TestCheckpointsDoNotDependOnTiming(t *testing.T) {
	t.Parallel()
	for _, contents := range []engine.ID{1_000_000, 5} {
		want := ""
		for try, workers := range []int{1, 2, 3, 3, 8} {
			synctest.Test(t, func(t *testing.T) {
				led := enginetest.Memory(t)
				r := rng.New(uint64(try))
				for stops := 0; ; stops++ {
					cfg := farm(t, led, uint64(100*try+stops), contents, workers)
					if try > 0 && stops < 6 {
						cfg.Ledger = &brittle{led, 10 + r.Intn(60), r.Bool()}
					}
					_, err := engine.Run(t.Context(), cfg)
					if err == nil {
						break
					}
					if !errors.Is(err, errPower) {
						t.Fatal(err)
					}
				}
				had, none := gains(t, led)
				if had < 20 || none < 20 {
					t.Errorf("%d promoted candidates had a checkpoint and %d had none", had, none)
				}
				if d := digest(t, led, -1); want == "" {
					want = d
				} else if d != want {
					t.Errorf("%d workers, %d contents: another digest", workers, contents)
				}
				find := func(engine.StrategyEvent) (engine.Strategy, error) { return farmer{}, nil }
				if err := engine.Replay(t.Context(), find, led, nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// How many checkpoints stay can be changed; from which turn on is journaled.
func TestKeptCheckpointsCanBeChanged(t *testing.T) {
	t.Parallel()
	digests := map[string]bool{}
	for _, workers := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			led := enginetest.Memory(t)
			cfg := farm(t, led, uint64(workers), 1_000_000, workers)
			cfg.Turns = 200
			run(t, cfg)
			cfg = farm(t, led, uint64(workers), 1_000_000, workers)
			cfg.Keep = 60
			run(t, cfg)
			find := func(engine.StrategyEvent) (engine.Strategy, error) { return farmer{}, nil }
			if err := engine.Replay(t.Context(), find, led, nil); err != nil {
				t.Error(err)
			}
			gains(t, led)
			digests[digest(t, led, 150)] = true
		})
	}
	if len(digests) != 1 {
		t.Error("workers change the turns")
	}
}

// damaged is a ledger that has lost a file, or the content of one.
type damaged struct {
	engine.Ledger
	err    error
	hidden map[string]bool
}

func (d *damaged) Path(hash string) (string, error) {
	if d.hidden[hash] {
		return "", d.err
	}
	return d.Ledger.Path(hash)
}

// A recorded checkpoint that is gone or damaged pauses the search with the cause;
// put back, the search goes on as if nothing had been.
func TestADamagedCheckpointPauses(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{fmt.Errorf("it is gone: %w", fs.ErrNotExist), fmt.Errorf("%w: other bytes", engine.ErrDamaged)} {
		synctest.Test(t, func(t *testing.T) {
			whole := enginetest.Memory(t)
			run(t, farm(t, whole, 1, 1_000_000, 2))

			led := enginetest.Memory(t)
			broken := &damaged{Ledger: led, err: cause, hidden: map[string]bool{}}
			cfg := farm(t, led, 2, 1_000_000, 2)
			cfg.Ledger = broken
			cfg.Observe = func(u engine.Update) {
				if u.Kind == engine.Consumed && u.Candidate.ID > 150 {
					for _, f := range u.Candidate.Files {
						broken.hidden[f.Hash] = true
					}
				}
			}
			_, err := engine.Run(t.Context(), cfg)
			if !errors.Is(err, cause) || !strings.Contains(err.Error(), "goes on from what candidate") || !strings.Contains(err.Error(), "put files/") {
				t.Fatalf("ended with %v", err)
			}
			if st := mustArchive(t, led).Status(); st.State != engine.StateStopped || !strings.Contains(st.Cause, "put files/") {
				t.Errorf("ended as %+v", st)
			}
			run(t, farm(t, led, 3, 1_000_000, 2))
			if digest(t, led, -1) != digest(t, whole, -1) {
				t.Error("mended, it took another way")
			}
		})
	}
}

// pingpong keeps its state in a file whose content comes again and again.
type pingpong struct{ files engine.Files }

func (p *pingpong) Open(_ context.Context, s engine.Setup) ([]byte, engine.Needs, error) {
	p.files = s.Files
	return nil, engine.Needs{History: engine.NeedNone}, nil
}

func (p *pingpong) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	for _, f := range t.Files {
		if _, err := p.files.Path(f.Hash); err != nil {
			return engine.Decision{}, err
		}
	}
	path := filepath.Join(p.files.Temp(), fmt.Sprint("turn ", t.N))
	if err := os.WriteFile(path, fmt.Append(nil, "state ", t.N*t.N/3%3), 0o600); err != nil {
		return engine.Decision{}, err
	}
	ref, err := p.files.Put(path, "state")
	if err != nil {
		return engine.Decision{}, err
	}
	d, err := randomly{}.Step(ctx, state, t)
	d.Files = []engine.FileRef{ref}
	return d, err
}

// recorded checks after every commit that the files of what is durable are there.
type recorded struct {
	engine.Ledger
	t *testing.T
}

func (r recorded) Commit(c *engine.Change) error {
	err := r.Ledger.Commit(c)
	r.check()
	return err
}

func (r recorded) Remove(hashes []string) error {
	err := r.Ledger.Remove(hashes)
	r.check()
	return err
}

func (r recorded) check() {
	var newest []engine.FileRef
	for turn := range r.Turns(engine.PartSearch) {
		newest = turn.Files
	}
	for result := range r.Inbox() {
		newest = append(newest, result.Files...)
	}
	for _, f := range newest {
		if _, err := r.Path(f.Hash); err != nil {
			r.t.Errorf("a file that the ledger names is gone: %v", err)
		}
	}
}

func TestFilesOfEqualContentStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led := enginetest.Memory(t)
		for i := range 8 {
			cfg := farm(t, recorded{led, t}, uint64(i), 4, 1+i%3)
			cfg.Strategy, cfg.StrategyName, cfg.Limits.Evaluations = &pingpong{}, "pingpong", 50*(i+1)
			if i%2 == 1 {
				cfg.Ledger = &brittle{cfg.Ledger, 20 + i, i%4 == 1}
			}
			if _, err := engine.Run(t.Context(), cfg); err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
		}
	})
}

// What an attempt saved is there for the next one, also in the next run.
func TestSavedProgressOutlivesTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Job.ID != 5 {
				s.send(begun(x), good(x))
				return nil
			}
			path := filepath.Join(s.files.Temp(), "progress")
			if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
				return err
			}
			ref, err := s.files.Put(path, "progress")
			s.send(begun(x), engine.Event{ID: 5, Attempt: x.Attempt, Kind: engine.Saved, Files: []engine.FileRef{ref}})
			return err
		}
		a.cancel = func(s *scene, id engine.ID, attempt int, _ bool) { s.send(returned(id, attempt)) }
		cfg := acting(t, a)
		for range 2 {
			s, err := engine.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Minute, s.Stop)
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		found := ""
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Job.ID == 5 && x.Saved && len(x.Resume) == 1 {
				if path, err := s.files.Path(x.Resume[0].Hash); err != nil {
					t.Error(err)
				} else if b, err := os.ReadFile(path); err == nil {
					found = string(b)
				}
			}
			s.send(begun(x), good(x))
			return nil
		}
		if st := run(t, cfg).Status(); st.OK != 30 || found != "half" {
			t.Errorf("the attempt in the third run found %q; ended as %+v", found, st)
		}
	})
}

// What nobody needs is removed while the search runs, and what is kept at its end is
// what the next run begins with.
func TestFilesThatNobodyNeedsAreRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led := enginetest.Memory(t)
		run(t, farm(t, led, 1, 1_000_000, 3))
		files := func() int {
			n := 0
			entries, err := os.ReadDir(led.Temp())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if len(e.Name()) == 64 {
					n++
				}
			}
			return n
		}
		n := files()
		if n < 6 || n > 64+6+8 { // the best three of each fidelity, and what came since files were last looked through
			t.Errorf("400 results leave %d files", n)
		}
		again := farm(t, led, 2, 1_000_000, 3)
		run(t, again)
		if m := files(); m != n {
			t.Errorf("opening it again leaves %d files of %d", m, n)
		}
	})
}

// slowLedger is a ledger whose commits take long: what comes meanwhile is consumed by the
// commit that it comes with.
type slowLedger struct{ engine.Ledger }

func (s slowLedger) Commit(c *engine.Change) error {
	time.Sleep(time.Second)
	return s.Ledger.Commit(c)
}

// What was tested can be exported as it was tested, for as long as the search is there;
// what was only measured again is let go.
func TestTestedFilesStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &actor{hello: engine.Hello{Seeded: true, Tests: true}}
		a.submit = func(s *scene, x engine.Assignment) error {
			path := filepath.Join(s.files.Temp(), "weights of "+x.Job.ID.String())
			if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
				return err
			}
			ref, err := s.files.Put(path, "checkpoint")
			if err != nil {
				return err
			}
			e := good(x)
			e.Result.Files = []engine.FileRef{ref}
			s.send(begun(x), e)
			return nil
		}
		cfg := acting(t, a)
		cfg.Final.Skip, cfg.Ledger = false, slowLedger{cfg.Ledger}
		for _, evaluations := range []int{30, 60, 60} { // extended, and opened once more
			cfg.Limits.Evaluations = evaluations
			run(t, cfg)
			there := map[engine.Phase]int{}
			for c := range mustArchive(t, cfg.Ledger).Candidates() {
				for _, f := range c.Files {
					if _, err := cfg.Ledger.Path(f.Hash); err == nil {
						there[c.Phase]++
					}
				}
			}
			if tests := 3 * evaluations / 30; there[engine.PhaseTest] != tests || there[engine.PhaseRemeasure] != 0 {
				t.Errorf("%d evaluations: of tested candidates %d files are there, of those measured again %d; want %d and 0",
					evaluations, there[engine.PhaseTest], there[engine.PhaseRemeasure], tests)
			}
		}
	})
}
