package show

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Screen shows a search from Follow to Close. It is told of it by any goroutine, and
// never keeps it waiting.
type Screen interface {
	Observe(engine.Update) // engine.Config's
	Say(text string)       // one line for people
	Follow(Live)           // begins to show
	Close(last string)     // says the last, if there is anything to say, and ends
}

// Silent shows nothing.
type Silent struct{}

// Observe does nothing.
func (Silent) Observe(engine.Update) {}

// Say does nothing.
func (Silent) Say(string) {}

// Follow does nothing.
func (Silent) Follow(Live) {}

// Close does nothing.
func (Silent) Close(string) {}

// Live answers with the running search, once it runs.
type Live func() (*View, error)

// Lines prints a line now and then: at the first evaluation, at growing
// intervals up to a minute, when the phase changes, and what the search says.
type Lines struct {
	*Monitor
	out    io.Writer
	live   Live
	close  chan struct{}
	closed sync.WaitGroup
	once   sync.Once

	told  int // lines that were said
	phase engine.Phase
	waits string    // for whom the search waits
	shown int       // evaluations at the last line
	next  time.Time // of the next line
	pause time.Duration
}

// NewLines is for a log that people read.
func NewLines(out io.Writer) *Lines {
	return &Lines{Monitor: NewMonitor(), out: out, close: make(chan struct{}), shown: -1, pause: time.Second}
}

// Follow begins to print.
func (l *Lines) Follow(live Live) {
	l.live = live
	l.closed.Go(l.loop)
}

// Close prints what is left to say and ends.
func (l *Lines) Close(last string) {
	l.once.Do(func() { close(l.close) })
	l.closed.Wait()
	if last != "" {
		fmt.Fprintln(l.out, last)
	}
}

func (l *Lines) loop() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for over := false; ; {
		v := l.look(l.live)
		l.tell()
		if over {
			return
		}
		if v != nil {
			l.step(v)
		}
		select {
		case <-tick.C:
		case <-l.close:
			over = true
		}
	}
}

func (l *Lines) tell() {
	var lines []string
	lines, l.told = l.Monitor.heard(l.told)
	for _, s := range lines {
		fmt.Fprintln(l.out, Clean(s))
	}
}

func (l *Lines) step(v *View) {
	s := v.Status()
	if text := v.Waits(); text != l.waits {
		if l.waits = text; text != "" {
			fmt.Fprintln(l.out, text)
		}
	}
	now := time.Now()
	changed := l.phase != s.Phase && l.phase != ""
	if l.phase != s.Phase {
		l.phase = s.Phase
	}
	if s.Evaluations == 0 && !changed || s.State != engine.StateRunning {
		return
	}
	if !changed && (now.Before(l.next) || s.Evaluations == l.shown && s.Phase == engine.PhaseSearch) {
		return
	}
	if !l.next.IsZero() && !changed {
		l.pause = min(time.Minute, l.pause*3/2)
	}
	l.next, l.shown = now.Add(l.pause), s.Evaluations
	fmt.Fprintln(l.out, Line(v, s, l.pace()))
}

// Line says in one line where a running search stands.
func Line(v *View, s engine.Snapshot, pace float64) string {
	parts := []string{Seconds(s.Wall)}
	if s.Phase != engine.PhaseSearch {
		return fmt.Sprintf("%s  phase %s, %d of %d", parts[0], s.Phase, s.FinalDone, s.FinalTotal)
	}
	done := Plural(s.Evaluations, "evaluation")
	if s.Limits.Evaluations > 0 {
		done = fmt.Sprintf("%s of %s", Thousands(int64(s.Evaluations)), Plural(s.Limits.Evaluations, "evaluation"))
	}
	parts = append(parts, done)
	if len(s.Best) > 0 {
		b := s.Best[0]
		parts = append(parts, fmt.Sprintf("best %s (candidate %s)", Estimated(v, firstValues(v, b.Metrics), b.Estimates), b.ID))
	}
	if bad := s.Invalid + s.Failed; bad > 0 {
		parts = append(parts, fmt.Sprintf("%d invalid, %d failed", s.Invalid, s.Failed))
	}
	if pace > 0 {
		parts = append(parts, Rate(pace))
	}
	if _, left := Progress(s, pace); !math.IsNaN(left) && left > 0.5 {
		parts = append(parts, "about "+Seconds(left)+" left")
	}
	return strings.Join(parts, "  ")
}

// firstValues keeps objectives, ties and the parameters.
func firstValues(v *View, ms engine.Values) engine.Values {
	var out engine.Values
	for _, m := range ms {
		keep := m.Name == "parameters"
		for _, o := range slices.Concat(v.Plan.Objectives, v.Plan.Ties) {
			keep = keep || o.Metric == m.Name
		}
		if keep {
			out = append(out, m)
		}
	}
	return out
}
