package proto_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/proto"
)

func TestRulesTravelWithTheSpace(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"float": [0, 1]}, "n": {"int": [1, 9]}}`)
	for rules := range genome.Rules + 1 {
		sent := proto.SetupTo(engine.Setup{Space: space.ByRules(rules)})
		got, err := proto.SetupFrom(sent)
		if err != nil || got.Space.Rules() != rules {
			t.Errorf("rules %d arrive as %v, %v", rules, got.Space, err)
		}
	}
	if s, err := proto.SpaceFrom(space.JSON(), 0); err != nil || s.Rules() != 0 {
		t.Errorf("a host that names no rules means those from before there were any: %v, %v", s, err)
	}
	if _, err := proto.SpaceFrom(space.JSON(), genome.Rules+1); err == nil || !strings.Contains(err.Error(), "build it") {
		t.Errorf("rules of the future: %v", err)
	}
}

// Objectives with their scales, ties, reference and targets come over as they are.
func TestObjectivesTravel(t *testing.T) {
	t.Parallel()
	sent := engine.Setup{
		Space:      genome.MustParseSpace(`{"x": {"int": [1, 9]}}`),
		Objectives: []engine.Objective{{Metric: "a", Goal: engine.Maximize}, {Metric: "b", Goal: engine.Minimize, Scale: engine.LogScale}},
		Ties:       []engine.Objective{{Metric: "c", Goal: engine.Minimize}},
		Reference:  engine.Values{{Name: "a", Value: 0.5}, {Name: "b", Value: 9}},
		Limits:     engine.Limits{Evaluations: 3, Targets: engine.Values{{Name: "a", Value: 1}, {Name: "b", Value: 2}}},
		Seeded:     true,
	}
	got, err := proto.SetupFrom(proto.SetupTo(sent))
	if err != nil || !slices.Equal(got.Objectives, sent.Objectives) || !slices.Equal(got.Ties, sent.Ties) ||
		!slices.Equal(got.Limits.Targets, sent.Limits.Targets) || !slices.Equal(got.Reference, sent.Reference) || !got.Seeded {
		t.Errorf("%+v arrives as %+v, %v", sent, got, err)
	}
}
