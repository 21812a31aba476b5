package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

var modelSeeds = flag.Int("seeds", 60, "how many random searches TestModel makes")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestModel runs whole searches of random configurations beside a random
// evaluator, through random crashes and stops, and checks what must hold of
// every search. All of it is drawn from one seed, so `-run TestModel/17` has
// the same evaluator, crashes and stops again; time is that of a bubble, which
// also proves that no goroutine outlives its search.
func TestModel(t *testing.T) {
	t.Parallel()
	seen := &tallies{n: map[string]int{}}
	t.Run("", func(t *testing.T) {
		for seed := range *modelSeeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { newModel(uint64(seed), seen).test(t) })
			})
		}
	})
	t.Log(seen.n)
	if t.Failed() || *modelSeeds < 60 || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // a few searches need not meet everything
	}
	for _, what := range append(fates[:], "crash before", "crash after", "stop", "pause", "evaluator gone", "same digest", "exhausted",
		"resumed from saved", "checkpoint", "another strategy", "target", "violation", "attempts", "import", "add", "ban", "unban", "set", "pause", "cancel", "pin") {
		if seen.n[what] == 0 {
			t.Errorf("none of the searches had: %s", what)
		}
	}
}

// tallies counts what the searches met, over all of them.
type tallies struct {
	sync.Mutex
	n map[string]int
}

func (c *tallies) count(what string) {
	c.Lock()
	c.n[what]++
	c.Unlock()
}

// fates are what may become of an attempt.
var fates = [...]string{"answered", "failed", "broken", "lost alone", "lost with others", "returned", "saved", "late", "swallowed"}

// model is one search and the world around it.
type model struct {
	seed     uint64
	cfg      engine.Config // without Strategy, Evaluators, Ledger, Workers
	limits   []int         // one search after the other
	seconds  bool          // limits are of evaluator seconds, not of evaluations
	wrong    float64       // share of attempts that are not answered
	troubles int           // runs that end by a crash or a stop
	stages   []stage       // who decides, one for each limit
	orders   []order       // from outside, given at random moments until they are acknowledged
	seen     *tallies
}

// order is a request from outside.
type order struct {
	engine.Request
	at   *uint64 // the turn before which it is to be given, if that is known
	done bool    // acknowledged
}

// decides tells whether the trajectory depends on it.
func (o *order) decides() bool {
	return o.Add != nil || o.Import != nil || o.Ban != "" || o.Unban != "" || o.Set != nil
}

// brings is how many candidates it brings.
func (o *order) brings() int {
	switch {
	case o.Add != nil:
		return len(o.Add.Genomes)
	case o.Import != nil:
		return len(o.Import.Results)
	}
	return 0
}

// give gives an order to a search, or to a ledger.
func (o *order) give(s *engine.Search, led engine.Ledger) error {
	if s == nil {
		_, err := engine.Steer(led, o.Request, time.Now())
		return err
	}
	_, err := s.Steer(o.Request)
	if err == nil && o.Pause != nil {
		time.Sleep(30 * time.Second)
		_, err = s.Steer(engine.Request{ID: o.ID + ", and resume", Resume: true})
	}
	return err
}

// tolerable tells that an order may be refused so: it comes too late, or at the wrong
// time.
func tolerable(err error) bool {
	return errors.Is(err, engine.ErrLate) || errors.Is(err, engine.ErrEmpty) || errors.Is(err, engine.ErrConfig) &&
		slices.ContainsFunc([]string{"it is banned", "is not banned", "has its result already", "there is no candidate",
			"left no files", "is not kept any more"},
			func(text string) bool { return strings.Contains(err.Error(), text) })
}

// stage is a strategy with its options.
type stage struct {
	name    string
	options json.RawMessage
}

func newModel(seed uint64, seen *tallies) *model {
	r := rng.New(rng.Derive(seed, "model"))
	pick := func(words ...string) string { return words[r.Intn(len(words))] }
	m := &model{seed: seed, seen: seen, wrong: 0.5 * r.Float64(), troubles: r.Intn(12)}
	space := genome.MustParseSpace(pick(
		`{"a": {"choice": ["p", "q", "r"]}, "b": {"bool": true}, "c": {"int": [0, 4]}}`,
		`{"a": {"float": [0, 1]}, "b": {"int": [0, 99]}}`,
	))
	m.cfg = engine.Config{
		Name: "model", Space: space, Seed: seed, StrategyName: pick("aging", "genetic", "nsga2", "random"),
		Order:      engine.Order(pick("strict", "strict", "arrival")),
		Duplicates: engine.Duplicates(pick("reject", "reuse", "replicate")),
		Fidelities: []engine.Fidelity{
			{Evaluator: "f", Budget: 1}, {Evaluator: pick("f", "f", "g"), Budget: 3}, {Evaluator: "f", Budget: 5},
		}[:2+r.Intn(2)],
		Timeout:  time.Minute,
		Failures: engine.FailurePolicy{Attempts: 2 + r.Intn(5), PauseAfter: 2 + r.Intn(4)},
		Final:    engine.Final{Skip: r.Bool(), Top: 2},
		Keep:     1 + r.Intn(3),
	}
	decided := func(name string) stage {
		options := map[string]any{"promote": map[string]int{"eta": 2 + r.Intn(3), "after": r.Intn(8)}}
		if name != "random" {
			options["population"] = 2 + r.Intn(9)
		}
		raw, _ := json.Marshal(options)
		return stage{name, raw}
	}
	m.stages = []stage{decided(m.cfg.StrategyName)}
	m.stages = append(m.stages, m.stages[0])
	if r.Bool() {
		m.stages[1] = decided(pick("aging", "genetic", "nsga2", "random"))
	}
	for range r.Intn(3) {
		least, most := float64(r.Intn(3)), float64(5+r.Intn(5))
		c := engine.Constraint{Metric: "size", Min: &least, Max: &most}
		if r.Bool() {
			c.Max = nil
		} else if r.Bool() {
			c.Min = nil
		}
		m.cfg.Constraints = append(m.cfg.Constraints, c)
	}
	if r.Intn(3) == 0 {
		target := 0.9 + 0.6*r.Float64()
		m.cfg.Limits.Target = &target
	}
	if r.Bool() {
		m.cfg.Window = 10 + r.Intn(5)
	}
	if r.Bool() {
		g, _ := space.Random(r)
		m.cfg.Start = []genome.Genome{g}
	}
	m.limits = []int{20 + r.Intn(80)}
	if r.Bool() { // ended early and extended
		m.limits = []int{1 + r.Intn(m.limits[0]), m.limits[0]}
	}
	for i := range r.Intn(4) {
		var all []engine.Known
		var texts []string
		for n := range 1 + r.Intn(4) {
			g, _ := space.Random(r)
			k := engine.Known{Genome: g, Fidelity: r.Intn(len(m.cfg.Fidelities)), Result: engine.Result{Status: engine.OK, Metrics: engine.Values{
				{Name: "accuracy", Value: 10 + r.Float64()}, {Name: "size", Value: 6}, {Name: "seconds", Value: 100}, {Name: heat, Value: 1}}}}
			if r.Intn(4) == 0 {
				k.Result = engine.Result{Status: engine.Failed, Reason: fmt.Sprintf("it failed elsewhere, %d of %d", n, i)}
			}
			all, texts = append(all, k), append(texts, g.Text())
		}
		o := order{Request: engine.Request{ID: fmt.Sprint("order ", i)}}
		if r.Bool() {
			o.Add = &engine.Additions{Genomes: texts, Fidelity: all[0].Fidelity}
		} else {
			o.Import = &engine.Imports{From: "elsewhere", Results: all}
		}
		m.orders = append(m.orders, o)
	}
	ban := "b"
	if path, _ := space.Path("b"); path.Number {
		ban = "b > 50"
	}
	window := 11 + r.Intn(6)
	for i, change := range []engine.Request{
		{Ban: ban}, {Unban: ban}, {Set: &engine.Settings{Window: &window}}, {Pause: &engine.Pause{Now: r.Bool()}},
		{Cancel: []engine.ID{engine.ID(1 + r.Intn(20))}}, {Pin: []engine.ID{engine.ID(1 + r.Intn(20))}},
	} {
		if r.Intn(4) == 0 {
			change.ID = fmt.Sprint("change ", i)
			m.orders = append(m.orders, order{Request: change})
		}
	}
	if r.Intn(5) == 0 { // results that are shared cost nothing, so there would be no end
		m.seconds, m.cfg.Duplicates = true, engine.Replicate
		m.stages[1] = m.stages[0] // it would take over at another turn where attempts were lost
	}
	return m
}

// String is what tells one model from another.
func (m *model) String() string {
	c := &m.cfg
	show := func(x *float64) string {
		if x == nil {
			return "none"
		}
		return fmt.Sprint(*x)
	}
	bounds := ""
	for _, b := range c.Constraints {
		bounds += fmt.Sprintf("[%s %s]", show(b.Min), show(b.Max))
	}
	return fmt.Sprintf("seed %d: %s, %d fidelities, %s, %s, window %d, ", m.seed, m.stages, len(c.Fidelities), c.Order, c.Duplicates, c.Window) +
		fmt.Sprintf("limits %v (seconds %v), target %s, constraints %s, final %v, ", m.limits, m.seconds, show(c.Limits.Target), bounds, !c.Final.Skip) +
		fmt.Sprintf("%d attempts, pause after %d, %d troubles, %.2f wrong", c.Failures.Attempts, c.Failures.PauseAfter, m.troubles, m.wrong)
}

func strategyOf(name string) engine.Strategy {
	s, err := evolve.New(name)
	if err != nil {
		panic(err)
	}
	return s
}

// pauses tells that jobs may be called back.
func (m *model) pauses() bool {
	return slices.ContainsFunc(m.orders, func(o order) bool { return o.Pause != nil && o.Pause.Now })
}

// changes tells that another strategy takes over on the way.
func (m *model) changes() bool {
	return len(m.limits) > 1 && (m.stages[0].name != m.stages[1].name || string(m.stages[0].options) != string(m.stages[1].options))
}

// limited sets the limits of a stage and who decides in it.
func (m *model) limited(i int) {
	m.cfg.Limits = engine.Limits{Evaluations: m.limits[i], Target: m.cfg.Limits.Target}
	if m.seconds {
		m.cfg.Limits.Evaluations, m.cfg.Limits.Seconds = 0, 2*float64(m.limits[i])
	}
	m.cfg.StrategyName, m.cfg.StrategyOptions, m.cfg.ChangeStrategy = m.stages[i].name, m.stages[i].options, i > 0
}

func (m *model) test(t *testing.T) {
	fail := func(format string, args ...any) { t.Errorf("%s\n%s", m, fmt.Sprintf(format, args...)) }
	led := newWatcher(enginetest.Memory(t), fail)
	r := rng.New(rng.Derive(m.seed, "trouble"))
	for i := range m.limits {
		m.limited(i)
		tries := &tries{sent: map[engine.ID]int{}, free: map[engine.ID]int{}, calm: m.troubles == 0 && len(m.limits) == 1 && !m.pauses()}
		if m.through(t, led, r, m.troubles/(i+1), tries); t.Failed() {
			return
		}
		m.check(t, led, tries)
	}
	if m.changes() {
		m.seen.count("another strategy")
	}
	if t.Failed() || m.cfg.Order == engine.Arrival {
		return
	}
	for h, err := range led.History() {
		if err != nil {
			t.Fatal(err)
		}
		if h.Status == engine.Failed {
			m.seen.count("exhausted")
			return
		}
	}
	calm := *m
	calm.wrong = 0
	calm.orders = nil
	for e, err := range led.Events() {
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range m.orders {
			if o.decides() && strings.Contains(string(e.Data), fmt.Sprintf("%q", o.ID)) {
				o.at = &e.Turn
				calm.orders = append(calm.orders, o)
			}
		}
	}
	whole := newWatcher(enginetest.Memory(t), fail)
	for i := range m.limits {
		// One that is only extended is as one that never ended, unless what a limit had cut
		// short reached the target.
		if i == len(m.limits)-1 || m.changes() || m.cfg.Limits.Target != nil {
			calm.limited(i)
			calm.through(t, whole, r, 0, nil)
		}
	}
	calm.orders = slices.Clone(m.orders)
	for i := range calm.orders { // where time ends a search, not all of them may have had their turn
		calm.orders[i].done = false
	}
	calm.check(t, whole, nil)
	turns := -1
	if m.seconds { // attempts that brought nothing cost time, so it may have ended earlier
		turns = int(min(mustArchive(t, led).Status().Turns, mustArchive(t, whole).Status().Turns))
	}
	if digest(t, led, turns) != digest(t, whole, turns) {
		t.Errorf("%s\ntook another way than without disturbance", m)
	}
	m.seen.count("same digest")
}

// tries counts what becomes of attempts, to compare with those that count.
type tries struct {
	mu         sync.Mutex
	sent, free map[engine.ID]int // attempts at a job; those of them that do not count
	calm       bool              // nothing but evaluators may disturb the search
}

func (c *tries) count(what map[engine.ID]int, id engine.ID) {
	c.mu.Lock()
	what[id]++
	c.mu.Unlock()
}

// through runs the search to its end. The first runs are in for trouble.
func (m *model) through(t *testing.T, led *watcher, r *rng.Rand, troubles int, count *tries) {
	if count == nil {
		count = &tries{sent: map[engine.ID]int{}, free: map[engine.ID]int{}}
	}
	for n := 0; ; n++ {
		if n == 300 {
			t.Fatalf("%s\ndoes not end", m)
		}
		cfg := m.cfg
		due := -1 // the order that is given after this run
		for i, o := range m.orders {
			if o.at != nil && due < 0 {
				due, cfg.Turns = i, *o.at
			}
		}
		cfg.Strategy, cfg.Ledger, cfg.Workers = watched{strategyOf(cfg.StrategyName), led}, led, 1+r.Intn(5)
		players := map[string]*player{}
		cfg.Evaluators = map[string]engine.EvaluatorRef{}
		for _, f := range cfg.Fidelities {
			p := &player{
				model: m, t: t, watcher: led, count: count, workers: cfg.Workers,
				board: map[play]*part{}, saved: map[engine.ID]bool{}, good: map[play]bool{},
			}
			p.actor = actor{
				hello: engine.Hello{Seeded: true, Tests: true, Deterministic: true, Metrics: []engine.Metric{
					{Name: "accuracy"}, {Name: "size"}, {Name: "seconds"}, {Name: heat, Measured: true}}},
				submit: p.submit, cancel: p.cancel, kill: p.kill, ack: p.acknowledged,
				close: func(*scene, context.Context) error { p.leave(); return nil },
			}
			players[f.Evaluator] = p
			cfg.Evaluators[f.Evaluator] = engine.EvaluatorRef{Evaluator: &p.actor}
		}
		var s *engine.Search
		ctx, cancel := context.WithCancel(t.Context())
		what, stop, at := "", func() {}, time.Duration(r.Intn(200_000))*time.Millisecond
		if n < troubles {
			switch r.Intn(6) {
			case 0:
				what = "crash before"
				cfg.Ledger = &brittle{led, 1 + r.Intn(40), false}
			case 1:
				what = "crash after"
				cfg.Ledger = &brittle{led, 1 + r.Intn(40), true}
			case 2:
				stop = func() { s.Stop() }
			case 3:
				stop = cancel
			case 4:
				what, stop = "evaluator gone", players["f"].leave
			case 5:
				updates := 1 + r.Intn(100)
				cfg.Observe = func(engine.Update) {
					if updates--; updates == 0 {
						s.Stop()
					}
				}
			}
		}
		if due >= 0 && cfg.Turns == 0 {
			if err := engine.Begin(t.Context(), cfg); err != nil {
				t.Fatalf("%s\n%v", m, err)
			}
			m.give(t, led, due)
			continue
		}
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		stops := time.AfterFunc(at, stop)
		var given sync.WaitGroup
		for i := range m.orders {
			o := &m.orders[i]
			after := time.Duration(r.Intn(100_000)) * time.Millisecond
			if o.at != nil {
				continue
			}
			given.Go(func() {
				time.Sleep(after)
				err := o.give(s, nil)
				if o.done = o.done || err == nil; err != nil && !tolerable(err) {
					t.Errorf("%s\n%s: %v", m, o.ID, err)
				}
			})
		}
		hangs := time.AfterFunc(24*time.Hour, func() { t.Errorf("%s\nhangs: %+v", m, s.Status()); cancel() })
		err = s.Run(ctx)
		given.Wait()
		stops.Stop()
		hangs.Stop()
		cancel()
		switch {
		case t.Failed():
			return
		case errors.Is(err, errPower), what == "evaluator gone" && err != nil && strings.Contains(err.Error(), "evaluator f "):
			m.seen.count(what)
		case errors.Is(err, engine.ErrPaused):
			m.seen.count("pause")
			count.calm = false
		case err != nil:
			t.Fatalf("%s\nends with %v", m, err)
		case due >= 0 && s.Status().Turns == cfg.Turns:
			m.give(t, led, due)
		case s.Status().State == engine.StateFinished:
			return
		default:
			m.seen.count("stop")
		}
	}
}

// give gives an order to a search that is not running.
func (m *model) give(t *testing.T, led engine.Ledger, which int) {
	if err := m.orders[which].give(nil, led); err != nil {
		t.Fatalf("%s\n%v", m, err)
	}
	m.orders = slices.Delete(slices.Clone(m.orders), which, which+1)
}

// check looks at what must hold of every search that has ended.
func (m *model) check(t *testing.T, led *watcher, count *tries) {
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s\n%s", m, fmt.Sprintf(format, args...))
	}
	arch := mustArchive(t, led)
	st := arch.Status()
	best, reached := m.best(t, led)
	limit := m.cfg.Limits.Evaluations
	if m.seconds || reached > 0 {
		limit = st.Evaluations
	}
	if st.State != engine.StateFinished || st.Evaluations != limit || st.OK+st.Invalid+st.Failed != limit || st.FinalDone != st.FinalTotal ||
		st.Spent.Seconds < m.cfg.Limits.Seconds && reached == 0 {
		fail("ended as %+v", st)
	}
	// A turn that consumes several results may bring some more than were needed.
	if reached > 0 && (st.Evaluations < reached || st.Evaluations > reached+20 && st.Evaluations > m.limits[0]) {
		fail("the target was reached by result %d, and the search ended after %d", reached, st.Evaluations)
	}
	if shown := arch.Best(1); best != 0 && (len(shown) == 0 || shown[0].ID != best) {
		fail("the best is job %s, not %+v", best, shown)
	}
	jobs, measured := map[engine.ID]engine.JobRecord{}, map[string]engine.ID{}
	var own []engine.ID // jobs of the search that limits count
	brought := 0
	for j, err := range led.Jobs() {
		if err != nil {
			t.Fatal(err)
		}
		jobs[j.ID] = j
		if source := jobs[j.Reuse]; source.Origin() == engine.Imported {
			fail("job %s shares the result of job %s, which was imported", j.ID, j.Reuse)
		}
		if j.Origin() != engine.Imported && j.ID <= engine.FinalBase {
			own = append(own, j.ID)
		}
		if j.Origin() != "" {
			brought++
		}
		c, err := arch.Candidate(j.ID)
		if err != nil {
			t.Fatal(err)
		}
		if m.cfg.Duplicates != engine.Replicate && j.Origin() != engine.Imported && j.Reuse == 0 && j.Phase == engine.PhaseSearch &&
			!banned(&c) && !cancelled(&c) {
			key := fmt.Sprint(j.Fidelity, j.Packed)
			if twin, known := measured[key]; known {
				fail("job %s repeats job %s", j.ID, twin)
			}
			measured[key] = j.ID
		}
	}
	results := map[engine.ID]engine.Candidate{}
	var order []engine.ID
	seconds, lost := 0.0, 0.0
	for h, err := range led.History() {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := jobs[h.ID]; !ok {
			fail("a result of job %s, which is none", h.ID)
		}
		if _, twice := results[h.ID]; twice {
			fail("job %s was consumed twice", h.ID)
		}
		c, err := arch.Candidate(h.ID)
		if err != nil {
			t.Fatal(err)
		}
		results[h.ID] = c
		if c.Origin() == engine.Imported {
			if x, _ := c.Metrics.Get("accuracy"); c.Attempts != 0 || (x >= 10) != (c.Status == engine.OK) {
				fail("job %s was imported, and is %+v", c.ID, c)
			}
			continue
		}
		m.checkCandidate(fail, &c, results)
		if count != nil && count.calm && c.Reuse == 0 && c.Attempts != 0 {
			m.seen.count("attempts")
			if n := count.sent[c.ID] - count.free[c.ID]; c.Attempts != n {
				fail("job %s was sent out %d times, of which %d do not count; its result says that it took %d attempts",
					c.ID, count.sent[c.ID], count.free[c.ID], c.Attempts)
			}
		}
		if h.ID <= engine.FinalBase {
			seconds += h.Seconds
			lost += h.Lost
			if order = append(order, h.ID); m.cfg.Order == engine.Strict && h.ID != own[len(order)-1] {
				fail("job %s was consumed as number %d", h.ID, len(order))
			}
		}
	}
	if len(order) != limit || math.Abs(st.Spent.Seconds-st.Lost-seconds) > 1e-6 || st.Lost < lost-1e-6 {
		fail("%d evaluations in History that took %v seconds and lost %v; the status is %+v", len(order), seconds, lost, st)
	}
	for r, err := range led.Inbox() {
		if _, twice := results[r.ID]; twice || err != nil {
			fail("job %s is in the inbox and in History, %v", r.ID, err)
		}
	}
	for a, err := range led.Attempts() {
		if _, done := results[a.ID]; done || err != nil {
			fail("attempts at job %s are kept, %v", a.ID, err)
		}
	}
	var taken []engine.ID
	for turn, err := range led.Turns(engine.PartSearch) {
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range turn.Consumed {
			if j := jobs[id]; j.Origin() != engine.Imported {
				taken = append(taken, id)
			}
		}
	}
	m.checkOrders(fail, led, brought)
	if len(taken) > len(order) || !slices.Equal(taken, order[:len(taken)]) {
		fail("turns consumed %v, History has %v", taken, order)
	}
	find := func(e engine.StrategyEvent) (engine.Strategy, error) { return evolve.New(e.Name) }
	if err := engine.Replay(t.Context(), find, led, nil); err != nil {
		fail("replay: %v", err)
	}
}

// checkOrders looks whether what came from outside was taken in once, and whole.
func (m *model) checkOrders(fail func(string, ...any), led engine.Ledger, brought int) {
	recorded := map[string]bool{}
	for e, err := range led.Events() {
		if err != nil {
			fail("%v", err)
		}
		for _, o := range m.orders {
			if strings.Contains(string(e.Data), fmt.Sprintf("%q", o.ID)) {
				recorded[o.ID] = true
				brought -= o.brings()
				m.seen.count(e.Kind)
			}
		}
	}
	for _, o := range m.orders {
		if o.done && !recorded[o.ID] {
			fail("%s was acknowledged and is lost", o.ID)
		}
	}
	if brought != 0 {
		fail("%d candidates more came from outside than were ordered", brought)
	}
}

// banned tells that a candidate was proposed although it is banned.
func banned(c *engine.Candidate) bool {
	return c.Status == engine.Invalid && strings.HasPrefix(c.Reason, "it is banned: ")
}

// cancelled tells that somebody ended a candidate's job.
func cancelled(c *engine.Candidate) bool {
	return c.Status == engine.Failed && c.Reason == "it was cancelled on request"
}

// checkCandidate compares a result with what the evaluator knows of the job.
func (m *model) checkCandidate(fail func(string, ...any), c *engine.Candidate, earlier map[engine.ID]engine.Candidate) {
	source := *c
	if c.Reuse != 0 {
		other, ok := earlier[c.Reuse]
		if !ok && m.cfg.Order == engine.Strict {
			fail("job %s shares the result of job %s, which was not consumed before", c.ID, c.Reuse)
		}
		if ok && (other.Status != c.Status || !slices.Equal(other.Metrics, c.Metrics)) || c.Result.Seconds != 0 || c.Attempts != 0 {
			fail("job %s shares the result of job %s, but has %+v of %+v", c.ID, c.Reuse, c.Result, other.Result)
		}
		source = other
	} else if from, ok := earlier[c.Resume]; c.Resume != 0 && (!ok || from.Seed != c.Seed) {
		fail("job %s goes on from job %s, whose training has another seed or no result", c.ID, c.Resume)
	} else if banned(c) || cancelled(c) {
		if n := c.Attempts; n > 0 && banned(c) {
			fail("job %s is banned and was tried %d times", c.ID, n)
		}
	} else if n := m.cfg.Failures.Attempts; c.Attempts < 1 || c.Attempts > n || c.Status == engine.Failed && c.Attempts < min(2, n) {
		fail("job %s is %s after %d attempts of %d", c.ID, c.Status, c.Attempts, n)
	}
	switch c.Status {
	case engine.OK:
		checkpoint := ""
		if from := earlier[c.Resume]; c.Resume != 0 && len(from.Files) > 0 {
			checkpoint = m.checkpoint(&from.Job)
		}
		if x, _ := c.Metrics.Get("accuracy"); c.Reuse == 0 && (x != m.measure(&c.Job, checkpoint) || m.invalid(&c.Job)) {
			fail("job %s measured %v, going on from %q", c.ID, c.Metrics, checkpoint)
		}
	case engine.Invalid, engine.Failed:
		if len(c.Metrics) > 0 || len(c.Curve) > 0 || c.Reason == "" {
			fail("job %s is %s and has %+v", c.ID, c.Status, c.Result)
		}
		if c.Status == engine.Invalid && source.ID != 0 && !m.invalid(&source.Job) && !banned(c) {
			fail("job %s is invalid: %s", c.ID, c.Reason)
		}
	default:
		fail("job %s has the status %q", c.ID, c.Status)
	}
}

// best is the best candidate at the highest fidelity that was reached, and the place of the
// first result that reaches the target, counted from 1; found by looking at everything.
func (m *model) best(t *testing.T, led engine.Ledger) (best engine.ID, reached int) {
	type figures struct { // of a genome at the highest fidelity reached
		engine.JobRecord // that measured it first
		violation        float64
		accuracies       []float64
	}
	jobs := map[engine.ID]engine.JobRecord{}
	for j, err := range led.Jobs() {
		if err != nil {
			t.Fatal(err)
		}
		jobs[j.ID] = j
	}
	var all []*figures
	n := 0
	for h, err := range led.History() {
		if err != nil {
			t.Fatal(err)
		}
		if h.ID > engine.FinalBase {
			continue
		}
		x := figures{JobRecord: jobs[h.ID]}
		if h.Attempts > 0 { // though it was to share another's result, which was cancelled
			x.Reuse = 0
		}
		if x.Origin() == engine.Imported {
			continue
		}
		n++
		if h.Status != engine.OK || h.Stopped || len(all) > 0 && x.Fidelity < all[0].Fidelity {
			continue
		}
		if len(all) > 0 && x.Fidelity > all[0].Fidelity {
			all = nil
		}
		accuracy, _ := h.Metrics.Get("accuracy")
		size, _ := h.Metrics.Get("size")
		for _, c := range m.cfg.Constraints {
			if c.Min != nil && size < *c.Min {
				x.violation += (*c.Min - size) / max(1, *c.Min)
			}
			if c.Max != nil && size > *c.Max {
				x.violation += (size - *c.Max) / max(1, *c.Max)
			}
		}
		if x.violation > 0 {
			m.seen.count("violation")
		}
		i := slices.IndexFunc(all, func(y *figures) bool { return y.Packed == x.Packed && y.Inherit == x.Inherit })
		switch {
		case i < 0 && x.Reuse != 0 && slices.ContainsFunc(all, func(y *figures) bool { return y.ID == x.Reuse && len(y.accuracies) > 1 }):
		case i < 0:
			x.accuracies = []float64{accuracy}
			all = append(all, &x)
		case x.Reuse == 0:
			m.seen.count("repeat")
			again := all[i]
			again.accuracies = append(again.accuracies, accuracy)
			all = slices.DeleteFunc(all, func(y *figures) bool { return y.Reuse == again.ID })
		}
		// The variance within genomes, and the highest mean less its standard error.
		square, freedom := 0.0, 0
		for _, y := range all {
			_, sd := engine.Mean(y.accuracies)
			square += sd * sd * float64(len(y.accuracies)-1)
			freedom += len(y.accuracies) - 1
		}
		var first *figures
		var most float64
		for _, y := range all {
			x, _ := engine.Mean(y.accuracies)
			bound := x
			if freedom > 0 {
				bound -= math.Sqrt(square / float64(freedom) / float64(len(y.accuracies)))
			}
			bound = engine.Key(bound)
			if first == nil || y.violation < first.violation || y.violation == first.violation && bound > most {
				first, most = y, bound
			}
		}
		best = first.ID
		top := first.Fidelity == len(m.cfg.Fidelities)-1
		if target := m.cfg.Limits.Target; reached == 0 && target != nil && top && first.violation == 0 && most >= *target {
			reached = n
			m.seen.count("target")
		}
	}
	return best, reached
}

// measure and invalid are functions of the job and of the checkpoint that it goes on
// from, as of a deterministic evaluator.
func (m *model) measure(j *engine.Job, checkpoint string) float64 {
	of := rng.New(rng.Derive(m.seed, j.Genome.Text()))
	from := rng.New(rng.Derive(m.seed, "from "+checkpoint))
	return of.Float64() + 0.1*j.Budget + 0.01*rng.New(j.Seed).Float64() + 0.02*from.Float64()
}

func (m *model) invalid(j *engine.Job) bool {
	return rng.Derive(m.seed, "invalid"+j.Genome.Text(), uint64(j.Fidelity+1))%12 == 0
}

// checkpoint is what a training leaves behind. Many leave the same.
func (m *model) checkpoint(j *engine.Job) string {
	return fmt.Sprintf("checkpoint %d", rng.Derive(m.seed, "checkpoint"+j.Genome.Text(), uint64(j.Fidelity+1))%5)
}

// result is what a finished training answers.
func (p *player) result(x *part) engine.Result {
	m, j := p.model, x.Job
	accuracy := m.measure(j, x.from)
	size := engine.Value{Name: "size", Value: float64(rng.Derive(m.seed, "size"+j.Genome.Text()) % 10)}
	hot := engine.Value{Name: heat, Value: float64(x.order)}
	r := engine.Result{
		Status: engine.OK, Seconds: 1 + float64(j.Seed%3),
		Metrics: engine.Values{{Name: "seconds", Value: 1}, {Name: "accuracy", Value: accuracy}, hot, size},
		Curve:   []engine.Point{{Step: 1, Metrics: engine.Values{{Name: "accuracy", Value: accuracy / 2}, hot}}},
	}
	if m.invalid(j) { // with numbers that must not count
		r.Status, r.Reason = engine.Invalid, "it cannot be built"
	} else if j.Seed%4 > 0 {
		r.Files = m.file(x.scene.files, m.checkpoint(j))
	}
	return r
}

// poison is a result that must never be seen.
var poison = engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 1e6}}}

// file stores a text.
func (m *model) file(files engine.Files, text string) []engine.FileRef {
	f, err := os.CreateTemp(files.Temp(), "model")
	if err != nil {
		panic(err)
	}
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
	f.Close()
	ref, err := files.Put(f.Name(), "checkpoint")
	if err != nil {
		panic(err)
	}
	return []engine.FileRef{ref}
}

// player is the evaluator of one run. Jobs that need not be alone share one
// process.
type player struct {
	*model
	actor   actor
	t       *testing.T
	watcher *watcher
	count   *tries
	workers int

	mu    sync.Mutex
	board map[play]*part // unanswered
	saved map[engine.ID]bool
	good  map[play]bool // answered in time, with a result that is no failure
	ended bool
}

type play struct {
	id      engine.ID
	attempt int
}

// part is what an unanswered attempt has before it.
type part struct {
	engine.Assignment
	scene *scene
	from  string // the checkpoint that it goes on from
	order int    // among those on board
	fate  string
	heed  int  // how it takes being cancelled
	late  bool // its deadline has passed
	deaf  bool
	timer *time.Timer
}

func (p *player) submit(s *scene, a engine.Assignment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return errors.New("it has ended")
	}
	key := play{a.Job.ID, a.Attempt}
	busy := 0
	for k, other := range p.board {
		if !other.deaf {
			busy++
			if k.id == key.id {
				p.t.Errorf("job %s was sent out while it was out", key.id)
			}
		}
	}
	if busy >= p.workers || a.Job.Reuse != 0 || p.board[key] != nil {
		p.t.Errorf("job %+v was sent out to %d workers with %d jobs", a.Job, p.workers, busy)
	}
	p.watcher.submitted(a)
	if !a.Probe {
		p.count.count(p.count.sent, a.Job.ID)
	}

	r := rng.New(rng.Derive(p.seed, "fate", uint64(a.Job.ID), uint64(a.Attempt)))
	x := &part{Assignment: a, scene: s, order: len(s.assignments()), fate: fates[0], heed: r.Intn(4)}
	if r.Float64() < p.wrong {
		x.fate = fates[1+r.Intn(len(fates)-1)]
	}
	p.seen.count(x.fate)
	if a.Probe {
		p.seen.count("probe")
	}
	p.checkFiles(x)
	p.board[key] = x
	if x.fate == "swallowed" {
		return nil
	}
	start, work := time.Duration(r.Intn(4))*time.Second, time.Duration(r.Intn(20))*time.Second
	p.after(x, start, func() {
		s.send(begun(a))
		if x.fate != "late" {
			p.after(x, work, func() { p.end(x, r) })
		}
	})
	return nil
}

// checkFiles looks whether an attempt gets the files that it is to go on from.
func (p *player) checkFiles(x *part) {
	a := x.Assignment
	var from engine.ResultRecord
	if a.Job.Resume != 0 {
		if from = p.watcher.source(a.Job.Resume); len(from.Files) > 0 {
			x.from = p.checkpoint(&engine.Job{Genome: a.Job.Genome, Fidelity: a.Job.Fidelity - 1})
		}
	}
	want := x.from
	if a.Saved {
		want = p.progress(x)
		p.seen.count("resumed from saved")
	} else if p.saved[a.Job.ID] && !a.Probe {
		p.t.Errorf("job %s does not go on from what it saved", a.Job.ID)
	}
	if (want != "") != (len(a.Resume) > 0) {
		p.t.Errorf("job %s, going on from job %s with the files %v, got %v", a.Job.ID, a.Job.Resume, from.Files, a.Resume)
	}
	for _, f := range a.Resume {
		path, err := x.scene.files.Path(f.Hash)
		if err != nil {
			p.t.Errorf("job %s: %v", a.Job.ID, err)
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			p.t.Errorf("job %s goes on from %q, want %q; %v", a.Job.ID, got, want, err)
		}
		if !a.Saved {
			p.seen.count("checkpoint")
		}
	}
}

// progress is what an attempt saves: what it went on from is part of it.
func (p *player) progress(x *part) string { return "saved " + x.Job.ID.String() + ", " + x.from }

// acknowledged follows an acknowledgement.
func (p *player) acknowledged(id engine.ID, attempt int) {
	p.mu.Lock()
	result := p.good[play{id, attempt}]
	p.mu.Unlock()
	p.watcher.acknowledged(id, result)
}

// complete answers an attempt with its result.
func (p *player) complete(x *part) {
	p.good[play{x.Job.ID, x.Attempt}] = true
	p.answer(x, finished(x.Assignment, p.result(x)))
}

// after runs f, with the lock, unless the attempt is answered by then.
func (p *player) after(x *part, d time.Duration, f func()) {
	x.timer = time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.ended && p.board[play{x.Job.ID, x.Attempt}] == x {
			f()
		}
	})
}

// answer ends an attempt.
func (p *player) answer(x *part, events ...engine.Event) {
	delete(p.board, play{x.Job.ID, x.Attempt})
	for _, e := range events {
		if !x.late && !x.Probe && (e.Kind == engine.Returned || e.Kind == engine.Lost && !e.Alone && !x.Alone) {
			p.count.count(p.count.free, e.ID)
		}
	}
	if x.timer != nil {
		x.timer.Stop()
	}
	x.scene.send(events...)
}

// end is the end of an attempt that was not cancelled.
func (p *player) end(x *part, r *rng.Rand) {
	a := x.Assignment
	lost := engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Lost, Reason: "killed", Alone: true}
	switch x.fate {
	case "answered":
		p.complete(x)
	case "failed":
		e := finished(a, engine.Result{Status: engine.Failed, Reason: "out of luck", Metrics: poison.Metrics, Seconds: 1})
		e.Fault, e.Crashed = []string{"", "this", "that"}[r.Intn(3)], r.Intn(3) == 0
		p.answer(x, e)
	case "broken":
		nothing := finished(a, poison)
		nothing.Result = nil
		p.answer(x, []engine.Event{
			nothing,
			finished(a, engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: math.NaN()}}}),
			finished(a, engine.Result{Status: "great", Metrics: poison.Metrics}),
			finished(a, engine.Result{Status: engine.OK, Seconds: -1}),
			finished(a, engine.Result{Status: engine.OK}), // tests may have other metrics
		}[r.Intn(map[bool]int{true: 4, false: 5}[a.Job.Phase == engine.PhaseTest])])
	case "lost alone":
		p.answer(x, lost)
	case "lost with others":
		others := p.neighbours(x)
		lost.Alone = len(others) == 0
		p.answer(x, lost)
		for _, o := range others {
			lost.ID, lost.Attempt = o.Job.ID, o.Attempt
			p.answer(o, lost)
		}
	case "returned":
		p.answer(x, returned(a.Job.ID, a.Attempt))
	case "saved":
		p.save(x)
	}
}

// neighbours are those in the same process, in the order in which they came.
func (p *player) neighbours(x *part) (out []*part) {
	for _, o := range p.board {
		if o != x && !o.Alone && !x.Alone && !o.deaf {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *part) int { return a.order - b.order })
	return out
}

// save keeps progress and comes home.
func (p *player) save(x *part) {
	p.saved[x.Job.ID] = true
	p.answer(x,
		engine.Event{ID: x.Job.ID, Attempt: x.Attempt, Kind: engine.Saved, Files: p.file(x.scene.files, p.progress(x))},
		returned(x.Job.ID, x.Attempt))
}

func (p *player) cancel(_ *scene, id engine.ID, attempt int, save bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.board[play{id, attempt}]
	if x != nil && !save {
		x.late = true
	}
	switch {
	case x == nil || x.heed == 0: // or does not listen
	case x.heed == 1:
		p.answer(x, returned(id, attempt))
	case !save: // too late to answer
		p.answer(x, finished(x.Assignment, poison))
	case x.heed == 2 && x.fate != "swallowed":
		p.save(x)
	case x.fate == "answered":
		p.complete(x)
	}
}

func (p *player) kill(s *scene, id engine.ID, attempt int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.board[play{id, attempt}]
	if x == nil {
		return
	}
	others := p.neighbours(x)
	if x.deaf = len(others)%2 == 1; x.deaf { // answers when it was given up
		p.after(x, 10*time.Minute, func() { p.answer(x, finished(x.Assignment, poison)) })
		return
	}
	p.answer(x, engine.Event{ID: id, Attempt: attempt, Kind: engine.Lost, Reason: "killed", Alone: len(others) == 0})
	for _, o := range others {
		p.answer(o, returned(o.Job.ID, o.Attempt))
	}
}

// leave ends the session, by itself or because it was closed.
func (p *player) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for _, x := range p.board {
		if x.timer != nil {
			x.timer.Stop()
		}
	}
	p.actor.mu.Lock()
	defer p.actor.mu.Unlock()
	for _, s := range p.actor.scenes {
		s.end()
	}
}
