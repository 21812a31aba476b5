package bench

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// Bench is what a comparison came to; its JSON is bench.json.
type Bench struct {
	Search     string      `json:"search"`
	Metric     string      `json:"metric"`
	Goal       engine.Goal `json:"goal"`
	Target     *float64    `json:"target,omitempty"`
	TestMetric string      `json:"test_metric,omitempty"` // of the winners
	Strategies []*Row      `json:"strategies"`
}

// Row is one strategy.
type Row struct {
	Name     string `json:"name"`
	Strategy string `json:"strategy"`          // as it was given
	Refused  string `json:"refused,omitempty"` // why it cannot search this
	Runs     []Run  `json:"runs"`              // finished searches, by seed

	Evaluations Spread           `json:"evaluations"`
	Seconds     Spread           `json:"seconds"`
	Best        Spread           `json:"best"` // at the end
	Test        *Mean            `json:"test,omitempty"`
	Report      map[string]*Mean `json:"report,omitempty"` // what the winners' tests left for reports alone
	Reached     *Reached         `json:"reached,omitempty"`

	Against map[string]Curve `json:"against"` // by the axis
}

// Run is one search.
type Run struct {
	Seed        int64         `json:"seed"`
	Dir         string        `json:"dir,omitempty"` // relative to the bench's directory, where the search is kept
	Digest      string        `json:"digest,omitempty"`
	Evaluations float64       `json:"evaluations"`
	Seconds     float64       `json:"seconds"`
	Best        *float64      `json:"best"`              // null: nothing that counts was measured
	Error       float64       `json:"error,omitempty"`   // of the best, where it is a hypervolume that is an estimate
	Test        *float64      `json:"test"`              // the winner's mean over its seeds; null: not tested
	Report      engine.Values `json:"report,omitempty"`  // what the winner's tests left for reports alone
	End         *float64      `json:"end,omitempty"`     // what it is judged by, where that alone is known
	Reached     *Cost         `json:"reached,omitempty"` // evaluations and seconds, when the best was as good as the target
	Trace       Trace         `json:"-"`
}

// Outcome is what a finished search came to.
type Outcome struct {
	Search     string             `json:"search"`
	Metric     string             `json:"metric"`
	Goal       engine.Goal        `json:"goal"`
	Trace      Trace              `json:"trace"`
	Test       *float64           `json:"test,omitempty"`
	TestMetric string             `json:"test_metric,omitempty"`
	Report     map[string]float64 `json:"report,omitempty"`
	End        *float64           `json:"end,omitempty"`    // what it is judged by, where that alone is known: then there is nothing else
	Digest     string             `json:"digest,omitempty"` // as nascent digest prints it, or would where the search is not kept
}

// Add puts a finished search among those of a strategy.
func (b *Bench) Add(to *Row, seed int64, dir string, o *Outcome) {
	if b.Metric == "" && o.Metric != "" {
		b.Search, b.Metric, b.Goal = o.Search, o.Metric, cmp.Or(o.Goal, engine.Maximize)
	}
	if o.TestMetric != "" {
		b.TestMetric = o.TestMetric
	}
	to.Runs = append(to.Runs, runOf(seed, dir, o))
}

// runOf is a search by what it came to.
func runOf(seed int64, dir string, o *Outcome) Run {
	run := Run{Seed: seed, Dir: dir, Digest: o.Digest, Test: o.Test, End: o.End, Trace: o.Trace}
	for _, name := range slices.Sorted(maps.Keys(o.Report)) {
		run.Report = append(run.Report, engine.Value{Name: name, Value: o.Report[name]})
	}
	return run
}

// Spread is a median with its quartiles; null where a search that has no value
// counts.
type Spread struct {
	Lower  *float64 `json:"lower"`
	Median *float64 `json:"median"`
	Upper  *float64 `json:"upper"`
}

// Mean is a mean over N searches with its sample standard deviation.
type Mean struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
	N    int     `json:"n"`
}

// Reached is what it cost to come to the target.
type Reached struct {
	Runs        int     `json:"runs"` // that came to it
	Evaluations Bounded `json:"evaluations"`
	Seconds     Bounded `json:"seconds"`
}

// Bounded is a median, or only a bound below it.
type Bounded struct {
	Median float64 `json:"median"`
	More   bool    `json:"more"` // too few searches came so far: the median is larger than this
}

// Curve is the best so far over a strategy's searches against one cost.
type Curve struct {
	At     []float64  `json:"at"`
	Lower  []*float64 `json:"lower"`
	Median []*float64 `json:"median"`
	Upper  []*float64 `json:"upper"`
}

// points is how many places of an axis a Curve is taken at.
const points = 200

// quantile interpolates between the order statistics (Hyndman & Fan 1996, type
// 7); null where an infinite one, that is a missing value, takes part.
func quantile(xs []float64, q float64) *float64 {
	if len(xs) == 0 {
		return nil
	}
	s := slices.Sorted(slices.Values(xs))
	h := q * float64(len(s)-1)
	i := int(h)
	x := s[i]
	if part := h - float64(i); part > 0 {
		if step := s[i+1] - x; !math.IsInf(step, 0) || math.IsInf(s[i+1], 0) || math.IsInf(x, 0) {
			x += part * step
		} else { // between the ends of all numbers
			x = (1-part)*x + part*s[i+1]
		}
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

func spread(xs []float64) Spread {
	return Spread{quantile(xs, 0.25), quantile(xs, 0.5), quantile(xs, 0.75)}
}

func mean(xs []float64) *Mean {
	if len(xs) == 0 {
		return nil
	}
	m, sd := engine.Mean(xs)
	return &Mean{m, sd, len(xs)}
}

// worst stands for a search that has no value yet.
func (m Measure) worst() float64 {
	if m.Goal == engine.Minimize {
		return math.Inf(1)
	}
	return math.Inf(-1)
}

// Sum fills in what follows from the Runs.
func (b *Bench) Sum() {
	m := Measure{b.Metric, b.Goal}
	var most Cost
	for _, r := range b.Strategies {
		for i := range r.Runs {
			x := &r.Runs[i]
			for axis := range most {
				most[axis] = math.Max(most[axis], x.Trace.Spent[axis])
			}
			x.Evaluations, x.Seconds = x.Trace.Spent[Evaluations], x.Trace.Spent[Seconds]
			if n := len(x.Trace.Steps); n > 0 {
				x.Best, x.Error = &x.Trace.Steps[n-1].Value, x.Trace.Steps[n-1].Error
			}
			if b.Target != nil {
				if at, ok := x.Trace.Reach(m, *b.Target); ok {
					x.Reached = &at
				}
			}
		}
	}
	for _, r := range b.Strategies {
		r.sum(m, b.Target, most)
	}
}

func (r *Row) sum(m Measure, target *float64, most Cost) {
	var best, tests []float64
	reports := map[string][]float64{}
	var spent [2][]float64
	for _, x := range r.followed() {
		if x.Best != nil {
			best = append(best, *x.Best)
		} else {
			best = append(best, m.worst())
		}
		if x.Test != nil {
			tests = append(tests, *x.Test)
		}
		for _, v := range x.Report {
			reports[v.Name] = append(reports[v.Name], v.Value)
		}
		for axis := range spent {
			spent[axis] = append(spent[axis], x.Trace.Spent[axis])
		}
	}
	r.Evaluations, r.Seconds, r.Best, r.Test = spread(spent[Evaluations]), spread(spent[Seconds]), spread(best), mean(tests)
	r.Report = map[string]*Mean{}
	for name, xs := range reports {
		r.Report[name] = mean(xs)
	}
	if target != nil && len(r.followed()) > 0 {
		r.Reached = r.reach(m, *target)
	}
	r.Against = map[string]Curve{}
	for axis := range most {
		r.Against[Axis(axis).String()] = r.curve(m, Axis(axis), most[axis])
	}
}

// followed are the searches of which more than the end is known.
func (r *Row) followed() []Run {
	return slices.DeleteFunc(slices.Clone(r.Runs), func(x Run) bool { return x.End != nil })
}

// reach takes the medians of what it cost. A search that did not come to the
// target would have had to spend more than it did.
func (r *Row) reach(m Measure, target float64) *Reached {
	out := &Reached{}
	var low, cost [2][]float64
	for _, x := range r.followed() {
		at, ok := x.Trace.Reach(m, target)
		if ok {
			out.Runs++
		}
		for axis := range cost {
			if !ok {
				low[axis], cost[axis] = append(low[axis], x.Trace.Spent[axis]), append(cost[axis], math.Inf(1))
				continue
			}
			low[axis], cost[axis] = append(low[axis], at[axis]), append(cost[axis], at[axis])
		}
	}
	median := func(axis Axis) Bounded {
		if x := quantile(cost[axis], 0.5); x != nil {
			return Bounded{Median: *x}
		}
		return Bounded{Median: *quantile(low[axis], 0.5), More: true}
	}
	out.Evaluations, out.Seconds = median(Evaluations), median(Seconds)
	return out
}

// curve goes as far as the strategy's longest search.
func (r *Row) curve(m Measure, axis Axis, most float64) Curve {
	own := 0.0
	runs := r.followed()
	for _, x := range runs {
		own = math.Max(own, x.Trace.Spent[axis])
	}
	var c Curve
	for i := range points + 1 {
		at := most * float64(i) / points
		if at > own || most == 0 || len(runs) == 0 {
			break
		}
		var ys []float64
		for _, x := range runs {
			y, ok := x.Trace.At(axis, at)
			if !ok {
				y = m.worst()
			}
			ys = append(ys, y)
		}
		s := spread(ys)
		c.At, c.Lower, c.Median, c.Upper = append(c.At, at), append(c.Lower, s.Lower), append(c.Median, s.Median), append(c.Upper, s.Upper)
	}
	return c
}
