package evolve

import (
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// adopted lists what a strategy that takes a search over may build on: the
// candidates of the lowest fidelity that were measured, in the order of the
// History, each genome once. It is empty where a search begins.
func adopted(h engine.History) []*engine.Candidate {
	var out []*engine.Candidate
	for c := range engine.All(h) {
		if usable(c) && c.Fidelity == 0 && c.Reuse == 0 {
			out = append(out, c)
		}
	}
	return out
}

// opened is how many of the known-good genomes were proposed when a strategy begins: all
// of them, if another one was there before. What was imported or added tried none.
func (o opener) opened(turn engine.Turn) int {
	if turn.N == 0 {
		return 0
	}
	return len(o.start)
}

// recent bounds of how many candidates the best are taken over where there are several
// objectives: of very many the order is dear.
const recent = 10_000

// newest are those that are put in order when a search is taken over.
func (j judge) newest(cs []*engine.Candidate) []*engine.Candidate {
	if len(j.Objectives) < 2 {
		return cs
	}
	return cs[max(0, len(cs)-recent):]
}

// founders are the n best of what was adopted.
func (j judge) founders(h engine.History, n int) []*engine.Candidate {
	found := j.newest(adopted(h))
	j.Sort(found)
	return found[:min(len(found), n)]
}

// others notes a promotion that another strategy had under way when it was
// relieved: whoever is promoted by this one is in the queue no more. Results from
// elsewhere are no rung's: only what was measured here is promoted.
func (p *Promoter) others(l Ladder, c *engine.Candidate) {
	i := c.Fidelity - 1
	if i < 0 || i >= len(l) || c.Operator != engine.OpSame {
		return
	}
	if at := slices.Index(l[i].Queue, c.Parents[0]); at >= 0 {
		l[i].Queue = slices.Delete(l[i].Queue, at, at+1)
		l[i].Promoted++
	}
}

// Adopt fills the Ladder of a strategy that takes a search over with what others
// measured and promoted.
func (p *Promoter) Adopt(l *Ladder, h engine.History) {
	if !p.on {
		return
	}
	*l = make(Ladder, len(p.next))
	queues := make([][]*engine.Candidate, len(p.next))
	promoted := make([]map[engine.ID]bool, len(p.next))
	for i := range promoted {
		promoted[i] = map[engine.ID]bool{}
	}
	for c := range engine.All(h) {
		if !usable(c) || c.Reuse != 0 || imported(c) {
			continue
		}
		if i := c.Fidelity - 1; i >= 0 && i < len(p.next) && c.Operator == engine.OpSame {
			(*l)[i].Promoted++
			for _, id := range c.Parents {
				promoted[i][id] = true
			}
		}
		if i := c.Fidelity; i < len(p.next) {
			(*l)[i].Measured++
			queues[i] = append(queues[i], c)
		}
	}
	for i, queue := range queues {
		queue = slices.DeleteFunc(queue, func(x *engine.Candidate) bool { return promoted[i][x.ID] })
		(*l)[i].fill(p.of(i).Rank(p.judge.newest(queue)...))
	}
}
