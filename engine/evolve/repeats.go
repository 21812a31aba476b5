package evolve

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/engine/surrogate"
	"github.com/nascent-nas/nascent/genome/rng"
)

// repeatsName is what the strategy is called.
const repeatsName = "repeats"

func init() {
	register(repeatsName, false, func(find Find) engine.Strategy { return &repeating{find: find} })
}

// repeating gives a share of a search's evaluations to measuring again, with fresh seeds,
// where that is likely to change who leads; the others go to an inner strategy of any
// kind. Of the genomes near the top at the highest fidelity the one is measured with the
// largest knowledge gradient (Frazier, Powell & Dayanik 2008): by how much one more
// measurement is expected to raise the best lower bound, for its mean may move behind
// that of the best or past it. With several objectives each choice weighs them anew at
// random (Knowles 2006, ParEGO: the Chebyshev distance from the best of the front in each).
//
// The inner strategy sees a repeat as a foreign candidate of the same genome, with the
// means of all of its measurements by then.
type repeating struct {
	find  Find
	share float64
	after int
	with  searcher
	inner engine.Strategy
	top   int // the highest fidelity
	setup engine.Setup
	view  repeatsView
}

type repeatsState struct {
	First   engine.ID `json:"first"`             // of its own candidates; 0 before the first turn
	Made    int       `json:"made"`              // repeats proposed
	Pending []repeat  `json:"pending,omitempty"` // under way
	Over    bool      `json:"over,omitempty"`    // measuring again tells nothing
	Inner   []byte    `json:"inner"`             // state of the inner strategy
	Begun   bool      `json:"begun,omitempty"`   // that has had its first turn
	Done    bool      `json:"done,omitempty"`    // and is done
}

// repeat is a measurement of a genome that another candidate measured first.
type repeat struct {
	ID engine.ID `json:"id"`
	Of engine.ID `json:"of"`
}

// repeater is the shift of the inner strategy's own candidates, from the first on. Islands
// shift by more.
func repeater(first engine.ID) shift { return shift{engine.FinalBase / 4, first} }

// Declare declares the options.
func (s *repeating) Declare(o *option.Set) {
	o.Float(&s.share, "share", 0.1, 0.001, 0.9, "of the evaluations that are proposed, the share that measures again")
	o.Int(&s.after, "after", 20, 2, 1_000_000, "evaluations before the first that measures again")
	o.Value(&s.with, "search", `"aging"`, "a name, a path, or {use: NAME, option: value}", "the strategy that proposes everything else")
}

// Open reads the options and opens the inner strategy.
func (s *repeating) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics}
	if err := option.Read(setup.Options, s.Declare); err != nil {
		return nil, needs, err
	}
	s.setup, s.top, s.view = setup, max(0, len(setup.Fidelities)-1), repeatsView{}
	err := s.with.alone(repeatsName, "repeats are not repeated", "raise share instead")
	if err == nil {
		s.inner, err = s.find(s.with.use)
	}
	if err != nil {
		return nil, needs, option.Within("search", err)
	}
	seen := setup
	seen.Options, seen.Order = s.with.options, engine.Arrival
	packed, wants, err := s.inner.Open(ctx, seen)
	if err != nil {
		return nil, needs, option.Within("search", err)
	}
	needs.Tasks, needs.Remark = wants.Tasks, wants.Remark
	if wants.History == engine.NeedAll {
		needs.History = engine.NeedAll
	}
	return pack(repeatsState{Inner: packed}), needs, nil
}

// Close ends the inner strategy's process, if it has one.
func (s *repeating) Close(ctx context.Context) error { return closeAll(ctx, s.inner) }

// Step measures again who is worth it, as long as the share is not used up, and lets the
// inner strategy fill the room that is left.
func (s *repeating) Step(ctx context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st repeatsState
	if err := unpack(packed, &st); err != nil {
		return d, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
		if st.Over = !s.setup.Seeded; st.Over {
			d.Note = "nothing is measured again: by what the evaluator says, its results do not depend on the seed"
		}
	}
	s.view.follow(turn.History, st.First, s.setup.Leaders)
	seen := turn
	seen.History, seen.Results = &s.view, nil
	for i := range turn.Results {
		c := &turn.Results[i]
		st.Pending = slices.DeleteFunc(st.Pending, func(p repeat) bool { return p.ID == c.ID })
		if st.Begun {
			seen.Results = append(seen.Results, *s.view.result(c))
		}
	}
	r := rng.New(rng.Derive(turn.Seed, "repeats"))
	for !st.Over && len(d.Proposals) < turn.Want {
		id := turn.FirstID + engine.ID(len(d.Proposals))
		made := float64(id-st.First) - float64(s.view.imported)
		if made < float64(s.after) || float64(st.Made+1) > float64(s.share*(made+1)) {
			break
		}
		c, ok := s.choose(st.Pending, r)
		if !ok {
			if st.Over = alike(s.view.leaders.Contenders()); st.Over {
				d.Note = "measured again, everything was as before; nothing else is measured again"
			}
			break
		}
		st.Made++
		st.Pending = append(st.Pending, repeat{id, c.ID})
		d.Proposals = append(d.Proposals, engine.Proposal{
			Genome: c.Genome, Operator: engine.OpRepeat, Parents: []engine.ID{c.ID}, Fidelity: s.top, Replicate: true, Tag: c.Tag,
		})
	}
	if st.Done {
		d.Done = len(st.Pending) == 0
		d.State = pack(st)
		return d, nil
	}
	own := repeater(st.First)
	seen.FirstID, seen.Want = own.of(turn.FirstID)+engine.ID(len(d.Proposals)), turn.Want-len(d.Proposals)
	decided, err := s.inner.Step(ctx, st.Inner, seen)
	if err != nil {
		return d, err
	}
	if len(decided.Proposals) > seen.Want {
		return d, fmt.Errorf("the strategy that searches proposes %d jobs where there is room for %d", len(decided.Proposals), seen.Want)
	}
	st.Inner, st.Begun, st.Done = decided.State, true, decided.Done
	for _, p := range decided.Proposals {
		p.Resume, p.Inherit, p.Parents = own.global(p.Resume), own.global(p.Inherit), own.globals(p.Parents)
		d.Proposals = append(d.Proposals, p)
	}
	d.Files, d.Keep = decided.Files, own.globals(decided.Keep)
	if d.Note == "" {
		d.Note = decided.Note
	}
	d.Done = st.Done && len(st.Pending) == 0
	d.State = pack(st)
	return d, nil
}

// choose is whom to measure again.
func (s *repeating) choose(pending []repeat, r *rng.Rand) (engine.Contender, bool) {
	if s.view.leaders.Fidelity() != s.top {
		return engine.Contender{}, false
	}
	all := s.view.leaders.Contenders()
	if len(all) < 2 || alike(all) {
		return engine.Contender{}, false
	}
	value, noise := weighed(all, r)
	known := slices.Max(noise) > 0
	first, second := -1, -1 // by value
	for i := range all {
		switch {
		case first < 0 || value[i] > value[first]:
			first, second = i, first
		case second < 0 || value[i] > value[second]:
			second = i
		}
	}
	best, most := -1, math.Inf(-1)
	for i, c := range all {
		n := float64(c.N)
		for _, p := range pending {
			if p.Of == c.ID {
				n++
			}
		}
		if s.view.never[c.Genome.Packed()] || c.Reuse != 0 {
			continue
		}
		gain := math.Inf(-1)
		switch {
		case known && noise[i] > 0:
			other := first
			if i == first {
				other = second
			}
			gap, moves := math.Abs(value[i]-value[other]), noise[i]/math.Sqrt(float64(n*(n+1))) // its mean
			gain = surrogate.Improvement(-gap, moves, 0)
		case !known && n == 1: // the best, to get to know the noise
			gain = value[i]
		}
		if gain > most {
			best, most = i, gain
		}
	}
	if best < 0 {
		return engine.Contender{}, false
	}
	return all[best], true
}

// alike tells whether what was measured again came out as before, always.
func alike(all []engine.Contender) bool {
	again := false
	for _, c := range all {
		again = again || c.N > 1
		if slices.Max(c.Errors) > 0 {
			return false
		}
	}
	return again
}

// weighed are one number for each of the contenders by which they are compared, and the
// standard deviation of its noise: with one objective the lower bound, with several by
// how much it misses the best there is in each, the worst of these misses, weighed at
// random, and a little of the others.
func weighed(all []engine.Contender, r *rng.Rand) (value, noise []float64) {
	value, noise = make([]float64, len(all)), make([]float64, len(all))
	m := len(all[0].Bounds)
	if m == 1 {
		for i, c := range all {
			value[i], noise[i] = c.Bounds[0], c.Errors[0]*math.Sqrt(float64(c.N))
		}
		return value, noise
	}
	const others = 0.05
	weights := make([]float64, m)
	for k := range weights {
		low, high := math.Inf(1), math.Inf(-1)
		for _, c := range all {
			low, high = min(low, c.Bounds[k]), max(high, c.Bounds[k])
		}
		if span := high/2 - low/2; span > 0 {
			weights[k] = -rng.Log(max(r.Float64(), 1e-300)) / span
		}
	}
	misses := make([]float64, m)
	for i, c := range all {
		worst, square := 0, 0.0
		for k := range misses {
			high := math.Inf(-1)
			for _, x := range all {
				high = max(high, x.Bounds[k])
			}
			if misses[k] = float64(weights[k] * (high/2 - c.Bounds[k]/2)); misses[k] > misses[worst] {
				worst = k
			}
		}
		for k, miss := range misses {
			share := others
			if k == worst {
				share = 1
			}
			value[i] -= float64(share * miss)
			sd := float64(share * weights[k] * c.Errors[k] / 2)
			square += float64(sd * sd)
		}
		noise[i] = math.Sqrt(float64(square * float64(c.N)))
	}
	return value, noise
}

// repeatsView is the History as the inner strategy sees it, and who leads. It grows with
// the History and is otherwise a function of it.
type repeatsView struct {
	engine.History
	first   engine.ID // of the candidates since there are repeats
	leaders *engine.Leaders
	never   map[string]bool // genomes that could not be measured again

	imported int // since there are repeats

	read int               // candidates of the History that were looked at
	last *engine.Candidate // the last of them
	rows []*engine.Candidate
	byID map[engine.ID]*engine.Candidate // as it sees them, by their own ids
}

// follow takes in what the History has gained. What was read of another History, or by a
// strategy that began elsewhere in it, is forgotten.
func (v *repeatsView) follow(h engine.History, first engine.ID, leaders func(int) *engine.Leaders) {
	if v.byID == nil || v.first != first || v.read > h.Len() || v.read > 0 && h.At(v.read-1) != v.last {
		*v = repeatsView{leaders: leaders(1), never: map[string]bool{}, byID: map[engine.ID]*engine.Candidate{}}
	}
	v.History, v.first = h, first
	for ; v.read < h.Len(); v.read++ {
		v.last = h.At(v.read)
		v.leaders.Add(v.last)
		if imported(v.last) && v.last.ID >= first {
			v.imported++
		}
		c := v.as(v.last)
		v.rows = append(v.rows, c)
		v.byID[v.last.ID] = c
	}
}

// as is a candidate as the inner strategy sees it.
func (v *repeatsView) as(c *engine.Candidate) *engine.Candidate {
	switch {
	case c.Foreign(v.first):
		return c
	case c.Operator != engine.OpRepeat:
		return repeater(v.first).as(c, v.local)
	}
	out := *c
	out.Parents = locals(c.Parents, v.local)
	if c.Status != engine.OK {
		v.never[c.Genome.Packed()] = true
		return &out
	}
	estimates := v.leaders.Estimates(c)
	out.Metrics = slices.Clone(c.Metrics)
	for i, x := range out.Metrics {
		if e, known := estimates[x.Name]; known {
			out.Metrics[i].Value = e.Mean
		}
	}
	return &out
}

// local is the id of an earlier candidate as the inner strategy sees it.
func (v *repeatsView) local(id engine.ID) engine.ID {
	if c := v.byID[id]; c != nil {
		return c.ID
	}
	return id
}

// result is a candidate of the History with a curve and an output, as the inner strategy
// sees it.
func (v *repeatsView) result(c *engine.Candidate) *engine.Candidate {
	out := *v.byID[c.ID]
	out.Curve, out.Output = c.Curve, c.Output
	return &out
}

// Len implements engine.History.
func (v *repeatsView) Len() int { return len(v.rows) }

// At implements engine.History.
func (v *repeatsView) At(i int) *engine.Candidate { return v.rows[i] }

// Get implements engine.History.
func (v *repeatsView) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := v.byID[repeater(v.first).global(id)]
	return c, ok && c.ID == id
}

// Curve implements engine.History.
func (v *repeatsView) Curve(id engine.ID) ([]engine.Point, error) {
	return v.History.Curve(repeater(v.first).global(id))
}

// Output implements engine.History.
func (v *repeatsView) Output(id engine.ID) ([]byte, error) {
	return v.History.Output(repeater(v.first).global(id))
}
