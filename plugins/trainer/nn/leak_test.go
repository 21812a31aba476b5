package nn

import (
	"runtime"
	"testing"
)

// TestModelsAreFreed is not parallel: it looks at the whole heap. Gorgonia's
// global constants must not hold on to graphs that have been dropped.
func TestModelsAreFreed(t *testing.T) {
	n := base()
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return float64(s.HeapAlloc)
	}
	mustBuild(t, n, Options{})
	before := heap()
	for range 20 {
		mustBuild(t, n, Options{})
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("20 dropped models hold %.1f MB", grown/(1<<20))
	}
}
