package engine

// holds counts who needs each stored file. A file is removed when nobody does any
// more and that is durable: after a crash an older state would still name it.
type holds struct {
	writer  *writer
	count   map[string]int
	dropped *[]FileRef  // with the change that is being gathered
	with    *Change     // that change
	failed  func(error) // files could not be removed
}

func newHolds(w *writer, failed func(error)) *holds {
	return &holds{writer: w, count: map[string]int{}, failed: failed}
}

// hold needs files from now on.
func (h *holds) hold(files []FileRef) {
	for _, f := range files {
		h.count[f.Hash]++
	}
}

// drop ends a hold, as soon as what was gathered so far is durable.
func (h *holds) drop(files []FileRef) {
	if len(files) == 0 {
		return
	}
	if h.with != h.writer.next {
		dropped := new([]FileRef)
		h.with, h.dropped = h.writer.next, dropped
		h.writer.after(func() { h.end(*dropped) })
	}
	*h.dropped = append(*h.dropped, files...)
}

// discard lets files go that were Put and that nobody will ever need.
func (h *holds) discard(files []FileRef) {
	h.hold(files)
	h.drop(files)
	h.writer.next.Unused = append(h.writer.next.Unused, files...)
}

func (h *holds) end(files []FileRef) {
	var gone []string
	for _, f := range files {
		if h.count[f.Hash]--; h.count[f.Hash] == 0 {
			delete(h.count, f.Hash)
			gone = append(gone, f.Hash)
		}
	}
	if len(gone) == 0 {
		return
	}
	if err := h.writer.ledger.Remove(gone); err != nil {
		h.failed(err)
	}
}

// all are the hashes of the files that are needed.
func (h *holds) all() map[string]bool {
	all := make(map[string]bool, len(h.count))
	for hash := range h.count {
		all[hash] = true
	}
	return all
}

// holdRecorded holds what a search needs of what it has recorded.
func (h *holds) holdRecorded(t *trajectory) {
	for e := range t.jobs() {
		switch {
		case e.attempts != nil:
			h.hold(e.attempts.saved)
		case !e.stage.is(consumed):
			h.hold(e.Files)
		case e.Phase == PhaseTest:
			h.hold(e.Files)
		}
	}
	for _, id := range t.cutShort() {
		h.hold(t.get(id).Files)
	}
	for _, e := range t.checkpoints.kept {
		h.hold(e.Files)
	}
	for _, q := range []*sequence{&t.search, &t.final} {
		h.hold(q.newest.Files)
	}
	h.hold(t.filesOfAll(t.final.newest.Keep))
	for _, id := range t.Pinned() {
		h.hold(t.filesIfAny(id))
	}
}
