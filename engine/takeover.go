package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Declarations say what is searched, and by what it is judged: the keys of a Plan that
// may change while a search goes on, by a Takeover.
type Declarations struct {
	Space       json.RawMessage `json:"space"`
	Objectives  []Objective     `json:"objectives"`
	Ties        []Objective     `json:"ties,omitempty"`
	Derived     []Derived       `json:"metrics,omitempty"` // may be more, and no others
	Reference   Values          `json:"reference,omitempty"`
	Prefer      string          `json:"prefer,omitempty"`
	Constraints []Constraint    `json:"constraints,omitempty"`
	Start       []string        `json:"start,omitempty"`
}

// declared are the keys of Declarations.
var declared = []string{"space", "objectives", "ties", "metrics", "reference", "prefer", "constraints", "start"}

func (p *Plan) declarations() Declarations {
	return Declarations{p.Space, p.Objectives, p.Ties, p.Derived, p.Reference, p.Prefer, p.Constraints, p.Start}
}

// with is the plan with other declarations.
func (p Plan) with(d Declarations) Plan {
	p.Space, p.Objectives, p.Ties, p.Derived = d.Space, d.Objectives, d.Ties, d.Derived
	p.Reference, p.Prefer, p.Constraints, p.Start = d.Reference, d.Prefer, d.Constraints, d.Start
	return p
}

// Takeover is a change of what a search declares; what is nil stays as it is. The
// strategy is opened anew, and finds in its History whoever fits: candidates whose genome
// is one of the space, with the same values, and that have all metrics that the search
// judges by. All others remain candidates for people, are none of the best, and are no
// duplicates. Jobs without a turn that do not fit are dropped: they are not carried
// out, and count for nothing. In a search that runs, evaluators are opened anew as well.
type Takeover struct {
	Space       json.RawMessage `json:"space,omitempty"` // a declaration, see genome.ParseSpaceJSON
	Objectives  []Objective     `json:"objectives,omitzero"`
	Ties        []Objective     `json:"ties,omitzero"`
	Derived     []Derived       `json:"metrics,omitempty"` // further ones
	Reference   Values          `json:"reference,omitzero"`
	Prefer      *string         `json:"prefer,omitempty"`
	Constraints []Constraint    `json:"constraints,omitzero"`

	// Was says what genes that Space adds were in the candidates of before, by their paths:
	// without it none of these fits, for it lacks a value.
	Was genome.Map `json:"was,omitempty"`
}

// of are declarations with what changes, but for Start.
func (x *Takeover) of(d Declarations) Declarations {
	if len(x.Space) > 0 {
		d.Space = x.Space
	}
	if x.Objectives != nil {
		d.Objectives = x.Objectives
	}
	if x.Ties != nil {
		d.Ties = x.Ties
	}
	for _, further := range x.Derived {
		if !slices.Contains(d.Derived, further) {
			d.Derived = append(slices.Clip(d.Derived), further)
		}
	}
	if x.Reference != nil {
		d.Reference = x.Reference
	}
	if x.Prefer != nil {
		d.Prefer = *x.Prefer
	}
	if x.Constraints != nil {
		d.Constraints = x.Constraints
	}
	return d
}

// takeoverEvent is the data of eventTakeover.
type takeoverEvent struct {
	asked
	Declarations      // that hold from here on
	Configured   bool `json:"configured,omitempty"` // a run was configured so: its configuration is compared with this from now on
	First        ID   `json:"first"`                // what the next job of the search is called
	FirstFinal   ID   `json:"first_final"`          // and that of the final strategy
	Evaluations  int  `json:"evaluations"`          // that were consumed before
	Fit
}

// Fit says who fits what a search declares since a Takeover.
type Fit struct {
	Of       int      `json:"of"`                 // candidates
	Fit      int      `json:"fit"`                // of these
	Left     string   `json:"left,omitempty"`     // ids of the others: "3-17 20"
	Reasons  []Misfit `json:"reasons,omitempty"`  // the commonest first, up to 5
	Dropped  []ID     `json:"dropped,omitempty"`  // jobs that no turn had consumed and that do not fit
	Unbanned []string `json:"unbanned,omitempty"` // bans of what there is no more
	Lapsed   int      `json:"lapsed,omitempty"`   // genomes of Start that do not fit

	Was genome.Map `json:"was,omitempty"` // what genes were in candidates that lack them
}

// Misfit is why candidates do not fit.
type Misfit struct {
	Reason string `json:"reason"` // of the first of them; other values of the same gene are others' reasons
	Count  int    `json:"count"`
	ID     ID     `json:"candidate"` // the first of them
}

// String says it on one line.
func (f *Fit) String() string {
	text := fmt.Sprintf("%d of %d candidates fit", f.Fit, f.Of)
	var was []string
	for _, e := range f.Was {
		was = append(was, e.Key+"="+genome.ValueText(e.Value))
	}
	if was != nil {
		text += fmt.Sprintf(" (%s where it was missing)", strings.Join(was, ", "))
	}
	if n := f.Of - f.Fit; n > 0 {
		text += fmt.Sprintf("; %d do not", n)
	}
	var reasons []string
	for _, m := range f.Reasons {
		reason := m.Reason
		if len(f.Reasons) > 1 || f.Of == f.Fit {
			reason += fmt.Sprintf(" (%d)", m.Count)
		}
		reasons = append(reasons, reason)
	}
	if len(reasons) > 0 {
		text += ": " + strings.Join(reasons, "; ")
	}
	if n := len(f.Dropped); n > 0 {
		text += fmt.Sprintf("; dropped before they had a turn: %s", idList(f.Dropped))
	}
	if f.Unbanned != nil {
		text += "; bans of what there is no more end: " + strings.Join(f.Unbanned, "; ")
	}
	if f.Lapsed > 0 {
		text += fmt.Sprintf("; %d of the genomes to start with do not fit", f.Lapsed)
	}
	return text
}

func (x *Takeover) kind() string { return eventTakeover }
func (x *Takeover) waits() bool  { return true }

func (x *Takeover) check(t *trajectory) error {
	if x.Space == nil && x.Objectives == nil && x.Ties == nil && x.Derived == nil && x.Reference == nil && x.Prefer == nil && x.Constraints == nil {
		return wrong("takeover", "nothing is declared").but("there are space, objectives, ties, metrics, prefer, reference, constraints")
	}
	_, _, err := x.next(t)
	return err
}

// next is what the search would declare, and its space.
func (x *Takeover) next(t *trajectory) (d Declarations, space *genome.Space, err error) {
	d, space = x.of(t.Plan.declarations()), t.Space
	if len(x.Space) > 0 {
		if space, err = genome.ParseSpaceJSON(x.Space); err != nil {
			return d, nil, wrongWithin("space", err)
		}
		if space, err = network.Bind(space.ByRules(t.Plan.Rules)); err != nil {
			return d, nil, wrongWithin("space", err)
		}
		d.Space = space.JSON()
		if _, err := space.Random(rng.New(t.Plan.Seed)); err != nil {
			return d, nil, wrongWithin("space", err)
		}
		if sameJSON(d.Space, t.Plan.Space) {
			space = t.Space
		}
	}
	c := Config{
		Space: space, Objectives: d.Objectives, Ties: d.Ties, Derived: d.Derived, Reference: d.Reference, Prefer: d.Prefer,
		Constraints: d.Constraints, Limits: t.Limits,
	}
	if len(c.Objectives) == 0 {
		return d, nil, wrong("objectives", "there are none").but("name at least one metric")
	}
	for _, check := range []func() error{c.completeObjectives, c.checkConstraints, c.vain} {
		if err := check(); err != nil {
			return d, nil, err
		}
	}
	if first := t.Plan.Objectives[0]; t.Limits.Target != nil && c.Objectives[0].Metric != first.Metric {
		return d, nil, wrong("objectives", "limits.target %g is one of %s", *t.Limits.Target, first.Metric).
			but("set limits.target=none first, or to a value for each objective")
	}
	d.Objectives, d.Ties = c.Objectives, c.Ties
	if err := t.extends(d.Derived); err != nil {
		return d, nil, err
	}
	var metrics []Metric
	for i, e := range t.Evaluators {
		if !slices.ContainsFunc(t.Evaluators[i+1:], func(o EvaluatorEvent) bool { return o.Key == e.Key }) {
			metrics = append(metrics, e.Hello.Metrics...)
		}
	}
	if _, err = c.declared(metrics); err == nil {
		err = t.checkWas(x.Was, space, space != t.Space)
	}
	return d, space, err
}

// checkWas refuses values of genes that a space, a new one, does not have or take.
func (t *trajectory) checkWas(was genome.Map, space *genome.Space, moved bool) error {
	if len(was) > 0 && !moved {
		remedy := "give another space too, or leave it out"
		if n := t.Takeovers(); n > 0 && t.era().moved {
			remedy += "; where this space was declared without it, go back first: declare the space of before, and then this one with it"
			if turn := t.era().turn; turn > 0 {
				remedy += fmt.Sprintf(", or nascent rewind DIR --turn %d", turn-1)
			}
		}
		return wrong("was", "it says what genes were that a space adds, and the space stays as it is").but("%s", remedy)
	}
	for _, e := range was {
		if err := space.Takes(e.Key, e.Value); err != nil {
			return wrongWithin("was."+e.Key, err)
		}
	}
	return nil
}

// extends refuses derived metrics that are not those that there are, and more: what a
// metric is called it is for as long as the search.
func (t *trajectory) extends(all []Derived) error {
	for _, d := range t.Plan.Derived {
		if !slices.Contains(all, d) {
			return wrong("metrics", "the search began with %s: %s, and has results with it", d.Metric, d.Expression).
				but("leave it as it is, and give what is new another name")
		}
	}
	return nil
}

func (x *Takeover) do(t *trajectory, r *Request) (*effect, error) {
	d, space, err := x.next(t)
	if err != nil {
		return nil, err
	}
	lapsed := 0
	if space != t.Space {
		var start []string
		for _, text := range d.Start {
			g, err := t.Space.Parse(text)
			if err == nil {
				g, err = space.FitsWith(g, x.Was)
			}
			if err != nil {
				lapsed++
				continue
			}
			start = append(start, g.Text())
		}
		d.Start = start
	}
	e, err := t.takeover(d, x.Was)
	if err != nil || e == nil {
		return &effect{}, err
	}
	e.asked, e.Lapsed = r.asked(), lapsed
	return &effect{Receipt: Receipt{Says: e.Fit.String()}, data: e, say: t.tells(e)}, nil
}

// takeover is the event by which a search goes on with other declarations, nil if they
// are the same.
func (t *trajectory) takeover(d Declarations, was genome.Map) (*takeoverEvent, error) {
	e, space, err := t.fit(d, was)
	if err == nil && e != nil && space != t.Space {
		err = t.unbans(e, space)
	}
	return e, err
}

// fit is a takeover without what it does to bans, and its space; nil if nothing is declared
// that was not. Who fits depends on what is declared alone, and not on what evaluators can
// measure of that.
func (t *trajectory) fit(d Declarations, was genome.Map) (*takeoverEvent, *genome.Space, error) {
	next := t.Plan.with(d)
	if changed, err := differences(t.Plan, next); err != nil || len(changed) == 0 {
		return nil, nil, err
	}
	if err := t.extends(d.Derived); err != nil {
		return nil, nil, err
	}
	e := &takeoverEvent{Declarations: d, First: t.search.nextID(), FirstFinal: t.final.nextID(), Evaluations: t.search.evaluations()}
	space := t.Space
	if !sameJSON(d.Space, t.Plan.Space) {
		var err error
		if space, err = recordedSpace(d.Space, t.Plan.Rules); err != nil {
			return nil, nil, err
		}
		e.Was = was
	}
	derived, err := Derive(d.Derived)
	if err != nil {
		return nil, nil, err
	}
	var left []ID
	var kinds misfits
	dropped := map[ID]bool{}
	for _, j := range t.search.jobs {
		if j.dropped {
			continue
		}
		why := j.misfits(space, e.Was)
		if why.reason == "" && dropped[j.Reuse] {
			why = alike("they share the result of one that does not")
		}
		if j.stage.is(consumed) {
			e.Of++
			if why.reason == "" {
				why = alike(next.lacks(derived, &j.Candidate, j.full().Metrics))
			}
			if why.reason == "" {
				e.Fit.Fit++
			} else {
				left = append(left, j.ID)
			}
		} else if why.reason != "" {
			e.Dropped, dropped[j.ID] = append(e.Dropped, j.ID), true
		}
		if why.reason != "" {
			kinds.add(why, j.ID)
		}
	}
	e.Reasons = kinds.commonest(5)
	e.Left = idRanges(left)
	return e, space, nil
}

// misfit is why something does not fit; reason "": it does. Those of a kind are told of
// once.
type misfit struct{ reason, kind string }

func alike(reason string) misfit { return misfit{reason, reason} }

// misfits is why a job's genome is none of the space.
func (e *entry) misfits(space *genome.Space, was genome.Map) misfit {
	if e.Genome.Space() == space || e.Baseline != "" {
		return misfit{}
	}
	g, err := space.FitsWith(e.Genome, was)
	if err == nil && e.Task != Supernet {
		err = space.Check(g)
	}
	var m *Mistake
	switch {
	case err == nil:
		return misfit{}
	case errors.As(err, &m):
		return misfit{OneLine(fmt.Sprintf("%s: %s, %s", m.Key, m.Problem, m.Remedy)), genome.WithoutPlaces(m.Key) + "\n" + m.Remedy}
	}
	return alike(OneLine(err.Error()))
}

// misfits counts them by kinds.
type misfits struct {
	all  []Misfit
	seen map[string]int
}

func (f *misfits) add(why misfit, id ID) {
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	i, known := f.seen[why.kind]
	if !known {
		i, f.seen[why.kind] = len(f.all), len(f.all)
		f.all = append(f.all, Misfit{Reason: why.reason, ID: id})
	}
	f.all[i].Count++
}

// commonest are at most n of them.
func (f *misfits) commonest(n int) []Misfit {
	slices.SortStableFunc(f.all, func(a, b Misfit) int { return cmp.Compare(b.Count, a.Count) })
	return f.all[:min(n, len(f.all))]
}

// lacks is the metric that a result lacks to be judged by the plan, in words, or "".
func (p *Plan) lacks(derived Derivation, c *Candidate, metrics Values) string {
	if c.Status != OK || c.Stopped || c.Task != Train {
		return ""
	}
	metrics, _ = derived.add(metrics)
	for _, o := range slices.Concat(p.Objectives, p.Ties) {
		if _, has := metrics.Get(o.Metric); !has {
			return fmt.Sprintf("they have no %s, which the search is to %s", o.Metric, o.Goal)
		}
	}
	for _, k := range p.Constraints {
		if _, has := metrics.Get(k.Metric); !has {
			return fmt.Sprintf("they have no %s, which a constraint bounds", k.Metric)
		}
	}
	return ""
}

// unbans ends bans of what a space does not have, and refuses one of which the others
// leave nothing.
func (t *trajectory) unbans(e *takeoverEvent, space *genome.Space) error {
	var all []func(genome.Genome) bool
	for _, text := range t.Bans() {
		if holds, err := bindGenes(text, space); err == nil {
			all = append(all, holds)
		} else {
			e.Unbanned = append(e.Unbanned, text)
		}
	}
	if !drawable(space, t.Plan.Seed, enoughDraws, func(g genome.Genome) bool {
		return !slices.ContainsFunc(all, func(holds func(genome.Genome) bool) bool { return holds(g) })
	}) {
		return wrong("space", "the bans leave nothing of it to draw: they hold of each of %d random genomes", enoughDraws).but("end one first: unban")
	}
	return nil
}

// tells says what a takeover is, and who fits.
func (t *trajectory) tells(e *takeoverEvent) string {
	changed, _ := differences(t.Plan, t.Plan.with(e.Declarations))
	return fmt.Sprintf("from turn %d on with other %s: %s", t.search.turns, strings.Join(keysOf(changed), ", "), &e.Fit)
}

// String writes it as people give it: "objectives=[...] constraints=[...]".
func (x *Takeover) String() string {
	var raw map[string]json.RawMessage
	text, err := json.Marshal(x)
	if err == nil {
		err = json.Unmarshal(text, &raw)
	}
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, key := range declared {
		if v, ok := raw[key]; ok {
			parts = append(parts, key+"="+clip(string(v)))
		}
	}
	for _, e := range x.Was {
		parts = append(parts, fmt.Sprintf("--was %s=%s", e.Key, genome.ValueText(e.Value)))
	}
	return strings.Join(parts, " ")
}
