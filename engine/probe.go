package engine

// Where everything that is left has failed, either the evaluator has broken or the
// genomes are bad, and who is to blame decides whether the search may go on. A probe
// tells: a candidate that succeeded is run once more. What comes of it is dropped.

// probeAttempts sets the numbers of a probe's attempts apart from those that the
// candidate had.
const probeAttempts = 1 << 16

// beginProbe runs again what succeeded most recently with the evaluator of a job in
// doubt; false where nothing has that could be run alone.
func (d *dispatcher) beginProbe(doubted *entry) bool {
	of := d.succeededLike(doubted)
	if of == nil {
		return false
	}
	d.probes++
	d.probe = &entry{
		Candidate: Candidate{Job: of.Job}, repeat: of.repeat,
		attempts: &attempts{newest: probeAttempts + d.probes*probeAttempts, alone: true, probe: true},
	}
	d.owner.say("everything that is left has failed; candidate %s, which succeeded, is run once more to tell whether the evaluator still works", of.ID)
	d.submit(d.probe)
	return true
}

// succeededLike is the newest candidate of the search that succeeded and needs no
// file of another, or nil: measured by the same evaluator as x, and at the same
// fidelity if possible.
func (d *dispatcher) succeededLike(x *entry) (found *entry) {
	jobs, fidelities := d.trajectory.search.jobs, d.trajectory.Plan.Fidelities
	for i := len(jobs) - 1; i >= 0; i-- {
		e := jobs[i]
		if e.Status != OK || e.Task != Train || e.Resume != 0 || e.Inherit != 0 || e.Reuse != 0 ||
			fidelities[e.Fidelity].Evaluator != fidelities[x.Fidelity].Evaluator {
			continue
		}
		if e.Fidelity == x.Fidelity {
			return e
		}
		if found == nil {
			found = e
		}
	}
	return found
}

// endProbe follows the end of a probe; f is why it failed, nil if it did not.
func (d *dispatcher) endProbe(f *failure) {
	d.files.drop(d.probe.attempts.saved)
	id := d.probe.ID
	d.probe = nil
	switch {
	case d.owner.closing() || len(d.streak.doubted) == 0:
	case f == nil:
		d.trust()
	default:
		d.pause("%d different candidates failed and nothing succeeded in between, and candidate %s, which succeeded before, now fails as well: %s; "+
			"mend the cause and run the same command again", len(d.streak.genomes), id, f.reason)
	}
}
