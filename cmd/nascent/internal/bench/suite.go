package bench

import (
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// Suite is a comparison over several problems; its JSON is suite.json.
type Suite struct {
	Name      string     `json:"suite"`
	Reference string     `json:"reference"` // the strategy that others are tested against
	Problems  []*Problem `json:"problems"`
	Overall   []Standing `json:"overall"`
}

// Problem is one search of a suite, as all strategies carry it out.
type Problem struct {
	Name string `json:"name"`

	// By is what a search is judged by: "best", "test", a figure that its test reported, or
	// its cost to the target ("evaluations", "seconds").
	By string `json:"by"`

	Goal      engine.Goal `json:"goal"`
	Optimum   *float64    `json:"optimum,omitempty"`
	Relative  bool        `json:"relative,omitempty"` // the regret is a share of the optimum
	Published []Published `json:"published,omitempty"`
	Scores    []Score     `json:"scores"` // of the strategies, in their order
	*Bench    `json:"bench"`
}

// Published is a figure of somebody else's.
type Published struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Score is how a strategy did on a problem.
type Score struct {
	Strategy string   `json:"strategy"`
	N        int      `json:"n"`    // searches that came to something
	None     int      `json:"none"` // that came to nothing: they count as the worst, and not in the mean
	Spread            // over the searches
	Mean     *float64 `json:"mean"`
	Error    *float64 `json:"standard_error"`   // of the mean
	Regret   *float64 `json:"regret,omitempty"` // how far the mean is from the optimum; below 0 where it is beyond
	Rank     float64  `json:"rank"`             // mean over the seeds among all strategies, 1 is best
	Better   int      `json:"better"`           // seeds with which it did better than the reference
	Worse    int      `json:"worse"`
	P        *float64 `json:"p,omitempty"` // that it is no other than the reference: Wilcoxon's signed ranks over the seeds, by Holm over the suite

	values map[int64]float64 // by seed; the worst where it came to nothing
}

// Standing is how a strategy did over all problems.
type Standing struct {
	Strategy string   `json:"strategy"`
	Rank     float64  `json:"rank"` // mean over the problems
	Wins     int      `json:"wins"` // problems on which no strategy has a better mean
	Problems int      `json:"problems"`
	Better   int      `json:"better"`          // problems on which it is better than the reference, p below 0.05
	Worse    int      `json:"worse"`           // likewise
	Ratio    *float64 `json:"ratio,omitempty"` // geometric mean of the regrets over those of the reference
}

// significant is below which p a difference counts.
const significant = 0.05

// Judge fills in what follows from the searches. The reference must be a strategy.
func (s *Suite) Judge() {
	var ps []float64
	var of []*Score
	for _, p := range s.Problems {
		p.score()
		ref := p.find(s.Reference)
		if ref == nil {
			continue
		}
		for i := range p.Scores {
			x := &p.Scores[i]
			if x == ref || x.N == 0 || ref.N == 0 {
				continue
			}
			var differences []float64
			for _, seed := range sharedSeeds(x, ref) {
				d := p.gain(x.values[seed], ref.values[seed])
				switch {
				case d > 0:
					x.Better++
				case d < 0:
					x.Worse++
				}
				differences = append(differences, d)
			}
			if len(differences) > 0 {
				ps, of = append(ps, Wilcoxon(differences)), append(of, x)
			}
		}
	}
	for i, q := range holm(ps) {
		of[i].P = &q
	}
	s.stand()
}

// gain is by how much a is better than b.
func (p *Problem) gain(a, b float64) float64 {
	if a == b { // the worst of both, too
		return 0
	}
	if p.Goal == engine.Minimize {
		return b - a
	}
	return a - b
}

// find returns the score of a strategy, or nil.
func (p *Problem) find(name string) *Score {
	if i := slices.IndexFunc(p.Scores, func(x Score) bool { return x.Strategy == name }); i >= 0 {
		return &p.Scores[i]
	}
	return nil
}

// sharedSeeds are those that two strategies were both run with, in order.
func sharedSeeds(a, b *Score) []int64 {
	var out []int64
	for seed := range a.values {
		if _, ok := b.values[seed]; ok {
			out = append(out, seed)
		}
	}
	slices.Sort(out)
	return out
}

// ByCost tells whether searches are judged by what they spend until the target.
func ByCost(by string) bool { return by == "evaluations" || by == "seconds" }

// end is what a search came to by what the problem is judged by.
func (p *Problem) end(x *Run) (float64, bool) {
	if x.End != nil {
		return *x.End, true
	}
	if ByCost(p.By) {
		switch {
		case x.Reached == nil:
			return 0, false
		case p.By == "seconds":
			return x.Reached[Seconds], true
		}
		return x.Reached[Evaluations], true
	}
	switch p.By {
	case "best":
		if x.Best != nil {
			return *x.Best, true
		}
	case "test":
		if x.Test != nil {
			return *x.Test, true
		}
	default:
		return x.Report.Get(p.By)
	}
	return 0, false
}

// Unjudged says why nothing can be judged by what the problem names: no search has
// such a figure, and yet they have come to something. It is "" where one has.
func (p *Problem) Unjudged() string {
	if p.By == "best" || ByCost(p.By) {
		return ""
	}
	var figures []string
	came := false
	for _, r := range p.Strategies {
		for i := range r.Runs {
			x := &r.Runs[i]
			if _, ok := p.end(x); ok {
				return ""
			}
			came = came || x.Best != nil
			if x.Test != nil && !slices.Contains(figures, "test") {
				figures = append(figures, "test")
			}
			for _, v := range x.Report {
				if !slices.Contains(figures, v.Name) {
					figures = append(figures, v.Name)
				}
			}
		}
	}
	if !came {
		return ""
	}
	remedy := "write best: nothing was tested"
	if len(figures) > 0 {
		slices.Sort(figures)
		remedy = "write best or one of " + strings.Join(figures, ", ")
	}
	return "no search has a figure " + p.By + " in the end; " + remedy
}

// score sums up each strategy's searches.
func (p *Problem) score() {
	worst := Measure{Goal: p.Goal}.worst()
	p.Scores = nil
	for _, r := range p.Strategies {
		x := Score{Strategy: r.Name, values: map[int64]float64{}}
		var all, ok []float64
		for i := range r.Runs {
			v, has := p.end(&r.Runs[i])
			if has {
				ok = append(ok, v)
			} else {
				v = worst
				x.None++
			}
			x.values[r.Runs[i].Seed] = v
			all = append(all, v)
		}
		x.N, x.Spread = len(ok), spread(all)
		if m := mean(ok); m != nil {
			x.Mean = &m.Mean
			if len(ok) > 1 {
				e := m.SD / math.Sqrt(float64(len(ok)))
				x.Error = &e
			}
			if p.Optimum != nil {
				r := p.gain(*p.Optimum, m.Mean)
				if p.Relative {
					r /= math.Abs(*p.Optimum)
				}
				x.Regret = &r
			}
		}
		p.Scores = append(p.Scores, x)
	}
	p.rank()
}

// rank compares the strategies seed by seed, over the seeds that all have which have
// any.
func (p *Problem) rank() {
	var some []*Score
	for i := range p.Scores {
		if len(p.Scores[i].values) > 0 {
			some = append(some, &p.Scores[i])
		}
	}
	n := 0
	if len(some) > 0 {
		for seed := range some[0].values {
			if slices.ContainsFunc(some, func(x *Score) bool { _, ok := x.values[seed]; return !ok }) {
				continue
			}
			var losses []float64
			for _, x := range some {
				loss := engine.Key(x.values[seed])
				if p.Goal != engine.Minimize {
					loss = -loss
				}
				losses = append(losses, loss)
			}
			for i, r := range ranks(losses) {
				some[i].Rank += r // halves: the order of seeds does not matter
			}
			n++
		}
	}
	for _, x := range some {
		if x.Rank /= float64(n); n == 0 {
			x.Rank = 0
		}
	}
}

// stand puts the problems together.
func (s *Suite) stand() {
	s.Overall = nil
	var names []string
	for _, p := range s.Problems {
		for _, x := range p.Scores {
			if !slices.Contains(names, x.Strategy) {
				names = append(names, x.Strategy)
			}
		}
	}
	for _, name := range names {
		st := Standing{Strategy: name}
		ratio, ratios := 0.0, 0
		for _, p := range s.Problems {
			x, ref := p.find(name), p.find(s.Reference)
			if x == nil || x.Mean == nil {
				continue
			}
			st.Problems++
			st.Rank += x.Rank
			if !slices.ContainsFunc(p.Scores,
				func(y Score) bool { return y.Mean != nil && p.gain(engine.Key(*y.Mean), engine.Key(*x.Mean)) > 0 }) {
				st.Wins++
			}
			if x.P != nil && *x.P < significant {
				if x.Better > x.Worse {
					st.Better++
				} else {
					st.Worse++
				}
			}
			if x.Regret != nil && ref != nil && ref.Regret != nil && *x.Regret > 0 && *ref.Regret > 0 {
				ratio += math.Log(*x.Regret / *ref.Regret)
				ratios++
			}
		}
		if st.Problems > 0 {
			st.Rank /= float64(st.Problems)
		}
		if ratios > 0 {
			g := math.Exp(ratio / float64(ratios))
			st.Ratio = &g
		}
		s.Overall = append(s.Overall, st)
	}
}
