package engine

import (
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// leaders are the best candidates at the highest fidelity that was reached: the n best
// of different genomes or, with several objectives, the front. They are kept while
// candidates come, so that a long history costs no more than a short one.
type leaders struct {
	n        int
	rank     *Rank
	fidelity int
}

// maxFront is how many of a front are kept at most. Of a larger one those are let go
// that stand closest to others.
const maxFront = 500

func (p *Plan) leaders(n int) *leaders { return &leaders{n: n, rank: p.Ranking().Rank()} }

// add takes a candidate in if it belongs there. Stopped ones are not compared with
// full ones, shared weights not with trained ones, and only the highest fidelity
// reached counts.
func (l *leaders) add(c *Candidate) {
	if c.Status != OK || c.Stopped || c.Task != Train || c.Fidelity < l.fidelity {
		return
	}
	if c.Fidelity > l.fidelity {
		l.rank, l.fidelity = l.rank.ranking.Rank(), c.Fidelity
	}
	m := l.rank.ranking.member(c)
	if l.several() {
		if l.rank.frontOf(m) == 0 {
			l.rank.add(m)
			l.rank.onlyFront(maxFront)
		}
		return
	}
	list := l.rank.List()
	if len(list) == l.n && l.rank.members[l.n-1].order(m) < 0 {
		return
	}
	if i := slices.IndexFunc(list, func(x *Candidate) bool { return x.Genome == c.Genome }); i >= 0 {
		if l.rank.members[i].order(m) < 0 {
			return
		}
		l.rank.Remove(list[i])
	}
	if l.rank.add(m); l.rank.Len() > l.n {
		l.rank.Remove(l.rank.List()[l.n])
	}
}

func (l *leaders) several() bool { return len(l.rank.ranking.Objectives) > 1 }

// best are the n best, of different genomes. With several objectives they are of the
// front: the best by the first objective, then those that stand alone.
func (l *leaders) best() []*Candidate {
	list := l.rank.List()
	if l.several() {
		list = different(slices.Concat(l.front()[:min(1, len(list))], list))
	}
	return list[:min(l.n, len(list))]
}

// front are the candidates that no other one dominates, of different genomes, the best
// by the first objective first; none with one objective.
func (l *leaders) front() []*Candidate {
	if !l.several() {
		return nil
	}
	return different(l.rank.ranking.byFirst(l.rank.List()))
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

// byFirst are those of different candidates that no other one dominates, the best by
// the first objective first.
func (r Ranking) byFirst(cs []*Candidate) []*Candidate {
	rank := r.Rank(cs...)
	front := rank.List()[:rank.Front()]
	first := r
	if len(r.Objectives) > 1 {
		first.Objectives, first.Ties = r.Objectives[:1], slices.Concat(r.Objectives[1:], r.Ties)
	}
	first.Sort(front)
	return front
}

// clone are the leaders of now, whoever comes later.
func (l *leaders) clone() *leaders { return &leaders{l.n, l.rank.clone(), l.fidelity} }
