package table_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/proto"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// scalars is a space of 4 genomes; small is a table about three of them.
const scalars = `{"lr": {"choice": [0.001, 0.1]}, "act": {"choice": ["relu", "mish"]}}`

const small = `name,rate,val12,val200_a,val200_b,val200_c,s12,s200,secret,cheap
relu,1e-3,50,90,92,94,10,100,0.123456789,3
mish,0.001,60,80,,84,11,110,0.987654321,4
relu,.1,70,,,,12,120,,5
`

// with makes options about a table.
func with(t testing.TB, text string, more map[string]any) json.RawMessage {
	t.Helper()
	o := map[string]any{
		"file":    write(t, text),
		"key":     map[string]any{"columns": "{name}/{rate}", "genes": "{act}/{lr}"},
		"metrics": map[string]any{"accuracy": map[string]any{"12": "val12", "200": []string{"val200_a", "val200_b", "val200_c"}}},
	}
	for k, v := range more {
		if o[k] = v; v == nil {
			delete(o, k)
		}
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// desk is an open table.
type desk struct {
	t       testing.TB
	space   *genome.Space
	session engine.Session
	hello   engine.Hello
	files   engine.Ledger
	next    engine.ID
	repeat  int // of what is asked next
}

func open(t testing.TB, space string, options json.RawMessage) *desk {
	t.Helper()
	d := &desk{t: t, space: genome.MustParseSpace(space), files: enginetest.Memory(t)}
	var err error
	d.session, d.hello, err = sdk.InProcess(*table.Plugin()).Open(context.Background(), engine.EvaluatorSetup{
		Space: d.space, Workers: 1, Options: options, Files: d.files,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.session.Close(context.Background()); d.files.Close() })
	return d
}

// ask has a genome measured.
func (d *desk) ask(text string, budget float64, seed uint64, change ...func(*engine.Job)) *engine.Result {
	d.t.Helper()
	g, err := d.space.Parse(text)
	if err != nil {
		d.t.Fatal(err)
	}
	d.next++
	j := &engine.Job{ID: d.next, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: budget, Seed: seed}
	for _, f := range change {
		f(j)
	}
	if err := d.session.Submit(engine.Assignment{Job: j, Attempt: 1, Repeat: d.repeat}); err != nil {
		d.t.Fatal(err)
	}
	for e := range d.session.Events() {
		if e.Kind == engine.Finished {
			return e.Result
		}
	}
	d.t.Fatal("the session ended")
	return nil
}

func accuracy(t testing.TB, r *engine.Result) float64 {
	t.Helper()
	x, ok := r.Metrics.Get("accuracy")
	if !ok || r.Status != engine.OK {
		t.Fatalf("no accuracy: %+v", r)
	}
	return x
}

var costs = map[string]any{"12": "s12", "200": "s200"}

func TestLookUp(t *testing.T) {
	t.Parallel()
	d := open(t, scalars, with(t, small, map[string]any{"cost": costs, "scale": map[string]any{"accuracy": 0.01}}))
	for _, c := range []struct {
		genome   string
		budget   float64
		accuracy []float64 // one repeat after the other
		seconds  float64
	}{
		{"lr=0.001 act=relu", 12, []float64{0.5}, 10},
		{"lr=0.001 act=mish", 12, []float64{0.6}, 11},
		{"lr=0.1 act=relu", 12, []float64{0.7}, 12},
		{"lr=0.1 act=relu", 0, []float64{0.7}, 12}, // the smallest budget
		{"lr=0.001 act=relu", 200, []float64{0.9, 0.92, 0.94}, 100},
		{"lr=0.001 act=mish", 200, []float64{0.8, 0.84}, 110}, // one cell is empty
	} {
		for n, want := range c.accuracy {
			d.repeat = n
			for seed := range uint64(3) { // has no say
				r := d.ask(c.genome, c.budget, seed)
				if x := accuracy(t, r); math.Abs(x-want) > 1e-12 {
					t.Errorf("%s at %v: repeat %d is %v, want %v", c.genome, c.budget, n, x, want)
				}
				if s, _ := r.Metrics.Get("seconds"); s != c.seconds || r.Seconds != c.seconds {
					t.Errorf("%s at %v: %v and %v seconds, want %v", c.genome, c.budget, s, r.Seconds, c.seconds)
				}
			}
		}
		// Where there is one column, it is what every measurement gives.
		d.repeat = len(c.accuracy)
		r := d.ask(c.genome, c.budget, 1)
		if c.budget == 200 {
			if r.Status != engine.Invalid || r.Seconds != 0 || !strings.Contains(r.Reason,
				fmt.Sprintf("has %d repeats in the table at budget 200, and this is measurement %d", d.repeat, d.repeat+1)) {
				t.Errorf("a repeat beyond the last: %+v", r)
			}
		} else if x := accuracy(t, r); math.Abs(x-c.accuracy[0]) > 1e-12 {
			t.Errorf("%s at %v, measured again: %v", c.genome, c.budget, x)
		}
		d.repeat = 0
	}
	// Nothing there, for good and at no cost that a clock would tell.
	for _, r := range []*engine.Result{d.ask("lr=0.1 act=mish", 12, 1), d.ask("lr=0.1 act=relu", 200, 1)} {
		if r.Status != engine.Invalid || strings.Contains(r.Reason, "\n") {
			t.Errorf("got %+v", r)
		}
	}
	if r := d.ask("lr=0.1 act=mish", 12, 1); r.Seconds != 0 {
		t.Errorf("a genome without a row cost %v seconds", r.Seconds)
	}
	if r := d.ask("lr=0.1 act=relu", 50, 1); r.Status != engine.Failed || !strings.Contains(r.Reason, "12 200") {
		t.Errorf("a budget that there is not: %+v", r)
	}
	// A resumed job pays its full column.
	if r := d.ask("lr=0.001 act=relu", 200, 1, func(j *engine.Job) { j.Resume = 1 }); r.Seconds != 100 {
		t.Errorf("a resumed job pays %v seconds, want 100", r.Seconds)
	}
}

func TestHello(t *testing.T) {
	t.Parallel()
	one := map[string]any{"accuracy": map[string]any{"12": "val12"}}
	d := open(t, scalars, with(t, small, map[string]any{"metrics": one, "cost": 7, "report": []string{"secret"}}))
	if d.hello.Seeded || !d.hello.Tests || !d.hello.Deterministic || d.hello.Budget != 12 || d.hello.Pool != nil {
		t.Errorf("%+v", d.hello)
	}
	if fmt.Sprint(d.hello.Metrics) != "[{accuracy  maximize false} {seconds s minimize false}]" {
		t.Error(d.hello.Metrics)
	}
	if r := d.ask("lr=0.1 act=relu", 12, 1); r.Seconds != 7 {
		t.Errorf("%v seconds, want 7", r.Seconds)
	}
	if d := open(t, scalars, with(t, small, nil)); !d.hello.Seeded || d.hello.Tests || !d.hello.Metrics[1].Measured {
		t.Errorf("%+v", d.hello)
	}
	if d := open(t, scalars, with(t, small, map[string]any{"metrics": one, "noise": map[string]any{"accuracy": 1}})); !d.hello.Seeded {
		t.Error("noise makes no difference")
	}
	// One column for any budget.
	d = open(t, scalars, with(t, small, map[string]any{"metrics": map[string]any{"accuracy": "val12", "cheap": "cheap"}}))
	if r := d.ask("lr=0.1 act=relu", 33, 1); accuracy(t, r) != 70 {
		t.Error(r)
	}
}

func TestIdentityIsTheContent(t *testing.T) {
	t.Parallel()
	a, b := open(t, scalars, with(t, small, nil)), open(t, scalars, with(t, small, nil))
	c := open(t, scalars, with(t, strings.Replace(small, "94", "95", 1), nil))
	if a.hello.Identity != b.hello.Identity || a.hello.Identity == c.hello.Identity {
		t.Error(a.hello.Identity, b.hello.Identity, c.hello.Identity)
	}
}

func TestNoise(t *testing.T) {
	t.Parallel()
	d := open(t, scalars, with(t, small, map[string]any{
		"metrics": map[string]any{"accuracy": map[string]any{"12": "val12"}, "cheap": "cheap"},
		"scale":   map[string]any{"accuracy": 0.01}, "noise": map[string]any{"accuracy": 0.005},
	}))
	var sum, squares float64
	const n = 2000
	for seed := range uint64(n) {
		r := d.ask("lr=0.1 act=relu", 12, seed)
		x := accuracy(t, r) - 0.7
		sum, squares = sum+x, squares+x*x
		if c, _ := r.Metrics.Get("cheap"); c != 5 {
			t.Fatalf("noise got into another metric: %v", c)
		}
	}
	mean, sd := sum/n, math.Sqrt(squares/n-sum/n*sum/n)
	if math.Abs(mean) > 0.0005 || sd < 0.0047 || sd > 0.0053 {
		t.Errorf("mean %v, standard deviation %v; want 0 and 0.005", mean, sd)
	}
	a, b := d.ask("lr=0.1 act=relu", 12, 7), d.ask("lr=0.1 act=relu", 12, 7)
	if accuracy(t, a) != accuracy(t, b) {
		t.Error("the same seed gives other noise")
	}
}

// spy is a strategy that writes down everything that it is shown.
type spy struct {
	engine.Strategy
	seen *bytes.Buffer
}

func (s spy) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	fmt.Fprintf(s.seen, "%+v\n", setup)
	_, needs, err := s.Strategy.Open(ctx, setup)
	needs.History = engine.NeedAll
	state, _, _ := s.Strategy.Open(ctx, setup)
	return state, needs, err
}

func (s spy) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	fmt.Fprintf(s.seen, "%+v\n", turn.Results)
	for c := range engine.All(turn.History) {
		curve, _ := turn.History.Curve(c.ID)
		fmt.Fprintf(s.seen, "%+v %+v\n", *c, curve)
	}
	return s.Strategy.Step(ctx, state, turn)
}

// What is reported is a secret until the search has ended: no metric, no
// History, no message between the processes has it. It comes out as a file of
// the jobs that test the winner.
func TestReportColumnsAreHidden(t *testing.T) {
	t.Parallel()
	options := with(t, small, map[string]any{
		"cost": costs, "report": []string{"secret"}, "scale": map[string]any{"accuracy": 0.01},
	})
	secrets := []float64{0.123456789, 0.987654321, 0.00123456789, 0.00987654321}
	hidden := func(where string, b []byte) {
		t.Helper()
		for _, x := range secrets {
			bits := binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))
			if bytes.Contains(b, bits) || bytes.Contains(b, []byte(strings.TrimLeft(fmt.Sprint(x), "0."))) {
				t.Errorf("%s has %v", where, x)
			}
		}
	}

	// On the wire, in every phase.
	d := open(t, scalars, options)
	wire := func(where string, m protobuf.Message) {
		t.Helper()
		b, err := protobuf.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		hidden(where, b)
		if b, err = protojson.Marshal(m); err != nil {
			t.Fatal(err)
		}
		hidden(where, b)
	}
	wire("the hello", proto.HelloTo(d.hello))
	for _, m := range d.hello.Metrics {
		if m.Name == "secret" {
			t.Error("the secret is declared as a metric")
		}
	}
	for _, phase := range []engine.Phase{engine.PhaseSearch, engine.PhaseRemeasure, engine.PhaseTest} {
		for _, budget := range []float64{12, 200} {
			for _, g := range []string{"lr=0.001 act=relu", "lr=0.001 act=mish"} {
				r := d.ask(g, budget, 5, func(j *engine.Job) { j.Phase = phase })
				if r.Status != engine.OK {
					t.Fatal(r)
				}
				if _, has := r.Metrics.Get("secret"); has {
					t.Errorf("%s: the secret is among the metrics", phase)
				}
				if _, has := r.Metrics.Get("accuracy"); has != (phase != engine.PhaseTest) {
					t.Errorf("%s: %v: validation figures belong to all jobs but those that test", phase, r.Metrics)
				}
				if (len(r.Files) > 0) != (phase == engine.PhaseTest) {
					t.Errorf("%s: files %v", phase, r.Files)
				}
				wire(string(phase), proto.FinishedTo(r))
			}
		}
	}

	// In front of a strategy; and out in the end.
	seen := new(bytes.Buffer)
	led := enginetest.Memory(t)
	s, err := engine.Run(context.Background(), engine.Config{
		Space: genome.MustParseSpace(scalars), Strategy: spy{strategy(t, "random"), seen}, Ledger: led,
		Evaluators: map[string]engine.EvaluatorRef{"table": {Evaluator: sdk.InProcess(*table.Plugin()), Options: options}},
		Fidelities: []engine.Fidelity{{Evaluator: "table", Budget: 12}},
		Limits:     engine.Limits{Evaluations: 12}, Final: engine.Final{Top: 1, Repeats: 1, Tests: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	hidden("the strategy's view", seen.Bytes())
	if !strings.Contains(seen.String(), "accuracy") || strings.Contains(seen.String(), "secret") {
		t.Error("the strategy sees the wrong things")
	}
	found := false
	for c := range s.Candidates() {
		hidden("candidate "+c.ID.String(), fmt.Appendf(nil, "%+v", c))
		for _, f := range c.Files {
			if f.Name != engine.ReportFile || c.Phase != engine.PhaseTest {
				t.Errorf("candidate %s of phase %s has the file %s", c.ID, c.Phase, f.Name)
			}
			path, err := led.Path(f.Hash)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			// The winner is relu with 0.1, whose figure is not known.
			if err != nil || string(b) != `{}` {
				t.Errorf("%s %v", b, err)
			}
			found = true
		}
	}
	if !found {
		t.Error("nothing is reported")
	}
	r := d.ask("lr=0.001 act=mish", 12, 1, func(j *engine.Job) { j.Phase = engine.PhaseTest })
	path, err := d.files.Path(r.Files[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != `{"secret":0.987654321}` {
		t.Errorf("%s %v", b, err)
	}
}

// A rank is a row's place among all, by a column that may be searched as well.
func TestRankIsReported(t *testing.T) {
	t.Parallel()
	d := open(t, scalars, with(t, small, map[string]any{"report": []any{
		map[string]any{"rank": "val12"}, map[string]any{"rank": "secret", "goal": "minimize"}, "secret",
	}}))
	for genome, want := range map[string]string{
		"lr=0.1 act=relu":   `{"val12_rank":1}`, // whose secret is not known
		"lr=0.001 act=mish": `{"secret":0.987654321,"secret_rank":2,"val12_rank":2}`,
		"lr=0.001 act=relu": `{"secret":0.123456789,"secret_rank":1,"val12_rank":3}`,
	} {
		r := d.ask(genome, 12, 1, func(j *engine.Job) { j.Phase = engine.PhaseTest })
		path, err := d.files.Path(r.Files[0].Hash)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s: %s %v, want %s", genome, b, err, want)
		}
	}
}

// A mean is over the columns that a row has, and is one repeat.
func TestMeanOfColumns(t *testing.T) {
	t.Parallel()
	mean := map[string]any{"mean": []string{"val200_a", "val200_b", "val200_c"}}
	for _, metric := range []any{mean, map[string]any{"200": mean}} {
		d := open(t, scalars, with(t, small, map[string]any{"metrics": map[string]any{"accuracy": metric}}))
		for text, want := range map[string]float64{"lr=0.001 act=relu": 92, "lr=0.001 act=mish": 82} {
			for d.repeat = range 2 {
				if x := accuracy(t, d.ask(text, 200, 1)); x != want {
					t.Errorf("%s: %v, want %v", text, x, want)
				}
			}
		}
		if r := d.ask("lr=0.1 act=relu", 200, 1); r.Status != engine.Invalid {
			t.Errorf("of no column: %+v", r)
		}
		if d.hello.Seeded {
			t.Error("measuring again tells nothing")
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	long := map[string]any{"accuracy": map[string]any{"12": []string{"val12", "cheap"}, "200": "val200_a"}}
	for _, c := range []struct {
		name    string
		text    string
		options map[string]any
		want    []string
	}{
		{"unknown option", small, map[string]any{"colour": 1}, []string{"colour: ", "use one of"}},
		{"no file", small, map[string]any{"file": nil}, []string{"file: ", "name a CSV file"}},
		{"absent file", small, map[string]any{"file": "absent.csv"}, []string{"file: ", "absent.csv", "NASCENT_BENCH_DATA"}},
		{"absent path", small, map[string]any{"file": "/absent/t.csv"}, []string{"file: ", "/absent/t.csv", "give the path"}},
		{"no key", small, map[string]any{"key": nil}, []string{"key: ", "name the column"}},
		{"key of nothing", small, map[string]any{"key": map[string]any{"genes": "{lr}"}}, []string{"key: ", "names no column"}},
		{"key of a list", small, map[string]any{"key": []string{"rate"}}, []string{"key: ", "write a column"}},
		{"bad template", small, map[string]any{"key": map[string]any{"columns": "{name", "genes": "{act}"}}, []string{"key: ", "braces"}},
		{"canonical and more", small, map[string]any{"key": map[string]any{"canonical": "name", "genes": "{act}"}}, []string{"key: ", "stands alone"}},
		{"absent key column", small, map[string]any{"key": "arch"}, []string{"key: ", `no column "arch"`, "name, rate"}},
		{"absent gene", small, map[string]any{"key": map[string]any{"column": "name", "genes": "{actt}"}}, []string{"key: ", "actt"}},
		{"same key twice", small, map[string]any{"key": map[string]any{"column": "name", "genes": "{act}"}}, []string{"key: ", "csv:4", "line 2"}},
		{"no metrics", small, map[string]any{"metrics": nil}, []string{"metrics: ", "there is none"}},
		{"metrics of text", small, map[string]any{"metrics": "val12"}, []string{"metrics: ", "group"}},
		{"a number as metric", small, map[string]any{"metrics": map[string]any{"accuracy": 3}}, []string{"metrics: ", "no column"}},
		{"absent column", small, map[string]any{"metrics": map[string]any{"accuracy": "val13"}}, []string{"metrics: ", `no column "val13"`}},
		{"budget of text", small, map[string]any{"metrics": map[string]any{"accuracy": map[string]any{"all": "val12"}}}, []string{"metrics.accuracy: ", `"all" is no budget`}},
		{"seconds as metric", small, map[string]any{"metrics": map[string]any{"seconds": "s12"}}, []string{"metrics: ", "cost"}},
		{"repeats that differ", small, map[string]any{"metrics": map[string]any{"accuracy": []string{"val12", "s12"},
			"loss": []string{"val200_a", "val200_b", "val200_c"}}}, []string{"metrics: ", "as many"}},
		{"no cost at a budget", small, map[string]any{"cost": map[string]any{"12": "s12"}}, []string{"cost: ", "200"}},
		{"a cost without metrics", small, map[string]any{"cost": map[string]any{"12": "s12", "200": "s200", "50": 3}}, []string{"cost: ", "50"}},
		{"no cost at all", small, map[string]any{"cost": 0}, []string{"cost: ", "above 0"}},
		{"an empty cost", small, map[string]any{"cost": "val200_b"}, []string{"cost: ", "csv:3", "empty"}},
		{"noise of nothing", small, map[string]any{"noise": map[string]any{"loss": 1}}, []string{"noise: ", "loss", "accuracy"}},
		{"negative noise", small, map[string]any{"noise": map[string]any{"accuracy": -1}}, []string{"noise: ", "-1"}},
		{"scale of zero", small, map[string]any{"scale": map[string]any{"accuracy": 0}}, []string{"scale: ", "factor"}},
		{"known secret", small, map[string]any{"report": []string{"val12"}}, []string{"report: ", "val12", "metric accuracy"}},
		{"known cost", small, map[string]any{"cost": costs, "report": []string{"s12"}}, []string{"report: ", "s12", "the cost"}},
		{"a secret twice", small, map[string]any{"report": []any{map[string]any{"rank": "cheap"}, map[string]any{"rank": "cheap"}}},
			[]string{"report: ", "cheap", "twice"}},
		{"rank of nothing", small, map[string]any{"report": []any{map[string]any{"rank": ""}}}, []string{"report", "rank: COLUMN"}},
		{"rank by no goal", small, map[string]any{"report": []any{map[string]any{"rank": "cheap", "goal": "up"}}}, []string{"report", "maximize or minimize"}},
		{"absent secret", small, map[string]any{"report": []string{"hidden"}}, []string{"report: ", "hidden"}},
		{"pool of a template", small, map[string]any{"pool": true}, []string{"pool: ", "backwards"}},
		{"text for a number", strings.Replace(small, ",60,", ",sixty,", 1), nil, []string{"csv:3", "val12", "sixty"}},
		{"ragged", strings.Replace(small, ",60,", ",60,61,", 1), nil, []string{"csv:3"}},
		{"columns of one name", strings.Replace(small, "cheap", "s12", 1), nil, []string{"csv:1", "twice"}},
		{"no rows", small[:strings.Index(small, "\n")+1], nil, []string{"no rows"}},
		{"nothing", "", nil, []string{"file: ", "header"}},
		{"damaged gzip", "\x1f\x8b garbage", nil, []string{"file: ", "damaged"}},
		{"adjacency without vertices", small, map[string]any{"key": map[string]any{"canonical": map[string]any{"adjacency": "name", "operations": "rate"}}}, []string{"key: ", "cell of vertices"}},
		{"a mean of nothing", small, map[string]any{"metrics": map[string]any{"accuracy": map[string]any{"mean": []string{}}}}, []string{"metrics.accuracy: ", "mean"}},
		{"fine", small, map[string]any{"metrics": long, "cost": 3}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := enginetest.Memory(t)
			session, _, err := sdk.InProcess(*table.Plugin()).Open(context.Background(), engine.EvaluatorSetup{
				Space: genome.MustParseSpace(scalars), Workers: 1, Options: with(t, c.text, c.options), Files: files,
			})
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				session.Close(context.Background())
				return
			}
			if err == nil {
				session.Close(context.Background())
				t.Fatal("not refused")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}
