package controller

import (
	"fmt"

	"github.com/nascent-nas/nascent/genome"
)

// Sequence is a genome as a Policy decides it.
type Sequence struct {
	Genome    genome.Genome
	Decisions []genome.Decision
	Answers   []int
	LogProbs  []float64 // of the answers, in nats; from Sample and Rate
	Entropy   float64   // of what they were drawn from, summed over the decisions, in nats
}

// LogProb is the logarithm of the probability that the Policy answers so.
func (s *Sequence) LogProb() float64 {
	sum := 0.0
	for _, x := range s.LogProbs {
		sum += x
	}
	return sum
}

// Sequence reads a genome of the Policy's space as decisions, without their
// probabilities. A number that no decision leads to is read as the closest one.
func (p *Policy) Sequence(g genome.Genome) (Sequence, error) {
	decisions, answers, err := p.space.Decisions(g)
	return Sequence{Genome: g, Decisions: decisions, Answers: answers}, err
}

// batch is some sequences one after the other, a row for each decision.
type batch struct {
	from   []int     // by sequence its first row; at last, the number of rows
	site   []int     // by row
	before []int     // by row, of the embeddings of options: the answer before
	answer []int     // by row
	closed [][]bool  // by row
	at     []int     // by row its first logit; at last, the number of logits
	anchor []int     // by logit: the row of its anchor; -1-k for input k of the cell; none
	weight []float64 // by sequence: its advantage
	old    []float64 // by row: the logarithm of the answer's probability before
	loss   Loss
}

// none is the anchor of a logit that is not scored by one.
const none = -1 << 62

// clear empties the batch, keeping its memory.
func (b *batch) clear() {
	b.from, b.site, b.before, b.answer = append(b.from[:0], 0), b.site[:0], b.before[:0], b.answer[:0]
	b.closed, b.at, b.anchor, b.weight, b.old = b.closed[:0], append(b.at[:0], 0), b.anchor[:0], b.weight[:0], b.old[:0]
}

func (b *batch) rows() int   { return len(b.site) }
func (b *batch) logits() int { return len(b.anchor) }

// add appends a sequence.
func (p *Policy) add(b *batch, s *Sequence, weight float64) error {
	if len(s.Decisions) != len(s.Answers) || len(s.Decisions) == 0 {
		return fmt.Errorf("controller: a sequence has %d decisions and %d answers", len(s.Decisions), len(s.Answers))
	}
	first, before := b.rows(), 0
	for i, d := range s.Decisions {
		if d.Site < 0 || d.Site >= len(p.sites) || s.Answers[i] < 0 || s.Answers[i] >= len(p.sites[d.Site].Options) ||
			d.Closed != nil && d.Closed[s.Answers[i]] {
			return fmt.Errorf("controller: answer %d at site %d of %d cannot be given", s.Answers[i], d.Site, len(p.sites))
		}
		b.site = append(b.site, d.Site)
		b.before = append(b.before, before)
		b.answer = append(b.answer, s.Answers[i])
		b.closed = append(b.closed, d.Closed)
		for k := range p.sites[d.Site].Options {
			a := p.anchor(&d, k)
			if a >= 0 {
				a += first
			}
			b.anchor = append(b.anchor, a)
		}
		b.at = append(b.at, b.logits())
		before = p.option[d.Site] + s.Answers[i]
	}
	b.from = append(b.from, b.rows())
	b.weight = append(b.weight, weight)
	return nil
}

// anchor is the decision whose step an option is scored by: -1-k for input k of
// the cell, none for options with a head of their own and for "no edge".
func (p *Policy) anchor(d *genome.Decision, option int) int {
	if p.head[d.Site] >= 0 {
		return none
	}
	a := 0
	if p.sites[d.Site].Kind == genome.SiteEdge {
		if option == 0 {
			return none
		}
		a = d.Anchors[0]
		option = 0
	} else {
		a = d.Anchors[option]
	}
	if a < 0 {
		return -1 - option
	}
	return a
}
