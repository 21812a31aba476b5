package engine

import "slices"

// retention decides which files of jobs stay.
type retention struct {
	*trajectory
	writer  *writer
	most    int           // checkpoints of the best that stay, for each fidelity
	holders map[ID]*entry // jobs whose files are stored
	unused  []string      // hashes of files that attempts left behind without use
	results int           // consumed since files were last looked through
	failed  func(error)   // files could not be removed
}

// hold notes that a job has files.
func (r *retention) hold(e *entry) {
	if len(e.Files) > 0 {
		r.holders[e.ID] = e
	}
}

// keep lists the hashes of all files that must stay: of the best few at each
// fidelity, of what waits for its turn, of what unfinished jobs go on from, of
// what the newest decisions name, and what tests reported. Promotion only gets
// faster by a kept checkpoint: without one a job trains from the beginning.
func (r *retention) keep() map[string]bool {
	keep := map[string]bool{}
	hold := func(files []FileRef) {
		for _, f := range files {
			keep[f.Hash] = true
		}
	}
	byFidelity := map[int][]*entry{}
	for _, e := range r.holders {
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
		slices.SortFunc(list, r.Plan.order)
		for _, e := range list[:min(r.most, len(list))] {
			hold(e.Files)
		}
	}
	for _, q := range []*sequence{&r.search, &r.final} {
		hold(q.newest.Files)
		for _, id := range q.newest.Keep {
			hold(r.filesOf(id))
		}
	}
	from := r.search.taken
	if r.Plan.Order == Arrival {
		from = 0
	}
	for _, list := range [][]*entry{r.search.jobs[min(from, len(r.search.jobs)):], r.final.jobs} {
		for _, e := range list {
			if e.stage.is(consumed) || e.attempts == nil {
				continue
			}
			hold(e.attempts.saved)
			for _, id := range []ID{e.Resume, e.Inherit} {
				hold(r.filesOf(id))
			}
		}
	}
	return keep
}

// drop marks files that nothing refers to any more.
func (r *retention) drop(files []FileRef) {
	for _, f := range files {
		r.unused = append(r.unused, f.Hash)
	}
}

// took follows a turn.
func (r *retention) took(results int) {
	if r.results += results; r.results >= 64 {
		r.results = 0
		r.collect()
	}
}

// collect finds the files that nothing needs any more, and removes them once
// the state that does without them is durable: after a crash an older one would
// still name them.
func (r *retention) collect() {
	keep := r.keep()
	var gone []string
	for id, e := range r.holders {
		left := 0
		for _, f := range e.Files {
			if keep[f.Hash] {
				left++
			} else {
				gone = append(gone, f.Hash)
			}
		}
		if left == 0 {
			delete(r.holders, id)
		}
	}
	gone = append(gone, r.unused...)
	r.unused = nil
	slices.Sort(gone)
	gone = slices.Compact(gone)
	r.writer.after(func() {
		keep := r.keep() // equal content may have come again
		gone = slices.DeleteFunc(gone, func(hash string) bool { return keep[hash] })
		if len(gone) == 0 {
			return
		}
		if err := r.writer.ledger.Remove(gone); err != nil {
			r.failed(err)
		}
	})
}
