package evolve

import (
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
)

// Promoter sends the best of each fidelity on to the next one, while the
// search goes on. Strategies of other families can use it as those of this
// package do, see Promotion.
//
// Of every eta candidates that a fidelity has measured, one goes on: as soon as
// promoted < (measured - after) / eta, rounded down, the best that has not gone
// on yet does. Since no more than that go on, the one chosen always belongs to
// the best 1/eta of its fidelity: this is the rule of ASHA (Li et al. 2018,
// arXiv 1810.05934) with a bound on its number. Evolution needs the bound: its
// newcomers keep getting better, nearly each would enter the best 1/eta for a
// moment, and half of the search would be spent on promotions. The warm-up
// `after` holds for the lowest fidelity alone: those above are chosen already.
//
// Nothing here depends on a limit, so a search that is extended goes on as if
// it had never ended. With eta 4 and after 20, of 170 evaluations 140 go to the
// lowest fidelity and 30 to the next.
//
// What it remembers is a Ladder, a part of the strategy's state: each turn
// takes its results in with Learn, asks Propose for as many promotions as there
// is room for before it proposes anything else, and keeps the files of Keep.
type Promoter struct {
	judge judge
	first judge  // of fidelity 0
	next  []bool // whether training goes on from fidelity i to i+1: one evaluator does both
	eta   int
	after int
	on    bool
}

// Ladder is the part of a state that promotion keeps, as JSON. It begins as nil.
type Ladder []rung

// rung is what promotion knows of one fidelity.
type rung struct {
	Measured int         `json:"measured"`
	Promoted int         `json:"promoted"`
	Queue    []engine.ID `json:"queue"` // the best that have not gone on, best first
}

// fill makes the best of a rank the queue.
func (g *rung) fill(rank *engine.Rank) {
	g.Queue = nil
	for _, c := range rank.List()[:min(rank.Len(), queueLength)] {
		g.Queue = append(g.Queue, c.ID)
	}
}

// queueLength bounds a rung's queue, and with it the state and the checkpoints
// that are kept. What falls out has many betters that go first.
const queueLength = 32

// Promotion is the option `promote` of a strategy as it was read.
type Promotion struct {
	Eta   int // one of that many goes on
	After int // candidates at the lowest fidelity that do not count
	on    bool
	group *option.Group
}

// Declare declares the option: false, or a group of eta and after. What it returns
// is after, whose default may be another option's value.
func (p *Promotion) Declare(o *option.Set, eta, after int) *option.Option {
	p.group = o.Group("promote", "with several fidelities: the best of each go on to the next; false: none does").Switch(&p.on)
	p.group.Int(&p.Eta, "eta", eta, 1, 1000, "one of that many goes on")
	return p.group.Int(&p.After, "after", after, 0, 1_000_000, "warm-up: so many candidates at the first fidelity do not count")
}

// Promoter promotes by the option, once that was read. It is off where there is
// one fidelity only; if it is On, the strategy needs the History's metrics.
func (p *Promotion) Promoter(setup engine.Setup) *Promoter {
	out := &Promoter{judge: newJudge(setup), first: newJudge(setup), eta: p.Eta, after: p.After}
	for i := range len(setup.Fidelities) - 1 {
		out.next = append(out.next, setup.Fidelities[i].Evaluator == setup.Fidelities[i+1].Evaluator)
	}
	out.on = p.on && len(out.next) > 0
	return out
}

// of is how candidates of a fidelity are compared.
func (p *Promoter) of(fidelity int) judge {
	if fidelity == 0 {
		return p.first
	}
	return p.judge
}

// On tells whether there is anything to promote to.
func (p *Promoter) On() bool { return p.on }

// Learn takes a turn's results in. Its error says that the Ladder does not
// belong to the turn's History.
func (p *Promoter) Learn(l *Ladder, turn engine.Turn) error {
	if !p.on {
		return nil
	}
	if *l == nil {
		*l = make(Ladder, len(p.next))
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		p.others(*l, c)
		// A reused result has a source, and that one stands here for both.
		if !usable(c) || imported(c) || c.Reuse != 0 || c.Fidelity < 0 || c.Fidelity >= len(p.next) {
			continue
		}
		g := &(*l)[c.Fidelity]
		g.Measured++
		queue, err := find(turn.History, g.Queue)
		if err != nil {
			return err
		}
		g.fill(p.of(c.Fidelity).Rank(append(queue, c)...))
	}
	return nil
}

// due is how many of fidelity i may go on by now.
func (p *Promoter) due(g rung, i int) int {
	n := g.Measured
	if i == 0 {
		n -= p.after
	}
	return max(0, n) / p.eta
}

// Propose returns the next promotion that is due, from the highest fidelity
// down, and notes it in the Ladder.
func (p *Promoter) Propose(l Ladder) (engine.Proposal, bool) {
	for i := len(l) - 1; i >= 0; i-- {
		g := &l[i]
		if len(g.Queue) == 0 || g.Promoted >= p.due(*g, i) {
			continue
		}
		id := g.Queue[0]
		g.Queue = g.Queue[1:]
		g.Promoted++
		out := engine.Proposal{Operator: engine.OpSame, Parents: []engine.ID{id}, Fidelity: i + 1}
		if p.next[i] {
			out.Resume = id
		}
		return out, true
	}
	return engine.Proposal{}, false
}

// Keep lists the candidates whose files a later promotion goes on from.
func (p *Promoter) Keep(l Ladder) []engine.ID {
	var ids []engine.ID
	for i, g := range l {
		if p.next[i] {
			ids = append(ids, g.Queue...)
		}
	}
	return ids
}
