package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/proto"
)

func TestGenes(t *testing.T) {
	t.Parallel()
	j := &Job{Genes: genome.Map{
		{Key: "lr", Value: 0.5}, {Key: "n", Value: int64(3)}, {Key: "b", Value: true}, {Key: "s", Value: "relu"},
		{Key: "blocks", Value: []any{genome.Map{{Key: "channels", Value: int64(8)}}, genome.Map{{Key: "conv", Value: genome.Map{{Key: "k", Value: int64(1)}}}}}},
	}}
	if j.Float("lr") != 0.5 || j.Float("n") != 3 || j.Int("n") != 3 || !j.Bool("b") || j.String("s") != "relu" ||
		j.Int("blocks[0].channels") != 8 || j.Len("blocks") != 2 || j.String("blocks[1]") != "conv" || j.Int("blocks[1].conv.k") != 1 {
		t.Error("wrong values")
	}
	if !j.Has("blocks[1].conv") || j.Has("blocks[2]") || j.Has("blocks[x]") || j.Has("lr.x") || j.Has("blocks[0") || j.Has("nothing") {
		t.Error("wrong about what is there")
	}
	for want, f := range map[string]func(){
		`no gene "momentum"`:                  func() { j.Float("momentum") },
		`gene "lr" is 0.5, not a whole numbe`: func() { j.Int("lr") },
		`gene "n" is 3, not a boolean`:        func() { j.Bool("n") },
		`gene "b" is true, not a text`:        func() { j.String("b") },
		`gene "s" is relu, not a list`:        func() { j.Len("s") },
	} {
		func() {
			defer func() {
				if e, ok := recover().(*MissingGene); !ok || !strings.Contains(e.Error(), want) {
					t.Errorf("%s: %v", want, e)
				}
			}()
			f()
		}()
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var o struct {
		Delay  Duration `json:"delay"`
		Epochs int      `json:"epochs"`
		Inner  struct {
			A bool `json:"a"`
		} `json:"inner"`
		hidden int
	}
	_ = o.hidden
	if err := DecodeOptions(json.RawMessage(`{"delay": "5ms", "epochs": 3, "inner": {"a": true}}`), &o); err != nil {
		t.Fatal(err)
	}
	if time.Duration(o.Delay) != 5*time.Millisecond || o.Epochs != 3 || !o.Inner.A {
		t.Errorf("%+v", o)
	}
	if err := DecodeOptions(json.RawMessage(`{"delay": 1.5}`), &o); err != nil || time.Duration(o.Delay) != 1500*time.Millisecond {
		t.Error(err, o.Delay)
	}
	for options, want := range map[string]string{
		`{"epoch": 1}`:       "epoch: there is no such option: did you mean epochs?",
		`{"hue": 1}`:         "hue: there is no such option: use one of delay, epochs, inner",
		`{"hidden": 1}`:      "hidden: there is no such",
		`{"epochs": 1.5}`:    "epochs: 1.5 is not a whole number",
		`{"delay": "soon"}`:  `delay: "soon" is no duration`,
		`{"inner": {"b":1}}`: "inner.b: there is no such key; did you mean a?",
		`{"inner": {"a":1}}`: "inner.a: 1 is not true or false",
		`[1]`:                "no JSON object",
	} {
		if err := DecodeOptions(json.RawMessage(options), &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
	if err := DecodeOptions(nil, &o); err != nil {
		t.Error(err)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	a, err := identityOf(json.RawMessage(`{"b": 1, "a": {"y": 2.50, "x": "é"}, "threads": 4}`), []string{"threads"}, "mnist 1f3c")
	if want := `{"a":{"x":"é","y":2.50},"b":1} data mnist 1f3c`; err != nil || a != want {
		t.Error(a, err)
	}
	if b, err := identityOf(nil, nil, ""); err != nil || b != "{}" {
		t.Error(b, err)
	}
}

var small = genome.MustParseSpace(`{"x": {"int": [0, 1000]}}`)

// local is a session in process.
type local struct {
	t *testing.T
	engine.Session
	hello engine.Hello
	files engine.Files
	next  engine.ID
}

func openLocal(t *testing.T, space *genome.Space, workers int, p EvaluatorPlugin) *local {
	t.Helper()
	files := enginetest.Memory(t)
	s, hello, err := InProcess(p).Open(context.Background(), engine.EvaluatorSetup{Space: space, Workers: workers, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		for range s.Events() {
		}
		files.Close()
	})
	return &local{t: t, Session: s, hello: hello, files: files}
}

func (l *local) submit(space *genome.Space, text string) engine.ID {
	l.t.Helper()
	g, err := space.Parse(text)
	if err != nil {
		l.t.Fatal(err)
	}
	l.next++
	if err := l.Submit(engine.Assignment{Job: &engine.Job{ID: l.next, Genome: g}, Attempt: 1}); err != nil {
		l.t.Fatal(err)
	}
	return l.next
}

func (l *local) answer(id engine.ID) engine.Event {
	for e := range l.Events() {
		if e.ID == id && (e.Kind == engine.Finished || e.Kind == engine.Returned || e.Kind == engine.Lost) {
			return e
		}
	}
	l.t.Fatal("no answer")
	panic("")
}

func TestSlotsHold(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int32
	gate := make(chan struct{})
	l := openLocal(t, small, 6, EvaluatorPlugin{Slots: 2, Evaluate: func(job *Job) (Result, error) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-gate
		running.Add(-1)
		return Result{Metrics: Metrics{"accuracy": 1}}, nil
	}})
	for i := range 6 {
		l.submit(small, fmt.Sprintf("x=%d", i))
	}
	close(gate)
	for done := 0; done < 6; {
		if (<-l.Events()).Kind == engine.Finished {
			done++
		}
	}
	if m := most.Load(); m > 2 {
		t.Errorf("%d at once with 2 slots", m)
	}
}

func TestNetworkIsDescribed(t *testing.T) {
	t.Parallel()
	space, err := network.Bind(genome.MustParseSpace(`{"network": {"input": [1, 40], "classes": 10}, "dense": {"units": {"int": [1, 64]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var own int64
	l := openLocal(t, space, 1, EvaluatorPlugin{Evaluate: func(job *Job) (Result, error) {
		own = job.Network.Parameters()
		return Result{Metrics: Metrics{"accuracy": 0.5}}, nil
	}})
	g, err := space.FromTree(map[string]any{"dense": map[string]any{"units": 8}})
	if err != nil {
		t.Fatal(err)
	}
	e := l.answer(l.submit(space, g.Text()))
	if e.Kind != engine.Finished || e.Result.Status != engine.OK {
		t.Fatalf("%+v %+v", e, e.Result)
	}
	p, _ := e.Result.Metrics.Get("parameters")
	m, has := e.Result.Metrics.Get("macs")
	if p != float64(own) || own != 40*8+8+8*10+10 || !has || m <= 0 {
		t.Errorf("%v parameters, the network has %d; %v macs", p, own, m)
	}
}

// Who passes a job on gets its genes and its network as they came, unread, and what
// is filled in of the network all the same; from hosts that do not say it, too.
func TestUndecodedJobs(t *testing.T) {
	t.Parallel()
	space, err := network.Bind(genome.MustParseSpace(`{"network": {"input": [1, 40], "classes": 10}, "dense": {"units": {"int": [1, 64]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	g, err := space.Parse("dense=(units=8)")
	if err != nil {
		t.Fatal(err)
	}
	w, err := proto.AssignmentTo(engine.Assignment{Job: &engine.Job{ID: 1, Genome: g}, Attempt: 1}, nil, &engine.Hello{})
	if err != nil {
		t.Fatal(err)
	}
	net, err := network.Read(g)
	if err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(net)
	if err != nil {
		t.Fatal(err)
	}
	genes := string(w.Genes)
	older := &proto.Job{Id: 1, Attempt: 1, Genes: w.Genes, Text: w.Text, Network: w.Network}
	for name, c := range map[string]struct {
		job       *proto.Job
		undecoded bool
	}{"passed on": {w, true}, "read": {w, false}, "passed on, of an older host": {older, true}, "read, of an older host": {older, false}} {
		j, err := jobFrom(c.job, c.undecoded)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (j.Network == nil) != c.undecoded || (j.Genes == nil) != c.undecoded {
			t.Errorf("%s: has the network %v and the genes %v", name, j.Network, j.Genes)
		}
		if string(j.NetworkJSON()) != string(written) || string(j.GenesJSON()) != genes {
			t.Errorf("%s: has %s and %s; want %s and %s", name, j.NetworkJSON(), j.GenesJSON(), written, genes)
		}
		if j.parameters != net.Parameters() || j.macs != net.Macs() {
			t.Errorf("%s: %d parameters and %d macs; the network has %d and %d", name, j.parameters, j.macs, net.Parameters(), net.Macs())
		}
	}
	w.Network = []byte("what nobody reads") // and so nobody minds
	if j, err := jobFrom(w, true); err != nil || string(j.NetworkJSON()) != string(w.Network) {
		t.Errorf("a network that is passed on is read: %v", err)
	}
	if _, err := jobFrom(w, false); err == nil {
		t.Error("a broken network is no error")
	}
}

func TestStopAndCancel(t *testing.T) {
	t.Parallel()
	l := openLocal(t, small, 2, EvaluatorPlugin{Slots: 2, Evaluate: func(job *Job) (Result, error) {
		job.Report(1, Metrics{"accuracy": 0.1})
		<-job.Context().Done()
		if !errors.Is(context.Cause(job.Context()), ErrStopped) {
			path := filepath.Join(job.Scratch(), "x")
			if err := os.WriteFile(path, []byte("progress"), 0o600); err != nil {
				return Result{}, err
			}
			if job.Saving() {
				if err := job.Save("checkpoint", path); err != nil {
					return Result{}, err
				}
			}
			return Result{Metrics: Metrics{"accuracy": 0.9}}, nil // not to be believed
		}
		return Result{Metrics: Metrics{"accuracy": 0.1}}, nil
	}})
	g, err := small.Parse("x=1")
	if err != nil {
		t.Fatal(err)
	}
	stop := &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 1, Threshold: 0.5}
	if err := l.Submit(engine.Assignment{Job: &engine.Job{ID: 100, Genome: g, Stop: stop}, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	if e := l.answer(100); e.Kind != engine.Finished || !e.Result.Stopped || len(e.Result.Curve) != 1 {
		t.Errorf("%+v", e)
	}
	id := l.submit(small, "x=2")
	for e := range l.Events() {
		if e.Kind == engine.Progress {
			break
		}
	}
	l.Cancel(id, 1, true)
	saved := false
	for e := range l.Events() {
		if e.Kind == engine.Saved {
			saved = len(e.Files) == 1 && e.Files[0].Name == "checkpoint"
			continue
		}
		if e.Kind != engine.Returned || !saved {
			t.Errorf("saved %v: %+v", saved, e)
		}
		break
	}
}

// The rule to stop holds from its own step on, for numbers that are none, too.
func TestStopRule(t *testing.T) {
	t.Parallel()
	up := engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 2, Threshold: 0.5}
	down := engine.StopRule{Metric: "accuracy", Goal: engine.Minimize, Step: 2, Threshold: 0.5}
	for _, c := range []struct {
		rule   engine.StopRule
		values []float64
		steps  int // that are reported
	}{
		{up, []float64{0.1, 0.6, 0.7}, 3},
		{up, []float64{0.9, 0.5, 0.6}, 3},
		{up, []float64{0.9, 0.4, 0.9}, 2},
		{up, []float64{0.9, 0.9, 0.4, 0.9}, 3},
		{up, []float64{0.9, math.NaN(), 0.9}, 2},
		{up, []float64{math.NaN(), 0.9, 0.9}, 3},
		{down, []float64{0.9, 0.4, 0.3}, 3},
		{down, []float64{0.1, 0.5, 0.1}, 3},
		{down, []float64{0.1, 0.6, 0.1}, 2},
		{down, []float64{0.1, math.NaN(), 0.1}, 2},
	} {
		steps := 0
		l := openLocal(t, small, 1, EvaluatorPlugin{Evaluate: func(job *Job) (Result, error) {
			for i, v := range c.values {
				steps = i + 1
				job.Report(float64(steps), Metrics{"accuracy": v})
				if job.Cancelled() {
					return Result{}, context.Cause(job.Context())
				}
			}
			return Result{Metrics: Metrics{"accuracy": 1}}, nil
		}})
		g, err := small.Parse("x=1")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Submit(engine.Assignment{Job: &engine.Job{ID: 1, Genome: g, Stop: &c.rule}, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
		e := l.answer(1)
		if steps != c.steps || e.Result == nil || e.Result.Status == engine.OK && e.Result.Stopped != (steps < len(c.values)) {
			t.Errorf("%+v, %v: %d steps, want %d; %+v", c.rule, c.values, steps, c.steps, e.Result)
		}
	}
}

// A name that a file could not be copied out under is refused where it is given.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	var saving error
	l := openLocal(t, small, 1, EvaluatorPlugin{Evaluate: func(job *Job) (Result, error) {
		path := filepath.Join(job.Scratch(), "x")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return Result{}, err
		}
		saving = job.Save("a/b", path)
		return Result{Metrics: Metrics{"accuracy": 1}, Files: map[string]string{"../evil": path}}, nil
	}})
	e := l.answer(l.submit(small, "x=1"))
	if e.Result == nil || e.Result.Status != engine.Failed || len(e.Result.Files) > 0 ||
		!strings.HasPrefix(e.Result.Reason, `the evaluator keeps a file under a wrong name: "../evil" is no name for a file: `) {
		t.Errorf("%+v", e.Result)
	}
	if saving == nil || !strings.Contains(saving.Error(), `"a/b" is no name for a file`) {
		t.Errorf("saving under the name a/b: %v", saving)
	}
}

// A file of the evaluator's own is copied, not taken away.
func TestFilesOfOthersStay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLocal(t, small, 1, EvaluatorPlugin{Evaluate: func(job *Job) (Result, error) {
		return Result{Metrics: Metrics{"accuracy": 1}, Files: map[string]string{"model": path}}, nil
	}})
	e := l.answer(l.submit(small, "x=1"))
	if e.Result == nil || len(e.Result.Files) != 1 {
		t.Fatalf("%+v %+v", e, e.Result)
	}
	kept, err := l.files.Path(e.Result.Files[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, kept} {
		if b, err := os.ReadFile(p); err != nil || string(b) != "weights" {
			t.Errorf("%s holds %q, %v", p, b, err)
		}
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	l := openLocal(t, small, 8, EvaluatorPlugin{Slots: 8, Start: func(job *Job) {
		switch job.Int("x") {
		case 1: // goes on elsewhere
			go func() {
				job.Finish(Result{Metrics: Metrics{"accuracy": 0.5}}, nil)
				job.Finish(Result{}, errors.New("a second answer"))
			}()
		case 2: // until it is cancelled
			job.Heed(func() { job.Finish(Result{}, context.Cause(job.Context())) })
			job.Report(1, Metrics{"accuracy": 0.1})
		case 3: // hears of its stopping rule
			job.Report(1, Metrics{"accuracy": 0.1})
			job.Heed(func() { job.Finish(Result{Metrics: Metrics{"accuracy": 0.2}}, nil) })
		case 4:
			job.Float("nothing")
		case 5:
			job.Finish(Result{}, Invalid("no"))
		}
	}})
	if e := l.answer(l.submit(small, "x=1")); e.Result == nil || e.Result.Metrics[0].Value != 0.5 {
		t.Errorf("%+v", e)
	}
	id := l.submit(small, "x=2")
	for (<-l.Events()).Kind != engine.Progress {
	}
	l.Cancel(id, 1, false)
	if e := l.answer(id); e.Kind != engine.Returned || e.Reason != "cancelled" {
		t.Errorf("%+v", e)
	}
	g, err := small.Parse("x=3")
	if err != nil {
		t.Fatal(err)
	}
	stop := &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 1, Threshold: 0.5}
	if err := l.Submit(engine.Assignment{Job: &engine.Job{ID: 100, Genome: g, Stop: stop}, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	if e := l.answer(100); e.Result == nil || !e.Result.Stopped || e.Result.Metrics[0].Value != 0.2 {
		t.Errorf("%+v", e)
	}
	if e := l.answer(l.submit(small, "x=4")); e.Result == nil || !strings.Contains(e.Result.Reason, `no gene "nothing"`) {
		t.Errorf("%+v", e)
	}
	if e := l.answer(l.submit(small, "x=5")); e.Result == nil || e.Result.Status != engine.Invalid {
		t.Errorf("%+v", e)
	}
	l.submit(small, "x=2") // ends with the session
}

func TestEvaluatorOf(t *testing.T) {
	t.Parallel()
	for _, e := range []any{
		func(*Job) (Metrics, error) { return Metrics{"accuracy": 1}, nil },
		func(*Job) (Result, error) { return Result{Metrics: Metrics{"accuracy": 1}}, nil },
		EvaluatorPlugin{Evaluate: func(*Job) (Result, error) { return Result{Metrics: Metrics{"accuracy": 1}}, nil }},
		&EvaluatorPlugin{Evaluate: func(*Job) (Result, error) { return Result{Metrics: Metrics{"accuracy": 1}}, nil }},
	} {
		p, err := evaluatorOf(e)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := p.Evaluate(nil); err != nil || r.Metrics["accuracy"] != 1 {
			t.Error(r, err)
		}
	}
	if _, err := evaluatorOf(7); err == nil {
		t.Error("a number is an evaluator")
	}
}
