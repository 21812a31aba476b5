package jsonl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/host"
)

// A Python strategy conforms, in the processes of a search.
func TestStrategyConforms(t *testing.T) {
	t.Parallel()
	needPython(t)
	p, err := host.Find(host.KindStrategy, "../python/examples/aging.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
	enginetest.Strategy(t, func() engine.Strategy { return host.Strategy(p, o) }, enginetest.StrategyOptions{
		Remote: true, Turns: 8, Options: json.RawMessage(`{"population": 5, "sample": 2}`),
		Refused: []json.RawMessage{json.RawMessage(`{"popluation": 3}`), json.RawMessage(`{"python": "no-such-python"}`), json.RawMessage(`{"check": 3}`)},
	})
}

// So does one that keeps files.
func TestStrategyKeepsFiles(t *testing.T) {
	t.Parallel()
	needPython(t)
	p, err := host.Find(host.KindStrategy, "testdata/decides.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
	enginetest.Strategy(t, func() engine.Strategy { return host.Strategy(p, o) }, enginetest.StrategyOptions{
		Remote: true, Turns: 4, Options: json.RawMessage(`{"do": "files"}`),
	})
}

// decides is a strategy of testdata/decides.py, open on a space of numbers.
func decides(t *testing.T, options string) (*strategy, []byte, *genome.Space) {
	t.Helper()
	needPython(t)
	return opened(t, &strategy{program: program{script: "testdata/decides.py"}}, options)
}

func opened(t *testing.T, s *strategy, options string) (*strategy, []byte, *genome.Space) {
	t.Helper()
	t.Cleanup(s.end)
	space := genome.MustParseSpace(enginetest.Numbers)
	state, _, err := s.Open(t.Context(), engine.Setup{
		Space: space, Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, Metrics: []engine.Metric{{Name: "accuracy"}},
		Fidelities: []engine.Fidelity{{Evaluator: "e", Budget: 1}}, Order: engine.Strict, Options: json.RawMessage(options),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, state, space
}

// told is a History of candidates with a curve and an output each.
type told []*engine.Candidate

func (h told) Len() int                   { return len(h) }
func (h told) At(i int) *engine.Candidate { return h[i] }
func (h told) Get(id engine.ID) (*engine.Candidate, bool) {
	i := slices.IndexFunc(h, func(c *engine.Candidate) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return h[i], true
}
func (h told) Curve(id engine.ID) ([]engine.Point, error) {
	return []engine.Point{{Step: 1, Metrics: engine.Values{{Name: "accuracy", Value: float64(id) / 8}}}}, nil
}
func (h told) Output(id engine.ID) ([]byte, error) { return []byte(id.String()), nil }

// tell makes n candidates; of another salt, others.
func tell(t testing.TB, space *genome.Space, n int, salt uint64) told {
	t.Helper()
	r := rng.New(salt)
	var out told
	for i := range n {
		g, err := space.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		c := &engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Genome: g, Operator: engine.OpRandom, Task: engine.Train, Tag: fmt.Sprint(salt), Fidelity: i % 2},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: float64(i)}}},
		}
		switch {
		case i%5 == 4:
			c.Status, c.Metrics = engine.Failed, nil
		case i%3 == 2:
			c.Parents, c.Operator = []engine.ID{1, 2}, engine.OpCross
			c.Metrics = append(c.Metrics, engine.Value{Name: fmt.Sprintf("more%d", salt), Value: 0.1})
		}
		out = append(out, c)
	}
	return out
}

// What the space answers is what Go strategies get.
func TestStrategyAsksTheSpace(t *testing.T) {
	t.Parallel()
	s, state, space := decides(t, `{"do": "space"}`)
	text := func(g genome.Genome, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return g.Text()
	}
	a, err := space.Random(rng.New(1))
	if err != nil || string(state) != fmt.Sprintf(`{"first":%q}`, a.Text()) {
		t.Fatalf("%s %v", state, err)
	}
	b, err := space.Random(rng.New(rng.New(42).Uint64() >> 11))
	if err != nil {
		t.Fatal(err)
	}
	h := tell(t, space, 1, 1)
	d, err := s.Step(t.Context(), state, engine.Turn{Seed: 42, Want: 2, History: h, Results: []engine.Candidate{*h[0]}})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(d.State, &got); err != nil {
		t.Fatal(err)
	}
	list := func(values any) (out []any) {
		text, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	mistakes := got["mistakes"].([]any)
	delete(got, "mistakes")
	if diff := cmp.Diff(map[string]any{
		"mutant": text(space.Mutate(a, rng.New(2))), "child": text(space.Cross(a, b, rng.New(3))), "again": a.Text(), "kind": "int",
		"row": list(space.Encode(a)), "rows": list(space.Encode(b)), "names": list(space.EncodingNames()),
	}, got); diff != "" {
		t.Error(diff)
	}
	for i, want := range []string{"x: ", "x: ", "the seed -1"} {
		if !strings.Contains(mistakes[i].(string), want) {
			t.Errorf("mistake %d: %s", i, mistakes[i])
		}
	}
	if len(d.Proposals) != 2 || d.Proposals[0].Genome.Text() != a.Text() || d.Proposals[1].Tag != "b" || d.Note != "asked" ||
		!slices.Equal(d.Keep, []engine.ID{1}) {
		t.Errorf("%+v", d)
	}
}

// The worker's copy of the History is what the engine has, after any change of it.
func TestStrategySeesTheHistory(t *testing.T) {
	t.Parallel()
	for _, need := range []string{"none", "metrics", "all"} {
		s, _, space := decides(t, fmt.Sprintf(`{"do": "history", "history": %q}`, need))
		long, other := tell(t, space, 2*rowsInLine+7, 1), tell(t, space, 20, 2)
		mixed := append(slices.Clone(long[:5]), other[5:]...)
		for i, h := range []told{long[:3], long[:12], long, long[:4], other[:9], other[:2], mixed, long[:2], nil} {
			d, err := s.Step(t.Context(), nil, engine.Turn{History: h})
			if err != nil {
				t.Fatal(err)
			}
			if need == "none" {
				h = nil
			}
			want := columns(h, need == "all")
			var got map[string]any
			if err := json.Unmarshal(d.State, &got); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			clear(want)
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, step %d: %s", need, i, diff)
			}
		}
	}
}

// columns is a History as decides.py shows it.
func columns(h told, whole bool) map[string]any {
	metrics := map[string][]any{"accuracy": {}}
	for _, c := range h {
		for _, m := range c.Metrics {
			metrics[m.Name] = []any{}
		}
	}
	ids, genomes, parents, fidelity, tags, status := []any{}, []any{}, []any{}, []any{}, []any{}, []any{}
	curves, outputs := []any{}, []any{}
	for _, c := range h {
		ids, genomes, fidelity = append(ids, c.ID), append(genomes, c.Genome.Text()), append(fidelity, c.Fidelity)
		parents = append(parents, append([]engine.ID{}, c.Parents...))
		tags, status = append(tags, c.Tag), append(status, c.Status)
		for _, name := range slices.Sorted(maps.Keys(metrics)) {
			var value any
			if x, ok := c.Metrics.Get(name); ok {
				value = x
			}
			metrics[name] = append(metrics[name], value)
		}
		curve, output := []any{}, ""
		if whole {
			curve = append(curve, []any{1, map[string]any{"accuracy": float64(c.ID) / 8}})
			output = c.ID.String()
		}
		curves, outputs = append(curves, curve), append(outputs, output)
	}
	return map[string]any{"ids": ids, "genomes": genomes, "parents": parents, "fidelity": fidelity, "tags": tags, "status": status,
		"metrics": metrics, "curves": curves, "outputs": outputs}
}

// What differs from process to process in Python differs here in nothing.
func TestStrategyIsSteady(t *testing.T) {
	t.Parallel()
	s, _, space := decides(t, `{"do": "order", "check": true}`)
	for seed := range uint64(3) {
		if _, err := s.Step(t.Context(), nil, engine.Turn{N: seed, Seed: seed, History: tell(t, space, 3, 1)}); err != nil {
			t.Error(err)
		}
	}
}

// It knows whether measuring again tells something, and may remark on it.
func TestStrategyKnowsOfSeeds(t *testing.T) {
	t.Parallel()
	needPython(t)
	for seeded, want := range map[bool]string{true: "seeded: True", false: "seeded: False"} {
		s := &strategy{program: program{script: "testdata/decides.py"}}
		defer s.end()
		state, needs, err := s.Open(t.Context(), engine.Setup{
			Space: genome.MustParseSpace(enginetest.Numbers), Seeded: seeded, Options: json.RawMessage(`{"do": "tell"}`),
		})
		if err != nil || string(state) != fmt.Sprint(seeded) || needs.Remark != want {
			t.Errorf("seeded %v: it says %s, %q, %v", seeded, state, needs.Remark, err)
		}
	}
}

// A worker that dies is started again and asked the same, until it has died too
// often.
func TestStrategyDies(t *testing.T) {
	t.Parallel()
	s, _, space := decides(t, fmt.Sprintf(`{"do": "once", "mark": %q}`, filepath.Join(t.TempDir(), "mark")))
	if d, err := s.Step(t.Context(), nil, engine.Turn{Want: 3, History: tell(t, space, 5, 1)}); err != nil || len(d.Proposals) != 3 {
		t.Errorf("%+v %v", d, err)
	}
	if err := syscall.Kill(s.worker.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Step(t.Context(), nil, engine.Turn{Want: 2, History: tell(t, space, 9, 1)}); err != nil || len(d.Proposals) != 2 {
		t.Errorf("%+v %v", d, err)
	}
	s, _, _ = decides(t, `{"do": "dies"}`)
	if _, err := s.Step(t.Context(), nil, engine.Turn{}); err == nil || !strings.Contains(err.Error(), "asked 3 times: decides.py ended by signal 9") {
		t.Error(err)
	}
	s, _, _ = decides(t, `{"do": "sleeps"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Step(ctx, nil, engine.Turn{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Mistakes are answered in one line, with the user's own.
func TestStrategyMistakes(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]string{
		"no_such":   "KeyError: 'no_such' (decides.py:",
		"changes":   "RuntimeError: the step changed the history: work on a copy",
		"unsayable": "TypeError: the decision cannot be sent: Object of type set is not JSON serializable",
		"nothing":   "TypeError: the step answered with a NoneType: return nascent.Decision(state, proposals), or a list of proposals",
		"wrong":     "proposal 1: ",
		"lost":      "RuntimeError: this search has no store of files",
	} {
		s, state, space := decides(t, fmt.Sprintf(`{"do": %q}`, do))
		_, err := s.Step(t.Context(), state, engine.Turn{History: tell(t, space, 2, 1)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", do, err)
		}
	}
	needPython(t)
	space := genome.MustParseSpace(enginetest.Numbers)
	for options, want := range map[string]string{
		`{"do": "refuse"}`: "do: is not done", `{"history": "some", "do": "history"}`: `history is 'some': give none, metrics or all`,
	} {
		s := &strategy{program: program{script: "testdata/decides.py"}}
		defer s.end()
		if _, _, err := s.Open(t.Context(), engine.Setup{Space: space, Options: json.RawMessage(options)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}

// A program that breaks the protocol is told so, or the search is.
func TestStrategyBreaksTheProtocol(t *testing.T) {
	t.Parallel()
	const hello = `read -r line; echo '{"hello": {}}'; read -r line; `
	for text, want := range map[string]string{
		`echo '{"decision": {}}'`: "its first line is no hello",
		`read -r line; exit 3`:    "ended with exit status 3",
		`sleep 3600`:              "said no hello within 50ms: see docs/exec.md, or raise start_timeout",
		`read -r line; echo '{"hello": {"protocol": 9}}'; read -r line`:            "speaks version 9 of the protocol",
		hello + `echo '{"hello": {}}'; read -r line`:                               "it answers a step without a decision",
		hello + `echo '{"decision": }'; read -r line`:                              "breaks the protocol of docs/exec.md",
		hello + `printf 'thinking '; echo '{"decision": {}}'; read -r line`:        "it prints something before a message in one line",
		hello + `echo '{"decision": {"proposal": []}}'; read -r line`:              "decision.proposal: there is no such key; did you mean proposals?",
		hello + `echo '{"decision": {"done": true, "done": false}}'; read -r line`: "decision.done: it is there twice",
		hello + `echo '{"failed": "no idea"}'; read -r line`:                       "no idea",
		hello + `exit 4`: "asked 3 times: sh ended with exit status 4",
		hello + `echo '{"space": "dream"}'; read -r line; echo "{\"failed\": ${line#*:}"; read -r line`: "breaks the protocol",
		hello + `echo '{"decision": {"proposals": [{"parents": ["a"]}]}}'; read -r line`:                "breaks the protocol",
	} {
		s := &strategy{}
		defer s.end()
		_, _, err := s.Open(t.Context(), engine.Setup{Space: genome.MustParseSpace(enginetest.Numbers),
			Options: json.RawMessage(command(t, map[string]any{"command": []string{"/bin/sh", script(t, text)}, "start_timeout": startTimeoutOf(text)}))})
		if err == nil {
			_, err = s.Step(t.Context(), nil, engine.Turn{})
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func startTimeoutOf(text string) string {
	if strings.HasPrefix(text, "sleep") {
		return "50ms"
	}
	return "1m"
}
