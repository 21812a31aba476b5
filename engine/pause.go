package engine

import "time"

// Pause has a search start nothing new, until Resume: neither jobs nor turns. It takes
// what comes of running jobs, and it stays paused when it is run again.
type Pause struct {
	Now bool `json:"now,omitempty"` // running jobs are called back, with what they can save
}

// Paused says since when a search is paused.
type Paused struct {
	Since time.Time `json:"since"`
	Turn  uint64    `json:"turn"` // the next one, which waits
	By    string    `json:"by,omitempty"`
	Cause string    `json:"cause,omitempty"` // why it paused by itself; "": somebody had it pause
}

// pauseEvent is the data of eventPause.
type pauseEvent struct {
	asked
	Pause
	Cause string `json:"cause,omitempty"`
}

func (p *Pause) kind() string            { return eventPause }
func (p *Pause) waits() bool             { return false }
func (p *Pause) check(*trajectory) error { return nil }
func (p *Pause) say() string {
	if p.Now {
		return "paused; running jobs keep their progress and come back"
	}
	return "paused; nothing new is started"
}

func (p *Pause) do(_ *trajectory, r *Request) (*effect, error) {
	return &effect{data: pauseEvent{asked: r.asked(), Pause: *p}, say: p.say(), live: func(s *Search) {
		if p.Now && s.mode != leaving {
			s.returning = true
			s.jobs.endAll()
		}
	}}, nil
}

// resume ends a pause.
type resume struct{}

func (resume) kind() string            { return eventResume }
func (resume) waits() bool             { return false }
func (resume) check(*trajectory) error { return nil }

func (resume) do(t *trajectory, r *Request) (*effect, error) {
	if t.paused == nil {
		return &effect{}, nil
	}
	return &effect{data: r.asked(), say: "going on", live: func(s *Search) { s.defied = true }}, nil
}

func (resume) plan(*trajectory, uint64, string) (string, error) {
	return "", wrong("at_turn", "a paused search takes no turns, so the one for which this waits would not come").
		but("resume it without a turn once it is to go on, or withdraw a pause that is only planned")
}

// stop ends a run, as Search.Stop does.
type stop struct{}

func (stop) kind() string            { return eventStop }
func (stop) waits() bool             { return false }
func (stop) check(*trajectory) error { return nil }

func (stop) do(t *trajectory, r *Request) (*effect, error) {
	return &effect{data: r.asked(), live: func(s *Search) {
		s.Stop()
		s.leave("")
	}}, nil
}

// note is a line for people.
type note string

// noteEvent is the data of eventNote.
type noteEvent struct {
	asked
	Note string `json:"note"`
}

func (n note) kind() string { return eventNote }
func (n note) waits() bool  { return false }

func (n note) check(*trajectory) error {
	switch {
	case len(n) > MaxComment:
		return wrong("note", "it has %d bytes", len(n)).but("a note has at most %d", MaxComment)
	case !printable(string(n)):
		return wrong("note", "it holds what cannot be printed").but("write it on one line")
	}
	return nil
}

func (n note) do(_ *trajectory, r *Request) (*effect, error) {
	return &effect{data: noteEvent{r.asked(), string(n)}, say: string(n)}, nil
}
