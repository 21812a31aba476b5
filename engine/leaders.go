package engine

import (
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
)

// Leaders are the best candidates at the highest fidelity that was reached: the n best
// of different genomes or, with several objectives, the front. A genome that was
// measured several times counts by its estimate; the candidate that measured it first
// stands for it. They are kept while candidates come, so that a long history costs no
// more than a short one.
type Leaders struct {
	plan      *Plan
	n         int
	rank      *Rank // those near the top as well, for whoever leads may turn out to be lucky
	estimates estimates
	fidelity  int
	reference reference
	volume    *volume // that the front dominates
}

const (
	// maxFront is how many of a front are kept at most. Of a larger one the half stays
	// that stands alone.
	maxFront = 1000

	// nearTop is how many are kept at least or, with several objectives, behind the front.
	// Who is not among them is not asked for again unless it is measured again.
	nearTop = 100
)

// Leaders are those of nobody yet.
func (p *Plan) Leaders(n int) *Leaders {
	r := p.Ranking()
	return &Leaders{plan: p, n: n, rank: r.Rank(), estimates: newEstimates(&r), reference: newReference(&r, p.Reference)}
}

// Leaders are those of nobody yet, for a strategy.
func (s *Setup) Leaders(n int) *Leaders {
	r := s.Ranking()
	return (&Plan{Objectives: r.Objectives, Ties: r.Ties, Constraints: r.Constraints, Rules: max(2, r.Rules)}).Leaders(n)
}

// Contender is a genome that leads or is near the top.
type Contender struct {
	*Candidate           // that measured it first, with the means as metrics
	Bounds     []float64 // what it is compared by, for each objective: the mean, turned so that more is better, less its standard error
	Errors     []float64 // these standard errors; 0 while the noise is not known
	N          int       // measurements
}

// Contenders are the leaders and about a hundred that follow, of those that break the
// constraints as little as the best.
func (l *Leaders) Contenders() (out []Contender) {
	all := l.rank.all()
	for _, m := range all {
		if m.violation > all[0].violation || math.IsInf(m.at[0], 0) {
			continue
		}
		c := Contender{m.Candidate, m.at, make([]float64, len(m.at)), 0}
		for i, o := range l.rank.ranking.Objectives {
			n := l.estimates.count(m.Candidate, o.Metric)
			c.Errors[i], c.N = l.estimates.error(o.Metric, n), max(c.N, n)
		}
		out = append(out, c)
	}
	return out
}

// Add takes a candidate in if it belongs there, and tells whether it did. Stopped ones
// are not compared with full ones, shared weights not with trained ones, those from
// before a Takeover only if they fit, and only the highest fidelity reached counts.
func (l *Leaders) Add(c *Candidate) bool {
	if !c.measures() || c.Outside || c.Fidelity < l.fidelity {
		return false
	}
	if c.Fidelity > l.fidelity {
		l.rank, l.estimates, l.fidelity, l.volume = l.rank.ranking.Rank(), newEstimates(l.estimates.ranking), c.Fidelity, nil
		l.reference = l.reference.anew()
	}
	stands, again := l.estimates.add(c)
	switch {
	case stands == nil:
		return false
	case again:
		l.again(stands)
		return true
	case stands != c:
		return false
	}
	m, enough := l.estimates.member(c), max(nearTop, l.n)
	if !l.several() {
		leads := l.rank.Len() < l.n || m.order(l.rank.members[l.n-1]) < 0
		l.rank.add(m)
		l.rank.shorten(enough, maxFront)
		return leads
	}
	moved, k := l.reference.add(m), l.rank.frontOf(m)
	if k < max(1, len(l.rank.fronts)) || l.rank.Len()-l.rank.Front() < 2*enough {
		l.rank.add(m)
		l.rank.shorten(enough, maxFront)
	}
	if moved || l.volume == nil {
		l.measure()
	} else if k == 0 {
		l.dominates(m)
	}
	return k == 0 || moved
}

// again puts all in order again, once the genome that a candidate stands for was measured again.
func (l *Leaders) again(stands *Candidate) {
	all := []*member{l.estimates.member(stands)}
	key := l.estimates.sample(stands)
	for _, m := range l.rank.all() {
		if l.estimates.sample(m.Candidate) != key && m.Reuse != stands.ID {
			all = append(all, l.estimates.less(m))
		}
	}
	part := l.rank.part
	l.rank = l.rank.ranking.rank(all)
	l.rank.part = part
	l.rank.shorten(max(nearTop, l.n), maxFront)
	l.measure()
}

// Fidelity is the highest that was reached.
func (l *Leaders) Fidelity() int { return l.fidelity }

func (l *Leaders) several() bool { return len(l.rank.ranking.Objectives) > 1 }

// Best are the n best, of different genomes. With several objectives they are of the
// front: the best by the preferred objective, then those that stand alone.
func (l *Leaders) Best() []*Candidate {
	list := l.rank.List()
	if l.several() {
		list = different(slices.Concat(l.Front()[:min(1, len(list))], list[:l.rank.Front()]))
	}
	return list[:min(l.n, len(list))]
}

// Front are the candidates that no other one dominates, of different genomes, the best
// by the preferred objective first; none with one objective.
func (l *Leaders) Front() []*Candidate {
	if !l.several() {
		return nil
	}
	preferring, by := l.plan.preferring(), l.estimates
	by.ranking = &preferring
	front := slices.Clone(l.rank.List()[:l.rank.Front()])
	by.sort(front)
	return different(front)
}

// Part tells whether the front is a part of what no other candidate dominates: of more than
// 1,000 the half that stands alone was kept.
func (l *Leaders) Part() bool { return l.rank.part }

// reaches tells whether a leader keeps the constraints, by the means, and is as good as
// all targets by what it is compared by: where the noise is known by its lower bounds, so
// that one lucky measurement is none.
func (l *Leaders) reaches(c *Candidate, targets Values) bool {
	r, bounds := l.rank.ranking, slices.Clone(l.estimates.metrics(l.estimates.of(c)))
	if r.Violation(bounds) > 0 {
		return false
	}
	for _, o := range r.Objectives {
		i := slices.IndexFunc(bounds, func(v Value) bool { return v.Name == o.Metric })
		if i < 0 || r.Rules < 3 {
			continue
		}
		err := l.estimates.error(o.Metric, l.estimates.count(l.estimates.of(c), o.Metric))
		if o.Goal != Minimize {
			err = -err
		}
		bounds[i].Value = sum(bounds[i].Value, err)
	}
	return r.Reaches(bounds, targets)
}

// Estimates are those of the metrics of a candidate's genome, by name: means and
// intervals over all of its measurements. There are none before something was measured
// again.
func (l *Leaders) Estimates(c *Candidate) map[string]Estimate { return l.estimates.all(c) }

// Stands tells whether a candidate stands for its genome among those at the highest
// fidelity, and returns it with the means of all of the genome's measurements as metrics.
func (l *Leaders) Stands(c *Candidate) (judged Candidate, ok bool) {
	first := l.estimates.first[l.estimates.sample(c)]
	shares := c.Reuse != 0 && l.estimates.again[c.Reuse] != nil // what turned out to be luck
	if first == nil || first.ID != c.ID || c.Fidelity != l.fidelity || shares {
		return Candidate{}, false
	}
	judged = *c
	judged.Metrics = l.estimates.metrics(c)
	return judged, true
}

// different drops candidates whose genome one before has.
func different(list []*Candidate) (out []*Candidate) {
	seen := map[genome.Genome]bool{}
	for _, c := range list {
		if !seen[c.Genome] {
			seen[c.Genome], out = true, append(out, c)
		}
	}
	return out
}

// preferred are those of different candidates that no other one dominates, the best by
// the preferred objective first; equals in all are told apart as in a Rank.
func (p *Plan) preferred(cs []*Candidate) []*Candidate {
	rank := p.Ranking().Rank(cs...)
	front := rank.List()[:rank.Front()]
	p.preferring().Sort(front)
	return front
}

// preferring is the ranking of those that no other one dominates: by what is preferred,
// then by the objectives.
func (p *Plan) preferring() Ranking {
	r := p.Ranking()
	if len(r.Objectives) < 2 {
		return r
	}
	if e := preference(p.Prefer, r.Objectives); e != nil {
		return Ranking{
			Objectives: []Objective{{Metric: p.Prefer, Goal: Maximize}}, Ties: slices.Concat(r.Objectives, r.Ties),
			Constraints: r.Constraints, Rules: r.Rules, prefer: e,
		}
	}
	i := max(0, slices.IndexFunc(r.Objectives, func(o Objective) bool { return o.Metric == p.Prefer }))
	others := slices.Concat(r.Objectives[:i], r.Objectives[i+1:], r.Ties)
	r.Objectives, r.Ties = r.Objectives[i:i+1], others
	return r
}

// Preferable tells whether a candidate with these metrics has a finite value of what a front's
// winner is chosen by: the preferred objective, or the expression Prefer.
func (p *Plan) Preferable(metrics Values) bool {
	r := p.preferring()
	return !math.IsInf(r.worth(r.Objectives[0], metrics), 0)
}

// preference is what Plan.Prefer says, where it is not one of the objectives.
func preference(prefer string, objectives []Objective) *expression.Expression {
	if prefer == "" || slices.ContainsFunc(objectives, func(o Objective) bool { return o.Metric == prefer }) {
		return nil
	}
	e, err := expression.Parse(prefer)
	if err != nil { // searches have only begun with one that can be read
		return nil
	}
	return e
}

// clone are the leaders of now, whoever comes later.
func (l *Leaders) clone() *Leaders {
	now := *l
	now.rank, now.estimates, now.volume = l.rank.clone(), l.estimates.few(l.rank.all()), l.volume.clone()
	return &now
}
