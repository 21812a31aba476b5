package gorgonia

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

const (
	tiny  = `{"data": {"samples": 200, "test": 50}, "batch": 40}`
	fixed = `{"data": {"samples": 200, "test": 50}, "batch": 40, "horizon": 6}`
)

func tinySpace(t *testing.T) *genome.Space {
	return networktest.Space(t, `{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [1e-3, 1e-2], "log": true},
		"blocks": {"length": 2, "list": {"choice": [{"block": {"channels": {"int": [2, 4]}, "stride": 2, "norm": "bool", "dropout": 0.1}}]}},
		"head": {"pool": "average"}}`)
}

// session is one opened evaluator.
type session struct {
	t       *testing.T
	space   *genome.Space
	files   engine.Ledger
	session engine.Session
	hello   engine.Hello
	jobs    engine.ID
}

func start(t *testing.T, s *genome.Space, options string) *session {
	t.Helper()
	files := enginetest.Memory(t)
	opened, hello, err := sdk.InProcess(*Plugin()).Open(t.Context(),
		engine.EvaluatorSetup{Space: s, Workers: 2, Options: json.RawMessage(options), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close(context.Background()) })
	return &session{t: t, space: s, files: files, session: opened, hello: hello}
}

func (s *session) job(budget float64) *engine.Job {
	s.t.Helper()
	g, err := s.space.Random(rng.New(5))
	if err != nil {
		s.t.Fatal(err)
	}
	s.jobs++
	return &engine.Job{ID: s.jobs, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: budget, Seed: 11}
}

func (s *session) run(a engine.Assignment) *engine.Result {
	s.t.Helper()
	a.Attempt = max(1, a.Attempt)
	if err := s.session.Submit(a); err != nil {
		s.t.Fatal(err)
	}
	return plugintest.Until(s.t, s.session, engine.Finished).Result
}

func names(values engine.Values) (names []string) {
	for _, v := range values {
		if v.Name != "seconds" {
			names = append(names, v.Name)
		}
	}
	return names
}

func TestConformance(t *testing.T) {
	t.Parallel()
	wild := networktest.Space(t, `{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [1, 1000]}, "optimizer": "sgd",
		"dense": {"units": 4}}`)
	diverging, err := wild.Parse("lr=999")
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Evaluator(t, func() engine.Evaluator { return sdk.InProcess(*Plugin()) }, enginetest.EvaluatorOptions{
		Space: tinySpace(t), Options: json.RawMessage(tiny), Budget: 3,
		SlowOptions: json.RawMessage(`{"data": {"samples": 20000, "test": 50}, "batch": 1}`),
		Invalid:     []genome.Genome{diverging},
		Refused: []json.RawMessage{
			json.RawMessage(`{"bach": 1}`), json.RawMessage(`{"batch": 0}`), json.RawMessage(`{"batch": "many"}`),
			json.RawMessage(`{"data": "cifar"}`), json.RawMessage(`{"data": {"files": 3}}`), json.RawMessage(`{"optimizer": "lion"}`),
			json.RawMessage(`{"horizon": 0}`), json.RawMessage(`{"save_every": -1}`),
			json.RawMessage(`{"data": {"source": "csv", "files": ["/nowhere.csv"]}}`),
		},
	})
}

func TestOptionErrorsNameTheirKey(t *testing.T) {
	t.Parallel()
	for options, words := range map[string][]string{
		`{"bach": 1}`:               {"bach", "batch"},
		`{"batch": 0}`:              {"batch: is 0"},
		`{"schedule": "zigzag"}`:    {"schedule", "cosine"},
		`{"data": {"samples": 3}}`:  {"data", "data.samples is 3"},
		`{"data": {"sauce": "x"}}`:  {"data", "sauce", "source"},
		`{"horizon": "sometime"}`:   {"horizon", "budget"},
		`{"learning_rate": "fast"}`: {"learning_rate: ", "a number"},
	} {
		_, _, err := sdk.InProcess(*Plugin()).Open(t.Context(), engine.EvaluatorSetup{Space: tinySpace(t), Options: json.RawMessage(options)})
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v does not say %q", options, err, w)
			}
		}
	}
}

func TestSpaceMustSuitTheData(t *testing.T) {
	t.Parallel()
	for declaration, word := range map[string]string{
		`{"lr": {"float": [0.1, 1]}}`: "no layers",
		`{"network": {"input": [1, 28, 28], "classes": 10}, "dense": {"units": {"int": [1, 2]}}}`: "[1 40]",
		`{"network": {"input": [1, 40], "classes": 7}, "dense": {"units": {"int": [1, 2]}}}`:      "10 classes",
	} {
		_, _, err := sdk.InProcess(*Plugin()).Open(t.Context(), engine.EvaluatorSetup{Space: networktest.Space(t, declaration), Options: json.RawMessage(tiny)})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: error %v does not say %q", declaration, err, word)
		}
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	s := start(t, tinySpace(t), tiny)
	if !s.hello.Tests || !s.hello.Seeded || !s.hello.Deterministic || s.hello.Slots != 2 ||
		!strings.Contains(s.hello.Splits, "trains on 160 samples and validates on 40") {
		t.Errorf("hello %+v", s.hello)
	}
	if !strings.Contains(s.hello.Identity, "kernels ") {
		t.Errorf("the identity %q does not name the kernels", s.hello.Identity)
	}
	searched := s.run(engine.Assignment{Job: s.job(2)})
	if got := names(searched.Metrics); !reflect.DeepEqual(got, []string{"accuracy", "loss", "macs", "parameters", "train_accuracy", "train_loss"}) {
		t.Errorf("phase search answers %v", got)
	}
	if len(searched.Curve) != 2 || searched.Curve[1].Step != 2 || len(searched.Curve[0].Metrics) != 4 {
		t.Errorf("its curve is %v", searched.Curve)
	}
	if len(searched.Files) != 1 || searched.Files[0].Name != "checkpoint" {
		t.Errorf("its files are %v", searched.Files)
	}
	again := s.job(2)
	again.Phase = engine.PhaseRemeasure
	if r := s.run(engine.Assignment{Job: again}); !reflect.DeepEqual(plugintest.Exact(r), plugintest.Exact(searched)) {
		t.Errorf("measured again with the same seed: %v, first %v", r.Metrics, searched.Metrics)
	}
	again = s.job(2)
	again.Seed = 12
	if r := s.run(engine.Assignment{Job: again}); reflect.DeepEqual(plugintest.Exact(r), plugintest.Exact(searched)) {
		t.Error("another seed changes nothing")
	}
	test := s.job(2)
	test.Phase = engine.PhaseTest
	tested := s.run(engine.Assignment{Job: test})
	if got := names(tested.Metrics); !reflect.DeepEqual(got, []string{"macs", "parameters", "test_accuracy", "test_loss", "train_accuracy", "train_loss"}) {
		t.Errorf("phase test answers %v", got)
	}
	for _, p := range tested.Curve[:1] {
		if _, looked := p.Metrics.Get("test_accuracy"); looked {
			t.Error("a test looks at test data before its end")
		}
	}
}

func TestPromotionWithAFixedHorizon(t *testing.T) {
	t.Parallel()
	s := start(t, tinySpace(t), fixed)
	whole := s.run(engine.Assignment{Job: s.job(5)})
	first := s.run(engine.Assignment{Job: s.job(2)})
	promoted := s.job(5)
	promoted.Resume = 2
	got := s.run(engine.Assignment{Job: promoted, Resume: first.Files})
	if !reflect.DeepEqual(plugintest.Exact(got), plugintest.Exact(whole)) || got.Reason != "" {
		t.Errorf("promoted: %v %q, uninterrupted: %v", got.Metrics, got.Reason, whole.Metrics)
	}
	if len(got.Curve) != 3 || got.Curve[0].Step != 3 {
		t.Errorf("its curve %v does not go on from 2", got.Curve)
	}
	s.job(0)
	if long := s.run(engine.Assignment{Job: s.job(7)}); long.Status != engine.Failed || !strings.Contains(long.Reason, "raise the evaluator's horizon") {
		t.Errorf("beyond the horizon: %+v", long)
	}
	test := s.job(7)
	test.Phase = engine.PhaseTest
	if r := s.run(engine.Assignment{Job: test}); r.Status != engine.OK {
		t.Errorf("a test beyond the horizon: %+v", r)
	}
}

func TestPromotionWithTheBudgetAsHorizon(t *testing.T) {
	t.Parallel()
	s := start(t, tinySpace(t), tiny)
	afresh := s.run(engine.Assignment{Job: s.job(3)})
	first := s.run(engine.Assignment{Job: s.job(2)})
	promoted := s.job(3)
	promoted.Resume = 2
	got := s.run(engine.Assignment{Job: promoted, Resume: first.Files})
	if !reflect.DeepEqual(plugintest.Exact(got), plugintest.Exact(afresh)) || !strings.Contains(got.Reason, "afresh") {
		t.Errorf("promoted: %v %q, afresh: %v", got.Metrics, got.Reason, afresh.Metrics)
	}
}

// TestCancelWithSave ends a job in the middle; its next attempt goes on and
// answers what the job would have answered at once, curve and all.
func TestCancelWithSave(t *testing.T) {
	t.Parallel()
	s := start(t, tinySpace(t), tiny)
	const budget = 400
	whole := s.run(engine.Assignment{Job: s.job(budget)})
	job := s.job(budget)
	if err := s.session.Submit(engine.Assignment{Job: job, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	plugintest.Until(s.t, s.session, engine.Progress)
	s.session.Cancel(job.ID, 1, true)
	saved := plugintest.Until(s.t, s.session, engine.Saved)
	plugintest.Until(s.t, s.session, engine.Returned)
	got := s.run(engine.Assignment{Job: job, Attempt: 2, Resume: saved.Files, Saved: true})
	if !reflect.DeepEqual(plugintest.Exact(got), plugintest.Exact(whole)) || !reflect.DeepEqual(got.Curve, whole.Curve) {
		t.Errorf("in two attempts: %v, in one: %v", got.Metrics, whole.Metrics)
	}
}

func TestSaveEvery(t *testing.T) {
	t.Parallel()
	s := start(t, tinySpace(t), `{"data": {"samples": 200, "test": 50}, "save_every": 2, "checkpoints": false}`)
	if strings.Contains(s.hello.Identity, "save_every") {
		t.Error("how often progress is kept is part of the identity")
	}
	job := s.job(5)
	if err := s.session.Submit(engine.Assignment{Job: job, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	plugintest.Until(s.t, s.session, engine.Saved)
	plugintest.Until(s.t, s.session, engine.Saved)
	if r := plugintest.Until(s.t, s.session, engine.Finished).Result; len(r.Files) != 0 {
		t.Errorf("files %v, though checkpoints are off", r.Files)
	}
}

func TestStopRule(t *testing.T) {
	t.Parallel()
	s := start(t, tinySpace(t), tiny)
	job := s.job(50)
	job.Stop = &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 3, Threshold: 1.1}
	r := s.run(engine.Assignment{Job: job})
	if r.Status != engine.OK || !r.Stopped || len(r.Curve) != 3 {
		t.Errorf("stopped %v, status %v, %d points", r.Stopped, r.Status, len(r.Curve))
	}
	if v, ok := r.Metrics.Get("accuracy"); !ok || v != func() float64 { v, _ := r.Curve[2].Metrics.Get("accuracy"); return v }() {
		t.Errorf("accuracy %v is not that of the last epoch", v)
	}
}

func TestDivergenceIsInvalid(t *testing.T) {
	t.Parallel()
	s := start(t, networktest.Space(t, `{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [998, 999]}, "optimizer": "sgd", "dense": {"units": 8}}`), tiny)
	r := s.run(engine.Assignment{Job: s.job(20)})
	if r.Status != engine.Invalid || !strings.HasPrefix(r.Reason, "loss") || !strings.Contains(r.Reason, " in epoch ") {
		t.Errorf("%v: %s", r.Status, r.Reason)
	}
}
