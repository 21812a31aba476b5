package sdk

import (
	"context"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// echo proposes the genomes of its History again.
type echo struct{ setup engine.Setup }

func (e *echo) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	e.setup = setup
	return nil, engine.Needs{History: engine.NeedMetrics}, nil
}

func (e *echo) Step(_ context.Context, _ []byte, turn engine.Turn) (engine.Decision, error) {
	d := engine.Decision{}
	for c := range engine.All(turn.History) {
		d.Proposals = append(d.Proposals, engine.Proposal{Genome: c.Genome})
	}
	return d, nil
}

// Genomes go through a plugin as its host holds them, without a text on the way; a host
// that does not say that it takes them so gets texts, whatever it sent.
func TestGenomesAreNotReadOnTheWay(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(enginetest.Numbers)
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, packed := range []bool{true, false} {
		strategy := &echo{}
		s := &strategyServer{strategy: strategy}
		open := proto.SetupTo(engine.Setup{Space: space, Seeded: true})
		open.Packed = packed
		hello, err := s.Open(t.Context(), open)
		if err != nil || hello.Refusal != nil || hello.Packed != packed || !strategy.setup.Seeded {
			t.Fatalf("it opens with %v, %v", hello, err)
		}
		var as *genome.Space
		if packed {
			as = space
		}
		answer, err := s.Step(t.Context(), &proto.StepRequest{
			History: []*proto.Candidate{proto.CandidateTo(&engine.Candidate{Job: engine.Job{ID: 1, Genome: g}}, false, as)},
		})
		if err != nil || answer.Error != "" || len(answer.Proposals) != 1 {
			t.Fatalf("it answers %v, %v", answer, err)
		}
		if p := answer.Proposals[0]; packed && (string(p.Packed) != g.Packed() || p.Genome != "") || !packed && (p.Genome != g.Text() || p.Packed != nil) {
			t.Errorf("where genomes come packed (%v), a proposal has %q and %q", packed, p.Genome, p.Packed)
		}
	}
}
