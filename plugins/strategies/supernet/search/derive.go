package search

import (
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// redraws bounds how often a cell is drawn again that was proposed before, or
// lies outside the space's limits.
const redraws = 100

// derivation proposes candidates that are to be trained for themselves, each
// genome once, and promotes the best.
type derivation struct {
	setup   engine.Setup
	promote *evolve.Promoter
	most    int // candidates; 0: as many as there are
}

// derived is the part of a state that a derivation keeps.
type derived struct {
	Proposed int           `json:"proposed"`
	Pending  []string      `json:"pending,omitempty"` // genomes under way
	Back     int           `json:"back"`
	Ladder   evolve.Ladder `json:"ladder,omitempty"`
}

// learn takes a result in.
func (v *derivation) learn(s *derived, c *engine.Candidate) {
	if c.Task != engine.Train || c.Fidelity != 0 || c.Origin() != "" {
		return
	}
	for i, text := range s.Pending {
		if text == c.Genome.Text() {
			s.Pending = append(s.Pending[:i], s.Pending[i+1:]...)
			s.Back++
			return
		}
	}
}

// fill proposes until there is no more room. draw makes cells, ever new ones as
// far as it can. It sets Done when it finds no new one and nothing is under way.
func (v *derivation) fill(s *derived, d *engine.Decision, turn engine.Turn, draw func(r *rng.Rand) (genome.Genome, bool)) {
	known := map[string]bool{}
	for _, text := range s.Pending {
		known[text] = true
	}
	for c := range engine.All(turn.History) {
		if c.Task == engine.Train && c.Fidelity == 0 && c.Origin() != engine.Imported {
			known[c.Genome.Text()] = true
		}
	}
	r := rng.New(turn.Seed)
	for len(d.Proposals) < turn.Want {
		if p, ok := v.promote.Propose(s.Ladder); ok {
			d.Proposals = append(d.Proposals, p)
			continue
		}
		g, ok := genome.Genome{}, false
		for try := 0; try < redraws && !ok && (v.most == 0 || s.Proposed < v.most); try++ {
			var there bool
			if g, there = draw(r); !there {
				break
			}
			ok = !known[g.Text()] && v.setup.Space.Check(g) == nil
		}
		if !ok {
			break
		}
		known[g.Text()] = true
		s.Proposed++
		s.Pending = append(s.Pending, g.Text())
		d.Proposals = append(d.Proposals, engine.Proposal{Genome: g, Tag: "derived"})
	}
	if len(d.Proposals) == 0 && len(s.Pending) == 0 && turn.Want > 0 && !outstanding(turn) {
		d.Done = true
		d.Note = "no new cell is left to derive"
	}
}

// outstanding tells whether jobs of whatever kind are under way.
func outstanding(turn engine.Turn) bool { return int(turn.FirstID)-1 > turn.History.Len() }
