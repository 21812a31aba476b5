package supernet

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

const tiny = `{"data": {"samples": 250, "test": 50}, "batch": 20}`

const cells = `{"network": {"input": [1, 40], "classes": 10}, "stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_3", "max_pool_3"], "nodes": 3}},
	"channels": 3, "cells": 3, "reductions": 2}}`

// alphasFor are fresh ones.
func alphasFor(t *testing.T, s *genome.Space) orders.Alphas {
	t.Helper()
	n, err := network.ReadSupernet(s)
	if err != nil {
		t.Fatal(err)
	}
	var a orders.Alphas
	for _, c := range n.Choices {
		for _, list := range []*[][]float64{&a.Logits, &a.First, &a.Second} {
			*list = append(*list, make([]float64, len(c.Options)))
		}
	}
	return a
}

func input(t *testing.T, o orders.Order) []byte {
	t.Helper()
	raw, err := orders.Write(o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// session is one opened evaluator.
type session struct {
	t       *testing.T
	space   *genome.Space
	files   engine.Ledger
	session engine.Session
	jobs    engine.ID
}

func start(t *testing.T) *session {
	t.Helper()
	s := &session{t: t, space: networktest.Space(t, cells), files: enginetest.Memory(t)}
	opened, hello, err := sdk.InProcess(*Plugin()).Open(t.Context(),
		engine.EvaluatorSetup{Space: s.space, Workers: 2, Options: json.RawMessage(tiny), Files: s.files})
	if err != nil {
		t.Fatal(err)
	}
	if !hello.Deterministic || !reflect.DeepEqual(hello.Tasks, []engine.Task{engine.Supernet, engine.Score}) || !strings.Contains(hello.Identity, "kernels ") {
		t.Errorf("hello %+v", hello)
	}
	s.session = opened
	t.Cleanup(func() { opened.Close(context.Background()) })
	return s
}

// run carries out one job to its end.
func (s *session) run(a engine.Assignment) *engine.Result {
	s.t.Helper()
	s.jobs++
	a.Job.ID, a.Job.Phase, a.Attempt = s.jobs, engine.PhaseSearch, 1
	if a.Job.Genome.IsZero() {
		g, err := s.space.Random(rng.New(5))
		if err != nil {
			s.t.Fatal(err)
		}
		a.Job.Genome = g
	}
	if err := s.session.Submit(a); err != nil {
		s.t.Fatal(err)
	}
	return plugintest.Until(s.t, s.session, engine.Finished).Result
}

func (s *session) supernet(o orders.Order, budget float64, resume []engine.FileRef) *engine.Result {
	s.t.Helper()
	return s.run(engine.Assignment{Job: &engine.Job{Task: engine.Supernet, Input: input(s.t, o), Budget: budget, Seed: 11}, Resume: resume})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := networktest.Space(t, cells)
	for name, o := range map[string]orders.Order{
		"uniform": {Method: orders.Uniform, Epochs: 3},
		"darts":   {Method: orders.Mixed, Epochs: 3, Order: 1, Auxiliary: 1, Alphas: alphasFor(t, s)},
		"second":  {Method: orders.Mixed, Epochs: 3, Order: 2, Alphas: alphasFor(t, s)},
		"gdas":    {Method: orders.Gumbel, Epochs: 3, Hot: 10, Cold: 0.1, Alphas: alphasFor(t, s)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Evaluator(t, func() engine.Evaluator { return sdk.InProcess(*Plugin()) }, enginetest.EvaluatorOptions{
				Space: networktest.Space(t, cells), Options: json.RawMessage(tiny), Task: engine.Supernet, Input: input(t, o), Jobs: 4,
				SlowOptions: json.RawMessage(`{"data": {"samples": 100000, "test": 50}, "batch": 1}`),
				Refused: []json.RawMessage{
					json.RawMessage(`{"bach": 1}`), json.RawMessage(`{"batch": 0}`), json.RawMessage(`{"learning_rate": 0}`), json.RawMessage(`{"weight_decay": -1}`),
					json.RawMessage(`{"alpha_learning_rate": 0}`), json.RawMessage(`{"alpha_weight_decay": -1}`), json.RawMessage(`{"data": "cifar"}`),
				},
			})
		})
	}
}

// A schedule in two jobs is the schedule in one.
func TestJobsGoOn(t *testing.T) {
	t.Parallel()
	for _, o := range []orders.Order{
		{Method: orders.Uniform},
		{Method: orders.Mixed, Order: 1, Auxiliary: 0.5},
		{Method: orders.Gumbel, Hot: 10, Cold: 0.1},
	} {
		t.Run(string(o.Method), func(t *testing.T) {
			t.Parallel()
			s := start(t)
			o.Epochs = 4
			if o.Method != orders.Uniform {
				o.Alphas = alphasFor(t, s.space)
			}
			whole := s.supernet(o, 4, nil)
			if whole.Status != engine.OK || len(whole.Curve) != 4 || len(whole.Files) != 1 {
				t.Fatalf("came to %+v", whole)
			}
			first := s.supernet(o, 3, nil)
			next := o
			next.Epoch = 3
			if len(first.Output) > 0 {
				var a orders.Answer
				if err := orders.Read(first.Output, &a); err != nil {
					t.Fatal(err)
				}
				if reflect.DeepEqual(a.Alphas.Logits, o.Alphas.Logits) {
					t.Error("the alphas have not changed")
				}
				next.Alphas = a.Alphas
			}
			second := s.supernet(next, 1, first.Files)
			if second.Status != engine.OK || second.Files[0].Hash != whole.Files[0].Hash || string(second.Output) != string(whole.Output) {
				t.Errorf("in two jobs it comes to %+v, in one to %+v", second, whole)
			}
			if r := s.supernet(next, 1, nil); r.Status != engine.Failed || !strings.Contains(r.Reason, "are gone") {
				t.Errorf("without its weights epoch 3 comes to %+v", r)
			}
			frozen := o
			frozen.Frozen = true
			if r := s.supernet(frozen, 1, nil); len(r.Output) > 0 {
				var a orders.Answer
				if err := orders.Read(r.Output, &a); err != nil || !reflect.DeepEqual(a.Alphas, o.Alphas) {
					t.Errorf("frozen alphas become %+v: %v", a.Alphas, err)
				}
			}
		})
	}
}

// TestCancelWithSave ends a job in the middle; its next attempt goes on and
// answers what the job would have answered at once, curve and all.
func TestCancelWithSave(t *testing.T) {
	t.Parallel()
	s := start(t)
	o := orders.Order{Method: orders.Gumbel, Epochs: 200, Hot: 10, Cold: 0.1, Alphas: alphasFor(t, s.space)}
	before := s.supernet(o, 1, nil)
	o.Epoch = 1
	const budget = 150
	whole := s.supernet(o, budget, before.Files)
	job := &engine.Job{ID: 100, Phase: engine.PhaseSearch, Task: engine.Supernet, Input: input(t, o), Budget: budget, Seed: 11}
	var err error
	if job.Genome, err = s.space.Random(rng.New(5)); err != nil {
		t.Fatal(err)
	}
	if err := s.session.Submit(engine.Assignment{Job: job, Attempt: 1, Resume: before.Files}); err != nil {
		t.Fatal(err)
	}
	plugintest.Until(s.t, s.session, engine.Progress)
	s.session.Cancel(job.ID, 1, true)
	saved := plugintest.Until(s.t, s.session, engine.Saved)
	plugintest.Until(s.t, s.session, engine.Returned)
	if err := s.session.Submit(engine.Assignment{Job: job, Attempt: 2, Resume: saved.Files, Saved: true}); err != nil {
		t.Fatal(err)
	}
	got := plugintest.Until(s.t, s.session, engine.Finished).Result
	if got.Status != engine.OK || string(got.Output) != string(whole.Output) || got.Files[0].Hash != whole.Files[0].Hash ||
		!reflect.DeepEqual(got.Curve, whole.Curve) {
		t.Errorf("in two attempts it comes to %+v, in one to %+v", got, whole)
	}
}

func TestScores(t *testing.T) {
	t.Parallel()
	s := start(t)
	trained := s.supernet(orders.Order{Method: orders.Uniform, Epochs: 6}, 6, nil)
	other := s.supernet(orders.Order{Method: orders.Uniform, Epochs: 1}, 1, nil)
	score := func(text string, files []engine.FileRef) *engine.Result {
		g, err := s.space.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return s.run(engine.Assignment{Job: &engine.Job{Task: engine.Score, Genome: g, Seed: 3}, Inherit: files})
	}
	const good, none = "stack=(cell=|nor_conv_3~0|+|nor_conv_3~0|nor_conv_3~1|)", "stack=(cell=|none~0|+|none~0|none~1|)"
	a := score(good, trained.Files)
	if x, ok := a.Metrics.Get(orders.SharedAccuracy); a.Status != engine.OK || !ok || x < 0.15 {
		t.Fatalf("came to %+v", a)
	}
	if x, _ := score(none, trained.Files).Metrics.Get(orders.SharedAccuracy); x > 0.2 {
		t.Errorf("a cell without an operation has the accuracy %v", x)
	}
	b := score(good, other.Files)
	if reflect.DeepEqual(plugintest.Exact(a), plugintest.Exact(b)) {
		t.Error("other weights give the same score")
	}
	if again := score(good, trained.Files); !reflect.DeepEqual(plugintest.Exact(again), plugintest.Exact(a)) {
		t.Errorf("scored again: %v, first %v", again.Metrics, a.Metrics)
	}
	if _, named := a.Metrics.Get("accuracy"); named {
		t.Error("a score is called accuracy, as a trained candidate's is")
	}
	if r := score(good, nil); r.Status != engine.Failed || !strings.Contains(r.Reason, "no shared weights") {
		t.Errorf("without weights: %+v", r)
	}
}

func TestOrdersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	s := start(t)
	alphas := alphasFor(t, s.space)
	for want, o := range map[string]orders.Order{
		"epoch 3 of 3":       {Method: orders.Uniform, Epoch: 3, Epochs: 3},
		"no paths":           {Method: orders.Paths, Epochs: 3},
		`method "magic"`:     {Method: "magic", Epochs: 3},
		"for other choices":  {Method: orders.Mixed, Epochs: 3, Order: 1},
		"order 3":            {Method: orders.Mixed, Epochs: 3, Order: 3, Alphas: alphas},
		"temperatures 0 to ": {Method: orders.Gumbel, Epochs: 3, Alphas: alphas},
		"path nonsense":      {Method: orders.Paths, Epochs: 3, Paths: []string{"nonsense"}},
	} {
		if r := s.supernet(o, 1, nil); r.Status != engine.Failed || !strings.Contains(r.Reason, want) {
			t.Errorf("%+v: %s %q, want it to say %q", o, r.Status, r.Reason, want)
		}
	}
	if r := s.run(engine.Assignment{Job: &engine.Job{Task: engine.Train, Budget: 1}}); r.Status != engine.Failed || !strings.Contains(r.Reason, "gorgonia") {
		t.Errorf("a training: %+v", r)
	}
	if r := s.run(engine.Assignment{Job: &engine.Job{Task: engine.Supernet, Budget: 1}}); r.Status != engine.Failed || !strings.Contains(r.Reason, "no order") {
		t.Errorf("without an order: %+v", r)
	}
}

func TestSpaceMustSuit(t *testing.T) {
	t.Parallel()
	for declaration, word := range map[string]string{
		`{"network": {"input": [1, 40], "classes": 7}, "stack": {"cell": {"cell": {"edges": ["skip", "conv3"], "nodes": 3}}, "channels": 3, "cells": 3}}`:                             "10 classes",
		`{"network": {"input": [1, 80], "classes": 10}, "stack": {"cell": {"cell": {"edges": ["skip", "conv3"], "nodes": 3}}, "channels": 3, "cells": 3}}`:                            "shape [1 40]",
		`{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [0.1, 1]}, "stack": {"cell": {"cell": {"edges": ["skip", "conv3"], "nodes": 3}}, "channels": 3, "cells": 3}}`: "also searches lr",
	} {
		_, _, err := sdk.InProcess(*Plugin()).Open(t.Context(), engine.EvaluatorSetup{Space: networktest.Space(t, declaration), Options: json.RawMessage(tiny)})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: error %v does not say %q", declaration, err, word)
		}
	}
}
