package engine

import (
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// Leaders are the best candidates at the highest fidelity that was reached: the n best
// of different genomes or, with several objectives, the front. They are kept while
// candidates come, so that a long history costs no more than a short one.
type Leaders struct {
	plan      *Plan
	n         int
	rank      *Rank
	fidelity  int
	reference reference
	volume    *float64 // of the front, once it was asked for
}

// maxFront is how many of a front are kept at most. Of a larger one the half stays that
// stands alone.
const maxFront = 1000

// Leaders are those of nobody yet.
func (p *Plan) Leaders(n int) *Leaders {
	r := p.Ranking()
	return &Leaders{plan: p, n: n, rank: r.Rank(), reference: newReference(&r, p.Reference)}
}

// Add takes a candidate in if it belongs there, and tells whether it did. Stopped ones
// are not compared with full ones, shared weights not with trained ones, and only the
// highest fidelity reached counts.
func (l *Leaders) Add(c *Candidate) bool {
	if c.Status != OK || c.Stopped || c.Task != Train || c.Fidelity < l.fidelity {
		return false
	}
	if c.Fidelity > l.fidelity {
		l.rank, l.fidelity, l.volume = l.rank.ranking.Rank(), c.Fidelity, nil
		l.reference = l.reference.anew()
	}
	m := l.rank.ranking.member(c)
	if l.several() {
		moved := l.reference.add(m)
		if moved {
			l.volume = nil
		}
		if l.rank.frontOf(m) > 0 {
			return moved
		}
		l.rank.add(m)
		l.rank.onlyFront(maxFront)
		l.volume = nil
		return true
	}
	list := l.rank.List()
	if len(list) == l.n && l.rank.members[l.n-1].order(m) < 0 {
		return false
	}
	if i := slices.IndexFunc(list, func(x *Candidate) bool { return x.Genome == c.Genome }); i >= 0 {
		if l.rank.members[i].order(m) < 0 {
			return false
		}
		l.rank.Remove(list[i])
	}
	if l.rank.add(m); l.rank.Len() > l.n {
		l.rank.Remove(l.rank.List()[l.n])
	}
	return true
}

// Fidelity is the highest that was reached.
func (l *Leaders) Fidelity() int { return l.fidelity }

func (l *Leaders) several() bool { return len(l.rank.ranking.Objectives) > 1 }

// Best are the n best, of different genomes. With several objectives they are of the
// front: the best by the preferred objective, then those that stand alone.
func (l *Leaders) Best() []*Candidate {
	list := l.rank.List()
	if l.several() {
		list = different(slices.Concat(l.Front()[:min(1, len(list))], list))
	}
	return list[:min(l.n, len(list))]
}

// Front are the candidates that no other one dominates, of different genomes, the best
// by the preferred objective first; none with one objective.
func (l *Leaders) Front() []*Candidate {
	if !l.several() {
		return nil
	}
	return different(l.plan.preferred(l.rank.List()))
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
	r := p.Ranking()
	rank := r.Rank(cs...)
	front := rank.List()[:rank.Front()]
	if len(r.Objectives) > 1 {
		i := max(0, slices.IndexFunc(r.Objectives, func(o Objective) bool { return o.Metric == p.Prefer }))
		others := slices.Concat(r.Objectives[:i], r.Objectives[i+1:], r.Ties)
		r.Objectives, r.Ties = r.Objectives[i:i+1], others
	}
	r.Sort(front)
	return front
}

// clone are the leaders of now, whoever comes later.
func (l *Leaders) clone() *Leaders {
	now := *l
	now.rank = l.rank.clone()
	return &now
}
