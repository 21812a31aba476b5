package engine

import "github.com/nascent-nas/nascent/genome/rng"

// Where all that is left has failed, either an evaluator has broken or genomes are bad,
// and who is to blame decides whether the search may go on. A probe tells: a candidate
// that succeeded alike is run once more or, where none has yet, a genome that nobody
// tried: that is no candidate, and has an id of its own. What comes of a probe is dropped.

// probe is what runs to tell who is to blame.
type probe struct {
	*entry         // of its own: the trajectory's, if there is one, has its result
	of     *streak // that is to be judged
	known  bool    // it has succeeded before
	files  origin  // held meanwhile
}

// probeAttempts sets the numbers of a probe's attempts apart from those of others.
const probeAttempts = 1 << 16

// fresh is how many genomes are drawn at most to find one that has not failed.
const fresh = 100

// beginProbe finds out who is to blame for a job in doubt; false where nothing can tell.
func (d *dispatcher) beginProbe(doubted *entry, of *streak) bool {
	p := &probe{of: of}
	if e, from := d.succeededLike(doubted); e != nil {
		p.entry, p.known, p.files = &entry{Candidate: Candidate{Job: e.Job}, repeat: e.repeat}, true, from
	} else if job, ok := d.untried(doubted, of); ok {
		p.entry = &entry{Candidate: Candidate{Job: job}}
	} else {
		return false
	}
	d.probes++
	if !p.known {
		p.ID = probeBase + ID(d.probes)
	}
	p.attempts = &attempts{newest: d.probes * probeAttempts, alone: true, probe: true}
	d.probe = p
	d.files.hold(p.files.resume)
	d.files.hold(p.files.inherit)
	switch {
	case p.known:
		d.owner.say("all that is left has failed; candidate %s, which succeeded, is run once more to tell whether the evaluator still works", p.ID)
	case !of.probed:
		d.owner.say("all that is left has failed, and nothing like it has succeeded; other genomes, %s and on, are tried to tell whether "+
			"the evaluator works", p.ID)
	}
	of.probed = true
	d.submit(p.entry)
	return true
}

// succeededLike is the newest job of the search that succeeded and can be run again,
// with what it goes on from: one of the same task and fidelity or, for a job that has
// none of the search's fidelities, any training.
func (d *dispatcher) succeededLike(x *entry) (*entry, origin) {
	jobs, tries := d.trajectory.search.own, 10 // for each its files are read
	for i := len(jobs) - 1; i >= 0 && tries > 0; i-- {
		e := jobs[i]
		if e.Status != OK || e.Reuse != 0 || e.Task != x.Task || x.Fidelity >= 0 && e.Fidelity != x.Fidelity {
			continue
		}
		tries--
		if from, err := d.origin(e); err == nil {
			return e, from
		}
	}
	return nil, origin{}
}

// untried is a job like one in doubt, to train a genome that has not failed.
func (d *dispatcher) untried(x *entry, of *streak) (Job, bool) {
	if x.Task != Train || x.Phase != PhaseSearch {
		return Job{}, false
	}
	r := rng.New(rng.Derive(x.Seed, "probe", uint64(d.probes)))
	for range fresh {
		g, err := d.trajectory.Space.Random(r)
		if err != nil {
			break
		}
		if !of.genomes[g] {
			return Job{
				Phase: x.Phase, Task: x.Task, Genome: g, Operator: OpRandom, Fidelity: x.Fidelity, Budget: x.Budget,
				Seed: r.Uint64() >> 11, Input: x.Input,
			}, true
		}
	}
	return Job{}, false
}

// endProbe follows the end of a probe; f is why it failed, nil if it did not.
func (d *dispatcher) endProbe(f *failure) {
	p := d.probe
	d.probe = nil
	d.files.drop(p.attempts.saved)
	d.files.drop(p.files.resume)
	d.files.drop(p.files.inherit)
	switch {
	case d.owner.closing() || len(p.of.doubted) == 0:
	case f == nil:
		d.trust(p.of)
	case p.known:
		d.pause("%s, and candidate %s, which succeeded before, now fails as well: %s; mend the cause and %s",
			p.of.what(), p.ID, f.reason, d.cfg.Again)
	default:
		p.of.genomes[p.Genome] = true
		d.pauseAfter(p.of, p.entry, f.reason)
	}
}
