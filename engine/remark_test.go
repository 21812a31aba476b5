package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// remarking is a strategy that has something to say.
type remarking struct{ climber }

func (r remarking) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	state, needs, err := r.climber.Open(ctx, setup)
	needs.Remark = "two\nlines are one"
	return state, needs, err
}

// What a strategy has to say is said where it begins, and decides nothing.
func TestRemarksAreSaidOnce(t *testing.T) {
	t.Parallel()
	const want = "loud: two lines are one\n"
	said := ""
	cfg := config(enginetest.Memory(t))
	cfg.Strategy, cfg.StrategyName = remarking{}, "loud"
	cfg.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
	run(t, cfg)
	if strings.Count(said, want) != 1 {
		t.Errorf("a search begins with %q", said)
	}
	loud := digest(t, cfg.Ledger, -1)

	said, cfg.Limits.Evaluations = "", cfg.Limits.Evaluations+10
	run(t, cfg)
	if strings.Contains(said, want) {
		t.Errorf("a search goes on with %q", said)
	}

	said, cfg = "", config(enginetest.Memory(t))
	cfg.StrategyName = "loud"
	cfg.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
	run(t, cfg)
	if quiet := digest(t, cfg.Ledger, -1); strings.Contains(said, want) || quiet != loud {
		t.Errorf("without the remark it begins with %q and comes to %s, not %s", said, quiet, loud)
	}
	cfg.Strategy, cfg.StrategyName, cfg.ChangeStrategy, cfg.Limits.Evaluations = remarking{}, "louder", true, cfg.Limits.Evaluations+10
	run(t, cfg)
	if !strings.Contains(said, "louder: two lines are one\n") {
		t.Errorf("a strategy takes over with %q", said)
	}
}
