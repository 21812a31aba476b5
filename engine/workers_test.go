package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// What could only be a slip is refused before anything is started.
func TestAbsurdSizes(t *testing.T) {
	t.Parallel()
	base := engine.Config{Space: plainSpace, Strategy: climber{}, Evaluator: &enginetest.Instant{}}
	for _, c := range []struct {
		workers, window int
		want            string
	}{
		{engine.MaxWorkers, engine.MaxWindow, ""},
		{engine.MaxWorkers + 1, 8, fmt.Sprintf("workers: %d is not from 1 to 10000", engine.MaxWorkers+1)},
		{-1, 8, "workers: -1"},
		{1, engine.MaxWindow + 1, fmt.Sprintf("window: %d is not from 1 to 100000", engine.MaxWindow+1)},
		{1, -1, "window: -1"},
	} {
		cfg := base
		cfg.Workers, cfg.Window = c.workers, c.window
		_, err := engine.New(cfg)
		if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("workers %d, window %d: %v; want %q", c.workers, c.window, err, c.want)
		}
	}
	cfg := base
	cfg.Strategy = climber{batch: engine.MaxWindow + 1}
	search, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := search.Run(t.Context()); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "smaller round") {
		t.Errorf("a strategy that wants more than a window: %v", err)
	}
}

// Workers are raised to what one process takes at once, where that is asked for.
func TestFillWorkers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fill           bool
		workers, slots int
		want           int
	}{
		{false, 2, 64, 2}, {true, 2, 64, 64}, {true, 8, 4, 8}, {true, 2, 1 << 30, engine.MaxWorkers},
	} {
		search, err := engine.New(engine.Config{
			Space: plainSpace, Strategy: climber{}, Workers: c.workers, Fill: c.fill,
			Evaluator: &enginetest.Instant{Hello: engine.Hello{Slots: c.slots, Metrics: enginetest.Landscape{}.Metrics()},
				Measure: enginetest.Landscape{}.Measure},
			Failures: engine.FailurePolicy{PauseAfter: 100}, Limits: engine.Limits{Evaluations: 2}, Final: engine.Final{Skip: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := search.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := search.Status().Workers; got != c.want {
			t.Errorf("%+v: %d workers", c, got)
		}
		if got := search.Archive().Status().Workers; got != c.want {
			t.Errorf("%+v: the ledger tells of %d workers", c, got)
		}
	}
}
