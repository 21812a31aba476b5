package bench

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// ended is a strategy whose searches ended at these values, seed by seed; NaN: at none.
func ended(name string, values ...float64) *Row {
	r := &Row{Name: name, Runs: []Run{}}
	for i, v := range values {
		x := Run{Seed: int64(i + 1), Trace: Trace{Spent: Cost{10, 20}}}
		if !math.IsNaN(v) {
			x.Trace.Steps = []Step{{At: Cost{5, 10}, Value: v}}
			x.Report = engine.Values{{Name: "hidden", Value: -v}}
		}
		r.Runs = append(r.Runs, x)
	}
	return r
}

// among makes a problem of strategies.
func among(name string, goal engine.Goal, by string, optimum float64, rows ...*Row) *Problem {
	b := &Bench{Search: name, Metric: "m", Goal: goal, Strategies: rows}
	b.Sum()
	p := &Problem{Name: name, By: by, Goal: goal, Optimum: &optimum, Bench: b}
	return p
}

func TestSuiteJudges(t *testing.T) {
	t.Parallel()
	none := math.NaN()
	s := &Suite{Name: "s", Reference: "a", Problems: []*Problem{
		among("up", engine.Maximize, "best", 10, ended("a", 1, 2, 3, 4, 5, 6, 7, 8), ended("b", 2, 3, 4, 5, 6, 7, 8, 9), ended("c", 1, 2, 3, 4, 5, 6, 7, none)),
		among("down", engine.Minimize, "best", 0, ended("a", 4, 4, 4, 4), ended("b", 1, 1, 5, 1)),
		among("hidden", engine.Maximize, "hidden", 0, ended("a", 4, 4), ended("b", 1, 1)),
	}}
	s.Problems[0].Published = []Published{{"theirs", 3.5}}
	s.Judge()
	up := s.Problems[0]
	for _, c := range []struct {
		name                      string
		rank, mean, error, regret float64
		better, worse, none       int
		p                         float64
	}{
		{"a", (7*2.5 + 2) / 8, 4.5, math.Sqrt(6) / math.Sqrt(8), 5.5, 0, 0, 0, 0},
		{"b", 1, 5.5, math.Sqrt(6) / math.Sqrt(8), 4.5, 8, 0, 0, 0},
		{"c", (7*2.5 + 3) / 8, 4, math.Sqrt(14.0/3) / math.Sqrt(7), 6, 0, 1, 1, 1},
	} {
		x := up.find(c.name)
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: %s is %v, want %v", c.name, what, got, want)
			}
		}
		near("rank", x.Rank, c.rank)
		near("mean", *x.Mean, c.mean)
		near("error", *x.Error, c.error)
		near("regret", *x.Regret, c.regret)
		if x.Better != c.better || x.Worse != c.worse || x.None != c.none {
			t.Errorf("%s: %+v", c.name, x)
		}
	}
	// Exactly 2 of 2^8, and by Holm over the four comparisons.
	if p := *up.find("b").P; math.Abs(p-4*2.0/256) > 1e-12 {
		t.Errorf("p is %v", p)
	}
	if up.find("a").P != nil {
		t.Error("the reference is compared with itself")
	}
	// One single difference, to the worst, and no mean over what is not there.
	if x := up.find("c"); *x.P != 1 || x.Lower == nil || x.N != 7 {
		t.Errorf("%+v", x)
	}
	if b := s.Problems[1].find("b"); b.Better != 3 || b.Worse != 1 || *b.Regret != 2 {
		t.Errorf("%+v", b)
	}
	if b := s.Problems[2].find("b"); *b.Mean != -1 || b.Better != 2 {
		t.Errorf("%+v", b)
	}
	want := []Standing{
		{Strategy: "a", Problems: 3}, {Strategy: "b", Problems: 3, Wins: 3, Better: 1}, {Strategy: "c", Problems: 1},
	}
	for i, w := range want {
		got := s.Overall[i]
		if got.Strategy != w.Strategy || got.Problems != w.Problems || got.Wins != w.Wins || got.Better != w.Better || got.Worse != w.Worse {
			t.Errorf("%+v, want %+v", got, w)
		}
	}
	if r := *s.Overall[1].Ratio; math.Abs(r-math.Cbrt(4.5/5.5*2.0/4*1.0/4)) > 1e-12 {
		t.Errorf("the regrets' ratio is %v", r)
	}

	path := filepath.Join(t.TempDir(), "suite.html")
	if err := s.Page(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"Regret against evaluations", "Best so far against evaluations", "theirs, published", "8 better, 0 worse", "0.0312", "<svg viewBox", `class="best"`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the page has no %q", part)
		}
	}
}

// Who comes to the target with less is better, and who does not come so far is worst.
func TestSuiteJudgesByCost(t *testing.T) {
	t.Parallel()
	slow, fast := ended("slow", 3, 3, 3), ended("fast", 3, 1, 3)
	for i := range fast.Runs {
		fast.Runs[i].Trace.Steps[0].At = Cost{2, 7}
	}
	target := 2.0
	b := &Bench{Search: "cost", Metric: "m", Goal: engine.Maximize, Target: &target, Strategies: []*Row{slow, fast}}
	b.Sum()
	for by, want := range map[string][2]float64{"evaluations": {5, 2}, "seconds": {10, 7}} {
		s := &Suite{Name: "s", Reference: "slow", Problems: []*Problem{{Name: "cost", By: by, Goal: engine.Minimize, Bench: b}}}
		s.Judge()
		p := s.Problems[0]
		slow, fast := p.find("slow"), p.find("fast")
		if *slow.Mean != want[0] || *fast.Mean != want[1] || fast.N != 2 || fast.None != 1 || fast.Better != 2 || fast.Worse != 1 {
			t.Errorf("%s: %+v and %+v", by, slow, fast)
		}
		if none := p.Unjudged(); none != "" {
			t.Error(none)
		}
		if title := p.Title(); title != "cost: "+by+" to 2.000 of m (minimize)" {
			t.Error(title)
		}
	}
}

// A result beyond the optimum has a regret below 0, and is told of.
func TestBeyondTheOptimum(t *testing.T) {
	t.Parallel()
	for goal, sign := range map[engine.Goal]float64{engine.Maximize: 1, engine.Minimize: -1} {
		p := among("p", goal, "best", sign*10, ended("a", sign*9, sign*8), ended("b", sign*12, sign*12.5))
		s := &Suite{Reference: "a", Problems: []*Problem{p}}
		s.Judge()
		if a, b := *p.Scores[0].Regret, *p.Scores[1].Regret; a != 1.5 || b != -2.25 {
			t.Errorf("%s: the regrets are %v and %v", goal, a, b)
		}
		if notes := p.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "came 2 searches, the furthest to "+figure(sign*12.5)) {
			t.Errorf("%s: %q", goal, notes)
		}
	}
}
