package engine

import (
	"maps"
	"slices"
)

// pin keeps the files of candidates for as long as the search. It decides nothing: what
// jobs go on from is a function of the turns alone, see checkpoints.
type pin []ID

// unpin lets files go as if they had not been pinned.
type unpin []ID

// pinEvent is the data of eventPin and eventUnpin.
type pinEvent struct {
	asked
	IDs []ID `json:"candidates"`
}

func (p pin) kind() string   { return eventPin }
func (p unpin) kind() string { return eventUnpin }
func (p pin) waits() bool    { return false }
func (p unpin) waits() bool  { return false }

func (p unpin) check(t *trajectory) error { return t.there(p) }

// Files that are gone do not come back.
func (p pin) check(t *trajectory) error {
	if err := t.there(p); err != nil {
		return err
	}
	for _, id := range p {
		if t.pinned[id] || t.get(id).attempts != nil {
			continue
		}
		files := t.filesOf(id)
		if len(files) == 0 {
			return wrong("", "candidate %s left no files: there is nothing to keep", id)
		}
		for _, f := range files {
			if _, err := t.led.Path(f.Hash); err != nil {
				return wrong("", "the %s of candidate %s is not kept any more", f.Name, id).
					but("pin candidates early, or raise checkpoints.keep in a new search")
			}
		}
	}
	return nil
}

// there refuses candidates that there are not.
func (a *Archive) there(ids []ID) error {
	for _, id := range ids {
		if a.get(id) == nil {
			return a.unknown(id)
		}
	}
	return nil
}

func (p pin) do(t *trajectory, r *Request) (*effect, error) {
	var fresh []ID
	for _, id := range p {
		if !t.pinned[id] && !slices.Contains(fresh, id) {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return &effect{}, nil
	}
	return &effect{data: pinEvent{r.asked(), fresh}, live: func(s *Search) {
		for _, id := range fresh {
			s.files.hold(s.at.filesIfAny(id))
		}
	}}, nil
}

func (p unpin) do(t *trajectory, r *Request) (*effect, error) {
	var pinned []ID
	for _, id := range p {
		if t.pinned[id] && !slices.Contains(pinned, id) {
			pinned = append(pinned, id)
		}
	}
	if len(pinned) == 0 {
		return &effect{}, nil
	}
	return &effect{data: pinEvent{r.asked(), pinned}, live: func(s *Search) {
		for _, id := range pinned {
			s.files.drop(s.at.filesIfAny(id))
		}
	}}, nil
}

// filesIfAny are the files of a candidate that has its result.
func (a *Archive) filesIfAny(id ID) []FileRef {
	if a.get(id).attempts != nil {
		return nil
	}
	return a.filesOf(id)
}

// Pinned lists the candidates whose files are kept.
func (a *Archive) Pinned() []ID { return slices.Sorted(maps.Keys(a.pinned)) }

// pin takes in that files are kept, or are not.
func (t *trajectory) pin(on bool, ids []ID) {
	for _, id := range ids {
		if on {
			t.pinned[id] = true
		} else {
			delete(t.pinned, id)
		}
	}
}
