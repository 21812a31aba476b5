package engine

import (
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// redraws bounds how often an operator is tried again for a genome that no
// earlier job had.
const redraws = 32

// inHistory tells whether a job is in the History that the turn shows: what the
// final strategy measured is not for the search to build on.
func (t *trajectory) inHistory(x *turn, e *entry) bool {
	return e != nil && e.stage.is(consumed) && !e.Outside && (x.Part == PartFinal || partOf(e.ID) == PartSearch)
}

// job makes the job of a proposal.
func (t *trajectory) job(x *turn, p *Proposal, id ID) (*entry, error) {
	switch {
	case p.Fidelity < 0 || p.Fidelity >= len(t.Plan.Fidelities):
		return nil, fmt.Errorf("fidelity %d of %d", p.Fidelity, len(t.Plan.Fidelities))
	case len(p.Input) > MaxInput:
		return nil, fmt.Errorf("an input of %d bytes; at most %d", len(p.Input), MaxInput)
	case len(p.Tag) > MaxTag:
		return nil, fmt.Errorf("a tag of %d bytes; at most %d", len(p.Tag), MaxTag)
	case x.Part == PartSearch && p.Phase != "" && p.Phase != PhaseSearch:
		return nil, fmt.Errorf("phase %q: only the final strategy measures outside the search", p.Phase)
	case !slices.Contains([]Task{"", Train, Supernet, Score}, p.Task):
		return nil, fmt.Errorf("task %q: known are train, supernet and score", p.Task)
	case x.Part == PartSearch && p.Budget != 0 && (p.Task == "" || p.Task == Train):
		return nil, fmt.Errorf("budget %v: the fidelity says for how long a candidate is trained", p.Budget)
	case p.Stop != nil && t.derived.find(p.Stop.Metric) >= 0:
		return nil, fmt.Errorf("it is to be stopped by %s, which no evaluator knows: stop by a metric that is not derived", p.Stop.Metric)
	case p.Operator == OpImported || p.Operator == OpAdded:
		return nil, fmt.Errorf("operator %q: only who is no strategy imports and adds", p.Operator)
	case p.Budget < 0 || !isFinite(p.Budget):
		return nil, fmt.Errorf("budget %v: give a number from 0", p.Budget)
	}
	parents := make([]*entry, len(p.Parents))
	for i, pid := range p.Parents {
		if parents[i] = t.get(pid); !t.inHistory(x, parents[i]) {
			return nil, fmt.Errorf("parent %s is not in the History", pid)
		}
	}
	for _, ref := range []ID{p.Resume, p.Inherit} {
		if ref == 0 {
			continue
		}
		if !t.inHistory(x, t.get(ref)) {
			return nil, fmt.Errorf("job %s, to go on from, is not in the History", ref)
		}
		if t.get(ref).imported() {
			return nil, fmt.Errorf("job %s, to go on from, was imported: nothing of it is here", ref)
		}
	}
	j := Job{
		ID: id, Phase: p.Phase, Task: p.Task, Operator: p.Operator, Parents: p.Parents, Fidelity: p.Fidelity,
		Budget: p.Budget, Input: p.Input, Resume: t.goesOn(p.Resume), Inherit: t.goesOn(p.Inherit), Stop: p.Stop, Tag: p.Tag,
		Replicate: p.Replicate, Seed: t.jobSeed(id),
	}
	if j.Phase == "" {
		j.Phase = PhaseSearch
	}
	if source := t.get(p.Resume); source != nil && (p.Task == "" || p.Task == Train) {
		j.Seed = source.Seed // so it is the same training, with the checkpoint or without
	}
	if j.Task == "" {
		j.Task = Train
	}
	if j.Budget == 0 && j.Task == Train {
		j.Budget = t.budget(j.Fidelity)
	}
	if !p.Genome.IsZero() && j.Operator == "" {
		j.Operator = OpGiven
	}
	e := &entry{Candidate: Candidate{Job: j}, turn: x.N, attempts: &attempts{}}
	if err := t.breed(e, p, parents); err != nil {
		return nil, err
	}
	return e, nil
}

// breed gives the entry its genome, within the duplicates policy.
func (t *trajectory) breed(e *entry, p *Proposal, parents []*entry) error {
	if !p.Genome.IsZero() {
		e.Genome = p.Genome
		if b := t.baseline(p.Genome); b != "" {
			e.Baseline = b
			return nil
		}
		var err error
		if e.Genome, err = t.ours(p.Genome); err != nil {
			return err
		}
		if e.Task == Supernet { // the weights of all are trained, whatever this one costs
			return nil
		}
		if err := t.Space.Check(e.Genome); err != nil {
			e.attempts = nil
			e.Result = Result{Status: Invalid, Reason: err.Error()}
			e.stage.set(decided)
			return nil
		}
		if !t.ban(e) {
			e.Reuse = t.duplicateOf(e)
		}
		return nil
	}
	need := map[string]int{OpRandom: 0, OpMutate: 1, OpCross: 2, OpCrossMutate: 2, OpSame: 1}
	if n, known := need[p.Operator]; !known || n != len(parents) {
		return fmt.Errorf("operator %q with %d parents; known are random (0), mutate and same (1), cross and cross+mutate (2), or a genome", p.Operator, len(parents))
	}
	r := rng.New(rng.Derive(t.seedOf(e.ID), "make", uint64(e.ID)))
	for range redraws {
		g, err := t.draw(p.Operator, parents, r)
		if err != nil {
			return err
		}
		e.Genome, e.key = g, genome.Hash{}
		e.Baseline = ""
		if p.Operator == OpSame {
			e.Baseline = parents[0].Baseline
		}
		if t.bannedBy(e) != "" && p.Operator != OpSame {
			continue
		}
		if e.Reuse = t.duplicateOf(e); e.Reuse == 0 || t.Plan.Duplicates != Reject || p.Operator == OpSame {
			break
		}
	}
	t.ban(e)
	return nil
}

// ban makes a job invalid whose genome is banned.
func (t *trajectory) ban(e *entry) bool {
	by := t.bannedBy(e)
	if by != "" {
		e.attempts, e.Reuse, e.banned = nil, 0, true
		e.Result = Result{Status: Invalid, Reason: "it is banned: " + by}
		e.stage.set(decided)
	}
	return by != ""
}

// ours is a genome as one of the search's very space: from another process it is the same
// text, read again.
func (t *trajectory) ours(g genome.Genome) (genome.Genome, error) {
	if g.Space() == t.Space {
		return g, nil
	}
	own, err := t.Space.Unpack(g.Packed())
	if err != nil {
		return g, fmt.Errorf("its genome does not belong to the space: %v", err)
	}
	return own, nil
}

// draw applies an operator once.
func (t *trajectory) draw(operator string, parents []*entry, r *rng.Rand) (genome.Genome, error) {
	switch operator {
	case OpRandom:
		return t.Space.Random(r)
	case OpSame:
		return parents[0].Genome, nil
	case OpMutate:
		return t.mutate(parents[0].Genome, r), nil
	}
	g, err := t.Space.Cross(parents[0].Genome, parents[1].Genome, r)
	if err != nil {
		g = parents[0].Genome
	}
	if operator == OpCrossMutate {
		g = t.mutate(g, r)
	}
	return g, nil
}

// mutate returns g itself where nothing can be changed.
func (t *trajectory) mutate(g genome.Genome, r *rng.Rand) genome.Genome {
	if m, err := t.Space.Mutate(g, r); err == nil {
		return m
	}
	return g
}
