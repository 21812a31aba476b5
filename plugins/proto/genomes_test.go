package proto_test

import (
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// A genome of the space that both sides have open crosses as it is held; one of another
// space, and everything where a side does not know better, as text.
func TestGenomesTravel(t *testing.T) {
	t.Parallel()
	const declaration = `{"x": {"float": [0, 1]}, "n": {"int": [1, 900]}}`
	space, other := genome.MustParseSpace(declaration), genome.MustParseSpace(declaration)
	mine, err := space.Parse("n=700 x=0.25")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.Parse("n=3 x=0.5")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		genome genome.Genome
		packed *genome.Space
		raw    bool
	}{
		{"of the space", mine, space, true},
		{"of another space", theirs, space, false},
		{"to somebody who reads texts", mine, nil, false},
	} {
		candidate := proto.CandidateTo(&engine.Candidate{Job: engine.Job{ID: 7, Genome: c.genome}}, true, c.packed)
		decision := proto.DecisionTo(engine.Decision{Proposals: []engine.Proposal{{Genome: c.genome}, {Operator: engine.OpRandom}}}, c.packed)
		for where, w := range map[string]struct {
			text   string
			packed []byte
		}{
			"candidate": {candidate.Genome, candidate.Packed}, "proposal": {decision.Proposals[0].Genome, decision.Proposals[0].Packed},
		} {
			if raw := w.text == "" && string(w.packed) == c.genome.Packed(); raw != c.raw || !raw && (w.packed != nil || w.text != c.genome.Text()) {
				t.Errorf("%s %s is sent as %q and %q", where, c.what, w.text, w.packed)
			}
		}
		// Whoever reads it has the space from elsewhere.
		back, err := proto.CandidateFrom(candidate, other)
		if err != nil || back.Genome.Space() != other || back.Genome.Text() != c.genome.Text() {
			t.Errorf("candidate %s arrives as %v, %v", c.what, back, err)
		}
		decided, err := proto.DecisionFrom(decision, other)
		if err != nil || decided.Proposals[0].Genome.Text() != c.genome.Text() || !decided.Proposals[1].Genome.IsZero() {
			t.Errorf("proposal %s arrives as %+v, %v", c.what, decided, err)
		}
	}
	if _, err := proto.CandidateFrom(&proto.Candidate{Id: 7, Packed: []byte("\xff\xff\xff")}, space); err == nil {
		t.Error("a damaged genome is taken")
	}
	elsewhere, err := proto.CandidateFrom(&proto.Candidate{Id: 7, Genome: "kind=hand-made", Baseline: "cnn"}, space)
	if err != nil || !elsewhere.Genome.IsZero() {
		t.Errorf("a baseline arrives as %v, %v", elsewhere, err)
	}
}
