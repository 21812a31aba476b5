package engine

import (
	"fmt"
	"time"
)

// Room is how a search and its disk stand to each other, in bytes.
type Room struct {
	Free int64 // that this user may still fill
	Used int64 // by the search
}

// Roomy is a Ledger on a disk that may become full. The engine asks it now and then, from
// its loop.
type Roomy interface{ Room() (Room, error) }

// Disk is what a Room comes to.
type Disk struct {
	Free        int64 `json:"free"` // bytes
	Used        int64 `json:"used"`
	Need        int64 `json:"need"`                  // with less than this free nothing new is started
	Evaluations *int  `json:"evaluations,omitempty"` // for about so many it is enough, as those took that there were; nil: nothing is known yet
}

const (
	roomEvery = 2 * time.Second // so often somebody looks

	// reserve is room for what is written whatever the jobs leave: a commit, the index,
	// logs, the end of a run.
	reserve = 16 << 20
)

// disk is what the room comes to that was seen last, or nil.
func (s *Search) disk() *Disk {
	if s.room == nil {
		return nil
	}
	d := &Disk{Free: s.room.Free, Used: s.room.Used}
	d.Need = reserve + int64(s.cfg.Workers)*s.at.largest
	if n := s.at.search.evaluations(); n >= firstFew && d.Used > 0 {
		enough := int(float64(max(0, d.Free-d.Need)) / (float64(d.Used) / float64(n)))
		d.Evaluations = &enough
	}
	return d
}

// watchRoom looks at the disk now and then. A search pauses before it is full, and goes on
// once there is twice as much as that took. Like any pause it decides nothing. Who has it
// go on without is left alone until there was room.
func (s *Search) watchRoom() {
	disk, ok := s.cfg.Ledger.(Roomy)
	if !ok {
		return
	}
	s.timers.after(roomEvery, s.watchRoom)
	room, err := disk.Room()
	if err != nil { // nobody knows
		s.room = nil
		return
	}
	s.room = &room
	d := s.disk()
	switch p := s.at.paused; {
	case s.mode == leaving:
	case p == nil && d.Free < d.Need && !s.defied:
		why := fmt.Sprintf("its disk has %s MB free, and what comes next may take %s: make room, and it goes on by itself", megabytes(d.Free), megabytes(d.Need))
		s.decree(eventPause, pauseEvent{asked: asked{By: ownName}, Cause: why})
		s.say("paused: %s", why)
	case p != nil && p.Cause != "" && d.Free >= 2*d.Need:
		s.decree(eventResume, asked{By: ownName})
		s.say("there is room again: going on")
	}
	s.defied = s.defied && d.Free < d.Need
}

// ownName is who asks for what the engine does of itself.
const ownName = "nascent"

// decree journals what nobody asked for.
func (s *Search) decree(kind string, data any) {
	e := s.at.event(kind, data, s.cfg.Clock.Now())
	s.writer.next.Events = append(s.writer.next.Events, e)
	_ = s.at.happened(e) // our own event
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f", float64(n)/1e6) }
