package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

func newRand(label string, numbers ...uint64) *rng.Rand {
	return rng.New(rng.Derive(20, label, numbers...))
}

// search drives one strategy through one problem, synchronously, and remembers
// every question and its answer.
type search struct {
	problem problem
	setup   engine.Setup
	seed    uint64

	state0 []byte
	needs  engine.Needs
	files  engine.Files
	answer func(*engine.Job) engine.Result // to jobs of other tasks than train
	turns  []asked

	jobs        []*engine.Candidate // by id-1; with results
	given       []*engine.Candidate // what the strategy sees of those consumed, in order
	index       map[engine.ID]int   // into given
	outstanding []engine.ID
	steering
	done   bool
	misuse *atomic.Pointer[string] // of a History, also one whose Step has returned
}

// asked is one turn: its arguments, and the answer.
type asked struct {
	state   []byte
	turn    engine.Turn // without History
	history int         // its length
	answer  string      // canonical
}

// history is what a strategy sees as its History; it notes misuse.
type history struct {
	s     *search
	n     int
	ended atomic.Bool
}

func (h *history) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.s.misuse.CompareAndSwap(nil, &text)
}

func (h *history) used() {
	if h.ended.Load() {
		h.wrong("reads the History after Step has returned")
	}
	if h.s.needs.History == engine.NeedNone || h.s.needs.History == "" {
		h.wrong("reads the History although Open said that it needs none")
	}
}

func (h *history) Len() int { return h.n }

func (h *history) At(i int) *engine.Candidate {
	h.used()
	if i < 0 || i >= h.n {
		h.wrong("asks for candidate %d of a History of %d", i, h.n)
		return &engine.Candidate{}
	}
	return h.s.given[i]
}

func (h *history) Get(id engine.ID) (*engine.Candidate, bool) {
	h.used()
	i, ok := h.s.index[id]
	if !ok || i >= h.n {
		return nil, false
	}
	return h.s.given[i], true
}

func (h *history) Curve(id engine.ID) ([]engine.Point, error) {
	h.used()
	if h.s.needs.History == engine.NeedMetrics {
		h.wrong("reads a curve although Open said that it needs metrics only")
	}
	if _, ok := h.Get(id); !ok {
		return nil, fmt.Errorf("candidate %s is not in the History", id)
	}
	return slices.Clone(h.s.jobs[id-1].Curve), nil
}

func (h *history) Output(id engine.ID) ([]byte, error) {
	h.used()
	if h.s.needs.History == engine.NeedMetrics {
		h.wrong("reads an output although Open said that it needs metrics only")
	}
	if _, ok := h.Get(id); !ok {
		return nil, fmt.Errorf("candidate %s is not in the History", id)
	}
	return slices.Clone(h.s.jobs[id-1].Output), nil
}

// ask calls Step with the arguments of a turn, on copies that are spoilt
// afterwards, and returns the answer in canonical form.
func (s *search) ask(t T, strategy engine.Strategy, a asked) (engine.Decision, string) {
	t.Helper()
	d, text, err := s.try(strategy, a)
	if err != nil {
		oneLine(t, "Step", err)
		t.Fatalf("turn %d: Step failed: %v", a.turn.N, err)
	}
	return d, text
}

func (s *search) try(strategy engine.Strategy, a asked) (engine.Decision, string, error) {
	h := &history{s: s, n: a.history}
	state := slices.Clone(a.state)
	turn := a.turn
	turn.Results = slices.Clone(turn.Results)
	turn.Files = slices.Clone(turn.Files)
	turn.History = h
	d, err := strategy.Step(context.Background(), state, turn)
	h.ended.Store(true)
	if err != nil {
		return d, "", err
	}
	d.State = slices.Clone(d.State)
	for i := range state {
		state[i] ^= 0xff
	}
	for i := range turn.Results {
		turn.Results[i] = engine.Candidate{}
	}
	if m := s.misuse.Load(); m != nil {
		return d, "", fmt.Errorf("the strategy %s", *m)
	}
	return d, canonical(d), nil
}

// canonical is equal for equal decisions.
func canonical(d engine.Decision) string {
	type proposal struct {
		engine.Proposal
		Genome string
	}
	flat := struct {
		State     string
		Files     []engine.FileRef
		Proposals []proposal
		Keep      []engine.ID
		Note      string
		Done      bool
	}{string(d.State), append([]engine.FileRef{}, d.Files...), []proposal{}, append([]engine.ID{}, d.Keep...), d.Note, d.Done}
	for _, p := range d.Proposals {
		q := proposal{Proposal: p}
		if !p.Genome.IsZero() {
			q.Genome = p.Genome.Text()
		}
		q.Proposal.Genome = genome.Genome{}
		q.Parents = append([]engine.ID{}, p.Parents...)
		q.Input = append([]byte{}, p.Input...)
		flat.Proposals = append(flat.Proposals, q)
	}
	b, err := json.Marshal(flat)
	if err != nil {
		return fmt.Sprintf("%+v (%v)", flat, err)
	}
	return string(b)
}

// run takes all turns of the problem with one strategy. Each question is asked
// twice.
func (s *search) run(t T, strategy engine.Strategy) {
	t.Helper()
	s.index = map[engine.ID]int{}
	s.steering = steering{window: max(8, s.needs.Batch), closed: map[engine.ID]engine.Result{}}
	r := newRand("drive", s.seed)
	state, files := s.state0, []engine.FileRef(nil)
	if s.problem.before > 0 {
		s.precede(t, r, s.problem.before)
	}
	outside := newRand("outside", s.seed)
	for n := range s.problem.turns {
		s.imported = nil
		begins := n == 0
		if s.problem.steered && s.steer(t, outside, n) {
			begins, state, files = true, s.state0, nil
			s.reopen(t, strategy)
		}
		results := s.arrive(r, n, begins)
		want := max(0, s.window-s.undecided())
		if s.problem.order == engine.Arrival && len(s.outstanding) > 0 && r.Intn(5) == 0 {
			want = r.Intn(want + 1) // as after a change from outside
		}
		a := asked{
			state: state,
			turn: engine.Turn{
				N: s.before + uint64(n), Seed: rng.Derive(s.seed, "turn", uint64(n)), FirstID: engine.ID(len(s.jobs) + 1), Want: want,
				Results: results, Files: files, Spent: engine.Spent{Evaluations: s.evaluations()},
			},
			history: len(s.given),
		}
		d, text := s.ask(t, strategy, a)
		a.answer = text
		for range 2 {
			if _, again := s.ask(t, strategy, a); again != text {
				t.Errorf("turn %d: asked again with the same arguments, the strategy answers differently (a "+
					"clock, the order of a map, the global random source, or a variable that outlives the call): %s",
					n, difference(text, again))
				return
			}
		}
		s.turns = append(s.turns, a)
		if !s.accept(t, a.turn, d) {
			return
		}
		if d.Done {
			s.done = true
			return
		}
		state, files = d.State, d.Files
	}
	s.untouched(t)
}

// precede is another strategy that draws random genomes for some turns, and leaves
// jobs outstanding.
func (s *search) precede(t T, r *rng.Rand, turns int) {
	t.Helper()
	s.before += uint64(turns)
	for range turns {
		id := engine.ID(len(s.jobs) + 1)
		g := s.draw(t, r)
		s.jobs = append(s.jobs, &engine.Candidate{Job: engine.Job{
			ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Operator: engine.OpRandom,
			Budget: s.setup.Fidelities[0].Budget, Seed: rng.Derive(s.seed, "job", uint64(id)),
		}})
		s.outstanding = append(s.outstanding, id)
	}
	for range turns - min(5, turns/2) {
		s.consume(s.outstanding[0], 1)
		s.outstanding = s.outstanding[1:]
	}
}

// bring lets somebody import results or add genomes, or neither.
func (s *search) bring(t T, r *rng.Rand) {
	t.Helper()
	for _, operator := range []string{engine.OpImported, engine.OpAdded} {
		if r.Intn(3) > 0 {
			continue
		}
		for range 1 + r.Intn(6) {
			g := s.draw(t, r)
			if len(s.jobs) > 0 && r.Intn(3) == 0 { // somebody had the same idea
				if known := s.jobs[r.Intn(len(s.jobs))].Genome; operator == engine.OpImported || s.banned(known) == "" {
					g = known
				}
			}
			id, fidelity := engine.ID(len(s.jobs)+1), r.Intn(len(s.setup.Fidelities))
			s.jobs = append(s.jobs, &engine.Candidate{Job: engine.Job{
				ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Operator: operator, Fidelity: fidelity,
				Budget: s.setup.Fidelities[fidelity].Budget, Seed: rng.Derive(s.seed, "job", uint64(id)),
			}})
			if operator == engine.OpAdded {
				s.outstanding = append(s.outstanding, id)
			} else {
				s.imported = append(s.imported, s.consume(id, s.problem.mute+1))
			}
		}
	}
}

func (s *search) added(id engine.ID) bool { return s.jobs[id-1].Origin() == engine.Added }

// undecided is how many proposals have no result.
func (s *search) undecided() (n int) {
	for _, id := range s.outstanding {
		if !s.added(id) {
			n++
		}
	}
	return n
}

// evaluations is how many results were measured here.
func (s *search) evaluations() (n int) {
	for _, c := range s.given {
		if c.Origin() != engine.Imported {
			n++
		}
	}
	return n
}

// batch is how many of the outstanding jobs a turn consumes in strict order.
func (s *search) batch() (n int) {
	if len(s.outstanding) > 0 && s.added(s.outstanding[0]) {
		return 1
	}
	proposed := 0
	for _, id := range s.outstanding {
		if proposed == max(1, s.needs.Batch) {
			break
		}
		if !s.added(id) {
			proposed++
		}
		n++
	}
	return n
}

// arrive lets outstanding jobs be consumed, as the order says; what was imported comes by
// itself.
func (s *search) arrive(r *rng.Rand, turn int, begins bool) []engine.Candidate {
	switch {
	case begins: // the strategy finds them in the History
		return nil
	case len(s.imported) > 0:
		return s.imported
	}
	var ids []engine.ID
	if s.problem.order == engine.Strict {
		n := s.batch()
		ids = slices.Clone(s.outstanding[:n])
		s.outstanding = s.outstanding[n:]
	} else {
		n := r.Intn(min(len(s.outstanding), 4) + 1)
		for range n {
			i := r.Intn(len(s.outstanding))
			ids = append(ids, s.outstanding[i])
			s.outstanding = slices.Delete(s.outstanding, i, i+1)
		}
	}
	var results []engine.Candidate
	for _, id := range ids {
		results = append(results, s.consume(id, turn))
	}
	return results
}

// consume gives a job its result and moves it into the History.
func (s *search) consume(id engine.ID, turn int) engine.Candidate {
	c := s.jobs[id-1]
	decided, closed := s.closed[id]
	switch {
	case closed:
		c.Result = decided
	case turn <= s.problem.mute:
		c.Result = engine.Result{Status: engine.Failed, Reason: "nothing can be measured yet"}
	case c.Task != engine.Train:
		c.Result = s.answer(&c.Job)
	default:
		c.Result = s.problem.land.Measure(&c.Job)
	}
	if c.Attempts = 1; closed {
		c.Attempts = 0
	}
	if c.Origin() == engine.Imported { // measured in other ways
		c.Attempts, c.Metrics = 0, slices.Clone(c.Metrics)
		for i := range c.Metrics {
			c.Metrics[i].Value = 1.5*c.Metrics[i].Value + 0.1
		}
	}
	seen := *c
	seen.Curve, seen.Output = nil, nil
	s.given = append(s.given, &seen)
	s.index[id] = len(s.given) - 1
	whole := *c
	whole.Metrics = slices.Clone(whole.Metrics)
	return whole
}

// accept checks a decision against the contract and makes its jobs.
func (s *search) accept(t T, turn engine.Turn, d engine.Decision) bool {
	t.Helper()
	fine := true
	wrong := func(format string, args ...any) {
		t.Helper()
		fine = false
		t.Errorf("turn %d: %s", turn.N, fmt.Sprintf(format, args...))
	}
	if len(d.Proposals) > turn.Want {
		wrong("%d proposals where at most %d were wanted", len(d.Proposals), turn.Want)
	}
	if len(d.Proposals) == 0 && len(s.outstanding) == 0 && turn.Want > 0 && !d.Done {
		wrong("no proposal although nothing is outstanding and %d are wanted: the search could never go on (set Done when "+
			"there is nothing more to try)", turn.Want)
	}
	if len(d.State) > 1<<20 {
		wrong("a state of %d bytes; keep ids and numbers, and put large things into files", len(d.State))
	}
	if len(d.Note) > 1<<10 || strings.ContainsAny(d.Note, "\r\n") {
		wrong("a note is one line of at most 1024 bytes; this is %q", d.Note)
	}
	for _, f := range d.Files {
		if _, err := s.files.Path(f.Hash); err != nil {
			wrong("names the file %s (%.12s), which is not in the store: %v", f.Name, f.Hash, err)
		}
	}
	consumed := func(id engine.ID) bool { _, ok := s.index[id]; return ok }
	for _, id := range d.Keep {
		if id == 0 || int(id) > len(s.jobs)+len(d.Proposals) {
			wrong("keeps the files of %s, which is no job", id)
		}
	}
	for i, p := range d.Proposals {
		if !fine {
			break
		}
		if p.Fidelity < 0 || p.Fidelity >= len(s.setup.Fidelities) {
			wrong("proposal %d: fidelity %d of %d", i, p.Fidelity, len(s.setup.Fidelities))
			break
		}
		trains := p.Task == "" || p.Task == engine.Train
		if !trains && !slices.Contains(s.needs.Tasks, p.Task) {
			wrong("proposal %d: task %q, which is not among the tasks %v that Open asked for", i, p.Task, s.needs.Tasks)
		} else if !trains && s.answer == nil {
			t.Fatalf("the strategy proposes the task %s: say in StrategyOptions.Answer what comes of such jobs", p.Task)
		}
		if p.Phase != "" && p.Phase != engine.PhaseSearch || trains && p.Budget != 0 {
			wrong("proposal %d: phase %q and budget %v belong to the final strategy alone", i, p.Phase, p.Budget)
		}
		if len(p.Tag) > 64 || !utf8.ValidString(p.Tag) {
			wrong("proposal %d: a tag is at most 64 bytes of UTF-8; this is %q", i, p.Tag)
		}
		if len(p.Input) > engine.MaxInput {
			wrong("proposal %d: an input of %d bytes; at most 64 KiB", i, len(p.Input))
		}
		for _, id := range p.Parents {
			if !consumed(id) {
				wrong("proposal %d: parent %s is not in the History", i, id)
			} else if c := s.jobs[id-1]; c.Status != engine.OK {
				wrong("proposal %d: parent %s is %s; only what was measured may be a parent", i, id, c.Status)
			}
		}
		for _, id := range []engine.ID{p.Resume, p.Inherit} {
			if id != 0 && !consumed(id) {
				wrong("proposal %d: goes on from %s, which is not in the History", i, id)
			} else if id != 0 && s.jobs[id-1].Status != engine.OK {
				wrong("proposal %d: goes on from %s, which is %s", i, id, s.jobs[id-1].Status)
			} else if id != 0 && s.jobs[id-1].Origin() == engine.Imported {
				wrong("proposal %d: goes on from %s, which was imported: nothing of it is here", i, id)
			}
		}
		if !fine {
			break
		}
		if p.Operator == engine.OpImported || p.Operator == engine.OpAdded {
			wrong("proposal %d: operator %q, which is of candidates that no strategy proposes", i, p.Operator)
		}
		g, err := s.breed(engine.ID(len(s.jobs)+1), p)
		if err != nil {
			wrong("proposal %d: %v", i, err)
			break
		}
		j := engine.Job{
			ID: engine.ID(len(s.jobs) + 1), Phase: engine.PhaseSearch, Task: p.Task, Genome: g, Operator: p.Operator,
			Parents: p.Parents, Fidelity: p.Fidelity, Budget: s.setup.Fidelities[p.Fidelity].Budget, Input: p.Input,
			Resume: p.Resume, Inherit: p.Inherit, Stop: p.Stop, Tag: p.Tag, Replicate: p.Replicate,
		}
		if !trains {
			j.Budget = p.Budget
		}
		j.Seed = rng.Derive(s.seed, "job", uint64(j.ID))
		if j.Task == "" {
			j.Task = engine.Train
		}
		if j.Operator == "" {
			j.Operator = engine.OpGiven
		}
		s.jobs = append(s.jobs, &engine.Candidate{Job: j})
		s.outstanding = append(s.outstanding, j.ID)
		if by := s.banned(g); by != "" && j.Task != engine.Supernet {
			s.closed[j.ID] = engine.Result{Status: engine.Invalid, Reason: "it is banned: " + by}
		}
	}
	return fine
}

// breed makes the genome of a proposal.
func (s *search) breed(id engine.ID, p engine.Proposal) (genome.Genome, error) {
	if !p.Genome.IsZero() {
		g, err := s.setup.Space.Parse(p.Genome.Text())
		if err != nil {
			return g, fmt.Errorf("its genome does not belong to the space: %v", err)
		}
		if p.Operator == engine.OpStart && !slices.ContainsFunc(s.setup.Start, func(k genome.Genome) bool { return k.Text() == g.Text() }) {
			return g, fmt.Errorf("its genome is said to be a known-good one and is none of them")
		}
		if p.Task == engine.Supernet {
			return g, nil
		}
		return g, s.setup.Space.Check(g)
	}
	need := map[string]int{engine.OpRandom: 0, engine.OpMutate: 1, engine.OpSame: 1, engine.OpCross: 2, engine.OpCrossMutate: 2}
	if n, known := need[p.Operator]; !known || n != len(p.Parents) {
		return genome.Genome{}, fmt.Errorf("operator %q with %d parents and no genome; known are random (0), mutate and same (1), "+
			"cross and cross+mutate (2)", p.Operator, len(p.Parents))
	}
	r := rng.New(rng.Derive(s.seed, "make", uint64(id)))
	g, err := s.vary(p, r)
	for n := 1; n < redraws && err == nil && p.Operator != engine.OpSame && s.banned(g) != ""; n++ {
		g, err = s.vary(p, r)
	}
	return g, err
}

// vary applies the operator of a proposal once.
func (s *search) vary(p engine.Proposal, r *rng.Rand) (g genome.Genome, err error) {
	switch p.Operator {
	case engine.OpRandom:
		return s.setup.Space.Random(r)
	case engine.OpMutate, engine.OpSame:
		g = s.jobs[p.Parents[0]-1].Genome
	default:
		if g, err = s.setup.Space.Cross(s.jobs[p.Parents[0]-1].Genome, s.jobs[p.Parents[1]-1].Genome, r); err != nil {
			return g, err
		}
	}
	if p.Operator == engine.OpMutate || p.Operator == engine.OpCrossMutate {
		return s.setup.Space.Mutate(g, r)
	}
	return g, nil
}

// untouched reports a strategy that changed what it was given to read.
func (s *search) untouched(t T) {
	t.Helper()
	for _, seen := range s.given {
		whole := *s.jobs[seen.ID-1]
		whole.Curve, whole.Output = nil, nil
		if !reflect.DeepEqual(*seen, whole) {
			t.Errorf("the strategy changed candidate %s in the History, which is not its own", seen.ID)
			return
		}
	}
}

// difference shows where two canonical answers part.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string {
		from, to := max(0, i-40), min(len(s), i+60)
		return strings.ToValidUTF8(s[from:to], "?")
	}
	return fmt.Sprintf("...%s... and then ...%s...", cut(a), cut(b))
}
