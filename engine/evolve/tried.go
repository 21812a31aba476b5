package evolve

import "github.com/nascent-nas/nascent/engine"

// tried knows which genomes were measured here at the lowest fidelity, and since when. It
// reads a History as far as it has grown; one that is not the same that it read before
// it reads anew.
type tried struct {
	since map[string]int // by packed genome: its first place in the History
	read  int            // how much of the History it knows
	last  *engine.Candidate
}

// follow reads what is new and visits what was trained. Where it begins anew, it says so before.
func (t *tried) follow(h engine.History, anew func(), visit func(*engine.Candidate)) {
	if t.since == nil || t.read > h.Len() || t.read > 0 && h.At(t.read-1) != t.last {
		*t = tried{since: map[string]int{}}
		anew()
	}
	for ; t.read < h.Len(); t.read++ {
		c := h.At(t.read)
		t.last = c
		if c.Task != engine.Train {
			continue
		}
		if _, known := t.since[c.Genome.Packed()]; !known && c.Fidelity == 0 && !imported(c) {
			t.since[c.Genome.Packed()] = t.read
		}
		visit(c)
	}
}
