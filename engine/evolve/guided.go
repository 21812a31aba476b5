package evolve

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

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
// With several objectives each has a model of its own, and what is expected to improve
// is the volume that the means dominate (Emmerich, Giannakoglou & Naujoks 2006); what is
// under way belongs to them, so that proposals spread over the front.
//
// With constraints the expected improvement is multiplied by the probability that they
// are kept; while nothing keeps them, that alone counts (Gardner et al. 2014).
//
// With several fidelities one model learns from all: values at different ones go
// together, the less the further apart they are. New genomes are measured at the
// lowest, and go on while the share of the cost that the ones below are to have is
// spent; what is improved upon is the value at the highest. Measuring again what was
// measured there counts like anything else, by how much it may move the mean.
//
// What was imported is one level below, or with several fidelities one for each: it tells
// as much of what is measured here as its genomes turn out to. Improved upon is what was
// measured here; the best from elsewhere is measured before anything else.
type guided struct {
	opener     opener
	ranking    engine.Ranking
	space      *genome.Space
	initial    int // candidates before the first that was chosen
	candidates int // children for a turn's proposals
	rounds     int // of varying those that promise most
	active     int // observations that the model looks at
	fit        int // steps of fitting it
	promote    bool
	share      float64   // of the cost, for a fidelity, of what those below it leave
	costs      []float64 // of one measurement at each fidelity
	resumes    []bool    // whether training goes on from the fidelity below
	reference  []float64 // of the objectives, if one is declared: where their volume begins

	// What follows from the History.
	model *surrogate.Model
	rows  []*engine.Candidate // its observations
	tried tried
	spent []int               // measurements at each fidelity
	known map[genome.Hash]int // the highest fidelity, of what went on and of what another form of it had told
	again map[string]*repeats // by packed genome: measurements at the highest
	luck  repeats             // all of them, each less its genome's mean
}

type guidedState struct {
	First   engine.ID      `json:"first"`   // of its own candidates; 0 before the first turn
	Started int            `json:"started"` // known-good genomes proposed
	Initial int            `json:"initial"` // initial candidates proposed, less those that could not be measured
	Pending []guidedChoice `json:"pending"` // chosen and without a result
	Keep    []engine.ID    `json:"keep"`    // of whom training may go on
}

// guidedChoice is a genome that was chosen.
type guidedChoice struct {
	ID       engine.ID `json:"id"`
	Packed   []byte    `json:"genome"`
	Fidelity int       `json:"fidelity"`
}

// repeats are several measurements of one thing.
type repeats struct {
	n       float64
	means   []float64 // of each objective
	squares []float64 // sums of squared differences from the mean
	last    bool      // it cannot be measured again
}

const (
	guidedParents = 10  // of which children are made
	guidedBelief  = 200 // chosen genomes without a result that are believed, at most
	guidedKept    = 32  // of whose training the files stay, at most
)

// Declare declares the options.
func (s *guided) Declare(o *option.Set) {
	o.Int(&s.initial, "initial", 12, 2, 100_000,
		"known-good and random candidates before the first that is chosen; who cannot be measured is replaced")
	o.Int(&s.candidates, "candidates", 300, 10, 100_000, "children that the surrogate ranks for a turn's proposals")
	o.Int(&s.rounds, "rounds", 3, 1, 100, "how often children are made: first of the best that were measured, "+
		"then 100 of the children that promise most")
	o.Int(&s.active, "active", 300, 10, 2000,
		"how many observations the surrogate looks at: of more, the best, a sample of the others, and the newest")
	o.Int(&s.fit, "fit", 40, 0, 1000, "steps in which the surrogate's parameters are fitted; with 0 they stay as they are")
	o.Bool(&s.promote, "promote", true, "with several fidelities: whether those that promise most go on to the next")
	o.Float(&s.share, "share", 0.4, 0.01, 0.99,
		"with several fidelities: of what the ones below leave, the share of the cost that each gets but the last")
}

// Open reads the options.
func (s *guided) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	s.opener, s.ranking, s.space = newOpener(setup), setup.Ranking(), setup.Space
	all := setup.Fidelities[:min(1, len(setup.Fidelities))]
	if s.promote {
		all = setup.Fidelities
	}
	s.reference = nil
	if len(setup.Reference) > 0 {
		plain := s.ranking
		plain.Soft = nil
		s.reference = plain.Place(&engine.Candidate{Result: engine.Result{Status: engine.OK, Metrics: setup.Reference}})
	}
	s.costs, s.resumes = []float64{1}, []bool{false}
	budgets := len(all) > 0
	for i := 1; i < len(all); i++ {
		s.costs = append(s.costs, 4*s.costs[i-1]) // as good a guess as any
		s.resumes = append(s.resumes, all[i].Evaluator == all[i-1].Evaluator)
		budgets = budgets && s.resumes[i] && all[i-1].Budget > 0 && all[i].Budget > 0
	}
	for i := range all {
		if budgets && all[i].Budget > 0 {
			s.costs[i] = all[i].Budget
		}
	}
	s.model = surrogate.NewModel(setup.Space, len(s.costs), s.objectives(), s.active, s.fit)
	s.tried = tried{}
	s.forget()
	return pack(guidedState{}), engine.Needs{History: engine.NeedMetrics}, err
}

// top is the highest fidelity that is measured at.
func (s *guided) top() int { return len(s.costs) - 1 }

// Step fills the room that there is with initial candidates and chosen ones.
func (s *guided) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	var st guidedState
	if err := unpack(state, &st); err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
		if found := adopted(turn.History); len(found) > 0 {
			st.Started, st.Initial = s.opener.opened(turn), len(found)
		}
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		st.Pending = slices.DeleteFunc(st.Pending, func(x guidedChoice) bool { return x.ID == c.ID })
		switch {
		case c.Fidelity != 0:
		case imported(c) && usable(c):
			st.Initial++
		case !usable(c) && !c.Foreign(st.First) && (c.Operator == engine.OpRandom || c.Operator == engine.OpStart):
			st.Initial--
		}
	}
	s.learn(turn.History)

	var d engine.Decision
	for len(d.Proposals) < turn.Want && (s.model.Len() == 0 || st.Initial < s.initial || st.Started < len(s.opener.start)) {
		d.Proposals = append(d.Proposals, s.opener.next(&st.Started))
		st.Initial++
	}
	if room := turn.Want - len(d.Proposals); room > 0 {
		chosen, err := s.choose(&st, rng.New(turn.Seed), room)
		if err != nil {
			return engine.Decision{}, err
		}
		for _, x := range chosen {
			if !x.genome.IsZero() {
				id := turn.FirstID + engine.ID(len(d.Proposals))
				st.Pending = append(st.Pending, guidedChoice{id, []byte(x.genome.Packed()), x.Fidelity})
			}
			d.Proposals = append(d.Proposals, x.Proposal)
		}
	}
	d.State, d.Keep = pack(st), st.Keep
	return d, nil
}

// learn takes in what is new in the History.
func (s *guided) learn(h engine.History) {
	s.tried.follow(h, s.forget, func(c *engine.Candidate) {
		if c.Fidelity > s.top() {
			return
		}
		if c.Reuse != 0 {
			s.knows(c)
			return
		}
		packed, level := c.Genome.Packed(), c.Fidelity
		if imported(c) {
			level -= len(s.costs)
		} else {
			s.spent[level]++
		}
		switch {
		case c.Stopped || c.Status == engine.Failed:
			return
		case c.Replicate && c.Status == engine.Invalid:
			if again := s.again[packed]; again != nil {
				again.last = true
			}
			return
		}
		values := s.values(c)
		if level == s.top() && c.Status == engine.OK && !math.IsInf(values[0], 0) {
			s.repeat(packed, values[:s.objectives()])
		}
		s.model.Observe(c.Genome, level, values)
		s.rows = append(s.rows, c)
		if level > 0 {
			s.knows(c)
		}
	})
}

// knows remembers at which fidelity a genome is known, or one that is the same: for ever,
// for the model looks at some of the observations only.
func (s *guided) knows(c *engine.Candidate) {
	key := s.model.Point(c.Genome).Key
	s.known[key] = max(s.known[key], c.Fidelity)
}

func (s *guided) forget() {
	s.model.Clear()
	s.rows, s.spent, s.known = nil, make([]int, len(s.costs)), map[genome.Hash]int{}
	s.again, s.luck = map[string]*repeats{}, repeats{squares: make([]float64, s.objectives())}
}

// objectives is how many of the model's outputs are to be improved.
func (s *guided) objectives() int { return max(1, len(s.ranking.Objectives)) }

// repeat counts a measurement at the highest fidelity (Welford 1962).
func (s *guided) repeat(packed string, values []float64) {
	m := s.again[packed]
	if m == nil {
		s.again[packed] = &repeats{n: 1, means: slices.Clone(values), squares: make([]float64, len(values))}
		return
	}
	m.n++
	s.luck.n++
	for j, x := range values {
		d := x - m.means[j]
		m.means[j] += d / m.n
		square := float64(d * (x - m.means[j]))
		m.squares[j] += square
		s.luck.squares[j] += square
	}
}

// values are what the model is to predict of a candidate: where it lies by each
// objective, and by how much each bound is kept. More is better.
func (s *guided) values(c *engine.Candidate) []float64 {
	out := s.ranking.Place(c)
	if len(out) == 0 {
		out = []float64{math.Inf(-1)}
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
	genome genome.Genome
	point  *surrogate.Point
	guess  surrogate.Guess
	score  float64
}

// measured is a genome that was measured.
type measured struct {
	*engine.Candidate                  // at the highest fidelity at which it was, here if it was here
	point             *surrogate.Point //
	means             []float64        // of each objective at the highest fidelity of all
	violation         float64
}

// better tells whether it says more of its genome than another measurement.
func (m measured) better(other measured) bool {
	if imported(m.Candidate) != imported(other.Candidate) {
		return imported(other.Candidate)
	}
	return m.Fidelity > other.Fidelity
}

// chooser chooses the proposals of one turn.
type chooser struct {
	*guided
	*surrogate.Posterior
	r       *rng.Rand
	all     []measured           // best first
	front   [][]float64          // the means that are to be improved upon, the best first; none where nothing keeps the constraints
	beyond  *surrogate.Front     // with several objectives: what they dominate
	known   map[genome.Hash]bool // what need not be measured again
	drawn   map[string]bool      // likewise, by packed genome
	spent   []int                // measurements at each fidelity, with those under way
	choices [][]choice           // at each fidelity
	first   *engine.Candidate    // the best from elsewhere; nil if there is none
	fresh   bool                 // new genomes were drawn
}

// choose proposes what is worth measuring most, or random genomes where there is
// nothing new.
func (s *guided) choose(st *guidedState, r *rng.Rand, room int) ([]choice, error) {
	c := &chooser{
		guided: s, Posterior: s.model.Posterior(), r: r, known: map[genome.Hash]bool{}, drawn: map[string]bool{},
		spent: slices.Clone(s.spent), choices: make([][]choice, len(s.costs)),
	}
	c.rate()
	var waiting []*surrogate.Point
	higher := map[string]int{} // fidelities at which pending ones are measured, by packed genome
	for i, x := range st.Pending {
		c.drawn[string(x.Packed)] = true
		c.spent[x.Fidelity]++
		higher[string(x.Packed)] = max(higher[string(x.Packed)], x.Fidelity)
		if len(st.Pending)-i > guidedBelief {
			continue
		}
		g, err := s.space.Unpack(string(x.Packed))
		if err != nil {
			return nil, fmt.Errorf("the strategy's state names a genome that is none of the space: %w", err)
		}
		p := s.model.Point(g)
		c.believe(p, x.Fidelity)
		waiting = append(waiting, p)
	}
	if c.beyond != nil {
		for _, g := range c.Guess(waiting, c.top()) {
			c.front = append(c.front, g.Means[:c.objectives()])
		}
		c.reach()
	}
	c.again(higher)
	st.Keep = c.keep()
	var out []choice
	for len(out) < room {
		x, ok := c.next()
		if !ok {
			x = choice{Proposal: engine.Proposal{Operator: engine.OpRandom}}
			c.spent[0]++
		} else {
			c.take(x)
		}
		out = append(out, x)
	}
	return out, nil
}

// level is the fidelity whose turn it is.
func (c *chooser) level() int {
	rest := 0.0
	for i, n := range c.spent {
		rest += float64(float64(n) * c.costs[i])
	}
	for i, n := range c.spent[:c.top()] {
		cost := float64(float64(n) * c.costs[i])
		if cost < float64(c.share*rest) || i > 0 && rest <= 0 { // or nothing has come so far
			return i
		}
		rest -= cost
	}
	return c.top()
}

// next is the best choice at the fidelity whose turn it is, or if there is none among
// new genomes.
func (c *chooser) next() (choice, bool) {
	for _, x := range c.choices[0] {
		if c.first != nil && x.Operator == engine.OpSame && !x.Replicate &&
			x.genome.Packed() == c.first.Genome.Packed() && !c.known[x.point.Key] {
			return x, true
		}
	}
	level := c.level()
	if len(c.choices[level]) == 0 || level == 0 {
		level = 0
		c.draw()
	}
	list := c.choices[level]
	if len(list) == 0 {
		return choice{}, false
	}
	best := 0
	for i := range list {
		if list[i].score > list[best].score {
			best = i
		}
	}
	return list[best], true
}

// take believes a choice, and lets the others follow.
func (c *chooser) take(x choice) {
	c.spent[x.Fidelity]++
	c.believe(x.point, x.Fidelity)
	if c.beyond != nil && !x.Replicate {
		c.front = append(c.front, x.guess.Means[:c.objectives()])
		c.reach()
	}
	for level, list := range c.choices {
		if !x.Replicate {
			list = slices.DeleteFunc(list, func(y choice) bool { return y.point.Key == x.point.Key })
		}
		for i := range list {
			c.Follow(&list[i].guess)
			list[i].score = c.score(&list[i])
		}
		c.choices[level] = list
	}
}

// believe takes a genome for measured.
func (c *chooser) believe(p *surrogate.Point, level int) {
	c.known[p.Key] = true
	c.Believe(p, level)
}

// rate puts what was measured in order by its means, what keeps the constraints first.
func (c *chooser) rate() {
	at := map[genome.Hash]int{}
	n := c.objectives()
	elsewhere := false
	for i := range c.Rows {
		row := &c.Rows[i]
		if from := c.rows[row.Index]; row.Level < 0 {
			elsewhere = true
			if usable(from) && (c.first == nil || c.ranking.Compare(from, c.first) < 0) {
				c.first = from
			}
		} else {
			c.known[row.Key] = true
		}
		x := measured{c.rows[row.Index], nil, row.Means[:n], math.Inf(1)}
		if x.Status == engine.OK {
			x.violation = c.ranking.Violation(x.Metrics)
		}
		k, seen := at[row.Key]
		switch {
		case !seen:
			x.point = c.model.Point(x.Genome)
			at[row.Key] = len(c.all)
			c.all = append(c.all, x)
		case x.better(c.all[k]):
			x.point = c.all[k].point
			c.all[k] = x
		}
	}
	if c.top() > 0 || elsewhere {
		points := make([]*surrogate.Point, len(c.all))
		for i := range c.all {
			points[i] = c.all[i].point
		}
		for i, g := range c.Guess(points, c.top()) {
			c.all[i].means = g.Means[:n]
		}
	}
	c.sort()
	for _, top := range []bool{true, false} { // while nothing is measured at the top, what else there is
		for _, x := range c.all {
			if x.violation == 0 && (x.Fidelity == c.top() && !imported(x.Candidate)) == top {
				c.front = append(c.front, x.means)
			}
		}
		if len(c.front) > 0 {
			break
		}
	}
	c.reach()
}

// sort is by violation, then by the means as a Rank has it.
func (c *chooser) sort() {
	kept := 0.0
	by := engine.Ranking{Constraints: []engine.Constraint{{Metric: "violation", Max: &kept}}, Rules: genome.Rules}
	for j := range c.objectives() {
		by.Objectives = append(by.Objectives, engine.Objective{Metric: strconv.Itoa(j), Goal: engine.Maximize})
	}
	at := map[engine.ID]measured{}
	list := make([]*engine.Candidate, len(c.all))
	for i, x := range c.all {
		at[x.ID] = x
		metrics := engine.Values{{Name: "violation", Value: x.violation}}
		for j, o := range by.Objectives {
			metrics = append(metrics, engine.Value{Name: o.Metric, Value: x.means[j]})
		}
		list[i] = &engine.Candidate{Job: engine.Job{ID: x.ID}, Result: engine.Result{Status: engine.OK, Metrics: metrics}}
	}
	by.Sort(list)
	for i, x := range list {
		c.all[i] = at[x.ID]
	}
}

// reach finds what can be improved upon with several objectives: up to the reference, or a
// tenth of the range beyond the worst that was measured if none is declared or, from
// revision 3 of the rules on, nothing on the front is better than it: towards a point
// beyond all of them every direction looks as good as another.
func (c *chooser) reach() {
	n := c.objectives()
	if n == 1 || len(c.front) == 0 {
		return
	}
	c.front = surrogate.Undominated(c.front)
	reference := make([]float64, n)
	if c.reference != nil {
		for j := range reference {
			reference[j] = c.Scale(j, c.top()).Beyond(c.reference[j])
		}
		if c.ranking.Rules < 3 || slices.ContainsFunc(c.front, func(p []float64) bool { return better(p, reference) }) {
			c.beyond = surrogate.NewFront(c.front, reference)
			return
		}
	}
	for j := range reference {
		low, high := math.Inf(1), math.Inf(-1)
		for _, x := range c.all {
			low, high = min(low, x.means[j]), max(high, x.means[j])
		}
		reference[j] = low - (high-low)/10
	}
	c.beyond = surrogate.NewFront(c.front, reference)
}

// better tells whether a point is better than another in each coordinate.
func better(p, than []float64) bool {
	for j, x := range p {
		if !(x > than[j]) {
			return false
		}
	}
	return true
}

// again makes choices of what was measured: to go on to the next fidelity, to be
// measured once more at the highest, or for the first time here.
func (c *chooser) again(pending map[string]int) {
	var points []*surrogate.Point
	var list []choice
	for i, x := range c.all {
		packed := x.Genome.Packed()
		p := engine.Proposal{Operator: engine.OpSame, Parents: []engine.ID{x.ID}, Fidelity: x.Fidelity + 1}
		switch {
		case imported(x.Candidate):
			p.Fidelity = 0
		case x.Fidelity == c.top():
			p.Fidelity, p.Replicate = c.top(), true
		case c.resumes[p.Fidelity]:
			p.Resume = x.ID
		}
		switch {
		case !usable(x.Candidate):
		case imported(x.Candidate):
			if (i < guidedParents || packed == c.first.Genome.Packed()) && !c.drawn[packed] {
				c.drawn[packed] = true
				points, list = append(points, x.point), append(list, choice{Proposal: p, genome: x.Genome, point: x.point})
			}
		case !p.Replicate && max(pending[packed], c.guided.known[x.point.Key]) >= p.Fidelity:
		case p.Replicate && (i >= guidedParents || !c.tells(packed)):
		default:
			points = append(points, x.point)
			list = append(list, choice{Proposal: p, genome: x.Genome, point: x.point})
		}
	}
	c.rank(list, points)
}

// tells tells whether measuring a genome again may say something else.
func (c *chooser) tells(packed string) bool {
	m := c.guided.again[packed]
	return m != nil && !m.last && (c.luck.n == 0 || slices.Max(c.luck.squares) > 0)
}

// rank adds choices.
func (c *chooser) rank(list []choice, points []*surrogate.Point) {
	for i, g := range c.Guess(points, c.top()) {
		x := list[i]
		x.guess = g
		x.score = c.score(&x)
		c.choices[x.Fidelity] = append(c.choices[x.Fidelity], x)
	}
}

// keep lists those of whom training may go on.
func (c *chooser) keep() []engine.ID {
	var ids []engine.ID
	for _, x := range c.all {
		if x.Fidelity < c.top() && c.resumes[x.Fidelity+1] && usable(x.Candidate) && !imported(x.Candidate) && len(ids) < guidedKept {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// draw makes children, once, and more of those that promise most.
func (c *chooser) draw() {
	if c.fresh {
		return
	}
	c.fresh = true
	var parents []engine.Proposal
	for _, x := range c.all {
		if usable(x.Candidate) && len(parents) < guidedParents {
			parents = append(parents, engine.Proposal{Genome: x.Genome, Parents: []engine.ID{x.ID}})
		}
	}
	c.add(c.candidates, func(int) engine.Proposal { return c.child(parents) })
	for range c.guided.rounds - 1 {
		var few []engine.Proposal
		list := slices.Clone(c.choices[0])
		slices.SortStableFunc(list, func(a, b choice) int { return cmp.Compare(b.score, a.score) })
		for _, x := range list[:min(guidedParents, len(list))] {
			few = append(few, engine.Proposal{Genome: x.genome, Parents: x.Parents})
		}
		c.add(10*len(few), func(k int) engine.Proposal { return c.mutate(few[k%len(few)]) })
	}
}

// add adds n genomes to the choices, those that are new.
func (c *chooser) add(n int, make func(k int) engine.Proposal) {
	var fresh []choice
	var points []*surrogate.Point
	for k := range n {
		p := make(k)
		packed := p.Genome.Packed()
		_, measured := c.tried.since[packed]
		if p.Genome.IsZero() || measured || c.drawn[packed] {
			continue
		}
		c.drawn[packed] = true
		x := c.model.Point(p.Genome)
		if _, known := c.guided.known[x.Key]; !known && !c.known[x.Key] {
			fresh, points = append(fresh, choice{Proposal: p, genome: p.Genome, point: x}), append(points, x)
		}
	}
	c.rank(fresh, points)
}

// score is the logarithm of the improvement that is expected of the mean, times the
// probability that the constraints are kept.
func (c *chooser) score(x *choice) float64 {
	score := 0.0
	n := c.objectives()
	if len(c.front) > 0 {
		moves := make([]float64, n)
		for j := range moves {
			most := math.Inf(1)
			if x.Replicate {
				most = c.noise(j) / c.guided.again[x.genome.Packed()].n
			}
			moves[j] = c.Moves(&x.guess, j, most)
		}
		if n == 1 {
			score = surrogate.Improvement(x.guess.Means[0], moves[0], c.front[0][0])
		} else {
			score = c.beyond.Improvement(x.guess.Means[:n], moves)
		}
	}
	for k := n; k < len(x.guess.Means); k++ {
		sd := math.Sqrt(c.Variance(&x.guess, k))
		score += rng.Log(max(surrogate.Below((x.guess.Means[k]-c.Scale(k, c.top()).Of(0))/sd), 1e-300))
	}
	return score
}

// noise is the variance of measuring an objective again on the model's scale: what
// repeats tell, and while they are few, what the model takes for noise.
func (c *chooser) noise(objective int) float64 {
	const few = 2
	sd := c.Scale(objective, c.top()).Step()
	square := float64(sd * sd)
	squares := c.luck.squares[objective] / square
	if square == 0 || math.IsInf(square, 0) {
		x := math.Sqrt(min(math.MaxFloat64, c.luck.squares[objective])) / sd
		squares = float64(x * x)
	}
	return (squares + float64(few*c.Noise(objective))) / (c.luck.n + few)
}

// child draws a genome at random, or makes one of the best that were measured.
func (c *chooser) child(parents []engine.Proposal) engine.Proposal {
	parent := func() engine.Proposal { return parents[c.r.Intn(len(parents))] }
	switch x := c.r.Float64(); {
	case x < 0.2 || len(parents) == 0:
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
