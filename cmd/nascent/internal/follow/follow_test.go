package follow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

var space = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}}`)

func TestMain(m *testing.M) {
	first, last = time.Millisecond, 100*time.Millisecond
	if err := proctest.NeverCached(); err != nil {
		panic(err)
	}
	m.Run()
}

// announcing is a ledger that says when something was committed.
type announcing struct {
	*ledger.Ledger
	news func()
}

func (l *announcing) Commit(c *engine.Change) error {
	err := l.Ledger.Commit(c)
	l.news()
	return err
}

// carryOn runs the search in a directory up to so many evaluations, with sinks that are
// waited for until ctx is done.
func carryOn(t *testing.T, ctx context.Context, dir string, evaluations int, objectives []engine.Objective, sinks ...Sink) (*engine.Archive, error) {
	t.Helper()
	led, err := ledger.Open(dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	told := &announcing{Ledger: led}
	var search *engine.Search
	ready := make(chan struct{})
	f, err := Follow(dir, led, func() (*Search, error) {
		<-ready
		a := search.Archive()
		if a == nil {
			return nil, errors.New("just beginning")
		}
		return &Search{Ledger: led, Name: "s", Dir: dir}, nil
	}, sinks, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	told.news = f.News
	search, err = engine.New(engine.Config{
		Space: space, Strategy: strategy, StrategyName: "random", Seed: 3, Workers: 2, Ledger: told, Objectives: objectives,
		Limits: engine.Limits{Evaluations: evaluations}, Final: engine.Final{Top: 2, Repeats: 1},
		Evaluator: &enginetest.Instant{
			Hello: engine.Hello{Name: "instant", Deterministic: true, Seeded: true, Metrics: []engine.Metric{
				{Name: "accuracy", Goal: engine.Maximize}, {Name: "cost", Goal: engine.Minimize},
			}},
			Measure: func(j *engine.Job) engine.Result {
				x, _ := j.Genome.Gene("x")
				y, _ := j.Genome.Gene("y")
				if y.(int64)%10 == 0 {
					return engine.Result{Status: engine.Failed, Reason: "not this one"}
				}
				end := engine.Values{{Name: "accuracy", Value: x.(float64)}, {Name: "cost", Value: float64(y.(int64))}}
				var curve []engine.Point // which ends elsewhere than the result
				for step := range 3 {
					curve = append(curve, engine.Point{Step: float64(step), Metrics: engine.Values{{Name: "accuracy", Value: x.(float64) + float64(3-step)}}})
				}
				return engine.Result{Status: engine.OK, Usage: used(j.ID), Metrics: end, Curve: curve}
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	if err := search.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := f.Close(ctx)
	a, err := engine.Read(led)
	if err != nil {
		t.Fatal(err)
	}
	return a, left
}

// used is what a job of the search took.
func used(id engine.ID) engine.Usage {
	return engine.Usage{CPU: float64(id%100) / 8, Memory: 1<<40 + int64(id), GPUMemory: int64(id % 2)}
}

// recorder remembers what it was told, and is in trouble now and then.
type recorder struct {
	past    bool
	trouble int // at the first call, and every so many

	mu    sync.Mutex
	calls int
	told  []Record
}

func (r *recorder) Name() string { return "recorder" }
func (r *recorder) Past() bool   { return r.past }

func (r *recorder) Take(_ context.Context, _ *Search, records []Record) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.trouble > 0 && r.calls%r.trouble == 1 {
		half := (len(records) + 1) / 2
		r.told = append(r.told, records[:half]...)
		return max(0, half-1), errors.New("trouble") // its last one counts for nothing
	}
	r.told = append(r.told, records...)
	return len(records), nil
}

// Everything is told at least once, in the order of the ledger and with the same number
// whoever reads it and however often runs end, whatever trouble there is and wherever a
// run gives up.
func TestEverythingIsTold(t *testing.T) {
	t.Parallel()
	for _, objectives := range [][]engine.Objective{nil, {{Metric: "accuracy"}, {Metric: "cost", Goal: engine.Minimize}}} {
		dir := t.TempDir()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		troubled := &recorder{trouble: 3}
		carryOn(t, gone, dir, 40, objectives, troubled) // nobody waits
		if _, err := carryOn(t, t.Context(), dir, 70, objectives, troubled); err != nil {
			t.Errorf("given up: %v", err)
		}
		whole := &recorder{past: true}
		a, err := carryOn(t, t.Context(), dir, 100, objectives, troubled, &named{whole, "whole"})
		if err != nil {
			t.Errorf("given up: %v", err)
		}

		evaluations, ends, leads := 0, 0, 0
		for i, r := range whole.told {
			if r.Number != uint64(i+1) {
				t.Fatalf("record %d has the number %d", i+1, r.Number)
			}
			if r.Leads {
				leads++
			}
			switch {
			case r.Ended != nil:
				if ends++; r.Ended.State != engine.StateFinished {
					t.Errorf("record %d: a run ended %s", r.Number, r.Ended.State)
				}
			case r.Candidate.Phase == engine.PhaseSearch:
				evaluations++
			}
			if r.Evaluations != evaluations {
				t.Errorf("record %d: %d evaluations, want %d", r.Number, r.Evaluations, evaluations)
			}
		}
		if evaluations != 100 || ends != 3 || leads < 2 {
			t.Errorf("%d evaluations, %d ends of runs, %d times a new leader", evaluations, ends, leads)
		}
		if last := whole.told[len(whole.told)-1]; last.Ended == nil || last.Best.ID != a.Best(1)[0].ID ||
			last.Best.Genome.Text() != a.Best(1)[0].Genome.Text() {
			t.Errorf("the last record %+v; best is %s", last, a.Best(1)[0].ID)
		}
		next := uint64(1)
		for _, r := range troubled.told {
			if r.Number > next {
				t.Fatalf("after record %d comes %d", next-1, r.Number)
			}
			next = max(next, r.Number+1)
			if want := whole.told[r.Number-1]; !same(&r, &want) {
				t.Errorf("record %d is %+v for one and %+v for another", r.Number, r, want)
			}
		}
		if int(next) != len(whole.told)+1 || len(troubled.told) <= len(whole.told) {
			t.Errorf("%d records told of %d, up to number %d", len(troubled.told), len(whole.told), next-1)
		}
	}
}

// named has another name.
type named struct {
	Sink
	name string
}

func (n *named) Name() string { return n.name }

func same(a, b *Record) bool {
	id := func(c *engine.Candidate) engine.ID {
		if c == nil {
			return 0
		}
		return c.ID
	}
	return a.Evaluations == b.Evaluations && a.Leads == b.Leads && id(a.Candidate) == id(b.Candidate) && id(a.Best) == id(b.Best) &&
		id(a.Before) == id(b.Before) && reflect.DeepEqual(a.Ended, b.Ended)
}

// A hook begins with what comes, reads one JSON object for each of its events, and is run
// again for one that it failed at. One that takes too long is ended, with what it started.
func TestHooks(t *testing.T) {
	t.Parallel()
	dir, folder := t.TempDir(), t.TempDir()
	if _, err := carryOn(t, t.Context(), dir, 20, nil); err != nil {
		t.Fatal(err)
	}
	hook := func(command string, on ...Event) *Hook {
		return &Hook{Command: command, Folder: folder, On: on, Timeout: time.Minute}
	}
	all := hook("cat >> all", Events...)
	twice := hook("cat > now; cat now >> tried; test $(wc -l < tried) != 2 || { echo no room >&2; exit 3; }", Best, Finished)
	a, err := carryOn(t, t.Context(), dir, 60, nil, all, twice)
	if err != nil {
		t.Fatal(err)
	}
	if best := a.Best(1)[0]; best.ID <= 20 {
		t.Fatalf("the best is %s: the test needs another seed", best.ID)
	}
	var events []string
	for _, m := range messages(t, filepath.Join(folder, "all")) {
		what := string(m.Event)
		if m.Candidate != nil {
			what += " " + m.Candidate.ID.String()
		}
		events = append(events, what)
		switch {
		case m.Search != "s" || m.Dir != dir:
			t.Errorf("a message of search %q in %q", m.Search, m.Dir)
		case m.Candidate != nil && m.Candidate.Status == engine.OK && m.Candidate.Usage != used(m.Candidate.ID):
			t.Errorf("candidate %s took %+v", m.Candidate.ID, m.Candidate.Usage)
		case m.Event == Candidate && (m.Candidate.Phase == engine.PhaseSearch) != (m.Candidate.ID < 1000):
			t.Errorf("candidate %s is of phase %s", m.Candidate.ID, m.Candidate.Phase)
		case m.Event == Best && (m.Best.ID != m.Candidate.ID || m.Before == nil || m.Best.Genome == "" || m.Best.Metrics[0].Value <= m.Before.Metrics[0].Value):
			t.Errorf("best is %+v, was %+v", m.Best, m.Before)
		case m.Event == Finished && (m.Evaluations != 60 || m.State != engine.StateFinished || m.Time == nil || m.Best.ID != a.Best(1)[0].ID):
			t.Errorf("the last message: %+v", m)
		}
	}
	if events[0] != "candidate 21" || events[len(events)-1] != "finished" || !slices.Contains(events, "best "+a.Best(1)[0].ID.String()) {
		t.Errorf("events: %s", strings.Join(events, ", "))
	}
	tried := messages(t, filepath.Join(folder, "tried"))
	if len(tried) < 3 || tried[1].Number != tried[2].Number || tried[1].Event != tried[2].Event || tried[0].Number == tried[1].Number {
		t.Errorf("tried: %+v", tried)
	}

	slow := hook("sleep 1000 & echo $! > sleeper; wait", Finished)
	slow.Timeout = 50 * time.Millisecond
	gone, cancel := context.WithCancel(t.Context())
	broken := hook("echo; echo cannot reach anybody >&2; cancel() { :; }; exit 1", Candidate)
	time.AfterFunc(10*time.Second, cancel) // at most
	_, err = carryOn(t, gone, dir, 70, nil, slow, broken)
	for _, want := range []string{
		"hook sleep 1000 & echo $! > sleeper; wait: event ", "(finished): it took longer than 50ms and was ended", "(candidate): exit status 1: cannot reach anybody",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("trouble is told as %v; want %q", err, want)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "logs", "hooks.log"))
	if err != nil || !strings.Contains(string(log), "no room\n") {
		t.Errorf("the log: %q, %v", log, err)
	}
	pid, err := os.ReadFile(filepath.Join(folder, "sleeper"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(n, 0)
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const minute = 60_000
	if ended, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, minute); ended != 1 {
		t.Errorf("what a hook started is still there: %v", err)
	}
}

func messages(t *testing.T, path string) (all []message) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", lines.Text(), err))
		}
		all = append(all, m)
	}
	return all
}
