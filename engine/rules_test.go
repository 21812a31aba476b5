package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// ruled notes the rules of the spaces that a search shows its strategy.
type ruled struct {
	climber
	seen *[]int
}

func (r ruled) Open(ctx context.Context, s engine.Setup) ([]byte, engine.Needs, error) {
	*r.seen = append(*r.seen, s.Space.Rules())
	return r.climber.Open(ctx, s)
}

func (r ruled) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	for _, c := range t.Results {
		*r.seen = append(*r.seen, c.Genome.Space().Rules())
	}
	return r.climber.Step(ctx, state, t)
}

func TestASearchKeepsItsRules(t *testing.T) {
	t.Parallel()
	for rules := range genome.Rules + 1 {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Space, cfg.Final.Skip = plainSpace.ByRules(rules), true
		run(t, cfg)
		a := mustArchive(t, led)
		if a.Plan.Rules != rules || a.Space.Rules() != rules {
			t.Errorf("rules %d: recorded %d, read a space by %d", rules, a.Plan.Rules, a.Space.Rules())
		}
		var seen []int
		cfg.Space, cfg.Limits.Evaluations, cfg.Strategy = plainSpace, 80, ruled{seen: &seen}
		run(t, cfg)
		if len(seen) < 20 {
			t.Fatalf("the strategy saw %d spaces", len(seen))
		}
		for _, n := range seen {
			if n != rules {
				t.Fatalf("rules %d: goes on by rules %d", rules, n)
			}
		}
	}
}

func TestRulesAreNoPartOfTheDigest(t *testing.T) {
	t.Parallel()
	var digests []string
	for _, rules := range []int{0, genome.Rules} {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Space, cfg.Strategy = plainSpace.ByRules(rules), randomly{} // whose draws no rule has changed
		run(t, cfg)
		digests = append(digests, digest(t, led, -1))
	}
	if digests[0] != digests[1] {
		t.Error("equal trajectories by different rules have different digests")
	}
}

// newer is a ledger that a later nascent began.
type newer struct{ engine.Ledger }

func (n newer) Header() (engine.Header, bool, error) {
	h, ok, err := n.Ledger.Header()
	if err != nil || !ok {
		return h, ok, err
	}
	var config map[string]any
	if err := json.Unmarshal(h.Config, &config); err != nil {
		return h, ok, err
	}
	config["rules"] = genome.Rules + 1
	h.Config, err = json.Marshal(config)
	return h, ok, err
}

func TestNewerRulesAreRefused(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	run(t, config(led))
	if _, err := engine.Read(newer{led}); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "newer nascent") {
		t.Errorf("reading gives %v", err)
	}
	cfg := config(newer{led})
	cfg.Limits.Evaluations = 70
	if _, err := engine.Run(t.Context(), cfg); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "newer nascent") {
		t.Errorf("going on gives %v", err)
	}
}
