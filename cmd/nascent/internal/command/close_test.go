package command

import (
	"context"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/plugins/host"
)

// A strategy with a process is what closeStrategy is for.
var _ interface{ Close(context.Context) error } = (*host.StrategyPlugin)(nil)

type closing struct {
	engine.Strategy
	closed, bounded bool
}

func (c *closing) Close(ctx context.Context) error {
	_, c.bounded = ctx.Deadline()
	c.closed = true
	return nil
}

func TestCloseStrategy(t *testing.T) {
	t.Parallel()
	plain, err := evolve.New("aging")
	if err != nil {
		t.Fatal(err)
	}
	closeStrategy(plain) // has nothing to close
	c := &closing{Strategy: plain}
	closeStrategy(c)
	if !c.closed || !c.bounded {
		t.Errorf("closed: %t, by a deadline: %t; want both", c.closed, c.bounded)
	}
}
