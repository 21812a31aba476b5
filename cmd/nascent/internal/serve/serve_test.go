package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// evil is what a plugin might say.
const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> & "quoted" \u2028`

// stopped reads searches that nobody runs.
type stopped struct {
	state func(led *ledger.Ledger) (State, error) // nil: as the ledger says
	as    engine.RunState                         // "": likewise
	ran   [][]string
}

func (s *stopped) Feed(_ context.Context, dir string, a Asked, w io.Writer) error {
	led, err := ledger.Inspect(dir)
	if err != nil {
		return err
	}
	defer led.Close()
	return Write(w, led, a, func(w io.Writer, from uint64) error { return index.Send(w, led, from) }, func() (State, error) {
		if s.state != nil {
			return s.state(led)
		}
		archive, err := engine.Read(led)
		if err != nil {
			return State{}, err
		}
		v := show.Of(archive, archive, led, dir)
		state := State{Told: v.Told(), Outcome: Told(archive.Outcome())}
		state.State = cmp.Or(s.as, state.State)
		return state, nil
	})
}

func (s *stopped) Detail(_ context.Context, dir string, id engine.ID) (engine.ResultRecord, error) {
	led, err := ledger.Inspect(dir)
	if err != nil {
		return engine.ResultRecord{}, err
	}
	defer led.Close()
	r, ok, err := led.Result(id)
	if err == nil && !ok {
		err = errors.New("there is no result")
	}
	return r, err
}

func (s *stopped) Run(_ context.Context, out io.Writer, args ...string) error {
	s.ran = append(s.ran, args)
	_, err := io.WriteString(out, "exported")
	return err
}

func (s *stopped) Steer(_ context.Context, dir string, r engine.Request) (engine.Receipt, error) {
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		return engine.Receipt{}, err
	}
	rec, err := engine.Steer(led, r, time.Now())
	return rec, errors.Join(err, led.Close())
}

// networks is a space of networks, with a hyper-parameter.
const networks = `{
	"network": {"input": [1, 40], "classes": 10},
	"learning_rate": {"float": [1e-4, 1e-1], "log": true},
	"activation": {"choice": ["relu", "mish"]},
	"blocks": {"list": {"conv": {"channels": {"int": [4, 32], "step": 4}, "kernel": {"choice": [3, 5, 7]}, "act": {"choice": ["relu", "mish"]}}}, "length": [1, 5]},
	"head": {"pool": {"choice": ["average", "max"]}}
}`

// searched makes a finished search of two objectives in dir/name.
func searched(tb testing.TB, dir, name string, evaluations int) string {
	tb.Helper()
	at := filepath.Join(dir, name)
	led, err := ledger.Open(at, ledger.Options{NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	defer led.Close()
	strategy, err := evolve.New("nsga2")
	if err != nil {
		tb.Fatal(err)
	}
	metrics := []engine.Metric{{Name: "accuracy", Goal: engine.Maximize}, {Name: "latency", Unit: "ms", Goal: engine.Minimize}}
	space := genome.MustParseSpace(networks)
	_, err = engine.Run(context.Background(), engine.Config{
		Name: name, Space: space, Strategy: strategy, StrategyName: "nsga2", Ledger: led, Seed: uint64(len(name)), Final: engine.Final{Top: 3, Repeats: 2},
		Limits:     engine.Limits{Evaluations: evaluations},
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize}},
		Evaluator: engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			blocks, _ := job.Genome.Gene("blocks")
			if job.ID%9 == 4 {
				return nil, fmt.Errorf("%w: %s", engine.ErrInvalid, evil)
			}
			n := float64(len(blocks.([]any)))
			lr, _ := job.Genome.Gene("learning_rate")
			r := rand.New(rand.NewPCG(job.Seed, 1))
			return map[string]float64{"accuracy": 0.7 + 0.05*n - lr.(float64) + r.Float64()/50, "latency": 0.5 + n*n/4 + r.Float64()/10}, nil
		}, metrics...),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// archived is what a search is that does not run.
func archived(tb testing.TB, dir string) (*ledger.Ledger, *engine.Archive) {
	tb.Helper()
	led, err := ledger.Inspect(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { led.Close() })
	archive, err := engine.Read(led)
	if err != nil {
		tb.Fatal(err)
	}
	return led, archive
}

// asker asks a server.
type asker struct {
	testing.TB
	h      http.Handler
	header []string // name, value, ...
}

func newAsker(tb testing.TB, c Config) *asker {
	tb.Helper()
	s, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return &asker{TB: tb, h: s.Handler()}
}

func (a *asker) do(r *http.Request) *httptest.ResponseRecorder {
	a.Helper()
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	return w
}

// get asks for a view until the search has been read.
func (a *asker) get(path string, into any) []byte {
	a.Helper()
	for {
		r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
		for i := 0; i < len(a.header); i += 2 {
			r.Header.Set(a.header[i], a.header[i+1])
		}
		w := a.do(r)
		if w.Code == http.StatusServiceUnavailable {
			continue
		}
		if w.Code != http.StatusOK {
			a.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if n := w.Body.Len(); n > maxAnswer {
			a.Fatalf("%s: %d bytes", path, n)
		}
		if into != nil {
			if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
				a.Fatalf("%s: %v", path, err)
			}
		}
		return w.Body.Bytes()
	}
}

// ready waits until it is known where a search stands.
func (a *asker) ready(name string) (s summary) {
	a.Helper()
	for !s.Ready {
		s = summary{}
		a.get("/api/searches/"+name, &s)
	}
	return s
}

var views = []string{
	"", "/progress", "/progress?measure=hypervolume", "/scatter", "/scatter?x=metric:latency&y=accuracy", "/scatter?x=gene:activation", "/scatter?of=all&logy=1&x=seconds",
	"/table", "/table?where=failed+or+invalid&columns=id,status,reason,genome", "/report",
	"/importance", "/parallel", "/timeline", "/declared", "/failures", "/curves", "/log", "/candidate/1", "/lineage/1",
}

// What the page shows is what the search says of itself.
func TestViews(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "front", 120)
	led, archive := archived(t, dir)
	want := show.Of(archive, archive, led, dir)
	status := want.Status()
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "logs", "x.log"), []byte("job 123\nabout candidate 12: \x1b[1mbold\nnothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newAsker(t, Config{Dir: dir, Source: &stopped{}})

	s := a.ready("front")
	o, _ := archive.Outcome()
	if s.State.Evaluations != 120 || s.Winner != o.Winner || s.Front != len(status.Front) || !s.Measured || !s.Networks || s.Live {
		t.Errorf("it is summed up as %+v", s)
	}
	for _, v := range views {
		a.get("/api/searches/front"+v, nil)
	}

	var progress struct {
		N     int
		Steps []struct {
			N     int
			Value float64
		}
	}
	a.get("/api/searches/front/progress", &progress)
	at, best := want.BestSoFar()
	last := progress.Steps[len(progress.Steps)-1]
	if progress.N != 120 || fmt.Sprintf("%.6g", last.Value) != fmt.Sprintf("%.6g", best[len(best)-1]) || progress.Steps[0].N != at[0] {
		t.Errorf("the best came about as %+v", progress)
	}
	a.get("/api/searches/front/progress?measure=hypervolume", &progress)
	if last := progress.Steps[len(progress.Steps)-1]; fmt.Sprintf("%.6g", last.Value) != fmt.Sprintf("%.6g", *status.Hypervolume) {
		t.Errorf("the hypervolume ends at %v, and is %v", last.Value, *status.Hypervolume)
	}

	var picture struct {
		N      int
		Points []struct{ ID engine.ID }
		Front  []struct{ ID engine.ID }
	}
	a.get("/api/searches/front/scatter?x=latency&y=accuracy", &picture)
	all, front := want.Front(want.Plan.Objectives[1], want.Plan.Objectives[0])
	one, two := a.get("/api/searches/front/scatter?x=metric:latency&y=metric:accuracy", nil), a.get("/api/searches/front/scatter?x=latency&y=accuracy", nil)
	if plain := strings.NewReplacer("metric:latency", "latency", "metric:accuracy", "accuracy"); plain.Replace(string(one)) != string(two) {
		t.Errorf("by whole names the picture is\n%s\nand by short ones\n%s", one, two)
	}
	if picture.N != len(all) || len(picture.Front) != len(front) || picture.Front[0].ID != front[0].ID {
		t.Errorf("of %d candidates %d are on the front, want %d and %d", picture.N, len(picture.Front), len(all), len(front))
	}

	var c whole
	a.get(fmt.Sprintf("/api/searches/front/candidate/%d", o.Winner), &c)
	winner, _ := archive.Candidate(o.Winner)
	if !c.Winner || c.Network == nil || c.Genome != winner.Genome.Text() || len(c.Genes) == 0 || !slices.Equal(c.Parents, winner.Parents) {
		t.Errorf("the winner is %+v", c)
	}
	for i, p := range winner.Parents {
		parent, _ := archive.Candidate(p)
		if lines := genome.Diff(parent.Genome, winner.Genome); c.Changes[i].Parent != p || len(lines) > 0 && c.Changes[i].Lines[0] != lines[0] {
			t.Errorf("it differs from %s by %+v", p, c.Changes[i])
		}
	}

	var table table
	a.get("/api/searches/front/table?where=phase+%3D+search+and+ok&sort=-accuracy&columns=id,accuracy,blocks.length&offset=50", &table)
	if len(table.Rows) != min(50, status.OK-50) || table.Total != status.OK || len(table.Columns) != 3 {
		t.Errorf("the second page has %d rows of %d", len(table.Rows), table.Total)
	}
	var failed struct {
		Invalid int
		Reasons []struct{ N int }
	}
	a.get("/api/searches/front/failures", &failed)
	invalid := 0
	for c := range archive.Candidates() {
		if c.Status == engine.Invalid {
			invalid++
		}
	}
	if invalid == 0 || failed.Invalid != invalid || failed.Reasons[0].N != invalid {
		t.Errorf("it failed as %+v, want %d", failed, invalid)
	}
	var log struct{ Lines []string }
	if a.get("/api/searches/front/log?about=12", &log); !slices.Equal(log.Lines, []string{show.Clean("about candidate 12: \x1b[1mbold")}) {
		t.Errorf("of candidate 12 the log says %q", log.Lines)
	}
	for path, want := range map[string]int{
		"/api/searches/back": 404, "/api/searches/front/candidate/9999": 404, "/api/searches/front/candidate/x": 400, "/api/searches/front/table?where=acuracy+>+1": 400,
		"/api/searches/front/table?wher=ok": 400, "/api/searches/front/table?offset=-1": 400, "/api/searches/front/scatter?logx=2": 400, "/api/searches/front/report?a=b": 400,
		"/api/searches/front/progress?measure=accuracy": 400, "/api/searches?offset=x": 400, "/api/compare?searches=front": 400, "/api/searches/front/steer": 405,
		"/api/searches/front/scatter?y=gene:nothing": 400, "/api/nothing": 404, "/api/searches/front/log?file=..%2Fledger.db": 404, "/web/..%2Fserver.go": 404, "/nothing": 404,
	} {
		if w := a.do(httptest.NewRequest("GET", "http://127.0.0.1"+strings.ReplaceAll(path, " ", "+"), nil)); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
}

// The middle of a band is its median, between two values where there are two in the middle,
// and who is beyond the axes is counted.
func TestWhatAPictureCounts(t *testing.T) {
	t.Parallel()
	var rows []int
	var xs, ys []float64
	for i := range 24 {
		rows, xs, ys = append(rows, i), append(xs, float64(i)), append(ys, float64(i*7%6))
	}
	p := &scatter{}
	if p.medians(rows, xs, ys); len(p.Median) != 4 || p.Median[1] != [4]number{9, 1.25, 2.5, 3.75} {
		t.Errorf("the medians are %v", p.Median)
	}
	rows, xs = nil, nil
	for i := range mostPoints + 100 {
		rows, xs = append(rows, i), append(xs, float64(i%10))
	}
	p = &scatter{X: axis{Lo: 0, Hi: 8}, Y: axis{Lo: 1, Hi: 9}}
	p.place(nil, rows, xs, xs)
	drawn := 0
	for _, n := range p.Grid {
		drawn += n
	}
	if p.Outside != 180 || drawn != 720 { // those at 0 and at 9
		t.Errorf("%d are outside, and %d are drawn", p.Outside, drawn)
	}
}

// Who lacks a gene is on the axes that he is on.
func TestParallelOfConditionalGenes(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"int": [1, 9999]}, "op": {"choice": ["skip", {"conv": {"kernel": {"int": [1, 9]}}}]}}`)
	dir := sought(t, engine.Config{Objectives: two[:1], Space: space}, 60, func(x float64) map[string]float64 { return map[string]float64{"accuracy": x} })
	a := newAsker(t, Config{Dir: dir, Source: &stopped{}})
	a.ready("sought")
	var p struct {
		parallel
		Lines []struct{ At []*float64 } `json:"lines"`
	}
	a.get("/api/searches/sought/parallel?columns=x,op,op.conv.kernel,accuracy", &p)
	var sums [3]int
	for i, links := range p.Links {
		for _, l := range links {
			sums[i] += l[2]
		}
	}
	without := 0
	for _, l := range p.Lines {
		if l.At[0] == nil || l.At[1] == nil || l.At[3] == nil {
			t.Errorf("a line goes %v", l.At)
		}
		if l.At[2] == nil {
			without++
		}
	}
	if p.N != 60 || len(p.Lines) != 60 || without == 0 || without == 60 || sums != [3]int{60, 60 - without, 60 - without} {
		t.Errorf("of %d candidates %d lines are drawn, %d without a kernel; between axes go %v", p.N, len(p.Lines), without, sums)
	}
}

// The hypervolume over time is that at the highest fidelity reached.
func TestHypervolumeOfFidelities(t *testing.T) {
	t.Parallel()
	dir := sought(t, engine.Config{
		Objectives: two, StrategyName: "asha", Fidelities: []engine.Fidelity{{Evaluator: "evaluator", Budget: 1}, {Evaluator: "evaluator", Budget: 3}},
	}, 60, func(x float64) map[string]float64 { return map[string]float64{"accuracy": x / 1e4, "latency": x} })
	_, archive := archived(t, dir)
	first, n := 0, 0
	for c := range archive.Candidates() {
		if n++; c.Fidelity == 1 && first == 0 {
			first = n
		}
	}
	a := newAsker(t, Config{Dir: dir, Source: &stopped{}})
	a.ready("sought")
	var progress struct{ Steps []step }
	a.get("/api/searches/sought/progress?measure=hypervolume", &progress)
	if first < 2 || len(progress.Steps) < 2 || progress.Steps[0].N < first {
		t.Errorf("candidate %d of %d is the first at the highest fidelity, and the steps are %+v", first, n, progress.Steps)
	}
}

// Downloads come as files, whatever their names hold.
func TestDownloads(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), `a "b"`, 20)
	src := &stopped{}
	a := newAsker(t, Config{Dir: dir, Source: src})
	w := a.do(httptest.NewRequest("GET", "http://localhost/api/searches/"+url.PathEscape(`a "b"`)+"/export/3/dot", nil))
	if got := w.Header().Get("Content-Disposition"); w.Code != 200 || w.Body.String() != "exported" || got != "attachment; filename=a__b_-3.dot" {
		t.Errorf("%d, %s: %s", w.Code, got, w.Body)
	}
	if len(src.ran) != 1 || !slices.Equal(src.ran[0], []string{"export", dir, "3", "--format", "dot"}) {
		t.Errorf("it ran %q", src.ran)
	}
	if w := a.do(httptest.NewRequest("GET", "http://localhost/api/searches/"+url.PathEscape(`a "b"`)+"/export/3/exe", nil)); w.Code != 404 {
		t.Errorf("an unknown format: %d", w.Code)
	}
}

// A search that goes on is followed: its new rows, what is said of its candidates, and
// that it is another one.
func TestItGoesOn(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "goes-on", 30)
	x := newSearch("goes-on", dir, &stopped{})
	read := func() (version uint64) {
		t.Helper()
		if err := x.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		return x.version
	}
	first := read()
	if again := read(); again != first {
		t.Errorf("nothing happened, and it is version %d after %d", again, first)
	}
	rows := x.rows.Len()
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	label := engine.Request{Label: &engine.Labelling{IDs: []engine.ID{3}, Add: "mine"}}
	if _, err := engine.Steer(led, label, x.used); err != nil {
		t.Fatal(err)
	}
	if err := led.Close(); err != nil {
		t.Fatal(err)
	}
	if version := read(); version <= first || !slices.Equal(x.rows.Labels[3].Names, []string{"mine"}) || x.rows.Len() != rows {
		t.Errorf("a label makes it version %d with %d rows, and candidate 3 has %v", version, x.rows.Len(), x.rows.Labels[3].Names)
	}

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	searched(t, filepath.Dir(dir), "goes-on", 40)
	if read(); x.state.Evaluations != 40 || len(x.rows.Labels) != 0 || x.index.Len() <= rows {
		t.Errorf("another search has %d evaluations, and labels %v", x.state.Evaluations, x.rows.Labels)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := x.refresh(t.Context()); err == nil {
		t.Error("it is read though it is gone")
	}
}

// Within the process the same is answered as over HTTP, and steered.
func TestOne(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "one", 60)
	src := &stopped{}
	one, a := Open(dir, src), newAsker(t, Config{Dir: dir, Source: src})
	if _, err := one.Ask(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "still being read") {
		t.Errorf("before it is read it answers %v", err)
	}
	a.ready("one")
	if err := one.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		if v == "" { // it tells its version
			continue
		}
		got, err := one.Ask(t.Context(), v)
		if want := a.get("/api/searches/one"+v, nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s, %v, want %s", v, got, err, want)
		}
	}
	for address, says := range map[string]string{
		"/nothing": "there is no /nothing", "/candidate/9999": "there is no candidate 9999", "/candidate/x": "x", "/table?where=acuracy+%3E+1": "accuracy", "/candidate": "there is no",
		"/export/1/json": "there is no",
	} {
		if text, err := one.Ask(t.Context(), address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s, %v", address, text, err)
		}
	}
	before := one.Version()
	rec, err := one.Steer(t.Context(), engine.Request{ID: "r-1", By: "watch", Note: "seen"})
	if err != nil || rec.Seq == 0 || one.Version() <= before {
		t.Fatalf("a note: %+v, %v, version %d after %d", rec, err, one.Version(), before)
	}
	if text, err := one.Ask(t.Context(), "/timeline"); err != nil || !bytes.Contains(text, []byte(`"text":"seen"`)) {
		t.Errorf("it says %s, %v", text, err)
	}
}

// steer asks for a change.
func (a *asker) steer(name, request string, header ...string) (status int, rec engine.Receipt, wrong string) {
	a.Helper()
	r := httptest.NewRequest("POST", "http://127.0.0.1/api/searches/"+name+"/steer", strings.NewReader(request))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := a.do(r)
	answer := struct {
		*engine.Receipt
		Error string
	}{Receipt: &rec}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		a.Fatalf("%s: %d %s", request, w.Code, w.Body)
	}
	return w.Code, rec, answer.Error
}

// A search is steered by whoever has the token for writing, from this origin: once for
// each request, and seen at once.
func TestSteer(t *testing.T) {
	t.Parallel()
	const token, other = "0123456789abcdef-w", "0123456789abcdef-r"
	dir := searched(t, t.TempDir(), "steered", 30)
	a := newAsker(t, Config{Dir: dir, Source: &stopped{}, Tokens: Tokens{Write: token, Read: other}})
	may := []string{"Authorization", "Bearer " + token}
	pause := `{"request": "r-1", "pause": {}}`
	for _, c := range []struct {
		name   string
		want   int
		says   string
		header []string
	}{
		{"without a token", 401, "needs the token for writing", nil},
		{"with that for reading", 401, "needs the token for writing", []string{"Authorization", "Bearer " + other}},
		{"from another origin", 403, "another origin", append([]string{"Origin", "http://elsewhere.example"}, may...)},
		{"from another site", 403, "another origin", append([]string{"Sec-Fetch-Site", "cross-site"}, may...)},
	} {
		if code, rec, wrong := a.steer("steered", pause, c.header...); code != c.want || !strings.Contains(wrong, c.says) || rec.Seq != 0 {
			t.Errorf("%s: %d %q %+v", c.name, code, wrong, rec)
		}
	}
	readOnly := newAsker(t, Config{Dir: dir, Source: &stopped{}})
	if code, _, wrong := readOnly.steer("steered", pause, may...); code != 403 || !strings.Contains(wrong, "read-only") {
		t.Errorf("where nobody may: %d %q", code, wrong)
	}

	status, first, wrong := a.steer("steered", pause, may...)
	if status != 200 || first.Request != "r-1" || first.Seq == 0 {
		t.Fatalf("a pause: %d %q %+v", status, wrong, first)
	}
	if status, again, wrong := a.steer("steered", pause, may...); status != 200 || again.Seq != first.Seq {
		t.Errorf("the same once more: %d %q %+v, want %+v", status, wrong, again, first)
	}
	for request, says := range map[string]string{
		`{"ban": "nothing = 1"}`:                        "nothing",
		`{"pause": {}, "resume": true}`:                 "asks for one thing",
		`{"hurry": true}`:                               "hurry",
		`{"pin": [99999]}`:                              "99999",
		`{"pin": [3]}`:                                  "left no files",
		`{"add": {"genomes": ["colour=1"]}}`:            "colour",
		`{"set": {"limits.patience": 3}}`:               "patience",
		`{"label": {"ids": [3], "add": ""}}`:            "nothing is said",
		`{"note": "` + strings.Repeat("x", 2000) + `"}`: "note",
	} {
		code, rec, wrong := a.steer("steered", request, may...)
		if code != 400 || !strings.Contains(wrong, says) || strings.Contains(wrong, "\n") || rec.Seq != 0 {
			t.Errorf("%s: %d %q %+v", request, code, wrong, rec)
		}
	}
	for _, request := range []string{
		`{"ban": "blocks.length > 4"}`, `{"label": {"ids": [3], "add": "mine"}}`, `{"label": {"ids": [3], "comment": "look"}}`, `{"note": "about <b>this</b>", "by": "somebody"}`,
	} {
		if code, rec, wrong := a.steer("steered", request, may...); code != 200 || rec.Seq == 0 {
			t.Errorf("%s: %d %q %+v", request, code, wrong, rec)
		}
	}
	if code, _, wrong := a.steer("nowhere", pause, may...); code != 404 {
		t.Errorf("a search that there is not: %d %q", code, wrong)
	}

	a.header = may
	if s := a.ready("steered"); s.State.Paused == nil || !slices.Equal(s.State.Bans, []string{"blocks.length > 4"}) {
		t.Errorf("it is paused: %+v, and bans %q", s.State.Paused, s.State.Bans)
	}
	var c whole
	if a.get("/api/searches/steered/candidate/3", &c); !slices.Equal(c.Labels, []string{"mine"}) || c.Comment != "look" {
		t.Errorf("of candidate 3 it says labels %q, comment %q", c.Labels, c.Comment)
	}
	var line struct {
		Total  int
		Events []engine.Occurrence
	}
	a.get("/api/searches/steered/timeline", &line)
	pauses := 0
	for _, e := range line.Events {
		if e.Kind == "pause" {
			if pauses++; e.By != "page" || e.Request != "r-1" {
				t.Errorf("the pause is %+v", e)
			}
		}
	}
	if newest := line.Events[0]; pauses != 1 || newest.By != "somebody" || !strings.Contains(newest.Text, "about <b>this</b>") || line.Total != len(line.Events) {
		t.Errorf("there are %d pauses in %+v", pauses, line)
	}
	var list struct{ Writes bool }
	if a.get("/api/searches", &list); !list.Writes {
		t.Error("whoever may write is not told so")
	}
	a.header = []string{"Authorization", "Bearer " + other}
	if a.get("/api/searches", &list); list.Writes {
		t.Error("whoever may look is told that they may write")
	}
}

// A file with results is handed to `nascent import`, under a name that is no path, by whoever
// may write.
func TestImport(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef-w"
	dir := searched(t, t.TempDir(), "bring", 20)
	src := &stopped{}
	a := newAsker(t, Config{Dir: dir, Source: src, Tokens: Tokens{Write: token}})
	send := func(query string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://127.0.0.1/api/searches/bring/import?"+query, strings.NewReader("x,y\n1,2\n"))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return a.do(r)
	}
	may := []string{"Authorization", "Bearer " + token}
	if w := send("name=a.csv"); w.Code != 401 || len(src.ran) != 0 {
		t.Errorf("without the token: %d, %q", w.Code, src.ran)
	}
	if w := send("name=a.csv", append([]string{"Origin", "http://elsewhere.example"}, may...)...); w.Code != 403 || len(src.ran) != 0 {
		t.Errorf("from another origin: %d, %q", w.Code, src.ran)
	}
	for _, c := range []struct{ query, name, more string }{
		{"name=a.csv&request=r-1&dry=1&at_turn=9", "a.csv", "--by page --request=r-1 --at-turn=9 --dry-run"},
		{"name=../../etc/--passwd.db&request=--by", "--passwd.db", "--by page --request=--by"},
		{"name=..", "results.csv", "--by page"},
		{"name=" + strings.Repeat("long", 100) + ".jsonl", strings.Repeat("long", 100)[400-194:] + ".jsonl", "--by page"},
	} {
		src.ran = nil
		w := send(c.query, may...)
		if w.Code != 200 || w.Body.String() != `{"text":["exported"]}` || len(src.ran) != 1 {
			t.Fatalf("%s: %d %s, ran %q", c.query, w.Code, w.Body, src.ran)
		}
		ran := src.ran[0]
		if ran[0] != "import" || ran[1] != dir || filepath.Base(ran[2]) != c.name || !filepath.IsAbs(ran[2]) || strings.Join(ran[3:], " ") != c.more {
			t.Errorf("%s: it ran %q", c.query, ran)
		}
		if _, err := os.Stat(ran[2]); err == nil {
			t.Errorf("%s is left behind", ran[2])
		}
	}
}

// A folder says of a branch what it was before, and nothing of what is still being made.
func TestFolderOfBranches(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	searched(t, folder, "one", 20)
	from, err := ledger.Inspect(filepath.Join(folder, "one"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	seed := uint64(8)
	for _, name := range []string{"two", ".nascent-branch-three-1"} {
		to, err := ledger.Open(filepath.Join(folder, name), ledger.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = engine.Branch(t.Context(), from, to, engine.Branching{Name: name, From: "one", Seed: &seed, Now: time.Now()})
		if err := errors.Join(err, to.Close()); err != nil {
			t.Fatal(err)
		}
	}
	a := newAsker(t, Config{Dir: folder, Source: &stopped{}})
	a.ready("one")
	a.ready("two")
	var list struct {
		Searches []struct{ Name, Branched string }
	}
	a.get("/api/searches", &list)
	if len(list.Searches) != 2 || list.Searches[0].Branched != "" || list.Searches[1].Name != "two" ||
		!strings.HasPrefix(list.Searches[1].Branched, "branched from one at turn ") || !strings.HasSuffix(list.Searches[1].Branched, ", with seed 8") {
		t.Errorf("it lists %+v", list)
	}
}

// A folder has many searches: listed, compared, and told apart.
func TestFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"one", "two", "three"} {
		searched(t, folder, name, 20)
	}
	if err := os.MkdirAll(filepath.Join(folder, "no search"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "search.yaml"), nil, 0o644); err != nil { // what describes them lies beside them
		t.Fatal(err)
	}
	a := newAsker(t, Config{Dir: folder, Source: &stopped{}})
	for _, name := range []string{"one", "two", "three"} {
		a.ready(name)
	}
	var list struct {
		Single   bool
		Searches []struct {
			Name, Best  string
			Evaluations int
		}
	}
	a.get("/api/searches", &list)
	if list.Single || len(list.Searches) != 3 || list.Searches[0].Name != "one" || list.Searches[0].Evaluations != 20 || list.Searches[2].Best == "" {
		t.Errorf("it lists %+v", list)
	}
	var side compared
	a.get("/api/compare?search=two&search=one&search=two", &side)
	if len(side.Searches) != 2 || side.Searches[0].Name != "two" || len(side.Searches[1].Steps) == 0 || side.Metric != bench.Hypervolume || side.Error != "" {
		t.Errorf("it compares %+v", side)
	}
	one, two := side.Searches[1], side.Searches[0]
	if one.Group != two.Group || one.Front != len(one.Points) || one.Front == 0 || one.JointFront > one.Front || one.Best == "" || one.AtEqual != [2]string{one.Best, one.Best} ||
		side.X == nil || side.X.Name != "latency" || side.Y.Name != "accuracy" {
		t.Errorf("side by side they are %+v", side)
	}
	a.get("/api/compare?search=one&search=three&metric=accuracy", &side)
	if side.Metric != "accuracy" || !slices.ContainsFunc(side.Settings, func(d comparedSetting) bool { return d.Key == "seed" && slices.Equal(d.Values, []string{"3", "5"}) }) {
		t.Errorf("by accuracy: %+v", side)
	}
	a.get("/api/compare?search=one&search=three&metric=nothing", &side)
	if side.Error == "" {
		t.Error("they are compared by a metric that there is not")
	}
	for _, name := range []string{"..", ".", "no search", "one/../two"} {
		if w := a.do(httptest.NewRequest("GET", "http://localhost/api/searches/"+url.PathEscape(name), nil)); w.Code < 300 || w.Code == 200 {
			t.Errorf("%q: %d", name, w.Code)
		}
	}
}

// Events tell versions and nothing else.
func TestEvents(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "told", 20)
	s, err := New(Config{Dir: dir, Source: &stopped{}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	(&asker{TB: t, h: s.Handler()}).ready("told")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", web.URL+"/api/events?search=gone&search=told", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	line := make([]byte, 200)
	n, err := resp.Body.Read(line)
	data, ok := bytes.CutPrefix(line[:n], []byte("data: "))
	versions := map[string]uint64{}
	if err != nil || !ok || json.Unmarshal(data, &versions) != nil || len(versions) != 1 || versions["told"] == 0 {
		t.Errorf("it tells %q, %v", line[:n], err)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("as %s", got)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/api/events?search=gone", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("of a search that is not there it tells %d %s", w.Code, w.Body)
	}
}

// Nothing on the page reads a text as HTML, or runs it.
func TestNothingIsReadAsHTML(t *testing.T) {
	t.Parallel()
	entries, err := files.ReadDir("web")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := files.ReadFile("web/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), ".js") && e.Name() != "uplot.js" {
			for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc", "javascript:"} {
				if bytes.Contains(text, []byte(word)) {
					t.Errorf("%s has %s", e.Name(), word)
				}
			}
		}
		for _, word := range []string{"http://", "https://", "url(//"} {
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, word) && !strings.Contains(line, "www.w3.org") && !strings.HasPrefix(e.Name(), "uplot") {
					t.Errorf("%s loads something from elsewhere: %.100s", e.Name(), line)
				}
			}
		}
	}
}

// size is how much there is of everything in a search, and how long names are.
type size struct{ candidates, genes, letters, objectives, front int }

// metric is the name of a metric, as long as one may be.
func (z size) metric(i int) string {
	return fmt.Sprintf("a_metric_%s%03d", strings.Repeat("m", max(0, min(z.letters, 100)-12)), i)
}

// large makes a search of candidates that are as large as they may be, with a space of many
// genes, and tells where it stands.
func large(tb testing.TB, z size) (dir string, src *stopped) {
	tb.Helper()
	n := z.candidates
	dir = filepath.Join(tb.TempDir(), "large")
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	defer led.Close()
	var options, genes []string
	for i := range 60 {
		options = append(options, fmt.Sprintf(`"an option with quite a long name, which is number %d of them"`, i))
	}
	for i := range z.genes {
		genes = append(genes, fmt.Sprintf(`%q: {"float": [0, 1]}`, z.gene(i)))
	}
	space := genome.MustParseSpace(fmt.Sprintf(`{"activation": {"choice": [%s]}, %s}`, strings.Join(options, ", "), strings.Join(genes, ", ")))
	metrics := []engine.Metric{{Name: "accuracy", Goal: engine.Maximize}, {Name: "latency", Goal: engine.Minimize}}
	objectives := []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize}}
	for i := range 50 {
		name := z.metric(i)
		metrics = append(metrics, engine.Metric{Name: name, Unit: strings.Repeat("u", 20)})
		if len(objectives) < z.objectives {
			objectives = append(objectives, engine.Objective{Metric: name, Goal: engine.Minimize})
		}
	}
	strategy, err := evolve.New("random")
	if err != nil {
		tb.Fatal(err)
	}
	var best []engine.Best
	_, err = engine.Run(tb.Context(), engine.Config{
		Name: "large", Space: space, Strategy: strategy, StrategyName: "random", Ledger: led, Order: engine.Arrival, Window: 512, Workers: 64,
		Final: engine.Final{Skip: true}, Limits: engine.Limits{Evaluations: n},
		Objectives: objectives,
		Evaluator: engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			if job.ID%10 == 3 {
				return nil, fmt.Errorf("%w: reason %d: %s", engine.ErrInvalid, job.ID, strings.Repeat(evil, 3))
			}
			r := rand.New(rand.NewPCG(job.Seed, 2))
			out := map[string]float64{"accuracy": r.Float64() / 1e5, "latency": r.Float64() * 1e-12}
			for _, m := range metrics[2:min(len(metrics), max(len(objectives), 2+int(job.ID%50)))] {
				out[m.Name] = r.NormFloat64() * 1e-30
			}
			return out, nil
		}, metrics...),
	})
	if err != nil {
		tb.Fatal(err)
	}
	for j, err := range led.Jobs() {
		if err != nil {
			tb.Fatal(err)
		}
		if len(best) < z.front {
			g, err := space.Unpack(j.Packed)
			if err != nil {
				tb.Fatal(err)
			}
			values := engine.Values{}
			for _, m := range metrics {
				values = append(values, engine.Value{Name: m.Name, Value: 1.0 / 3})
			}
			best = append(best, engine.Best{ID: j.ID, Genome: g.Text(), Hash: g.Hash().String(), Metrics: values})
		}
	}
	return dir, &stopped{state: func(*ledger.Ledger) (State, error) {
		s := State{Live: true}
		s.Name, s.State, s.Evaluations, s.Best, s.Front = "large", engine.StateRunning, n, best[:5], best
		for i := range min(300, len(best)) {
			s.Jobs = append(s.Jobs, engine.RunningJob{ID: engine.ID(i + 1), Genome: best[i].Genome, Metrics: best[i].Metrics})
		}
		return s, nil
	}}
}

// gene is the name of a gene.
func (z size) gene(i int) string {
	return fmt.Sprintf("a_gene%s_%03d", strings.Repeat("_long", max(0, z.letters-10)/5), i)
}

// No answer has more than 64 KB, whatever the size of a search and of what is in it.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for name, z := range map[string]size{
		"many":    {candidates: 3000, genes: 40, letters: 30, objectives: 2, front: 1000},
		"hostile": {candidates: 1200, genes: 200, letters: 200, objectives: 8, front: 300},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, src := large(t, z)
			if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
				t.Fatal(err)
			}
			line := (evil + strings.Repeat("\x00\x1b[31m\"", 2000))[:10_000] + "\n"
			for i := range 100 { // 5,000 lines of 10 KB in all, and names of 200 letters
				name := fmt.Sprintf("%s%03d.log", strings.Repeat("<", 190), i)
				if err := os.WriteFile(filepath.Join(dir, "logs", name), []byte(strings.Repeat("job 13: "+line, 50)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a := newAsker(t, Config{Dir: dir, Source: src})
			a.ready("large")
			everything, axes := "/table?columns=genome", "/parallel?columns=activation"
			for i := range 50 {
				everything += "," + url.QueryEscape("metric:"+z.metric(i))
			}
			for i := range 12 {
				axes += "," + url.QueryEscape(z.gene(i))
			}
			gene, metric := url.QueryEscape(z.gene(0)), url.QueryEscape("metric:"+z.metric(0))
			for _, v := range append(slices.Clone(views), everything, axes, "/candidate/13", "/candidate/50", "/lineage/50", "/scatter?x=activation&y=accuracy",
				"/scatter?x=metric:latency&y=accuracy&logx=1&logy=1", "/scatter?x="+gene+"&y="+metric, "/table?columns=genome,reason,hash",
				"/scatter?x=activation&y=activation", "/log?find=img", "/log?about=13", "/parallel?where=accuracy+%3E+0", "/table?offset=1000&sort="+metric) {
				a.get("/api/searches/large"+v, nil)
			}
			a.get("/api/compare?search=large", nil)
		})
	}
}

// A folder of many searches with long names is listed in parts, none of which is too long, and
// compared.
func TestManySearches(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	const many = 1000
	first := searched(t, folder, strings.Repeat("&", 200), 20)
	ledgerOf, err := os.ReadFile(filepath.Join(first, ledger.FileName))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{filepath.Base(first)}
	for i := range many - 1 {
		name := fmt.Sprintf("%s%04d", strings.Repeat("<", 200), i)
		names = append(names, name)
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if i >= 12 { // enough are real
			ledgerOf = []byte("no ledger")
		}
		if err := os.WriteFile(filepath.Join(folder, name, ledger.FileName), ledgerOf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := newAsker(t, Config{Dir: folder, Source: &stopped{}})
	var list struct {
		Total, Offset int
		Searches      []standing
	}
	var seen []string
	for len(seen) < many {
		a.get(fmt.Sprintf("/api/searches?offset=%d", len(seen)), &list)
		if list.Total != many || list.Offset != len(seen) || len(list.Searches) == 0 {
			t.Fatalf("from %d on there are %d of %d", len(seen), len(list.Searches), list.Total)
		}
		for _, s := range list.Searches {
			seen = append(seen, s.Name)
		}
	}
	slices.Sort(names)
	if !slices.Equal(seen, names) {
		t.Error("the parts of the list are not all searches, each once")
	}
	if a.get("/api/searches?find=0007", &list); list.Total != 1 || list.Searches[0].Name != names[8] {
		t.Errorf("of those with 0007 there are %+v", list)
	}
	address := "/api/compare?"
	for _, name := range names[:14] {
		address += "search=" + url.QueryEscape(name) + "&"
	}
	var side compared
	for a.get(address, &side); slices.ContainsFunc(side.Searches, func(s comparedOne) bool { return strings.Contains(s.Error, "still being read") }); {
		a.get(address, &side)
	}
	if len(side.Searches) != mostCompared || side.Error != "" || side.Searches[0].Error != "" {
		t.Errorf("%d are compared, %q", len(side.Searches), side.Error)
	}
}

// withHosts is where a search stands whose jobs other machines carry out.
func withHosts(dir string, all []show.Host) func(led *ledger.Ledger) (State, error) {
	return func(led *ledger.Ledger) (State, error) {
		archive, err := engine.Read(led)
		if err != nil {
			return State{}, err
		}
		v := show.Of(archive, archive, led, dir)
		v.Live, v.Hosts = true, func() []show.Host { return all }
		return State{Told: v.Told(), Live: true, Outcome: Told(archive.Outcome())}, nil
	}
}

// The hosts of a search are told of, those that need somebody first, however many there are
// and whatever they are called.
func TestHosts(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "fleet", 20)
	var all []show.Host
	for i := range 1000 {
		all = append(all, show.Host{Name: strings.Repeat(evil, 20), State: "ready", Finished: i, Rate: 1.0 / 3})
	}
	all[700].State, all[700].Name, all[700].Reason = "aside", "gpu-7", strings.Repeat(evil, 20)
	all[800].State = "away"
	for n, of := range [][]show.Host{{}, all[:3], all} {
		a := newAsker(t, Config{Dir: dir, Source: &stopped{state: withHosts(dir, of)}})
		h := a.ready("fleet").Hosts
		if h == nil || h.Of != len(of) || len(h.All) != min(len(of), len(h.All)) || len(of) > 0 && len(h.All) == 0 {
			t.Fatalf("case %d: of %d hosts it tells %+v", n, len(of), h)
		}
		if len(of) > 700 && (h.All[0].Name != "gpu-7" || h.All[1].State != "away" || !strings.HasPrefix(h.Text, "998 ready, 1 away, 1 aside (gpu-7: <img")) {
			t.Errorf("it tells of %+v and %+v, and says %q", h.All[0], h.All[1], h.Text)
		}
	}
	if h := newAsker(t, Config{Dir: dir, Source: &stopped{}}).ready("fleet").Hosts; h != nil {
		t.Errorf("a search without hosts has %+v", h)
	}
}
