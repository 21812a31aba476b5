package serve

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// Names of searches, metrics and genes are no HTML, no script and no part of JavaScript's
// own objects, in a report and where it is read without scripts.
func TestFileOfHostileNames(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), `a "b" <i>c & d`)
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	bad := "constructor" // what may be called so at most
	_, err = engine.Run(t.Context(), engine.Config{
		Name: "hostile", Space: genome.MustParseSpace(`{"constructor": {"int": [1, 999]},
			"__proto__": {"choice": ["</script><script>document.title='owned'</script>", "toString"]}}`),
		Strategy: strategy, StrategyName: "random", Ledger: led, Seed: 1, Final: engine.Final{Skip: true}, Limits: engine.Limits{Evaluations: 30},
		Objectives: []engine.Objective{{Metric: bad, Goal: engine.Maximize}, {Metric: "__proto__", Goal: engine.Minimize}},
		Evaluator: engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			x, _ := job.Genome.Gene("constructor")
			return map[string]float64{bad: float64(x.(int64)), "__proto__": float64(x.(int64) % 7), "hasOwnProperty": 1}, nil
		}, engine.Metric{Name: bad, Goal: engine.Maximize}, engine.Metric{Name: "__proto__", Goal: engine.Minimize}, engine.Metric{Name: "hasOwnProperty"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := led.Close(); err != nil {
		t.Fatal(err)
	}
	path, _ := written(t, dir)
	tab := newTab(t)
	tab.look(1000, false)
	tab.open("file://" + path)
	tab.sound("overview", "", 1000)
	if got := evaluate[string](tab, `document.querySelector('.command code').textContent`); !strings.HasSuffix(got, " --format json") {
		t.Errorf("what is no network is taken along by %q", got)
	}
	at := evaluate[string](tab, `document.querySelector('nav a').hash`)
	for _, view := range []string{"/candidates",
		"/candidates?where=gene(%22__proto__%22)+%3D+toString+and+constructor+%3E+3&columns=id,gene:__proto__,metric:__proto__,constructor", "/candidate/1", "/genes", "/log"} {
		tab.open("file://" + path + at + view)
		tab.sound(view, "", 1000)
	}
	tab.open("file://" + path + at + "/candidates?where=gene(%22__proto__%22)+%3D+toString")
	if n := evaluate[int](tab, `document.querySelectorAll('tbody tr').length`); n == 0 || n == 30 {
		t.Errorf("a gene called __proto__ is toString in %d of 30: %s", n, evaluate[string](tab, `document.querySelector("main").innerText`))
	}
}
