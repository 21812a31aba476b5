package fleet

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome/rng"
)

// resting makes an evaluator whose jobs take a time that depends on their seed, from
// shortest to longest, and no processor.
func resting(shortest, longest time.Duration) func(Spec) (engine.Evaluator, error) {
	return func(Spec) (engine.Evaluator, error) {
		return engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			time.Sleep(shortest + time.Duration(j.Seed%1000)*(longest-shortest)/1000)
			return map[string]float64{"accuracy": number(j, "x")}, nil
		}), nil
	}
}

// listening is a fleet of no host yet.
func listening(b *testing.B) (*Fleet, *Keys, net.Listener) {
	b.Helper()
	keys, err := NewKeys()
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return Listen(l, Options{Keys: keys}), keys, l
}

// busy runs a search of so many jobs over hosts with one slot each, its ledger on disk, and
// returns which share of the hosts' time was spent in jobs: from the first evaluation to the
// last, so that hosts have joined.
func busy(b *testing.B, hosts, jobs, window int, order engine.Order, shortest, longest time.Duration) float64 {
	b.Helper()
	f, keys, l := listening(b)
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan error, hosts)
	for i := range hosts {
		dir := b.TempDir()
		go func() {
			ended <- Serve(ctx, ServeOptions{
				Machine: Machine{Name: fmt.Sprint(i), Instance: fmt.Sprint(i), Slots: 1}, Evaluator: resting(shortest, longest), Dir: dir,
				Ticket: func() (Ticket, error) { return keys.Ticket(l.Addr().String()), nil },
			})
		}()
	}
	for there := 0; there < hosts; time.Sleep(10 * time.Millisecond) {
		there = len(f.Hosts())
	}
	led, err := ledger.Open(b.TempDir(), ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer led.Close()
	strategy, err := evolve.New("aging")
	if err != nil {
		b.Fatal(err)
	}
	var first, last time.Time
	spent, n := 0.0, 0
	s, err := engine.New(engine.Config{
		Space: space, Strategy: strategy, StrategyName: "aging", Evaluator: f.Evaluator("evaluator", Program{}), Order: order, Window: window,
		Seed: 1, Limits: engine.Limits{Evaluations: jobs}, Final: engine.Final{Skip: true}, Ledger: led, Workers: hosts,
		Observe: func(u engine.Update) {
			if u.Kind != engine.Consumed {
				return
			}
			if last = time.Now(); n == 0 {
				first = last
			} else {
				spent += (shortest + time.Duration(u.Job.Seed%1000)*(longest-shortest)/1000).Seconds()
			}
			n++
		},
	})
	if err == nil {
		err = s.Run(context.Background())
	}
	if err != nil {
		b.Fatal(err)
	}
	f.Close(true)
	defer stop(nil)
	for range hosts {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
	return spent / last.Sub(first).Seconds() / float64(hosts)
}

// BenchmarkHosts measures which share of the hosts' time is spent in jobs. A wider window
// than there are hosts lets them go on while the search decides.
func BenchmarkHosts(b *testing.B) {
	b.Run("8 hosts, jobs of 50 ms, window 24", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(busy(b, 8, 10_000, 24, engine.Strict, 50*time.Millisecond, 50*time.Millisecond), "busy")
		}
	})
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		for _, window := range []int{500, 1000, 1250, 1500, 2000, 4000} {
			b.Run(fmt.Sprintf("1000 hosts, jobs of 1 to 3 s, %s, window %d", order, window), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(busy(b, 1000, 30_000, window, order, time.Second, 3*time.Second), "busy")
				}
			})
		}
	}
}

// BenchmarkFiles measures how long a checkpoint is under way: from the host that leaves it
// into the ledger, and from there to another host.
func BenchmarkFiles(b *testing.B) {
	const size = 256 << 20
	g, err := space.Random(rng.New(1))
	if err != nil {
		b.Fatal(err)
	}
	for _, shared := range []bool{false, true} {
		b.Run(fmt.Sprintf("256 MiB, shared file system: %v", shared), func(b *testing.B) {
			f, keys, l := listening(b)
			o := ServeOptions{
				Machine: Machine{Name: "one", Instance: "one", Slots: 1}, Dir: b.TempDir(),
				Ticket:    func() (Ticket, error) { return keys.Ticket(l.Addr().String()), nil },
				Evaluator: func(Spec) (engine.Evaluator, error) { return leaving(size), nil },
			}
			if !shared {
				o.root = b.TempDir()
			}
			ended := make(chan error)
			go func() { ended <- Serve(context.Background(), o) }()
			led, err := ledger.Open(b.TempDir(), ledger.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer led.Close()
			s, _, err := f.Evaluator("e", Program{}).Open(context.Background(), engine.EvaluatorSetup{
				Space: space, Workers: 1, Options: []byte("{}"), Files: led,
			})
			if err != nil {
				b.Fatal(err)
			}
			id := engine.ID(0)
			carry := func(resume []engine.FileRef) (left []engine.FileRef, took time.Duration) {
				id++
				began := time.Now()
				job := &engine.Job{ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1}
				if err := s.Submit(engine.Assignment{Job: job, Attempt: 1, Resume: resume}); err != nil {
					b.Fatal(err)
				}
				for e := range s.Events() {
					if e.Kind == engine.Finished {
						s.Ack(e.ID, e.Attempt)
						return e.Result.Files, time.Since(began)
					}
				}
				b.Fatal("it has ended")
				return nil, 0
			}
			for b.Loop() {
				left, up := carry(nil)
				_, down := carry(left)
				b.ReportMetric(size/1e6/up.Seconds(), "MB/s-up")
				b.ReportMetric(size/1e6/down.Seconds(), "MB/s-down")
			}
			s.Close(context.Background())
			f.Close(true)
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// leaving is an evaluator whose first jobs leave a file of some size, and those that go on
// from one leave nothing.
type leaving int

// Open implements engine.Evaluator.
func (n leaving) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	return &leavingSession{n, &keepingSession{keeping: &keeping{}, files: setup.Files, events: make(chan engine.Event, 10)}},
		engine.Hello{Name: "leaving", Metrics: []engine.Metric{{Name: "accuracy"}}, Slots: 1}, nil
}

type leavingSession struct {
	size leaving
	*keepingSession
}

// Submit implements engine.Session.
func (s *leavingSession) Submit(a engine.Assignment) error {
	r := &engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 1}}}
	for _, ref := range a.Resume {
		if _, err := s.files.Path(ref.Hash); err != nil {
			return err
		}
	}
	if a.Resume == nil {
		path := filepath.Join(s.files.Temp(), "file")
		if err := os.WriteFile(path, bytes.Repeat([]byte(a.Job.ID.String()), int(s.size)), 0o600); err != nil {
			return err
		}
		ref, err := s.files.Put(path, "checkpoint")
		if err != nil {
			return err
		}
		r.Files = []engine.FileRef{ref}
	}
	s.events <- engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Finished, Result: r}
	return nil
}
