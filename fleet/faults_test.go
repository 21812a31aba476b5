package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// A host of another version is turned away, in one line that names both.
func TestAnotherVersion(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	err := Serve(context.Background(), ServeOptions{
		Machine: Machine{Name: "old", Instance: "old"}, Evaluator: bowl, Dir: t.TempDir(), version: "0.0.1",
		Ticket: func() (Ticket, error) { return y.keys.Ticket(y.at), nil },
	})
	want := "it is nascent 0.0.1, and the search runs with " + engine.Version + ": install that version on the host"
	if !errors.Is(err, ErrRefused) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if len(y.fleet.Hosts()) > 0 {
		t.Errorf("%+v", y.fleet.Hosts())
	}
}

// Hosts find a search that goes on at another address.
func TestAddressChanges(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	var ticket atomic.Pointer[Ticket]
	write := func() {
		x := y.keys.Ticket("127.0.0.1:1", y.at) // nobody is at the first
		ticket.Store(&x)
	}
	write()
	y.hostBy(ServeOptions{
		Machine: Machine{Name: "one", Slots: 1}, Evaluator: bowl, Ticket: func() (Ticket, error) { return *ticket.Load(), nil },
	})
	s := y.open(engine.Memory())
	submit(t, s, train(t, 1, 0))
	next(t, s, engine.Finished)
	y.conns.Close()
	y.conns.cut(-1)
	y.fleet.server.Close()
	before := y.at
	y.at = ""
	y.listen("127.0.0.1:0")
	if y.at == before {
		t.Fatal("it has the same address")
	}
	write()
	s = y.open(engine.Memory())
	submit(t, s, train(t, 2, 0))
	if e := next(t, s, engine.Finished); e.ID != 2 {
		t.Errorf("%+v", e)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// What a host has of a job counts for nothing once the search goes on with another
// evaluator, or was rewound and has another job of that number.
func TestAnotherJobSince(t *testing.T) {
	t.Parallel()
	for _, ended := range []bool{false, true} {
		for _, rewound := range []bool{false, true} {
			t.Run(fmt.Sprintf("ended=%v,rewound=%v", ended, rewound), func(t *testing.T) {
				t.Parallel()
				anotherJobSince(t, ended, rewound)
			})
		}
	}
}

func anotherJobSince(t *testing.T, ended, rewound bool) {
	path := filepath.Join(t.TempDir(), "train.py")
	program := func(text string) Program {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := FileAt(path)
		if err != nil {
			t.Fatal(err)
		}
		return Program{Files: []File{f}}
	}
	y := newYardBy(t, 0, 0, Options{Patience: time.Hour}) // nothing is given up for its age
	var carried atomic.Int64
	y.host("one", 1, func(spec Spec) (engine.Evaluator, error) {
		b, err := os.ReadFile(spec.Located(path))
		return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			if carried.Add(1) == 1 && !ended {
				<-ctx.Done()
			}
			return map[string]float64{"accuracy": float64(len(b)) + float64(j.Seed)}, nil
		}), err
	})
	open := func(text string) engine.Session {
		s, _, err := y.fleet.Evaluator("e", program(text)).Open(context.Background(), engine.EvaluatorSetup{
			Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: engine.Memory(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	job, text := train(t, 1, 0), "one"
	s := open(text)
	submit(t, s, job)
	for e := range s.Events() {
		if e.Kind == engine.Begun && !ended || e.Kind == engine.Finished { // and the ledger does not have it
			break
		}
	}
	y.conns.Close()
	y.conns.cut(-1)
	y.fleet.server.Close()
	y.listen(y.at)
	if rewound {
		job.Seed = 7
	} else {
		text = "another"
	}
	s = open(text)
	submit(t, s, job)
	if x, _ := next(t, s, engine.Finished).Result.Metrics.Get("accuracy"); x != float64(len(text))+float64(job.Seed) {
		t.Errorf("it has the result %v", x)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A host whose disk is full says so and gets no jobs; those that fail there meanwhile come
// back uncounted. Once there is room it goes on.
func TestDiskOfAHostIsFull(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	disk, now := atomic.Int64{}, &enginetest.Clock{}
	disk.Store(1 << 40)
	gate := make(chan error)
	y.hostBy(ServeOptions{
		Machine: Machine{Name: "one", Slots: 1}, clock: now, free: func(string) (int64, error) { return disk.Load(), nil },
		Evaluator: func(Spec) (engine.Evaluator, error) {
			return engine.Func(func(context.Context, *engine.Job) (map[string]float64, error) {
				return map[string]float64{"accuracy": 1}, <-gate
			}), nil
		},
	})
	s := y.open(engine.Memory())
	submit(t, s, train(t, 1, 0), train(t, 2, 0))
	next(t, s, engine.Begun)
	disk.Store(reserve - 1)
	gate <- errors.New("no space left on device")
	if e := next(t, s, engine.Returned); e.ID != 1 || !strings.HasPrefix(e.Reason, "its disk has 16 MB free in ") {
		t.Errorf("%+v", e)
	}
	h := y.await("one", func(h Host) bool { return h.State == "aside" })
	if h.Room != 0 || h.Running != 0 || h.Failed != 0 || !strings.Contains(h.Reason, "make room there, and it gets jobs again by itself") {
		t.Errorf("%+v", h)
	}
	y.conns.cut(-1) // it says so again when it comes back
	y.await("one", func(h Host) bool { return h.State != "aside" })
	y.await("one", func(h Host) bool { return h.State == "aside" })
	disk.Store(2*reserve - 1)
	now.Advance(roomEvery)
	disk.Store(2 * reserve)
	if h := y.await("one", func(Host) bool { return true }); h.State != "aside" {
		t.Errorf("with little room: %+v", h)
	}
	now.Advance(roomEvery)
	next(t, s, engine.Begun)
	gate <- errBroken // fails by itself, and counts
	if e := next(t, s, engine.Finished); e.ID != 2 || e.Result.Reason != errBroken.Error() {
		t.Errorf("%+v", e)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// In a search of which one host's disk becomes full nothing fails, and it comes to what one
// machine comes to.
func TestDigestWithAFullDisk(t *testing.T) {
	t.Parallel()
	local, err := bowl(Spec{Options: json.RawMessage("{}")})
	if err != nil {
		t.Fatal(err)
	}
	once := func(e engine.Evaluator) engine.Config {
		cfg := config(e, engine.Strict)
		cfg.Failures.Attempts = 1
		return cfg
	}
	want := searched(t, once(local))
	y := newYard(t, 1, 2)
	var done atomic.Int64
	full := func() bool { return done.Load() > 20 }
	y.hostBy(ServeOptions{
		Machine: Machine{Name: "full", Slots: 2},
		free: func(string) (int64, error) {
			if full() {
				return 0, nil
			}
			return 1 << 40, nil
		},
		Evaluator: byFunc(func(j *engine.Job) (map[string]float64, error) {
			if done.Add(1); full() {
				return nil, syscall.ENOSPC
			}
			return bowlAt(number(j, "x"), number(j, "y")), nil
		}),
	})
	y.await("full", func(Host) bool { return true })
	if got := searched(t, once(y.fleet.Evaluator("e", Program{}))); got != want {
		t.Errorf("the digest is %s with a full disk, and %s on one machine", got, want)
	}
	if h := y.await("full", func(Host) bool { return true }); h.State != "aside" || h.Failed > 0 {
		t.Errorf("%+v", h)
	}
}

// What jobs leave waits on the host while the search's disk is full, and comes then, over the
// same connection.
func TestDiskOfTheSearchIsFull(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	refused, full := 0, true
	y := newYardBy(t, 0, 0, Options{receive: func(dir string, from io.Reader, hash string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if full {
			refused++
			return "", &os.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
		}
		return receive(dir, from, hash)
	}})
	y.host("one", 1, keeper)
	files := engine.Memory()
	defer files.Close()
	s := y.open(files)
	submit(t, s, train(t, 1, 0))
	next(t, s, engine.Begun)
	for n := 0; n < 3; runtime.Gosched() {
		mu.Lock()
		n = refused
		mu.Unlock()
	}
	if h := y.await("one", func(Host) bool { return true }); h.State != "ready" || h.Running != 1 {
		t.Errorf("%+v", h)
	}
	mu.Lock()
	full = false
	mu.Unlock()
	if e := next(t, s, engine.Finished); len(e.Result.Files) != 1 {
		t.Errorf("%+v", e.Result)
	} else if _, err := files.Path(e.Result.Files[0].Hash); err != nil {
		t.Error(err)
	}
	if n := len(y.conns.conns); n != 1 {
		t.Errorf("it came %d times", n)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
