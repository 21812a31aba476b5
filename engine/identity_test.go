package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
)

const hashA, hashB = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

func TestIdentityChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ then, now, want string }{
		{`{}`, `{}`, ""},
		{`{"batch":32}`, `{"batch":64}`, "option batch: 64, was 32"},
		{`{}`, `{"batch":64}`, "option batch: 64, was not given"},
		{`{"batch":32,"act":"relu"}`, `{"act":"gelu"}`, "option act: gelu, was relu; option batch: not given, was 32"},
		{`{"data":{"samples":200,"x":[1]}}`, `{"data":{"samples":300,"x":[1]}}`, "option data.samples: 300, was 200"},
		{`{"data":"a"}`, `{"data":{"samples":300}}`, `option data: {"samples":300}, was a`},
		{`{} data mnist 1f`, `{} data mnist 2e`, "its data changed (mnist 2e, was mnist 1f)"},
		{
			`{"lr":1} data {"sources":{"evaluate.py":"` + hashA + `","model.py":"` + hashA + `"},"data":"d"}`,
			`{"lr":1} data {"sources":{"evaluate.py":"` + hashB + `","more.py":"` + hashA + `"},"data":"d"}`,
			"evaluate.py changed; model.py was removed; more.py was added",
		},
		{`{} data {"sources":{"evaluate.py":"` + hashA + `"},"data":"d"}`, `{} data {"sources":{"evaluate.py":"` + hashA + `"},"data":"e"}`, "its data changed (e, was d)"},
		{`{} data ["perl","a.pl ` + hashA + `"]`, `{} data ["perl","a.pl ` + hashB + `"]`, "a.pl changed"},
		{`{} data ["perl","a.pl ` + hashA + `"] {"data":"d"}`, `{} data ["perl","a.pl ` + hashA + `","-v"] {"data":"d"}`, "option command: perl a.pl -v, was perl a.pl"},
		{`{} data {"sources":{"evaluate.py":"` + hashA + `"},"data":"d"}`, `{} data {"data":"d"}`, ""}, // what ships tells its files no more
		{`{} data {"wholly": "other"}`, `{} data [1]`, `its data changed ([1], was {"wholly": "other"})`},
		{`{} data mnist 1f kernels avx2`, `{} data mnist 1f kernels go`, "it computes with the kernels go, and did with avx2 (NASCENT_KERNEL chooses)"},
		{`{} data of kernels "go"`, `{} data of kernels and so on`, `its data changed (of kernels and so on, was of kernels "go")`},
		{`a function`, `another`, "its data changed (another, was a function)"},
	} {
		if got := strings.Join(engine.IdentityChanges(c.then, c.now), "; "); got != c.want {
			t.Errorf("%s\n%s\nsaid %s\nwant %s", c.then, c.now, got, c.want)
		}
	}
}

// posing is an evaluator that says of itself what it is told.
type posing struct {
	engine.Evaluator
	as func(*engine.Hello)
}

func (p posing) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	s, h, err := p.Evaluator.Open(ctx, setup)
	p.as(&h)
	return s, h, err
}

// A search goes on with what gives the same results, and says what does not.
func TestGoingOnWithAnotherEvaluator(t *testing.T) {
	t.Parallel()
	ships := func(results int) func(*engine.Hello) {
		return func(h *engine.Hello) {
			h.Name, h.Identity, h.Fingerprint, h.Results = "e", `{"a":1}`, "program 1", results
		}
	}
	old := func(h *engine.Hello) { ships(0)(h) }
	upgraded := func(more func(*engine.Hello)) func(*engine.Hello) {
		return func(h *engine.Hello) {
			ships(1)(h)
			h.Fingerprint = "program 2"
			if more != nil {
				more(h)
			}
		}
	}
	for name, c := range map[string]struct {
		then, now func(*engine.Hello)
		want      string
	}{
		"the same":               {ships(1), ships(1), ""},
		"an upgrade":             {ships(1), upgraded(nil), ""},
		"an older ledger":        {old, upgraded(nil), ""},
		"other results":          {ships(1), upgraded(func(h *engine.Hello) { h.Results = 2 }), "this version of nascent makes other results with e"},
		"other results than old": {old, upgraded(func(h *engine.Hello) { h.Results = 2 }), "version is 2, and was 1"},
		"another option":         {ships(1), upgraded(func(h *engine.Hello) { h.Identity = `{"a":2}` }), "option a: 2, was 1"},
		"another name":           {ships(1), upgraded(func(h *engine.Hello) { h.Name = "f" }), "it is f now and was e"},
		"somebody's own program": {old, func(h *engine.Hello) { old(h); h.Fingerprint = "program 2" }, "the program of e changed"},
		"the same own program":   {old, old, ""},
		"its own in its place":   {ships(1), func(h *engine.Hello) { upgraded(nil)(h); h.Results = 0 }, "the program of e changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledger := enginetest.Memory(t)
			strategy, err := evolve.New("random")
			if err != nil {
				t.Fatal(err)
			}
			run := func(as func(*engine.Hello), evaluations int, accept bool) error {
				_, err := engine.Run(t.Context(), engine.Config{
					Space: genome.MustParseSpace(enginetest.Numbers), Strategy: strategy, StrategyName: "random",
					StrategyOptions: json.RawMessage("{}"), Ledger: ledger, AcceptFingerprint: accept,
					Evaluator: posing{enginetest.Landscape{}.Instant(), as}, Limits: engine.Limits{Evaluations: evaluations},
				})
				return err
			}
			if err := run(c.then, 5, false); err != nil {
				t.Fatal(err)
			}
			err = run(c.now, 9, false)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "evaluator: ") ||
				!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("it says %v", err)
			}
			if err := run(c.now, 9, true); err != nil {
				t.Error(err)
			}
		})
	}
}
