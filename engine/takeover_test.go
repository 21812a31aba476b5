package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// Other versions of plainSpace: one holds all of it, the other a part.
const (
	wider    = `{"x": {"float": [0, 1]}, "y": {"int": [0, 2000]}, "z": {"choice": ["a", "b", "c", "d"]}}`
	narrower = `{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "z": {"choice": ["a", "b"]}}`
)

// several measures two metrics.
func several(_ context.Context, j *engine.Job) (map[string]float64, error) {
	y, _ := j.Genome.Gene("y")
	return map[string]float64{"accuracy": measure(j), "size": float64(y.(int64))}, nil
}

// declaring is a search with two metrics.
func declaring(led engine.Ledger) engine.Config {
	cfg := config(led)
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(several, engine.Metric{Name: "accuracy"}, engine.Metric{Name: "size"})}}
	return cfg
}

// takeovers are changes of a configuration, with what is said of who fits.
var takeovers = map[string]struct {
	change func(*engine.Config)
	fit    string
}{
	"a wider space":    {func(c *engine.Config) { c.Space = genome.MustParseSpace(wider) }, "25 of 25 candidates fit"},
	"a narrower space": {func(c *engine.Config) { c.Space = genome.MustParseSpace(narrower) }, "do not: z: \"c\" is no option, the options are a, b"},
	"a new gene": {func(c *engine.Config) {
		c.Space = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "w": {"int": [1, 3]}, "z": {"choice": ["a", "b", "c"]}}`)
	}, "0 of 25 candidates fit; 25 do not: w: is missing"},
	"a new gene with what it was": {func(c *engine.Config) {
		c.Space = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "w": {"int": [1, 3]}, "z": {"choice": ["a", "b", "c"]}}`)
		c.Was = genome.Map{{Key: "w", Value: int64(2)}}
	}, "25 of 25 candidates fit (w=2 where it was missing)"},
	"objectives": {func(c *engine.Config) {
		c.Objectives = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "size", Goal: engine.Minimize}}
	}, "25 of 25 candidates fit"},
	"constraints": {func(c *engine.Config) { c.Constraints = []engine.Constraint{{Metric: "size", Max: number(500.0)}} }, "25 of 25 candidates fit"},
	"a derived metric": {func(c *engine.Config) {
		c.Derived = []engine.Derived{{Metric: "score", Expression: "accuracy - size/1000"}}
		c.Objectives = []engine.Objective{{Metric: "score", Goal: engine.Maximize}}
	}, "25 of 25 candidates fit"},
	"all at once": {func(c *engine.Config) {
		c.Space = genome.MustParseSpace(narrower)
		c.Ties = []engine.Objective{{Metric: "size", Goal: engine.Minimize}}
		c.Constraints = []engine.Constraint{{Metric: "size", Min: number(100.0)}}
	}, "do not"},
}

// A search goes on with what its configuration declares now if that is asked for: what
// was decided before stays, who fits informs the strategy and the others are none of the
// best, and neither workers nor interruptions make a difference.
func TestTakeover(t *testing.T) {
	t.Parallel()
	for name, c := range takeovers {
		for _, batch := range []int{1, 5} {
			t.Run(fmt.Sprintf("%s, batch %d", name, batch), func(t *testing.T) {
				t.Parallel()
				want := ""
				for _, stops := range [][]int{{60}, {26, 31, 60}} {
					led := enginetest.Memory(t)
					cfg := declaring(led)
					cfg.Strategy, cfg.Workers = climber{batch: batch}, len(stops)
					cfg.Limits.Evaluations = 25
					run(t, cfg)
					turns := int(mustArchive(t, led).Status().Turns)
					before := digest(t, led, turns)
					c.change(&cfg)
					cfg.Limits.Evaluations = stops[0]
					if _, err := engine.Run(t.Context(), cfg); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "nascent run DIR --takeover") {
						t.Fatalf("without being asked for: %v", err)
					}
					cfg.TakeOver = true
					for _, cfg.Limits.Evaluations = range stops {
						run(t, cfg)
						cfg.TakeOver = false // it is declared so now
					}
					if digest(t, led, turns) != before {
						t.Error("what was decided before is another than it was")
					}
					if d := digest(t, led, -1); want == "" {
						want = d
					} else if d != want {
						t.Error("an interruption makes it another search")
					}
					replays(t, cfg)
					a := mustArchive(t, led)
					fits := 0
					for x := range a.Candidates() {
						inside := x.Genome.Space() == a.Space
						if x.Phase == engine.PhaseSearch && x.Outside == inside {
							t.Errorf("candidate %s is outside: %v", x.ID, x.Outside)
						}
						if x.Phase == engine.PhaseSearch && x.ID > 40 && !inside {
							t.Errorf("candidate %s is one of another space: %s", x.ID, x.Genome.Text())
						}
						if inside {
							fits++
						}
					}
					for _, b := range slices.Concat(a.Best(10), a.Front()) {
						if b.Outside || a.Space.Check(b.Genome) != nil {
							t.Errorf("candidate %s is among the best: %s", b.ID, b.Genome.Text())
						}
					}
					if all, err := engine.Timeline(led); err != nil || !slices.ContainsFunc(all, func(o engine.Occurrence) bool {
						return o.Kind == "takeover" && o.Turn == uint64(turns) && strings.Contains(o.Text, c.fit)
					}) {
						t.Errorf("the log does not say %q: %+v, %v", c.fit, all, err)
					}
					if st := a.Status(); st.State != engine.StateFinished || st.Evaluations != 60 || fits == 0 {
						t.Errorf("ended as %+v", st)
					}
				}
			})
		}
	}
}

// Wherever it breaks off around a takeover, the search takes one way.
func TestTakeoverAfterEveryCommit(t *testing.T) {
	t.Parallel()
	for _, space := range []string{wider, narrower} {
		whole := func(n int) (string, int) {
			led := enginetest.Memory(t)
			cfg := declaring(led)
			cfg.Limits.Evaluations = 30
			cfg.Turns = 3
			run(t, cfg)
			cfg.Turns = 0
			steered(t, led, engine.Request{ID: "it", AtTurn: 10, Takeover: &engine.Takeover{
				Space: []byte(space), Objectives: []engine.Objective{{Metric: "size", Goal: engine.Minimize}},
			}})
			broken := 0
			for i := range 300 {
				cfg.Ledger = &brittle{led, n, (n+i)%2 == 0}
				_, err := engine.Run(t.Context(), cfg)
				if err == nil {
					replays(t, cfg)
					return digest(t, led, -1), broken
				}
				if !errors.Is(err, errPower) {
					t.Fatal(err)
				}
				broken++
			}
			t.Fatalf("no end although only every %d. commit fails", n)
			return "", 0
		}
		want, _ := whole(0)
		broken := 0
		for n := 3; n < 40; n++ {
			got, k := whole(n)
			if broken += k; got != want {
				t.Fatalf("after crashes at every %d. commit it is another search", n)
			}
		}
		if broken < 50 {
			t.Errorf("only %d crashes", broken)
		}
	}
}

// picky takes no space of four genes.
type picky struct{ climber }

func (p picky) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	if strings.Contains(string(setup.Space.JSON()), `"w"`) {
		return nil, engine.Needs{}, &engine.Mistake{Key: "space", Problem: "w is not for me", Remedy: "leave it out"}
	}
	return p.climber.Open(ctx, setup)
}

// Where the strategy refuses what is declared, a search that runs goes on as before, and
// whoever asked is told.
func TestTakeoverIsRefusedByTheStrategy(t *testing.T) {
	t.Parallel()
	plain := declaring(enginetest.Memory(t))
	plain.Strategy = picky{}
	run(t, plain)
	cfg := declaring(enginetest.Memory(t))
	cfg.Strategy, cfg.Turns = picky{}, 5
	run(t, cfg)
	it := engine.Request{ID: "it", AtTurn: 12, Takeover: &engine.Takeover{
		Space: []byte(`{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "w": {"int": [1, 3]}, "z": {"choice": ["a", "b", "c"]}}`),
	}}
	steered(t, cfg.Ledger, it)
	cfg.Turns = 0
	run(t, cfg)
	if digest(t, cfg.Ledger, -1) != digest(t, plain.Ledger, -1) {
		t.Error("it took another way")
	}
	if _, err := engine.Steer(cfg.Ledger, it, time.Now()); err == nil || !strings.Contains(err.Error(), "w is not for me") {
		t.Errorf("the request's end: %v", err)
	}
}

// strictly is a strategy that looks whether all that it is shown is of the search's space.
type strictly struct {
	climber
	t     *testing.T
	space *genome.Space
}

func (s *strictly) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	s.space = setup.Space
	return s.climber.Open(ctx, setup)
}

func (s *strictly) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	for c := range engine.All(turn.History) {
		if _, err := s.space.Fits(c.Genome); err != nil {
			s.t.Errorf("turn %d: the history has candidate %s: %v", turn.N, c.ID, err)
		}
	}
	return s.climber.Step(ctx, state, turn)
}

// Who does not fit a space stays outside when something else is declared later, and is back
// when a space has room for it again.
func TestTakeoverAfterTakeover(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := declaring(led)
	cfg.Strategy = &strictly{t: t}
	outside := func() (n int) {
		for x := range mustArchive(t, led).Candidates() {
			if x.Outside {
				n++
			}
		}
		return n
	}
	step := func(evaluations int, change func()) int {
		change()
		cfg.TakeOver, cfg.Limits.Evaluations = true, evaluations
		run(t, cfg)
		return outside()
	}
	first := step(20, func() {})
	narrow := step(30, func() { cfg.Space = genome.MustParseSpace(narrower) })
	bound := step(40, func() { cfg.Constraints = []engine.Constraint{{Metric: "size", Max: number(900.0)}} })
	minimized := step(50, func() { cfg.Objectives = []engine.Objective{{Metric: "size", Goal: engine.Minimize}} })
	back := step(60, func() { cfg.Space = genome.MustParseSpace(wider) })
	if first != 0 || narrow == 0 || bound != narrow || minimized != narrow || back != 0 {
		t.Errorf("outside are %d, %d in a narrower space, then %d and %d, and %d in a wider one", first, narrow, bound, minimized, back)
	}
	replays(t, cfg)
}

// beginning begins a search, which takes no turn.
func beginning(t *testing.T, cfg engine.Config) {
	t.Helper()
	if err := engine.Begin(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// What was banned later says nothing of an earlier space.
func TestReplayOfATakeoverBeforeABan(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := declaring(led)
	cfg.Limits.Evaluations = 30
	beginning(t, cfg)
	for _, r := range []engine.Request{
		{AtTurn: 8, Takeover: &engine.Takeover{Space: []byte(narrower)}},
		{AtTurn: 16, Takeover: &engine.Takeover{Space: []byte(wider)}},
		{AtTurn: 20, Ban: `z = "a" or z = "b"`}, // all of the narrower one
	} {
		steered(t, led, r)
	}
	run(t, cfg)
	if bans := mustArchive(t, led).Bans(); len(bans) != 1 {
		t.Fatalf("banned is %q", bans)
	}
	replays(t, cfg)
}

// What is planned is looked at by what the search will declare when its turn comes.
func TestPlansAfterAPlannedTakeover(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := declaring(led)
	target := 1e9
	cfg.Limits.Target = &target
	beginning(t, cfg)
	of := func(z string) *engine.Additions { return &engine.Additions{Genomes: []string{"x=0.5 y=3 z=" + z}} }
	objectives := &engine.Takeover{Objectives: []engine.Objective{{Metric: "size", Goal: engine.Minimize}}}
	none := &engine.Settings{Target: &engine.SetTarget{}}
	steered(t, led, engine.Request{ID: "wider", AtTurn: 9, Takeover: &engine.Takeover{Space: []byte(wider)}})
	for _, c := range []struct {
		r       engine.Request
		refused string
	}{
		{engine.Request{ID: "d", AtTurn: 8, Add: of("d")}, `"d" is no option`},
		{engine.Request{ID: "d", AtTurn: 9, Add: of("d")}, ""},
		{engine.Request{ID: "c", AtTurn: 8, Add: of("c")}, ""},
		{engine.Request{ID: "narrower", AtTurn: 12, Takeover: &engine.Takeover{Space: []byte(narrower)}}, ""},
		{engine.Request{ID: "later", AtTurn: 12, Add: of("d")}, `"d" is no option`},
		{engine.Request{ID: "between", AtTurn: 11, Add: of("d")}, ""},
		{engine.Request{ID: "size", AtTurn: 15, Takeover: objectives}, "limits.target"},
		{engine.Request{ID: "no target", AtTurn: 14, Set: none}, ""},
		{engine.Request{ID: "size", AtTurn: 13, Takeover: objectives}, "limits.target"},
		{engine.Request{ID: "size", AtTurn: 15, Takeover: objectives}, ""},
	} {
		_, err := engine.Steer(led, c.r, time.Now())
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s for turn %d: %v, want %q", &c.r, c.r.AtTurn, err, c.refused)
		}
	}
	run(t, cfg)
	all, err := engine.Timeline(led)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if o.Kind == "refused" {
			t.Errorf("%s: %s", o.Request, o.Text)
		}
	}
	if a := mustArchive(t, led); a.Plan.Objectives[0].Metric != "size" {
		t.Errorf("ended with %v", a.Plan.Objectives)
	}
	replays(t, cfg)
}

// What --was says holds of candidates of all earlier spaces that lack the gene, and is looked
// at before anything changes.
func TestTakeoverSaysWhatAGeneWas(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := declaring(led)
	cfg.Limits.Evaluations = 30
	beginning(t, cfg)
	with := `{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "z": {"choice": ["a", {"b": {"v": {"float": [0, 1]}}}, "c"]}, "w": {"int": [1, 3]}}`
	was := func(key string, v any) genome.Map { return genome.Map{{Key: key, Value: v}} }
	for _, c := range []struct {
		x    engine.Takeover
		want string
	}{
		{engine.Takeover{Space: []byte(with), Was: was("u", int64(1))}, "was.u: no gene of the space is called so"},
		{engine.Takeover{Space: []byte(with), Was: was("w", int64(7))}, "was.w: 7"},
		{engine.Takeover{Space: []byte(with), Was: was("z.b.v", "x")}, "was.z.b.v: "},
		{engine.Takeover{Prefer: new(string), Was: was("w", int64(2))}, "the space stays as it is"},
	} {
		if _, err := engine.Steer(led, engine.Request{Takeover: &c.x}, time.Now()); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.x.Was, err, c.want)
		}
	}
	x := engine.Takeover{Space: []byte(with), Was: append(was("w", int64(2)), was("z.b.v", 0.5)...)}
	steered(t, led, engine.Request{AtTurn: 12, Takeover: &x})
	run(t, cfg)
	a := mustArchive(t, led)
	seen := map[string]int{}
	for c := range a.Candidates() {
		if c.Outside {
			t.Errorf("candidate %s does not fit", c.ID)
		}
		if c.Phase == engine.PhaseSearch && c.ID <= 12 {
			if w, _ := c.Genome.Gene("w"); w != int64(2) {
				t.Errorf("candidate %s has w=%v", c.ID, w)
			}
			z, _ := c.Genome.Gene("z")
			v, has := c.Genome.Gene("z.b.v")
			if seen[fmt.Sprint(z)]++; has && v != 0.5 {
				t.Errorf("candidate %s has v=%v", c.ID, v)
			}
		}
	}
	if len(seen) < 2 {
		t.Errorf("z was %v", seen)
	}
	replays(t, cfg)

	other := enginetest.Memory(t)
	cfg.Ledger = other
	beginning(t, cfg)
	x.Was = append(was("w", int64(3)), was("z.b.v", 0.5)...)
	steered(t, other, engine.Request{AtTurn: 12, Takeover: &x})
	run(t, cfg)
	if digest(t, other, 13) == digest(t, led, 13) {
		t.Error("what a gene was is not part of the digest")
	}

	// Who has taken over is the same as who has not until then, whatever its candidates are now.
	plain := enginetest.Memory(t)
	cfg.Ledger = plain
	run(t, cfg)
	for name, one := range map[string]engine.Ledger{"another": other, "none": plain} {
		p, err := engine.WhereParted(one, led)
		if err != nil {
			t.Fatal(err)
		}
		if p.Turns != 12 || p.What != "what happened to them" || digest(t, one, 12) != digest(t, led, 12) {
			t.Errorf("from a search with %s it parts at %+v", name, p)
		}
	}
}

// What is taken away is another thing than what is not said, also where a request came as JSON.
func TestTakeoverTakesAway(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := declaring(led)
	cfg.Derived = []engine.Derived{{Metric: "score", Expression: "accuracy - size/1000"}}
	cfg.Objectives = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "score", Goal: engine.Maximize}}
	cfg.Reference = engine.Values{{Name: "accuracy", Value: 0}, {Name: "score", Value: -1}}
	cfg.Constraints = []engine.Constraint{{Metric: "size", Max: number(900.0)}}
	cfg.Ties = []engine.Objective{{Metric: "size", Goal: engine.Minimize}}
	cfg.Prefer = "score"
	cfg.Limits.Evaluations = 20
	if st := run(t, cfg).Status(); st.State != engine.StateFinished {
		t.Fatalf("it is %s", st.State)
	}
	for _, c := range []struct {
		asked string
		gone  func(engine.Plan) bool
	}{
		{`{"takeover": {"reference": {}}}`, func(p engine.Plan) bool { return len(p.Reference) == 0 }},
		{`{"takeover": {"constraints": []}}`, func(p engine.Plan) bool { return len(p.Constraints) == 0 }},
		{`{"takeover": {"ties": []}}`, func(p engine.Plan) bool { return len(p.Ties) == 0 }},
		{`{"takeover": {"prefer": ""}}`, func(p engine.Plan) bool { return p.Prefer == "" }},
	} {
		var r engine.Request
		if err := json.Unmarshal([]byte(c.asked), &r); err != nil {
			t.Fatal(err)
		}
		sent, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		var got engine.Request // as the process that runs the search has it
		if err := json.Unmarshal(sent, &got); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Steer(led, got, time.Now()); err != nil || mustArchive(t, led).Status().State != engine.StateStopped || !c.gone(mustArchive(t, led).Plan) {
			t.Errorf("%s, sent as %s: %v %+v", c.asked, sent, err, mustArchive(t, led).Plan)
		}
	}
	// The search had finished, and measures its best again by what holds now.
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.Evaluations != 20 || st.FinalDone == 0 || st.FinalDone != st.FinalTotal {
		t.Errorf("it ended as %+v", st)
	}
}

// A space that was declared without what a new gene was can be declared once more with it, as
// the refusal says.
func TestTakeoverWithoutWasIsMended(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Limits.Evaluations = 20
	run(t, cfg)
	const more = `{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "w": {"int": [1, 3]}, "z": {"choice": ["a", "b", "c"]}}`
	before := mustArchive(t, led).Plan.Space
	declare := func(space []byte, was genome.Map, want string) {
		t.Helper()
		rec, err := engine.Steer(led, engine.Request{Takeover: &engine.Takeover{Space: space, Was: was}}, time.Now())
		if said := fmt.Sprint(rec.Says, err); !strings.Contains(said, want) {
			t.Errorf("%s, not %s", said, want)
		}
	}
	was := genome.Map{{Key: "w", Value: int64(2)}}
	declare([]byte(more), nil, "0 of 20 candidates fit")
	turn := mustArchive(t, led).Status().Turns
	declare([]byte(more), was, fmt.Sprintf("go back first: declare the space of before, and then this one with it, or nascent rewind DIR --turn %d", turn-1))
	declare(before, nil, "20 of 20 candidates fit")
	declare([]byte(more), was, "20 of 20 candidates fit")
	replays(t, cfg)
}
