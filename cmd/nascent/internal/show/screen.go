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

// Screen shows a running search until it is closed.
type Screen interface{ Close() }

// Silent shows nothing.
type Silent struct{}

// Close does nothing.
func (Silent) Close() {}

// Live answers with the running search, once it runs.
type Live func() (*View, error)

// Lines prints a line now and then: at the first evaluation, at growing
// intervals up to a minute, when the phase changes, and what the search says.
type Lines struct {
	out     io.Writer
	live    Live
	monitor *Monitor
	close   chan struct{}
	closed  sync.WaitGroup
	once    sync.Once

	heard int
	phase engine.Phase
	shown int       // evaluations at the last line
	next  time.Time // of the next line
	pause time.Duration
}

// NewLines begins to print.
func NewLines(out io.Writer, live Live, m *Monitor) *Lines {
	l := &Lines{out: out, live: live, monitor: m, close: make(chan struct{}), shown: -1, pause: time.Second}
	l.closed.Go(l.loop)
	return l
}

// Close prints what is left to say and ends.
func (l *Lines) Close() {
	l.once.Do(func() { close(l.close) })
	l.closed.Wait()
}

func (l *Lines) loop() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	v, err := l.live()
	if err == nil {
		l.monitor.attach(v)
	}
	for {
		l.say()
		if err == nil {
			l.step(v)
		}
		select {
		case <-tick.C:
		case <-l.close:
			l.say()
			return
		}
	}
}

func (l *Lines) say() {
	var lines []string
	lines, l.heard = l.monitor.heard(l.heard)
	for _, s := range lines {
		fmt.Fprintln(l.out, Clean(s))
	}
}

func (l *Lines) step(v *View) {
	s := v.Status()
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
	fmt.Fprintln(l.out, Line(v, s, l.monitor.pace()))
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
