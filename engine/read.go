package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// readTrajectory loads what a ledger holds. It makes genomes of own where that is
// the recorded space, so that a resumed search shows its strategy genomes of the
// very space that Open was given.
func readTrajectory(led Ledger, own *genome.Space) (*trajectory, error) {
	t, err := readPlan(led, own)
	if err != nil {
		return nil, err
	}
	for _, read := range []func() error{t.readJobs, t.readResults, t.readAttempts, t.markCancelled, t.readTurns} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	if t.counters, err = led.Counters(); err != nil {
		return nil, err
	}
	return t, nil
}

// readPlan loads what a search is, and nothing of what it found.
func readPlan(led Ledger, own *genome.Space) (*trajectory, error) {
	h, plan, err := recorded(led)
	if err != nil {
		return nil, err
	}
	t := newTrajectory(h.Name, plan, led)
	if t.spaces, err = plan.spaces(); err != nil {
		return nil, err
	}
	t.own = own
	if t.Space, err = t.recordedSpace(plan.Space); err != nil {
		return nil, damaged("the recorded space: %v", err)
	}
	t.eras[0].space = t.Space
	for _, b := range plan.Final.Baselines {
		g, err := t.spaces[b.Name].Parse(b.Text)
		if err != nil {
			return nil, damaged("baseline %s: %v", b.Name, err)
		}
		t.Baselines = append(t.Baselines, Baseline{Name: b.Name, Genome: g})
	}
	return t, t.readEvents()
}

// recorded is what a search wrote down when it began; ErrEmpty if none has.
func recorded(led Ledger) (h Header, p Plan, err error) {
	h, ok, err := led.Header()
	switch {
	case err != nil:
		return h, p, err
	case !ok:
		return h, p, ErrEmpty
	}
	if err := json.Unmarshal(h.Config, &p); err != nil {
		return h, p, damaged("the recorded configuration: %v", err)
	}
	if _, err := Derive(p.Derived); err != nil {
		return h, p, damaged("the recorded configuration: %v", err)
	}
	if p.Rules < 0 || p.Rules > genome.Rules {
		return h, p, wrong("", "the search goes by revision %d of the rules for genomes, and this nascent knows them up to %d: "+
			"go on with the newer nascent that began it", p.Rules, genome.Rules)
	}
	return h, p, nil
}

func (t *trajectory) readEvents() error {
	for e, err := range t.led.Events() {
		if err != nil {
			return err
		}
		t.seq = e.Seq
		if err := t.happened(e); err != nil {
			return err
		}
	}
	t.leaders = t.Plan.Leaders(shown)
	t.hideMeasured()
	return nil
}

// happened takes in an event: when it is journaled, and when a ledger is read.
func (t *trajectory) happened(e EventRecord) error {
	bad := func(err error) error { return damaged("event %d (%s): %v", e.Seq, e.Kind, err) }
	var target any
	then := func() {}
	switch e.Kind {
	case eventLimits:
		t.Limits, t.limited = Limits{}, e.Turn
		target, then = &t.Limits, func() { t.configured.Limits = t.Limits }
	case eventEvaluator:
		t.Evaluators = append(t.Evaluators, EvaluatorEvent{})
		t.joined, t.joinedIn = append(t.joined, e.Turn), append(t.joinedIn, len(t.eras)-1)
		target = &t.Evaluators[len(t.Evaluators)-1]
	case eventStrategy:
		t.Strategies = append(t.Strategies, StrategyEvent{})
		target, then = t.now(), func() { t.width = t.now().Window }
	case eventCheckpoints:
		t.checkpoints.most = append(t.checkpoints.most, mostKept{})
		target = &t.checkpoints.most[len(t.checkpoints.most)-1]
	case eventStarted:
		var began startedEvent
		if err := json.Unmarshal(e.Data, &began); err == nil {
			t.now().Source = cmp.Or(began.Source, t.now().Source)
			t.begun(&began)
		}
		return nil
	case eventAttempts:
		target = &t.attempts
	case eventFinal:
		t.passes++
		target = &t.pass
	case eventCancel:
		var c cancelEvent
		target, then = &c, func() {
			t.cancelled(c)
			t.steeredBy(e, idRanges(c.all()))
		}
	case eventSet:
		var s setEvent
		target, then = &s, func() {
			if s.Set.happen(t, e.Turn); s.Set.Window != nil {
				t.steeredBy(e, fmt.Sprint("window=", *s.Set.Window))
			}
		}
	case eventPause:
		var p pauseEvent
		target, then = &p, func() { t.paused = &Paused{Since: e.Time, Turn: e.Turn, By: p.By, Cause: p.Cause} }
	case eventResume:
		target, then = &asked{}, func() { t.paused = nil }
	case eventBan, eventUnban:
		var b banEvent
		target, then = &b, func() {
			t.bans.happened(e.Kind, b.Condition, e.Turn)
			t.decide(e.Turn, e.Kind+" "+b.Condition, 0)
			t.steeredBy(e, b.Condition)
		}
	case eventWithdraw:
		var w withdrawEvent
		target, then = &w, func() { t.withdrawn(w.Name) }
	case eventPin, eventUnpin:
		var p pinEvent
		target, then = &p, func() { t.pin(e.Kind == eventPin, p.IDs) }
	case eventBranched:
		var b branchedEvent
		target, then = &b, func() { t.branched(b, e.Turn) }
	case eventTakeover:
		target = new(takeoverEvent)
	case eventPlan:
		r := new(Request)
		target, then = r, func() { t.planned = append(t.planned, r) }
	case eventImport, eventAdd:
		var o outsideEvent
		target, then = &o, func() { t.steeredBy(e, fmt.Sprint(o.Count)) }
	case eventStop, eventNote, eventRefused, eventLabel:
		target = &asked{}
	case eventEnded:
		return nil
	default:
		return wrong("", "event %d is of the kind %q, which this nascent does not know: go on with the newer nascent that journaled it",
			e.Seq, OneLine(e.Kind))
	}
	if err := json.Unmarshal(e.Data, target); err != nil {
		return bad(err)
	}
	then()
	switch x := target.(type) {
	case *EvaluatorEvent:
		if err := t.restricted(&x.Hello); err != nil {
			return damaged("evaluator %s: %v", x.Key, err)
		}
	case *takeoverEvent:
		if err := t.declare(*x, e.Turn); err != nil {
			return bad(err)
		}
		t.steeredBy(e, "")
	}
	switch e.Kind {
	case eventImport, eventAdd, eventCancel, eventSet, eventPause, eventResume, eventStop, eventBan, eventUnban, eventWithdraw, eventPin, eventUnpin,
		eventNote, eventPlan, eventRefused, eventLabel, eventTakeover:
		if err := t.remember(e); err != nil {
			return bad(err)
		}
	}
	return nil
}

// steeredBy notes an event that decides.
func (t *trajectory) steeredBy(e EventRecord, what string) {
	t.steered = append(t.steered, strings.TrimSpace(fmt.Sprintf("turn %d: %s %s", e.Turn, e.Kind, what)))
}

// restricted lets the space be that of what an evaluator can measure.
func (t *trajectory) restricted(hello *Hello) (err error) {
	t.Space, err = restrict(t.Space, hello)
	t.era().space = t.Space
	return err
}

// restrict returns the space of what an evaluator can measure, if it says.
func restrict(space *genome.Space, hello *Hello) (*genome.Space, error) {
	if len(hello.Pool) == 0 {
		return space, nil
	}
	return space.Pool(hello.Pool)
}

func (t *trajectory) readJobs() error {
	for j, err := range t.led.Jobs() {
		if err != nil {
			return err
		}
		e, err := t.entry(j)
		if err != nil {
			return err
		}
		if partOf(e.ID) == PartSearch {
			if err := t.reach(e.ID); err != nil {
				return err
			}
		}
		if err := t.add(e); err != nil {
			return err
		}
	}
	return t.reach(t.search.nextID())
}

// markCancelled marks the jobs that were to end when the search stopped.
func (t *trajectory) markCancelled() error {
	for i := range t.cancels {
		for _, id := range t.cancels[i].all() {
			if e := t.get(id); e != nil && e.attempts != nil {
				e.attempts.cancelled = true
			}
		}
	}
	return nil
}

// entry makes the in-memory form of a job.
func (t *trajectory) entry(j JobRecord) (*entry, error) {
	g, err := t.Recorded(&j)
	if err != nil {
		return nil, err
	}
	j.Job.Genome = g
	e := &entry{Candidate: Candidate{Job: j.Job}, turn: j.Turn, attempts: &attempts{}}
	e.banned = t.bannedBy(e) != ""
	return e, nil
}

// Genome is that of a recorded job, in the space that holds now if it fits that.
func (a *Archive) Genome(j *JobRecord) (genome.Genome, error) {
	g, err := a.Recorded(j)
	if err != nil || j.Baseline != "" || j.ID > FinalBase {
		return g, err
	}
	for _, x := range a.eras[a.madeIn(j.ID)+1:] {
		if !x.moved || x.left.has(j.ID) || slices.Contains(x.Dropped, j.ID) {
			continue
		}
		if g, err = x.fits(g); err != nil {
			return g, damaged("the genome of job %s does not fit the space of turn %d: %v", j.ID, x.turn, err)
		}
	}
	return g, nil
}

// Recorded is that of a recorded job, as it was proposed.
func (a *Archive) Recorded(j *JobRecord) (genome.Genome, error) {
	space := a.spaces[j.Baseline]
	if j.Baseline == "" && a.eras != nil {
		space = a.eras[a.madeIn(j.ID)].space
	}
	if space == nil {
		return genome.Genome{}, damaged("job %s belongs to the unknown baseline %q", j.ID, j.Baseline)
	}
	g, err := space.Unpack(j.Packed)
	if err != nil {
		return genome.Genome{}, damaged("the genome of job %s: %v", j.ID, err)
	}
	return g, nil
}

func (t *trajectory) readResults() error {
	settle := func(r ResultRecord) (*entry, error) {
		e := t.get(r.ID)
		if e == nil || e.stage.is(consumed) {
			return nil, damaged("a result of job %s, which has none to come", r.ID)
		}
		t.settle(e, r)
		return e, nil
	}
	for r, err := range t.led.History() {
		if err != nil {
			return err
		}
		e, err := settle(r)
		if err != nil {
			return err
		}
		if len(t.eras) > 1 {
			t.derive(e)
		}
		t.enter(e)
	}
	for r, err := range t.led.Inbox() {
		if err != nil {
			return err
		}
		if e := t.get(r.ID); e != nil && len(t.eras) > 1 && !e.imported() && !e.dropped {
			t.complete(&e.Job, &r.Result)
		}
		if _, err := settle(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *trajectory) readAttempts() error {
	for r, err := range t.led.Attempts() {
		if err != nil {
			return err
		}
		if e := t.get(r.ID); e != nil && e.attempts != nil {
			*e.attempts = attempts{newest: r.Started, counted: r.Counted, last: failure{reason: r.Reason}, saved: r.Saved}
			e.lost = r.Lost
		}
	}
	return nil
}

func (t *trajectory) readTurns() error {
	later := t.eras[1:]
	begin := func(turn uint64) {
		for ; len(later) > 0 && later[0].turn <= turn; later = later[1:] {
			t.checkpointsOf(later[0])
		}
	}
	for _, q := range []*sequence{&t.search, &t.final} {
		for r, err := range t.led.Turns(q.part) {
			if err != nil {
				return err
			}
			if r.N != q.turns {
				return damaged("%s turn %d stands where turn %d should", q.part, r.N, q.turns)
			}
			if q.part == PartSearch {
				begin(r.N)
				t.lose(r.N)
				t.keepFiles(r.Consumed)
			}
			t.took(q, r)
		}
		if q.part == PartSearch {
			begin(q.turns)
		}
	}
	t.lose(t.search.turns)
	t.search.since, t.final.since = t.opened(), t.pass.FirstTurn
	return nil
}
