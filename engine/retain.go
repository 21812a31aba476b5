package engine

import (
	"cmp"
	"slices"
)

// keep lists the hashes of all files that must stay: of the best few at each
// fidelity, of what waits for its turn, of what unfinished jobs go on from, of
// what the newest decisions name, and what tests reported. Promotion only gets
// faster by a kept checkpoint: without one a job trains from the beginning.
func (s *Search) keep() map[string]bool {
	keep := map[string]bool{}
	hold := func(files []FileRef) {
		for _, f := range files {
			keep[f.Hash] = true
		}
	}
	byFidelity := map[int][]*entry{}
	for _, e := range s.holders {
		switch {
		case !e.stage.is(consumed):
			hold(e.Files)
		case e.Status == OK && !e.Stopped && e.Phase == PhaseSearch && e.Task == Train:
			byFidelity[e.Fidelity] = append(byFidelity[e.Fidelity], e)
		case e.Phase == PhaseTest:
			for _, f := range e.Files {
				keep[f.Hash] = keep[f.Hash] || f.Name == ReportFile
			}
		}
	}
	for _, list := range byFidelity {
		slices.SortFunc(list, func(a, b *entry) int {
			if c := s.book.better(&a.Candidate, &b.Candidate); c != 0 {
				return c
			}
			return cmp.Compare(a.ID, b.ID)
		})
		for _, e := range list[:min(s.cfg.Keep, len(list))] {
			hold(e.Files)
		}
	}
	for _, t := range s.kept {
		hold(t.Files)
		for _, id := range t.Keep {
			hold(s.book.files(id))
		}
	}
	from := s.lines[0].taken
	if s.Plan.Order == Arrival {
		from = 0
	}
	for _, list := range [][]*entry{s.book.search[min(from, len(s.book.search)):], s.book.final} {
		for _, e := range list {
			if e.stage.is(consumed) || e.try == nil {
				continue
			}
			hold(e.try.saved)
			for _, id := range []ID{e.Resume, e.Inherit} {
				hold(s.book.files(id))
			}
		}
	}
	return keep
}

// drop marks files that nothing refers to any more.
func (s *Search) drop(files []FileRef) {
	for _, f := range files {
		s.litter = append(s.litter, f.Hash)
	}
}

// collect finds the files that nothing needs any more, and removes them once
// the state that does without them is durable: after a crash an older one would
// still name them.
func (s *Search) collect() {
	keep := s.keep()
	var gone []string
	for id, e := range s.holders {
		left := 0
		for _, f := range e.Files {
			if keep[f.Hash] {
				left++
			} else {
				gone = append(gone, f.Hash)
			}
		}
		if left == 0 {
			delete(s.holders, id)
		}
	}
	gone = append(gone, s.litter...)
	s.litter = nil
	slices.Sort(gone)
	gone = slices.Compact(gone)
	s.then = append(s.then, func() {
		keep := s.keep() // equal content may have come again
		gone = slices.DeleteFunc(gone, func(hash string) bool { return keep[hash] })
		if len(gone) == 0 {
			return
		}
		if err := s.led.Remove(gone); err != nil {
			s.say("old checkpoints could not be removed: %v", err)
		}
	})
}
