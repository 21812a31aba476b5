package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// changing is a strategy whose proposals are changed.
type changing struct {
	climber
	change func(*engine.Proposal)
}

func (c changing) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	d, err := c.climber.Step(ctx, state, t)
	for i := range d.Proposals {
		c.change(&d.Proposals[i])
	}
	return d, err
}

// A replay that comes to other jobs names in what they differ.
func TestReplayNamesTheDifference(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Strategy, cfg.Limits.Evaluations = changing{change: func(p *engine.Proposal) { p.Tag = "a" }}, 20
	run(t, cfg)
	for want, change := range map[string]func(*engine.Proposal){
		`the tag of job 1 is "a", replaying it gives "b"`:                  func(p *engine.Proposal) { p.Tag = "b" },
		`the early stop of job 1 is "none", replaying it gives "{accuracy`: func(p *engine.Proposal) { p.Tag, p.Stop = "a", &engine.StopRule{Metric: "accuracy", Step: 1} },
		`the flag of a replicate of job 1 is "false", replaying it gives`:  func(p *engine.Proposal) { p.Tag, p.Replicate = "a", true },
	} {
		err := engine.Replay(t.Context(), always(changing{change: change}), cfg.Ledger, nil)
		if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
