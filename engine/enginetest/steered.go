package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// steering is what somebody does to a search from outside.
type steering struct {
	window   int
	bans     []*ban
	closed   map[engine.ID]engine.Result // what is decided of jobs without measuring them
	imported []engine.Candidate          // for this turn
	before   uint64                      // turns that another strategy took
}

// ban is a condition with what tells whether it holds.
type ban struct {
	text  string
	holds func(genome.Genome) bool
}

// redraws is how often the engine draws before a banned genome is a job all the same.
const redraws = 32

// steer does none, one or more of what may be done to a search before a turn of the
// strategy. It tells whether another one took over for some turns.
func (s *search) steer(t T, r *rng.Rand, turn int) (over bool) {
	t.Helper()
	if turn > 0 && r.Intn(8) == 0 {
		s.precede(t, r, 1+r.Intn(8))
		over = true
	}
	s.bring(t, r)
	if r.Intn(4) == 0 {
		s.window = max(1, s.needs.Batch) + r.Intn(16)
	}
	if r.Intn(4) == 0 {
		if b := newBan(s.setup.Space, r); b != nil && drawn(s.setup.Space, append(slices.Clone(s.bans), b), r) != nil {
			s.bans = append(s.bans, b)
		}
	} else if len(s.bans) > 0 && r.Intn(4) == 0 {
		i := r.Intn(len(s.bans))
		s.bans = slices.Delete(s.bans, i, i+1)
	}
	for range r.Intn(3) {
		if len(s.outstanding) > 0 {
			id := s.outstanding[r.Intn(len(s.outstanding))]
			if _, closed := s.closed[id]; !closed {
				s.closed[id] = engine.Result{Status: engine.Failed, Reason: "it was cancelled on request"}
			}
		}
	}
	return over
}

// banned is the condition that bans a genome, or "".
func (s *search) banned(g genome.Genome) string {
	for _, b := range s.bans {
		if b.holds(g) {
			return b.text
		}
	}
	return ""
}

// draw is a random genome that is not banned.
func (s *search) draw(t T, r *rng.Rand) genome.Genome {
	t.Helper()
	g := drawn(s.setup.Space, s.bans, r)
	if g == nil {
		t.Fatalf("no genome of the suite's space is found that is not banned")
	}
	return *g
}

// drawn is a random genome that no ban holds of, or nil.
func drawn(space *genome.Space, bans []*ban, r *rng.Rand) *genome.Genome {
	for range 1000 {
		g, err := space.Random(r)
		if err == nil && !slices.ContainsFunc(bans, func(b *ban) bool { return b.holds(g) }) {
			return &g
		}
	}
	return nil
}

// newBan is a condition on one gene of a space, or nil.
func newBan(space *genome.Space, r *rng.Rand) *ban {
	g, err := space.Random(r)
	if err != nil {
		return nil
	}
	leaves := space.Leaves(g)
	if len(leaves) == 0 {
		return nil
	}
	leaf := leaves[r.Intn(len(leaves))]
	if _, ok := g.Gene(leaf.Path); !ok {
		return nil // the length of a list
	}
	text := fmt.Sprintf("gene(%q)", leaf.Path)
	holds := func(v any) bool { return v == leaf.Value }
	switch low := leaf.Value.(type) {
	case string:
		text += fmt.Sprintf(" = %q", low)
	case bool:
		if !low {
			text = "not " + text
		}
	case int64:
		text += fmt.Sprintf(" >= %d", low)
		holds = func(v any) bool { x, ok := v.(int64); return ok && x >= low }
	case float64:
		text += fmt.Sprintf(" >= %v", low)
		holds = func(v any) bool { x, ok := v.(float64); return ok && x >= low }
	}
	return &ban{text, func(g genome.Genome) bool {
		v, ok := g.Gene(leaf.Path)
		return ok && holds(v)
	}}
}

// stranger draws random genomes.
type stranger struct{}

func (stranger) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{}, nil
}

func (stranger) Step(_ context.Context, _ []byte, turn engine.Turn) (d engine.Decision, err error) {
	for range turn.Want {
		d.Proposals = append(d.Proposals, engine.Proposal{Operator: engine.OpRandom})
	}
	return d, nil
}

// another is what a stranger is called that takes over.
const another = "another"

// run is a search of the engine that is steered.
type run struct {
	make func() engine.Strategy
	cfg  engine.Config
	r    *rng.Rand

	versions []string // of the space

	stages []stage
}

// stage is a number of turns of one strategy, and what is ordered in the meantime.
type stage struct {
	strategy string
	until    uint64
	orders   []engine.Request // each with its turn
}

// checkEngine has the engine itself carry out a search that is steered, twice: once
// stopped before every turn, with a new instance of the strategy each time, and steered
// while it is stopped; and once in one go, with everything planned.
func checkEngine(t T, make func() engine.Strategy, o StrategyOptions, s *search) {
	t.Helper()
	evaluators := map[string]engine.EvaluatorRef{}
	measured := s.problem.land
	measured.Failed = 0 // a job that fails while a run ends is tried again, and whether it does is a matter of time
	all, whole := s.versions(t)
	for _, f := range s.setup.Fidelities {
		land := measured.Instant()
		land.Measure = func(j *engine.Job) engine.Result {
			g, err := whole.Fits(j.Genome)
			if err != nil {
				return engine.Result{Status: engine.Failed, Reason: err.Error()}
			}
			job := *j
			job.Genome = g
			return measured.Measure(&job)
		}
		land.Hello.Metrics = s.setup.Metrics
		evaluators[f.Evaluator] = engine.EvaluatorRef{Evaluator: land}
	}
	if len(s.needs.Tasks) > 0 {
		evaluators["tasks"] = engine.EvaluatorRef{Evaluator: s.answerer()}
	}
	x := &run{make: make, r: newRand("steered", s.seed), versions: all, cfg: engine.Config{
		Space: s.setup.Space, StrategyName: "this", StrategyOptions: s.setup.Options, ChangeStrategy: true,
		Evaluators: evaluators, Fidelities: s.setup.Fidelities, Objectives: s.setup.Objectives, Ties: s.setup.Ties,
		Constraints: s.setup.Constraints, Reference: s.setup.Reference, Start: s.setup.Start, Order: s.setup.Order, Seed: s.seed,
		Window: max(8, s.needs.Batch), Workers: 1000, Final: engine.Final{Skip: true}, Clock: &Clock{},
		Failures: engine.FailurePolicy{Attempts: 1, Backoff: -1, PauseAfter: 1 << 30},
	}}
	stops := Memory(t)
	stopped := x.stopped(t, stops, s.problem.turns, o.Remote)
	x.replay(t, stops)
	if t.Failed() {
		return
	}
	goes := Memory(t)
	planned := x.planned(t, goes)
	x.replay(t, goes)
	if stopped != planned && !t.Failed() {
		t.Errorf("steered, the search takes one way when the strategy starts anew before every turn, and another when it does not: " +
			"its decisions depend on more than their arguments")
	}
}

// answerer carries out the jobs of other tasks than train. It declares the metrics that
// came of those that there were, and leaves out others.
func (s *search) answerer() *Instant {
	hello := engine.Hello{Name: "tasks", Deterministic: true, Seeded: true, Tasks: s.needs.Tasks}
	for _, c := range s.given {
		for _, m := range c.Metrics {
			if c.Task != engine.Train && !slices.Contains(hello.Optional, m.Name) {
				hello.Optional = append(hello.Optional, m.Name)
				hello.Metrics = append(hello.Metrics, engine.Metric{Name: m.Name})
			}
		}
	}
	return &Instant{Hello: hello, Measure: func(j *engine.Job) engine.Result {
		r := s.answer(j)
		r.Metrics = slices.DeleteFunc(slices.Clone(r.Metrics), func(m engine.Value) bool { return !slices.Contains(hello.Optional, m.Name) })
		return r
	}}
}

// stopped carries out a search of some turns, notes its stages, and returns its digest.
func (x *run) stopped(t T, led engine.Ledger, turns int, remote bool) string {
	t.Helper()
	step := 1
	if remote { // each start is that of a process
		step = max(4, turns/4)
	}
	x.stages = []stage{{strategy: "this"}}
	for turn := 0; turn < turns; turn += step {
		now := &x.stages[len(x.stages)-1]
		if turn > 0 {
			if now.strategy == another || x.r.Intn(8) == 0 {
				now.until = uint64(turn)
				x.stages = append(x.stages, stage{strategy: map[string]string{"this": another, another: "this"}[now.strategy]})
				now = &x.stages[len(x.stages)-1]
			}
			for i, order := range x.orders(t, led) {
				order.AtTurn, order.ID = uint64(turn), fmt.Sprintf("%d of turn %d", i, turn)
				switch _, err := engine.Steer(led, order, x.cfg.Clock.Now()); {
				case err == nil:
					now.orders = append(now.orders, order)
				case !errors.Is(err, engine.ErrConfig):
					t.Fatalf("turn %d: %s: %v", turn, &order, err)
				}
			}
		}
		if x.until(t, led, now.strategy, uint64(min(turn+step, turns))) {
			break
		}
	}
	x.stages[len(x.stages)-1].until = uint64(turns)
	return x.digest(t, led)
}

// planned carries out the same search in one go as far as one strategy goes.
func (x *run) planned(t T, led engine.Ledger) string {
	t.Helper()
	for i, now := range x.stages {
		if i == 0 {
			cfg := x.with(led, now.strategy, 0)
			if err := engine.Begin(context.Background(), cfg); err != nil {
				t.Fatalf("the search does not begin: %v", err)
			}
			shut(t, cfg.Strategy)
		}
		for _, order := range now.orders {
			if _, err := engine.Steer(led, order, x.cfg.Clock.Now()); err != nil {
				t.Fatalf("planned for turn %d: %s: %v", order.AtTurn, &order, err)
			}
		}
		x.until(t, led, now.strategy, now.until)
	}
	return x.digest(t, led)
}

// with is the configuration with a new instance of a strategy.
func (x *run) with(led engine.Ledger, strategy string, turns uint64) engine.Config {
	cfg := x.cfg
	cfg.Ledger, cfg.Turns = led, turns
	if cfg.StrategyName = strategy; strategy == another {
		cfg.Strategy, cfg.StrategyOptions = stranger{}, nil
	} else {
		cfg.Strategy = x.make()
	}
	return cfg
}

// until lets a new instance of a strategy go on until the search has taken so many turns,
// and tells whether it has nothing more to try.
func (x *run) until(t T, led engine.Ledger, strategy string, turns uint64) (done bool) {
	t.Helper()
	cfg := x.with(led, strategy, turns)
	defer shut(t, cfg.Strategy)
	s, err := engine.Run(context.Background(), cfg)
	if err != nil {
		oneLine(t, "a search", err)
		t.Fatalf("steered, the search fails before turn %d: %v", turns, err)
	}
	return s.Status().State == engine.StateFinished
}

// orders are what somebody wants done now.
func (x *run) orders(t T, led engine.Ledger) (all []engine.Request) {
	t.Helper()
	a, err := engine.Read(led)
	if err != nil {
		t.Fatalf("the ledger cannot be read: %v", err)
	}
	space, r := a.Space, x.r
	if n := len(x.versions); n > 0 && r.Intn(6) == 0 {
		all = append(all, engine.Request{Takeover: &engine.Takeover{Space: json.RawMessage(x.versions[r.Intn(n)])}})
	}
	if r.Intn(4) == 0 {
		if b := newBan(space, r); b != nil {
			all = append(all, engine.Request{Ban: b.text})
		}
	} else if bans := a.Bans(); len(bans) > 0 && r.Intn(4) == 0 {
		all = append(all, engine.Request{Unban: bans[r.Intn(len(bans))]})
	}
	if r.Intn(4) == 0 {
		window := x.cfg.Window + r.Intn(16)
		all = append(all, engine.Request{Set: &engine.Settings{Window: &window}})
	}
	for _, imports := range []bool{true, false} {
		if r.Intn(3) > 0 {
			continue
		}
		var results []engine.Known
		var texts []string
		fidelity := r.Intn(len(x.cfg.Fidelities))
		for range 1 + r.Intn(4) {
			g := drawn(space, nil, r)
			if g == nil {
				t.Fatalf("no genome of the suite's space is found")
			}
			accuracy := r.Float64()
			texts = append(texts, g.Text())
			results = append(results, engine.Known{Genome: *g, Fidelity: fidelity, Result: engine.Result{Status: engine.OK, Metrics: engine.Values{
				{Name: "accuracy", Value: accuracy}, {Name: "loss", Value: 1 - accuracy}, {Name: "parameters", Value: float64(r.Intn(10_000))},
			}}})
		}
		if imports {
			all = append(all, engine.Request{Import: &engine.Imports{From: "elsewhere", Results: results}})
		} else {
			all = append(all, engine.Request{Add: &engine.Additions{Genomes: texts, Fidelity: fidelity}})
		}
	}
	var waiting []engine.ID
	for id := engine.ID(1); ; id++ {
		c, err := a.Candidate(id)
		if err != nil {
			break
		}
		if c.Status == "" {
			waiting = append(waiting, id)
		}
	}
	if len(waiting) > 0 && r.Intn(3) == 0 {
		all = append(all, engine.Request{Cancel: []engine.ID{waiting[r.Intn(len(waiting))]}})
	}
	return all
}

func (x *run) digest(t T, led engine.Ledger) string {
	t.Helper()
	line, err := engine.Digest(led, -1)
	if err != nil {
		t.Fatalf("the search has no digest: %v", err)
	}
	return line
}

// replay asks for every decision again.
func (x *run) replay(t T, led engine.Ledger) {
	t.Helper()
	err := engine.Replay(context.Background(), func(e engine.StrategyEvent) (engine.Strategy, error) {
		if e.Name == another {
			return stranger{}, nil
		}
		return fresh(t, x.make), nil
	}, led, nil)
	if err != nil {
		oneLine(t, "a replay", err)
		t.Errorf("steered, the search cannot be replayed: %v", err)
	}
}
