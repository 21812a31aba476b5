package genome_test

import (
	"testing"

	"github.com/nascent-nas/nascent/genome"
)

func TestFitsWith(t *testing.T) {
	t.Parallel()
	old := genome.MustParseSpace(`{"lr": {"float": [0, 1]}, "act": {"choice": ["relu", {"elu": {"a": {"float": [0, 1]}}}, "silu"]},
		"blocks": {"list": {"width": {"int": [1, 9]}}, "length": [1, 3]}}`)
	now := genome.MustParseSpace(`{"lr": {"float": [0, 1]}, 
		"act": {"choice": [{"relu": {"cap": {"int": [1, 9]}}}, {"elu": {"a": {"float": [0, 1]}, "b": {"bool": true}}}, "silu"]},
		"blocks": {"list": {"width": {"int": [1, 9]}, "skip": {"bool": true}}, "length": [1, 3]}, "head": {"units": {"int": [1, 9]}, "drop": {"float": [0, 1]}}}`)
	was := genome.Map{
		{Key: "act.relu.cap", Value: int64(6)}, {Key: "act.elu.b", Value: true}, {Key: "blocks.skip", Value: false}, {Key: "lr", Value: 0.9},
		{Key: "head", Value: genome.Map{{Key: "units", Value: int64(3)}, {Key: "drop", Value: 0.0}}},
	}
	for from, want := range map[string]string{
		"lr=0.5 act=relu blocks=[(width=1) (width=2)]": "lr=0.5 act=relu(cap=6) blocks=[(width=1 skip=no) (width=2 skip=no)] head=(units=3 drop=0)",
		"lr=0.5 act=elu(a=0.25) blocks=[(width=3)]":    "lr=0.5 act=elu(a=0.25 b=yes) blocks=[(width=3 skip=no)] head=(units=3 drop=0)",
		"lr=0.25 act=silu blocks=[(width=9)]":          "lr=0.25 act=silu blocks=[(width=9 skip=no)] head=(units=3 drop=0)",
	} {
		g, err := old.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := now.FitsWith(g, was); err != nil || got.Text() != want {
			t.Errorf("%s: %v, %v, want %s", from, got.Text(), err, want)
		}
		if g.Text() != from {
			t.Errorf("%s became %s", from, g.Text())
		}
		if _, err := now.FitsWith(g, was[1:4]); err == nil {
			t.Errorf("%s fits without all of its genes", from)
		}
	}
	for _, c := range []struct {
		path  string
		value any
		ok    bool
	}{
		{"act.relu.cap", int64(6), true}, {"act.relu.cap", int64(60), false}, {"blocks.skip", false, true}, {"blocks.skip", "x", false},
		{"head", genome.Map{{Key: "units", Value: int64(3)}}, false}, {"nothing", int64(1), false}, {"act", "silu", true},
	} {
		if err := now.Takes(c.path, c.value); (err == nil) != c.ok {
			t.Errorf("%s=%v: %v", c.path, c.value, err)
		}
	}
}
