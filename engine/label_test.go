package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func comment(text string) *string { return &text }

// What is said of candidates, of a running search and of a stopped one, is kept, and
// changes neither what the search does nor its digest and its replay.
func TestLabels(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{}) // candidate 15 waits for it
	evaluator := func(gate chan struct{}) engine.Evaluator {
		return engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			if job.ID == 15 {
				<-gate
			}
			return map[string]float64{"accuracy": float64(job.ID%7) / 7}, nil
		})
	}
	open := make(chan struct{})
	close(open)
	plain := config(enginetest.Memory(t))
	plain.Strategy, plain.Limits.Evaluations, plain.Evaluator, plain.Evaluators = randomly{}, 40, evaluator(open), nil
	want, err := run(t, plain).Digest()
	if err != nil {
		t.Fatal(err)
	}

	cfg := config(enginetest.Memory(t))
	cfg.Strategy, cfg.Limits.Evaluations, cfg.Evaluator, cfg.Evaluators = randomly{}, 20, evaluator(gate), nil
	var s *engine.Search
	say := func(l engine.Labelling) error {
		_, err := s.Steer(engine.Request{Label: &l})
		return err
	}
	said := make(chan error, 1)
	cfg.Observe = func(u engine.Update) {
		if u.Kind == engine.Consumed && u.Candidate.ID == 5 {
			go func() {
				said <- errors.Join(
					say(engine.Labelling{IDs: []engine.ID{1, 3}, Add: "good"}),
					say(engine.Labelling{IDs: []engine.ID{3}, Add: "to look at", Comment: comment("small, and fast")}),
				)
				close(gate)
				s.Stop()
			}()
		}
	}
	s, err = engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err != nil {
		t.Fatalf("%v", err)
	}
	if err := say(engine.Labelling{IDs: []engine.ID{1}, Add: "late"}); err == nil {
		t.Error("a search that has ended takes a label")
	}
	now := time.Now()
	for _, l := range []engine.Labelling{
		{IDs: []engine.ID{1}, Remove: "good"}, {IDs: []engine.ID{2}, Comment: comment("x")}, {IDs: []engine.ID{2}, Comment: comment("")},
		{IDs: []engine.ID{3, 4}, Add: "good"},
	} {
		if _, err := engine.Steer(cfg.Ledger, engine.Request{Label: &l}, now); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []struct {
		l    engine.Labelling
		want string
	}{
		{engine.Labelling{IDs: []engine.ID{99}, Add: "x"}, "there is no candidate 99; the newest is "},
		{engine.Labelling{IDs: []engine.ID{engine.FinalBase + 1}, Add: "x"}, "there is no candidate f1"},
		{engine.Labelling{IDs: []engine.ID{1}, Add: strings.Repeat("x", 65)}, "has 65 bytes"},
		{engine.Labelling{IDs: []engine.ID{1}, Add: " x"}, "is no label"},
		{engine.Labelling{IDs: []engine.ID{1}, Add: "a,b"}, "is no label"},
		{engine.Labelling{IDs: []engine.ID{1}, Add: "a\x1b[31m"}, "is no label"},
		{engine.Labelling{IDs: []engine.ID{1}, Comment: comment("a\nb")}, "cannot be printed"},
		{engine.Labelling{IDs: []engine.ID{1}, Comment: comment(strings.Repeat("x", 1001))}, "has 1001 bytes"},
	} {
		if _, err := engine.Steer(cfg.Ledger, engine.Request{Label: &bad.l}, now); err == nil || !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v; want %s", bad.l, err, bad.want)
		}
	}
	got, err := engine.ReadLabels(cfg.Ledger)
	if text := fmt.Sprint(got); err != nil || text != "map[3:{[good to look at] small, and fast} 4:{[good] }]" {
		t.Errorf("%s, %v", text, err)
	}

	again := cfg
	again.Observe, again.Limits.Evaluations = nil, 40
	if digest, err := run(t, again).Digest(); err != nil || digest != want {
		t.Errorf("the digest is %s, %v; without labels %s", digest, err, want)
	}
	if err := engine.Replay(t.Context(), always(randomly{}), cfg.Ledger, nil); err != nil {
		t.Error(err)
	}
}
