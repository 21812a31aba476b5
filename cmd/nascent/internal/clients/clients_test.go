package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// ledger is a search as a Desk asks it.
type ledger struct {
	known map[engine.ID]engine.Candidate
	limit int
	other string        // the text of a search that this is not
	hold  chan struct{} // if any, nothing of a candidate is told before it is closed
}

func (l *ledger) Candidate(id engine.ID) (engine.Candidate, error) {
	if l.hold != nil {
		<-l.hold
	}
	c, ok := l.known[id]
	if !ok {
		return c, engine.ErrEmpty
	}
	return c, nil
}

func (l *ledger) Extend(n int) bool {
	l.limit = max(l.limit, n)
	return true
}

func (l *ledger) Same(text []byte, folder string) error {
	if l.other != "" && string(text) == l.other {
		return errors.New("space: another one, from " + folder)
	}
	return nil
}

// bench is an open Desk and its session.
type bench struct {
	*testing.T
	desk    *Desk
	session engine.Session
	files   engine.Ledger
	space   *genome.Space
	search  *ledger

	imported int // jobs that have the first ids
}

func open(t *testing.T, s Settings, text string) *bench {
	t.Helper()
	b := &bench{T: t, desk: New(s), files: engine.Memory(), space: genome.MustParseSpace(enginetest.Numbers)}
	b.search = &ledger{known: map[engine.ID]engine.Candidate{}}
	var err error
	setup := engine.EvaluatorSetup{Space: b.space, Options: json.RawMessage(text), Files: b.files}
	b.session, _, err = b.desk.Open(context.Background(), setup)
	if err != nil {
		t.Fatal(err)
	}
	b.desk.Begin("s", b.search)
	t.Cleanup(func() {
		b.desk.End("finished", "")
		b.session.Close(context.Background())
		b.files.Close()
	})
	return b
}

// begin lets the search say where it stands.
func (b *bench) begin(evaluations int) {
	b.desk.Observe(engine.Update{Evaluations: evaluations, Limit: b.search.limit})
}

func (b *bench) submit(id engine.ID, attempt int) {
	b.Helper()
	g, err := b.space.Parse("x=1 y=0.01 n=3 b=yes")
	if err != nil {
		b.Fatal(err)
	}
	job := &engine.Job{ID: id, Genome: g, Phase: engine.PhaseSearch, Task: engine.Train}
	if err := b.session.Submit(engine.Assignment{Job: job, Attempt: attempt, Place: int(id-1) - b.imported}); err != nil {
		b.Fatal(err)
	}
}

// event is the next one, which has to be of a kind.
func (b *bench) event(kind engine.EventKind) engine.Event {
	b.Helper()
	e := <-b.session.Events()
	if e.Kind != kind {
		b.Fatalf("an event of kind %d (%+v), want %d", e.Kind, e, kind)
	}
	return e
}

// line is the other end of a client.
type line struct {
	*testing.T
	conn net.Conn
	in   *bufio.Scanner
}

func (d *Desk) connect(t *testing.T) *line {
	here, there := net.Pipe()
	go d.Serve(there, there)
	l := &line{t, here, bufio.NewScanner(here)}
	l.in.Buffer(nil, maxLine)
	t.Cleanup(func() { here.Close() })
	return l
}

// attach says hello; more are further keys of it.
func (b *bench) attach(more string) *line {
	b.Helper()
	l := b.desk.connect(b.T)
	l.say(`{"hello": {"protocol": 1, "client": "a test"%s}}`, more)
	if r := l.hear(); r.Hello == nil || r.Hello.Search != "s" {
		b.Fatalf("no hello: %+v", r)
	}
	return l
}

func (l *line) say(format string, args ...any) {
	l.Helper()
	if _, err := fmt.Fprintf(l.conn, format+"\n", args...); err != nil {
		l.Fatal(err)
	}
}

func (l *line) hear() (r reply) {
	l.Helper()
	if !l.in.Scan() {
		l.Fatalf("the desk says no more: %v", l.in.Err())
	}
	var raw struct {
		reply
		Job json.RawMessage `json:"job"`
	}
	if err := json.Unmarshal(l.in.Bytes(), &raw); err != nil {
		l.Fatal(err)
	}
	r = raw.reply
	if raw.Job != nil {
		r.Job = &order{}
		if err := json.Unmarshal(raw.Job, r.Job); err != nil {
			l.Fatal(err)
		}
	}
	return r
}

// trial asks for one.
func (l *line) trial() *order {
	l.Helper()
	l.say(`{"ask": 1}`)
	r := l.hear()
	if r.Job == nil {
		l.Fatalf("no job: %+v", r)
	}
	return r.Job
}

// staffed is a Desk with clients of its own.
type staffed struct {
	*Desk
	t *testing.T
}

func (s *staffed) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	session, hello, err := s.Desk.Open(ctx, setup)
	if err != nil {
		return nil, hello, err
	}
	s.Begin("s", &ledger{})
	s.t.Cleanup(func() { s.End("finished", "") })
	for range setup.Workers {
		here, there := net.Pipe()
		go s.Serve(there, there)
		go work(here, setup.Space, hello.BudgetUnit == "slow")
	}
	return session, hello, nil
}

// work is a client that measures a landscape; a slow one until it is cancelled.
func work(conn net.Conn, space *genome.Space, slow bool) {
	in := bufio.NewScanner(conn)
	in.Buffer(nil, maxLine)
	fmt.Fprintln(conn, `{"hello": {"protocol": 1, "client": "a test"}}`)
	fmt.Fprintln(conn, `{"ask": 1}`)
	for in.Scan() {
		var r struct {
			Job *struct {
				ID, Text string
				Attempt  int
			}
			Told    string
			Stale   string
			Cancel  string
			Attempt int
		}
		if json.Unmarshal(in.Bytes(), &r) != nil {
			return
		}
		answer := map[string]any{}
		switch {
		case r.Job != nil && !slow:
			g, err := space.Parse(r.Job.Text)
			if err != nil {
				return
			}
			fmt.Fprintf(conn, `{"id": %q, "attempt": %d, "step": 1, "report": {"accuracy": 0.5}}`+"\n", r.Job.ID, r.Job.Attempt)
			answer = map[string]any{"id": r.Job.ID, "attempt": r.Job.Attempt}
			if quality := (enginetest.Landscape{}).Quality(g); quality < 0.05 {
				answer["invalid"] = "not this one"
			} else {
				answer["metrics"] = map[string]float64{"accuracy": quality}
			}
		case r.Cancel != "":
			answer = map[string]any{"id": r.Cancel, "attempt": r.Attempt, "returned": "cancelled"}
		case r.Told != "" || r.Stale != "":
			answer = map[string]any{"ask": 1}
		default:
			continue
		}
		text, _ := json.Marshal(answer)
		if _, err := conn.Write(append(text, '\n')); err != nil {
			return
		}
	}
}

func TestConforms(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(enginetest.Numbers)
	enginetest.Evaluator(t, func() engine.Evaluator { return &staffed{New(Settings{}), t} }, enginetest.EvaluatorOptions{
		Space: space, Options: json.RawMessage(`{"deterministic": true}`), SlowOptions: json.RawMessage(`{"unit": "slow"}`),
		Refused: []json.RawMessage{json.RawMessage(`{"version": 1}`), json.RawMessage(`{"versoin": "1"}`), json.RawMessage(`{"budget": 0}`)},
	})
}

func TestToldAfterTheCommit(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{}, `{}`)
	c := b.attach("")
	b.submit(1, 1)
	j := c.trial()
	if j.ID != "1" || j.Text != "x=1 y=0.01 n=3 b=yes" || j.Budget != 1 {
		t.Errorf("the job is %+v", j)
	}
	b.event(engine.Begun)
	c.say(`{"id": "1", "attempt": 1, "step": 2, "report": {"accuracy": 0.3, "loss": null}}`)
	if e := b.event(engine.Progress); e.Point.Step != 2 || len(e.Point.Metrics) != 1 {
		t.Errorf("progress is %+v", e.Point)
	}
	c.say(`{"id": "1", "attempt": 1, "metrics": {"accuracy": 0.5}, "seconds": 3}`)
	e := b.event(engine.Finished)
	if e.Result.Status != engine.OK || e.Result.Seconds != 3 || len(e.Result.Curve) != 1 {
		t.Errorf("the result is %+v", e.Result)
	}
	c.say(`{"ask": 1}`) // whatever else is said, it is not told before
	b.submit(2, 1)
	if r := c.hear(); r.Job == nil || r.Told != "" {
		t.Errorf("heard %+v before the commit", r)
	}
	b.session.Ack(1, 1)
	if r := c.hear(); r.Told != "1" {
		t.Errorf("heard %+v after the commit", r)
	}
}

func TestClientsThatGo(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{}, `{}`)
	b.submit(1, 1)
	c := b.attach("")
	c.trial()
	b.event(engine.Begun)
	c.conn.Close()
	if e := b.event(engine.Returned); e.ID != 1 {
		t.Errorf("%+v came back", e)
	}
	b.submit(1, 2)
	c = b.attach(`, "worker": true`)
	c.trial()
	b.event(engine.Begun)
	c.conn.Close()
	if e := b.event(engine.Lost); !e.Alone || e.Attempt != 2 {
		t.Errorf("%+v was lost", e)
	}
	if n := b.desk.Count(); n != (Count{}) {
		t.Errorf("there are %+v", n)
	}
}

func TestLateTells(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{}, `{}`)
	c := b.attach("")
	for id, end := range map[engine.ID]func(){
		1: func() { b.session.Cancel(1, 1, false); c.hear(); b.session.Kill(1, 1) },
		2: func() { b.session.Cancel(2, 1, false) },
	} {
		b.submit(id, 1)
		c.trial()
		b.event(engine.Begun)
		end()
		c.hear() // that it should end, or is no more the client's
		c.say(`{"id": "%s", "attempt": 1, "metrics": {"accuracy": 0.5}}`, id)
		b.event(engine.Returned)
		if r := c.hear(); r.Stale != id.String() || r.Why == "" {
			t.Errorf("heard %+v", r)
		}
	}
	// What is to save its progress may also come to its end.
	b.submit(3, 1)
	c.trial()
	b.event(engine.Begun)
	b.session.Cancel(3, 1, true)
	if r := c.hear(); r.Cancel != "3" || !r.Save {
		t.Errorf("heard %+v", r)
	}
	c.say(`{"id": "3", "attempt": 1, "metrics": {"accuracy": 0.5}}`)
	b.event(engine.Finished)
	// One that is another's is nobody else's to tell.
	b.submit(4, 1)
	b.attach("").trial()
	b.event(engine.Begun)
	c.say(`{"id": "4", "attempt": 1, "metrics": {"accuracy": 0.5}}`)
	if r := c.hear(); r.Stale != "4" {
		t.Errorf("heard %+v", r)
	}
}

func TestWhatAClientHadBefore(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{}, `{}`)
	for id, status := range map[engine.ID]engine.Status{1: "", 2: engine.OK, 3: engine.OK, 4: "", 5: ""} {
		result := engine.Result{Status: status, Metrics: engine.Values{{Name: "accuracy", Value: 0.5}}}
		b.search.known[id] = engine.Candidate{Job: engine.Job{ID: id}, Result: result}
	}
	b.submit(5, 9)
	b.attach("").trial()
	b.event(engine.Begun)
	c := b.attach(`, "holds": [{"id": "1", "attempt": 3}, {"id": "2", "attempt": 1}, {"id": "3", "attempt": 1}, ` +
		`{"id": "4", "attempt": 1}, {"id": "5", "attempt": 1}]`)
	if r := c.hear(); r.Stale != "5" {
		t.Errorf("heard %+v of what another has", r)
	}
	// Nothing is known yet.
	c.say(`{"id": "2", "attempt": 1, "metrics": {"accuracy": 0.5}}`)
	c.say(`{"id": "3", "attempt": 1, "metrics": {"accuracy": 0.6}}`)
	c.say(`{"id": "4", "attempt": 1, "metrics": {"accuracy": 0.7}, "seconds": 1e6}`)
	c.say(`{"ask": 0}`)
	b.begin(3)
	heard := map[string]string{}
	for range 2 {
		r := c.hear()
		heard["told "+r.Told] = r.Told
		heard["stale "+r.Stale] = r.Stale
	}
	if heard["told 2"] == "" || heard["stale 3"] == "" {
		t.Errorf("heard %v", slices.Sorted(maps.Keys(heard)))
	}
	// A job comes again: it is its client's, whoever else asks, by its old name.
	other := b.attach("")
	other.say(`{"ask": 1}`)
	b.submit(4, 1)
	b.event(engine.Begun)
	if e := b.event(engine.Finished); e.ID != 4 || e.Result.Metrics[0].Value != 0.7 || e.Result.Seconds > 24*3600 {
		t.Errorf("the result is %+v", e.Result)
	}
	b.session.Ack(4, 1)
	if r := c.hear(); r.Told != "4" {
		t.Errorf("heard %+v", r)
	}
	b.submit(1, 1)
	b.event(engine.Begun)
	c.say(`{"id": "1", "attempt": 3, "metrics": {"accuracy": 0.8}}`)
	if e := b.event(engine.Finished); e.ID != 1 || e.Attempt != 1 {
		t.Errorf("finished is %+v", e)
	}
	b.session.Ack(1, 1)
	if r := c.hear(); r.Told != "1" || r.Attempt != 3 {
		t.Errorf("heard %+v", r)
	}
}

// What is told may be right, and what the search computes from it no number: its client
// hears why it counts as invalid, also where the engine died after the commit, and before
// it hears of the end.
func TestWhatIsDerivedIsInvalid(t *testing.T) {
	t.Parallel()
	derived, err := engine.Derive([]engine.Derived{{Metric: "score", Expression: "log10(accuracy)"}})
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, Settings{Derived: derived}, `{}`)
	const why = "metric score is -Inf: log10(accuracy), with accuracy 0"
	g, err := b.space.Parse("x=1 y=0.01 n=3 b=yes")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []engine.ID{1, 2, 3, 4} {
		b.search.known[id] = engine.Candidate{
			Job: engine.Job{ID: id, Genome: g}, Result: engine.Result{Status: engine.Invalid, Reason: why},
		}
	}
	c := b.attach(`, "holds": [{"id": "3", "attempt": 1}, {"id": "4", "attempt": 1}]`)
	b.begin(0)
	c.say(`{"id": "3", "attempt": 1, "metrics": {"accuracy": 0}}`)
	if r := c.hear(); r.Told != "3" || r.Invalid != why {
		t.Errorf("heard %+v", r)
	}
	c.say(`{"id": "4", "attempt": 1, "metrics": {"accuracy": -1}}`)
	if r := c.hear(); r.Stale != "4" {
		t.Errorf("heard %+v of what is another result", r)
	}
	for _, x := range []struct{ id, accuracy, why string }{{"1", "0", why}, {"2", "0.5", ""}} {
		id, _ := engine.ParseID(x.id)
		b.submit(id, 1)
		c.trial()
		b.event(engine.Begun)
		c.say(`{"id": "%s", "attempt": 1, "metrics": {"accuracy": %s}}`, x.id, x.accuracy)
		b.event(engine.Finished)
		b.session.Ack(id, 1)
		if r := c.hear(); r.Told != x.id || r.Invalid != x.why {
			t.Errorf("heard %+v, want %q", r, x.why)
		}
	}
}

// What a client told last it hears of before it hears of the end.
func TestTheEndComesLast(t *testing.T) {
	t.Parallel()
	derived, err := engine.Derive([]engine.Derived{{Metric: "score", Expression: "log10(accuracy)"}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := open(t, Settings{Derived: derived}, `{}`)
		b.search.hold = make(chan struct{})
		b.submit(1, 1)
		c := b.attach("")
		c.trial()
		b.event(engine.Begun)
		c.say(`{"id": "1", "attempt": 1, "metrics": {"accuracy": 0}}`)
		b.event(engine.Finished)
		b.session.Ack(1, 1)
		go b.desk.End("finished", "")
		synctest.Wait()
		close(b.search.hold)
		if r := c.hear(); r.Told != "1" {
			t.Errorf("heard %+v", r)
		}
		if r := c.hear(); r.End == nil {
			t.Errorf("heard %+v", r)
		}
	})
}

func TestWhatCannotBeTold(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{Wanted: []engine.Metric{{Name: "error", Goal: engine.Minimize}}}, `{"metrics": {"depth": ""}}`)
	c := b.attach("")
	b.submit(1, 1)
	c.trial()
	b.event(engine.Begun)
	for _, x := range []struct{ told, why string }{
		{`"metrics": {"accuracy": 1}`, "no metric error"},
		{`"metrics": {"error": 1, "eror": 2}`, "metric eror is not declared"},
		{`"metrics": {"error": null}`, "error is NaN"},
		{`"metrics": {"error": 1}, "output": "?"`, "base64"},
		{`"metrics": {"error": 1}, "files": {"a/b": "/x"}`, "no name for a file"},
		{`"metrics": {"error": 1}, "files": {"a": "x"}`, "not absolute"},
		{`"save": {"a": "/nowhere"}`, "nowhere"},
	} {
		c.say(`{"id": "1", "attempt": 1, %s}`, x.told)
		if r := c.hear(); r.Wrong != "1" || !strings.Contains(r.Why, x.why) {
			t.Errorf("%s: heard %+v, want %s", x.told, r, x.why)
		}
	}
	c.say(`{"id": "1", "attempt": 1, "metrics": {"error": 1, "depth": 3, "loss": 2}}`)
	b.event(engine.Finished)
}

func TestEnough(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{Limit: 10}, `{}`)
	b.search.limit = 10
	b.begin(3)
	b.imported = 100
	c := b.attach("")
	b.submit(105, 1)
	b.submit(104, 1)
	b.submit(engine.FinalBase+1, 1)
	c.say(`{"ask": 3, "evaluations": 4}`)
	if r := c.hear(); r.Job == nil || r.Job.ID != "104" {
		t.Fatalf("heard %+v", r)
	}
	if r := c.hear(); r.Job == nil || r.Job.ID != "f1" {
		t.Fatalf("heard %+v", r)
	}
	b.begin(4)
	if r := c.hear(); r.Done == nil || r.Done.Evaluations != 4 {
		t.Fatalf("heard %+v", r)
	}
	// At the limit of all the search itself ends.
	c.say(`{"ask": 1, "evaluations": 12}`)
	if r := c.hear(); r.Job == nil || r.Job.ID != "105" {
		t.Fatalf("heard %+v", r)
	}
	c.say(`{"ask": 1, "evaluations": 12}`)
	b.begin(12)
	go b.desk.End("finished", "")
	if r := c.hear(); r.End == nil || r.End.State != "finished" || r.End.Evaluations != 12 || b.search.limit != 12 {
		t.Fatalf("heard %+v", r)
	}
}

func TestHellos(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{}, `{}`)
	b.search.other = `{"space":1}`
	for said, why := range map[string]string{
		`{"hello": {"protocol": 2, "client": "python 9"}}`:                  "python 9 speaks version 2 of the protocol for clients and this nascent",
		`{"hello": {"protocol": 1, "search": {"space":1}, "folder": "/f"}}`: "space: another one, from /f",
		`{"ask": 1}`:                         "hello first",
		`{"hello": {"protocol": "1"}}`:       "cannot unmarshal",
		`{"hello": {"protocol": 1}, "x": 1}`: "x",
		`nonsense`:                           "nonsense",
	} {
		l := b.desk.connect(t)
		l.say("%s", said)
		if r := l.hear(); !strings.Contains(r.Refuse, why) || strings.Contains(r.Refuse, "\n") {
			t.Errorf("%s: heard %+v, want %s", said, r, why)
		}
		if l.in.Scan() {
			t.Errorf("%s: heard %s after it", said, l.in.Bytes())
		}
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	stopped := make(chan bool)
	b := open(t, Settings{Idle: 1, Stop: func() { close(stopped) }}, `{}`)
	<-stopped
	l := b.desk.connect(t)
	l.say(`{"hello": {"protocol": 1}}`)
	if l.in.Scan() {
		t.Errorf("a client that comes too late hears %s: it is to start the search again", l.in.Bytes())
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	b := open(t, Settings{}, `{}`)
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.attach("")
	b.submit(1, 1)
	c.trial()
	b.event(engine.Begun)
	c.say(`{"id": "1", "attempt": 1, "save": {"checkpoint": %q}}`, path)
	saved := b.event(engine.Saved).Files
	c.say(`{"id": "1", "attempt": 1, "metrics": {"accuracy": 1}, "files": {"model": %q}}`, path)
	kept := b.event(engine.Finished).Result.Files
	if len(saved) != 1 || len(kept) != 1 || kept[0].Name != "model" || kept[0].Hash != saved[0].Hash {
		t.Fatalf("saved %+v, kept %+v", saved, kept)
	}
	job := &engine.Job{ID: 2, Genome: mustParse(t, b.space), Task: engine.Train}
	if err := b.session.Submit(engine.Assignment{Job: job, Attempt: 1, Resume: saved, Saved: true}); err != nil {
		t.Fatal(err)
	}
	j := c.trial()
	if text, err := os.ReadFile(j.Resume["checkpoint"]); err != nil || !bytes.Equal(text, []byte("weights")) || !j.Own {
		t.Errorf("goes on from %v %q: %v", j.Resume, text, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "weights" {
		t.Errorf("the client's own file is %q: %v", text, err)
	}
}

func mustParse(t *testing.T, space *genome.Space) genome.Genome {
	t.Helper()
	g, err := space.Parse("x=1 y=0.01 n=3 b=yes")
	if err != nil {
		t.Fatal(err)
	}
	return g
}
