package show

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Monitor gathers what a running search reports, for a Screen to show. It may
// be used from any goroutine and never keeps the search waiting.
type Monitor struct {
	mu       sync.Mutex
	view     *View
	begun    time.Time
	curve    []float64 // best so far, thinned to at most curveRoom values
	every    int       // evaluations from one value of curve to the next
	since    int
	leading  *Leading           // of view
	early    []engine.Candidate // consumed before there was a view
	measured int                // consumed in this run
	said     []string
	news     int // how much was ever said
	failures []string
}

// curveRoom bounds the curve that is kept.
const curveRoom = 512

// NewMonitor makes an empty Monitor.
func NewMonitor() *Monitor { return &Monitor{begun: time.Now(), every: 1} }

// look is the search, of which it then knows the past, or nil before it runs.
func (m *Monitor) look(live Live) *View {
	v, err := live()
	if err != nil {
		return nil
	}
	m.mu.Lock()
	known := m.view != nil
	m.mu.Unlock()
	if !known {
		m.attach(v)
	}
	return v
}

// attach gives it the search's past.
func (m *Monitor) attach(v *View) {
	_, past, last, leading := v.follow()
	starved := v.Starved(v.Status()) // which the search answers that may be about to call Observe
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view != nil {
		return
	}
	m.view, m.leading = v, leading
	for _, text := range starved {
		m.say(text)
	}
	for _, y := range past {
		m.add(y)
	}
	seen := slices.IndexFunc(m.early, func(c engine.Candidate) bool { return c.ID == last })
	for i := range m.early[seen+1:] {
		m.add(leading.Add(&m.early[seen+1+i]))
	}
	m.early = nil
}

// add notes the best after one more evaluation, if there is one.
func (m *Monitor) add(y float64) {
	if math.IsNaN(y) {
		return
	}
	if m.since++; m.since < m.every {
		return
	}
	m.since = 0
	if m.curve = append(m.curve, y); len(m.curve) == curveRoom {
		for i := range curveRoom / 2 {
			m.curve[i] = m.curve[2*i+1]
		}
		m.curve, m.every = m.curve[:curveRoom/2], 2*m.every
	}
}

// Observe takes an update in; it is engine.Config's Observe.
func (m *Monitor) Observe(u engine.Update) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch u.Kind {
	case engine.Consumed:
		c := u.Candidate
		if c.Phase != engine.PhaseSearch || c.Origin() == engine.Imported {
			return
		}
		m.measured++
		if c.Status == engine.Failed {
			m.fail(fmt.Sprintf("candidate %s failed: %s", c.ID, c.Reason))
		}
		if m.view == nil {
			m.early = append(m.early, *c)
			return
		}
		m.add(m.leading.Add(c))
	case engine.Retried:
		if u.Text == "cancelled" { // the search is being stopped
			return
		}
		m.fail(fmt.Sprintf("candidate %s, attempt %d: %s", u.Job.ID, u.Attempt, u.Text))
	case engine.Said:
		m.say(u.Text)
	}
}

func (m *Monitor) fail(text string) {
	m.failures = append(m.failures, text)
	if len(m.failures) > 3 {
		m.failures = m.failures[len(m.failures)-3:]
	}
	m.say(text)
}

// Say adds a line for people.
func (m *Monitor) Say(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(text)
}

func (m *Monitor) say(text string) {
	m.said = append(m.said, text)
	m.news++
	if len(m.said) > 100 {
		m.said = m.said[1:]
	}
}

// heard is what was said since the first n lines, and how many there are now.
func (m *Monitor) heard(n int) (lines []string, now int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := min(m.news-n, len(m.said))
	return append([]string(nil), m.said[len(m.said)-k:]...), m.news
}

// pace is evaluations a second in this run.
func (m *Monitor) pace() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := time.Since(m.begun).Seconds(); s > 0 {
		return float64(m.measured) / s
	}
	return 0
}

func (m *Monitor) line() []float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]float64(nil), m.curve...)
}
