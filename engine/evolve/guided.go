package evolve

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/engine/surrogate"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("guided", true, func(Find) engine.Strategy { return &guided{} }) }

// guided is evolution that a surrogate guides, for evaluations that are dear: a
// Gaussian process learns from all that was measured what a genome is worth; from the
// best, evolution makes many children; those go on that promise most, and the one of
// the largest expected improvement is measured (Mockus 1975; Jones, Schonlau & Welch
// 1998, Efficient Global Optimization). package surrogate has the model.
//
// Several proposals are made one after the other: what is under way is believed to
// come out as predicted (Ginsbourger, Le Riche & Carraro 2010), so that others are
// proposed elsewhere. The best is the one with the highest mean of the model at what
// was measured, so that it is no luck. A genome that was invalid is as bad as any.
//
// With constraints the expected improvement is multiplied by the probability that they
// are kept; while nothing keeps them, that alone counts (Gardner et al. 2014).
//
// With several fidelities the model is about the lowest one.
type guided struct {
	opener     opener
	promotion  Promotion
	promote    *Promoter
	ranking    engine.Ranking
	space      *genome.Space
	initial    int // candidates before the first that was chosen
	candidates int // children for a turn's proposals
	rounds     int // of varying those that promise most
	active     int // observations that the model looks at
	fit        int // steps of fitting it

	// What follows from the History.
	model *surrogate.Model
	rows  []*engine.Candidate // its observations
	tried tried
}

type guidedState struct {
	First   engine.ID      `json:"first"`   // of its own candidates; 0 before the first turn
	Started int            `json:"started"` // known-good genomes proposed
	Initial int            `json:"initial"` // initial candidates proposed, less those that could not be measured
	Pending []guidedChoice `json:"pending"` // chosen and without a result
	Ladder  Ladder         `json:"ladder,omitempty"`
}

// guidedChoice is a genome that was chosen.
type guidedChoice struct {
	ID     engine.ID `json:"id"`
	Packed []byte    `json:"genome"`
}

const (
	guidedParents = 10  // of which children are made
	guidedBelief  = 200 // chosen genomes without a result that are believed, at most
)

// Declare declares the options.
func (s *guided) Declare(o *option.Set) {
	o.Int(&s.initial, "initial", 12, 2, 100_000, "known-good and random candidates before the first that is chosen; who cannot be measured is replaced")
	o.Int(&s.candidates, "candidates", 300, 10, 100_000, "children that the surrogate ranks for a turn's proposals")
	o.Int(&s.rounds, "rounds", 3, 1, 100, "how often children are made: first of the best that were measured, then 100 of the children that promise most")
	o.Int(&s.active, "active", 300, 10, 2000, "how many observations the surrogate looks at: of more, the best, a sample of the others, and the newest")
	o.Int(&s.fit, "fit", 40, 0, 1000, "steps in which the surrogate's parameters are fitted; with 0 they stay as they are")
	s.promotion.Declare(o, 4, 20).Like("initial")
}

// Open reads the options.
func (s *guided) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	s.opener, s.ranking, s.promote = newOpener(setup), setup.Ranking(), s.promotion.Promoter(setup)
	s.space, s.model = setup.Space, surrogate.NewModel(setup.Space, 1, s.active, s.fit)
	s.tried, s.rows = tried{}, nil
	return pack(guidedState{}), engine.Needs{History: engine.NeedMetrics}, err
}

// Step fills the room that there is with promotions, initial candidates and chosen
// ones, in this order.
func (s *guided) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	var st guidedState
	if err := unpack(state, &st); err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		s.begin(&st, turn)
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		st.Pending = slices.DeleteFunc(st.Pending, func(x guidedChoice) bool { return x.ID == c.ID })
		if c.Fidelity == 0 && !usable(c) && c.ID >= st.First && (c.Operator == engine.OpRandom || c.Operator == engine.OpStart) {
			st.Initial--
		}
	}
	s.learn(turn.History)

	var d engine.Decision
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		if !ok {
			if s.model.Len() > 0 && st.Initial >= s.initial && st.Started >= len(s.opener.start) {
				break
			}
			p = s.opener.next(&st.Started)
			st.Initial++
		}
		d.Proposals = append(d.Proposals, p)
	}
	if room := turn.Want - len(d.Proposals); room > 0 {
		chosen, err := s.choose(&st, rng.New(turn.Seed), room)
		if err != nil {
			return engine.Decision{}, err
		}
		for _, p := range chosen {
			if !p.Genome.IsZero() {
				id := turn.FirstID + engine.ID(len(d.Proposals))
				st.Pending = append(st.Pending, guidedChoice{id, []byte(p.Genome.Packed())})
			}
			d.Proposals = append(d.Proposals, p)
		}
	}
	d.State, d.Keep = pack(st), s.promote.Keep(st.Ladder)
	return d, nil
}

// begin takes over what is in the History: the model learns from all of it.
func (s *guided) begin(st *guidedState, turn engine.Turn) {
	st.First = turn.FirstID
	if found := adopted(turn.History); len(found) > 0 {
		st.Started, st.Initial = len(s.opener.start), len(found)
		s.promote.Adopt(&st.Ladder, turn.History)
	}
}

// learn takes in what is new in the History.
func (s *guided) learn(h engine.History) {
	s.tried.follow(h, func() {
		s.model.Clear()
		s.rows = nil
	}, func(c *engine.Candidate) {
		if c.Reuse == 0 && !c.Stopped && c.Status != engine.Failed {
			s.model.Observe(c.Genome, 0, s.values(c))
			s.rows = append(s.rows, c)
		}
	})
}

// values are what the model is to predict of a candidate: the first objective, and by
// how much each bound is kept. More is better.
func (s *guided) values(c *engine.Candidate) []float64 {
	out := []float64{math.Inf(-1)}
	if len(s.ranking.Objectives) > 0 {
		out[0] = engine.Worth(s.ranking.Objectives[0], c.Metrics)
	}
	for _, k := range s.ranking.Constraints {
		x, ok := c.Metrics.Get(k.Metric)
		if k.Max != nil {
			out = append(out, room(*k.Max-x, ok))
		}
		if k.Min != nil {
			out = append(out, room(x-*k.Min, ok))
		}
	}
	return out
}

// room is by how much a bound is kept.
func room(x float64, measured bool) float64 {
	if !measured {
		return math.Inf(-1)
	}
	return x
}

// choice is a genome that may be measured next.
type choice struct {
	engine.Proposal
	point *surrogate.Point
	guess surrogate.Guess
	score float64
}

// chooser chooses the proposals of one turn.
type chooser struct {
	*guided
	*surrogate.Posterior
	r       *rng.Rand
	parents []engine.Proposal    // the best that were measured
	best    float64              // the mean that is to be improved upon
	kept    bool                 // there is one: something keeps the constraints
	known   map[genome.Hash]bool // what need not be measured again
	drawn   map[string]bool      // likewise, by packed genome
	choices []choice
}

// choose proposes what is worth measuring most, or random genomes where there is
// nothing new.
func (s *guided) choose(st *guidedState, r *rng.Rand, room int) ([]engine.Proposal, error) {
	c := &chooser{guided: s, Posterior: s.model.Posterior(), r: r, known: map[genome.Hash]bool{}, drawn: map[string]bool{}}
	c.rate()
	for i, x := range st.Pending {
		c.drawn[string(x.Packed)] = true
		if len(st.Pending)-i > guidedBelief {
			continue
		}
		g, err := s.space.Unpack(string(x.Packed))
		if err != nil {
			return nil, fmt.Errorf("the strategy's state names a genome that is none of the space: %w", err)
		}
		c.believe(s.model.Point(g))
	}
	c.draw(s.candidates, c.child)
	for range s.rounds - 1 {
		c.sort()
		few := c.choices[:min(guidedParents, len(c.choices))]
		c.draw(10*len(few), func(k int) engine.Proposal { return c.mutate(few[k%len(few)].Proposal) })
	}
	var out []engine.Proposal
	for len(out) < room && len(c.choices) > 0 {
		c.sort()
		x := c.choices[0]
		out = append(out, x.Proposal)
		c.believe(x.point)
		c.choices = slices.DeleteFunc(c.choices, func(y choice) bool { return y.point.Key == x.point.Key })
		for i := range c.choices {
			c.Follow(&c.choices[i].guess)
			c.choices[i].score = c.score(&c.choices[i].guess)
		}
	}
	for len(out) < room {
		out = append(out, engine.Proposal{Operator: engine.OpRandom})
	}
	return out, nil
}

// rate finds the best of what was measured: by its means, what keeps the constraints
// first.
func (c *chooser) rate() {
	type rated struct {
		*surrogate.Seen
		measured  *engine.Candidate
		violation float64
	}
	var all []rated
	for i := range c.Rows {
		x := rated{&c.Rows[i], c.rows[c.Rows[i].Index], 0}
		if x.measured.Status == engine.OK {
			x.violation = c.ranking.Violation(x.measured.Metrics)
		} else {
			x.violation = math.Inf(1)
		}
		c.known[x.Key] = true
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b rated) int {
		return cmp.Or(cmp.Compare(a.violation, b.violation), cmp.Compare(b.Means[0], a.Means[0]), cmp.Compare(a.Index, b.Index))
	})
	c.best, c.kept = all[0].Means[0], all[0].violation == 0
	parents := map[genome.Hash]bool{}
	for _, x := range all {
		if usable(x.measured) && !parents[x.Key] && len(c.parents) < guidedParents {
			parents[x.Key] = true
			c.parents = append(c.parents, engine.Proposal{Genome: x.measured.Genome, Parents: []engine.ID{x.measured.ID}})
		}
	}
}

// believe takes a genome for measured.
func (c *chooser) believe(p *surrogate.Point) {
	c.known[p.Key] = true
	c.Believe(p, 0)
}

// sort puts the choices that promise most first.
func (c *chooser) sort() {
	slices.SortStableFunc(c.choices, func(a, b choice) int { return cmp.Compare(b.score, a.score) })
}

// draw adds n genomes to the choices, those that are new.
func (c *chooser) draw(n int, make func(k int) engine.Proposal) {
	var fresh []choice
	var points []*surrogate.Point
	for k := range n {
		p := make(k)
		if p.Genome.IsZero() || c.drawn[p.Genome.Packed()] {
			continue
		}
		if _, measured := c.tried.since[p.Genome.Packed()]; measured {
			continue
		}
		c.drawn[p.Genome.Packed()] = true
		if x := c.model.Point(p.Genome); !c.known[x.Key] {
			fresh, points = append(fresh, choice{Proposal: p, point: x}), append(points, x)
		}
	}
	for i, g := range c.Guess(points, 0) {
		fresh[i].guess, fresh[i].score = g, c.score(&g)
	}
	c.choices = append(c.choices, fresh...)
}

// score is the logarithm of the improvement that is expected, times the probability
// that the constraints are kept.
func (c *chooser) score(g *surrogate.Guess) float64 {
	sd := math.Sqrt(g.Variance)
	score := 0.0
	if c.kept {
		score = surrogate.Improvement(g.Means[0], sd, c.best)
	}
	for k, mean := range g.Means[1:] {
		score += rng.Log(max(surrogate.Below((mean-c.Scale(k+1, 0).Of(0))/sd), 1e-300))
	}
	return score
}

// child draws a genome at random, or makes one of the best that were measured.
func (c *chooser) child(int) engine.Proposal {
	parent := func() engine.Proposal { return c.parents[c.r.Intn(len(c.parents))] }
	switch x := c.r.Float64(); {
	case x < 0.2 || len(c.parents) == 0:
		g, err := c.space.Random(c.r)
		return made(engine.Proposal{Operator: engine.OpRandom}, g, err)
	case x < 0.35:
		a, b := parent(), parent()
		g, err := c.space.Cross(a.Genome, b.Genome, c.r)
		return made(engine.Proposal{Operator: engine.OpCross, Parents: slices.Concat(a.Parents, b.Parents)}, g, err)
	case x < 0.5:
		return c.mutate(c.mutate(parent()))
	}
	return c.mutate(parent())
}

// mutate makes a mutant of a proposal's genome.
func (c *chooser) mutate(p engine.Proposal) engine.Proposal {
	if p.Genome.IsZero() {
		return p
	}
	g, err := c.space.Mutate(p.Genome, c.r)
	out := engine.Proposal{Operator: engine.OpMutate, Parents: p.Parents}
	switch len(p.Parents) {
	case 0:
		out.Operator = engine.OpRandom
	case 2:
		out.Operator = engine.OpCrossMutate
	}
	return made(out, g, err)
}

// made is a proposal with the genome that was made for it, without one if none was.
func made(p engine.Proposal, g genome.Genome, err error) engine.Proposal {
	if err == nil {
		p.Genome = g
	}
	return p
}
