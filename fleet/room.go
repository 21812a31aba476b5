package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// A host whose disk is full is not to fail jobs that others could carry out. It says so, is
// sent none until there is room again, and what brings nothing meanwhile comes back as not
// carried out. The search's own disk is watched by the engine; a file that it cannot take now
// waits on the host.
const (
	roomEvery = 2 * time.Second // so often a host looks

	// reserve is room for what is written whatever jobs leave, as on the search's machine.
	reserve = 16 << 20
)

// room says that a host's disk is full; "": it is not any more.
type room struct{ Lacks string }

// free is how many bytes this user may still write on the disk of a directory.
func free(dir string) (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return int64(s.Bavail) * int64(s.Bsize), err
}

// isFull tells that an error is that of a disk without room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// slotsOf is how many jobs at once a host takes of an evaluator that it has opened.
func slotsOf(m *Machine, spec *Spec, hello *engine.Hello) int {
	return cmp.Or(m.Slots, spec.Slots, max(1, hello.Slots))
}

// watchRoom looks at the disk now and then.
func (s *serving) watchRoom() {
	s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() == nil {
		s.watching = s.o.clock.After(roomEvery, s.watchRoom)
	}
}

// look looks at the disk, tells the coordinator what is new, and says why jobs cannot be
// carried out; "" if they can. A disk that is full is so until there is twice as much room as
// it needs, as the engine has it.
func (s *serving) look() string {
	n, err := s.o.free(s.files.dir) // it may wait for a disk
	s.mu.Lock()
	defer s.mu.Unlock()
	need := int64(reserve)
	for _, d := range s.desks {
		if d.opened.Hello != nil {
			need += s.largest * int64(slotsOf(&s.o.Machine, &d.spec, d.opened.Hello))
		}
	}
	switch {
	case err != nil: // nobody knows
	case s.full == "" && n < need:
		s.full = fmt.Sprintf("its disk has %d MB free in %s, and what comes next may take %d MB: make room there, and it gets jobs again by itself",
			n/1e6, s.files.dir, need/1e6)
		s.roomy = make(chan struct{})
		s.o.Log("no more jobs are taken: %s", s.full)
		s.tell(fromHost{Room: &room{s.full}})
	case s.full != "" && n >= 2*need:
		s.full = ""
		close(s.roomy)
		s.o.Log("there is room again: jobs are taken")
		s.tell(fromHost{Room: &room{}})
	}
	return s.full
}

// awaitRoom waits until the disk is not full.
func (s *serving) awaitRoom() {
	s.mu.Lock()
	full, roomy := s.full, s.roomy
	s.mu.Unlock()
	if full == "" {
		return
	}
	select {
	case <-roomy:
	case <-s.life.Done():
	}
}

// brought tells whether something came of an attempt.
func brought(e *engine.Event) bool {
	return e.Kind == engine.Finished && e.Result != nil && e.Result.Status != engine.Failed
}

// fullError says that the search's disk has no room for a file now.
type fullError struct{ error }

// patiently sends a file again until the search's disk has room for it.
func (s *serving) patiently(l *line, send func() error) error {
	for pause, first := s.o.retry, true; ; pause, first = min(2*pause, 3*time.Second), false {
		err := send()
		if full := (*fullError)(nil); !errors.As(err, &full) {
			return err
		}
		if first {
			s.o.Log("what jobs leave waits here: %v", err)
		}
		select {
		case <-time.After(pause):
		case <-l.context.Done():
			return err
		}
	}
}
