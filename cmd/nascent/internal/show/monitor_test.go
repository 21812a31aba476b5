package show

import (
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// busy is a search that reports something before it answers where it stands.
type busy struct {
	some
	monitor *Monitor
}

func (b busy) Status() engine.Snapshot {
	b.monitor.Observe(engine.Update{Kind: engine.Said, Text: "it begins"})
	return engine.Snapshot{}
}

// A Monitor that learns of a search's past keeps the search from nothing meanwhile: it
// would never answer.
func TestAttachKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	m := NewMonitor()
	m.attach(&View{Reader: busy{monitor: m}})
	if lines, _ := m.heard(0); len(lines) != 1 {
		t.Errorf("it heard %q", lines)
	}
}
