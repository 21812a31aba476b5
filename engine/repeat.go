package engine

import (
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// measurements tells which jobs measure the same thing: for the duplicates
// policy, and for evaluators that are told how often something was measured.
type measurements struct {
	first map[measurement]ID // the job whose result others may share
	again map[repeated]int   // jobs that measure the same thing besides
	left  left
}

// left counts the jobs that the search did not consume, by what they measure.
type left struct {
	counts   map[repeated]int // nil until it is asked for
	consumed int              // how many it had when they were counted
}

// measurement is equal for jobs that would measure the same thing.
type measurement struct {
	network  genome.Hash
	fidelity int
	inherit  ID
}

// repeated is under which repeated measurements are counted.
type repeated struct {
	measurement
	pass ID // of the final strategy; 0: of the search
}

func newMeasurements() measurements {
	return measurements{first: map[measurement]ID{}, again: map[repeated]int{}}
}

// measurement is the entry's. Reading its network takes longer than all else that
// a turn does for a job, so it is done once.
func (e *entry) measurement() measurement {
	if e.key.IsZero() {
		e.key = network.Key(e.Genome)
	}
	return measurement{e.key, e.Fidelity, e.Inherit}
}

// repeated is what an entry is counted under. A pass of the final strategy
// begins to count where the search ended: what earlier passes measured depends on
// where the search was ended before. Tests are told apart, for they measure on
// other data.
func (e *entry) repeated(pass finalEvent) repeated {
	k := repeated{measurement: e.measurement()}
	if e.Phase == PhaseTest {
		k.fidelity = ^k.fidelity
	}
	if e.ID > FinalBase {
		if k.pass = 1; e.ID >= pass.FirstID {
			k.pass = pass.FirstID
		}
	}
	return k
}

// counts tells whether a job measures something by itself.
func (e *entry) counts() bool { return e.Task == Train && e.Reuse == 0 && !e.imported() && !e.banned }

// add makes a job known, and counts those with smaller ids that measure the same
// thing.
func (m *measurements) add(e *entry, pass finalEvent) {
	if !e.counts() {
		return
	}
	k := e.repeated(pass)
	_, known := m.first[k.measurement]
	if known {
		e.repeat = 1
	}
	e.repeat += m.again[repeated{k.measurement, 0}]
	if k.pass != 0 {
		e.repeat += m.again[k]
	}
	if known || e.Replicate || e.Stop != nil || e.Phase != PhaseSearch {
		m.again[k]++
	} else {
		m.first[k.measurement] = e.ID
	}
}

// anew counts all jobs again, by the genomes that they have now. How often each was
// measured before stays as it was when it was made.
func (m *measurements) anew(jobs []*entry, pass finalEvent) {
	*m = newMeasurements()
	for _, e := range jobs {
		e.key = genome.Hash{}
		if e.Outside || e.dropped || e.forgotten {
			continue
		}
		repeat := e.repeat
		m.add(e, pass)
		e.repeat = repeat
	}
}

// remove undoes add of the newest job.
func (m *measurements) remove(e *entry, pass finalEvent) {
	if !e.counts() {
		return
	}
	k := e.repeated(pass)
	if m.first[k.measurement] == e.ID {
		delete(m.first, k.measurement)
	} else if m.again[k]--; m.again[k] == 0 {
		delete(m.again, k)
	}
}

// forget lets nobody share the result of a job any more.
func (m *measurements) forget(e *entry) {
	if k := e.measurement(); m.first[k] == e.ID {
		delete(m.first, k)
	}
}

// duplicateOf is the earlier job whose result this one is to share, or 0.
func (t *trajectory) duplicateOf(e *entry) ID {
	if t.Plan.Duplicates == Replicate || e.Task != Train || e.Replicate || e.Stop != nil || e.Phase != PhaseSearch {
		return 0
	}
	return t.measurements.first[e.measurement()]
}

// repeats is how many jobs with smaller ids measure the same thing. Where the
// search ended, jobs of it that were never consumed do not count for the final
// strategy: how far they came is an accident.
func (t *trajectory) repeats(e *entry) int {
	n := e.repeat
	if partOf(e.ID) == PartSearch {
		return n
	}
	k := e.repeated(t.pass)
	k.pass = 0
	return n - t.unconsumed()[k]
}

// unconsumed counts, once the search has ended, what it left behind.
func (t *trajectory) unconsumed() map[repeated]int {
	l := &t.measurements.left
	if l.counts != nil && l.consumed == len(t.search.history) {
		return l.counts
	}
	*l = left{map[repeated]int{}, len(t.search.history)}
	for _, e := range t.search.own {
		if !e.stage.is(consumed) && e.counts() {
			l.counts[e.repeated(t.pass)]++
		}
	}
	return l.counts
}
