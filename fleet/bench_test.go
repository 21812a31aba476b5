package fleet

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
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

// busy runs a search of so many jobs over hosts with one slot each, its ledger on disk, and
// returns which share of the hosts' time was spent in jobs: from the first evaluation to the
// last, so that hosts have joined.
func busy(b *testing.B, hosts, jobs, window int, order engine.Order, shortest, longest time.Duration) float64 {
	b.Helper()
	keys, err := NewKeys()
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	f := Listen(l, Options{Keys: keys})
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
