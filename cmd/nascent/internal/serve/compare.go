package serve

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/compare"
	"github.com/nascent-nas/nascent/engine"
)

const (
	mostCompared    = 12
	mostComparisons = 20 // that are kept
	mostPairs       = 30
	settingsRoom    = 10_000 // bytes
)

// compared are searches side by side, as `nascent compare` has them.
type compared struct {
	Metric   string            `json:"metric"`
	Goal     engine.Goal       `json:"goal"`
	Metrics  []string          `json:"metrics"` // that all may be compared by
	Error    string            `json:"error,omitempty"`
	Searches []comparedOne     `json:"searches"`
	Settings []comparedSetting `json:"settings"`       // those that differ
	Left     int               `json:"left,omitempty"` // and how many more
	At       [2]string         `json:"at"`             // what all have spent: evaluations, evaluators' time
	Pairs    []compare.Pair    `json:"pairs"`          // of groups with several seeds
	X        *axis             `json:"x,omitempty"`    // of fronts
	Y        *axis             `json:"y,omitempty"`
}

type comparedSetting struct {
	Key    string   `json:"key"`
	Values []string `json:"values"` // of the searches without an error, in their order
}

// comparedOne is one of them.
type comparedOne struct {
	Name        string      `json:"name"`
	Error       string      `json:"error,omitempty"` // then there is nothing else
	Group       string      `json:"group"`           // equal for those that differ in nothing but their seeds
	Strategy    string      `json:"strategy"`
	Seed        uint64      `json:"seed"`
	Live        bool        `json:"live"`
	Evaluations int         `json:"evaluations"`
	Seconds     number      `json:"seconds"`
	Best        string      `json:"best"`    // in the end
	AtEqual     [2]string   `json:"atEqual"` // when all had spent as many evaluations, and as much time
	Genomes     int         `json:"genomes"`
	Alone       int         `json:"alone"` // of them, those that no other search measured
	AloneBest   *alone      `json:"aloneBest,omitempty"`
	Front       int         `json:"front"`
	FrontPart   bool        `json:"frontPart,omitempty"` // there are others, which were not kept
	JointFront  int         `json:"jointFront"`          // of its front, those on the front of all
	Steps       [][3]number `json:"steps"`               // evaluations, evaluators' seconds, the best by then
	Points      []point     `json:"points"`              // its front
}

type alone struct {
	ID   engine.ID `json:"id"`
	Text string    `json:"text"`
}

// compare answers /api/compare?search=&search=...[&metric=].
func (s *Server) compare(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	names := q["search"]
	var all []*search
	for i, name := range names[:min(len(names), mostCompared)] {
		if slices.Contains(names[:i], name) {
			continue
		}
		x, err := s.search(name)
		if err == nil {
			err = x.ready(r.Context())
		}
		if err != nil && x == nil {
			fail(w, err)
			return
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		fail(w, &notFound{"name the searches to be compared: ?search=A&search=B"})
		return
	}
	var now uint64
	for _, x := range all {
		x.brief.Lock()
		now += x.revision
		x.brief.Unlock()
	}
	uri := r.URL.RequestURI()
	s.mu.Lock()
	known := s.compared[uri]
	s.mu.Unlock()
	pays := known.pays()
	if known.holds(now) || time.Now().Before(pays) {
		if !known.holds(now) {
			all[0].brief.Lock()
			all[0].owe(pays)
			all[0].brief.Unlock()
		}
		respond(w, json.RawMessage(known.text))
		return
	}
	a := &answer{of: now, at: time.Now()}
	text, err := inAnswer(sideBySide(all, q.Get("metric")))
	if err != nil {
		fail(w, err)
		return
	}
	a.text, a.took = text, time.Since(a.at)
	s.mu.Lock()
	if len(s.compared) >= mostComparisons {
		clear(s.compared)
	}
	s.compared[uri] = a
	s.mu.Unlock()
	respond(w, json.RawMessage(text))
}

// sideBySide compares searches.
func sideBySide(all []*search, metric string) *compared {
	out := &compared{Metrics: []string{}, Searches: []comparedOne{}, Settings: []comparedSetting{}, Pairs: []compare.Pair{}}
	var ready []*compare.Search
	var of []*search
	for _, x := range slices.SortedFunc(slices.Values(all), func(a, b *search) int { return strings.Compare(a.name, b.name) }) {
		x.mu.Lock() // in one order, so that nobody waits for somebody who waits
		defer x.mu.Unlock()
	}
	for _, x := range all {
		if x.archive == nil || !x.stands {
			one := comparedOne{Name: x.name, Error: "it is still being read", Steps: [][3]number{}, Points: []point{}}
			if err := x.wrong(); err != nil {
				one.Error = clip(err.Error(), 200)
			}
			out.Searches = append(out.Searches, one)
			continue
		}
		ready, of = append(ready, &compare.Search{Dir: x.name, Running: x.state.Live, Rows: x.rows}), append(of, x)
	}
	if len(ready) == 0 {
		return out
	}
	objectives := func(x *search) []engine.Objective { return x.view.Plan.Ranking().Objectives }
	first := of[0]
	for _, o := range objectives(first) {
		if !slices.ContainsFunc(of, func(x *search) bool {
			return !slices.ContainsFunc(objectives(x), func(p engine.Objective) bool { return p.Metric == o.Metric && p.Goal == o.Goal })
		}) {
			out.Metrics = append(out.Metrics, o.Metric)
		}
	}
	same := !slices.ContainsFunc(of, func(x *search) bool { return !slices.Equal(objectives(x), objectives(first)) })
	if same && len(objectives(first)) > 1 {
		out.Metrics = append([]string{bench.Hypervolume}, out.Metrics...)
	}
	if metric == "" && !same && len(out.Metrics) > 0 {
		metric = out.Metrics[0]
	}
	if len(out.Metrics) == 0 {
		out.Error = "They have no objective in common, so they do not compare."
		return out
	}
	c, err := compare.Of(ready, metric)
	if err != nil {
		out.Error = engine.OneLine(strings.TrimPrefix(err.Error(), engine.ErrConfig.Error()+": "))
		return out
	}
	out.Metric, out.Goal = c.Metric, c.Goal
	out.At = [2]string{spoken("", c.Cost[bench.Evaluations]), spoken("seconds", c.Cost[bench.Seconds])}
	out.Pairs = append(out.Pairs, c.Pairs[:min(len(c.Pairs), mostPairs)]...)
	room := settingsRoom
	for i, d := range c.Settings {
		one := comparedSetting{Key: clip(d.Key, 80)}
		for _, v := range d.Values {
			one.Values = append(one.Values, clip(v, 60))
		}
		text, _ := inAnswer(one)
		if room -= len(text); room < 0 {
			out.Left = len(c.Settings) - i
			break
		}
		out.Settings = append(out.Settings, one)
	}
	if same && len(objectives(first)) > 1 {
		y := first.view.Objective()
		x := objectives(first)[slices.IndexFunc(objectives(first), func(o engine.Objective) bool { return o.Metric != y.Metric })]
		out.overlay(of, ready, x, y)
	}
	each := 300 / len(ready) // of steps, and of points of a front
	said := func(x *float64) string {
		if x == nil {
			return ""
		}
		return spoken(c.Metric, *x)
	}
	for i, m := range ready {
		st := of[i].view.Status()
		one := comparedOne{
			Name: m.Dir, Group: m.Group, Strategy: clip(st.Strategy, 40), Seed: m.Seed, Live: m.Running, Evaluations: m.Evaluations, Seconds: number(m.Seconds),
			Best: said(m.Best), AtEqual: [2]string{said(m.AtEqual.Evaluations), said(m.AtEqual.Seconds)}, Genomes: m.Genomes, Alone: m.Alone,
			Front: m.Front, FrontPart: m.FrontPart, JointFront: m.JointFront, Steps: [][3]number{}, Points: []point{},
		}
		for _, t := range thin(m.Trace.Steps, each) {
			one.Steps = append(one.Steps, [3]number{number(t.At[bench.Evaluations]), number(t.At[bench.Seconds]), number(t.Value)})
		}
		if best := m.AloneBest; best != nil {
			var words []string
			for _, o := range objectives(of[i])[:min(4, len(objectives(of[i])))] {
				if x, ok := best.Metrics.Get(o.Metric); ok {
					words = append(words, clip(o.Metric, 40)+" "+spoken(o.Metric, x))
				}
			}
			one.AloneBest = &alone{best.ID, strings.Join(words, ", ")}
		}
		if out.X != nil {
			for _, cand := range thin(m.Own, each) {
				x, okX := cand.Metrics.Get(out.X.Name)
				y, okY := cand.Metrics.Get(out.Y.Name)
				if okX && okY {
					one.Points = append(one.Points, point{X: number(x), Y: number(y), ID: cand.ID})
				}
			}
			slices.SortFunc(one.Points, func(a, b point) int { return cmp.Compare(a.X, b.X) })
		}
		out.Searches = append(out.Searches, one)
	}
	return out
}

// overlay finds axes on which the fronts of all are to be seen.
func (c *compared) overlay(of []*search, all []*compare.Search, x, y engine.Objective) {
	axes := [2]*axis{}
	for i, o := range []engine.Objective{x, y} {
		a := &axis{Name: o.Metric, Title: of[0].title(o.Metric), Goal: o.Goal, Lo: number(math.Inf(1)), Hi: number(math.Inf(-1))}
		for _, m := range all {
			for _, cand := range m.Own {
				if v, ok := cand.Metrics.Get(o.Metric); ok {
					a.Lo, a.Hi = min(a.Lo, number(v)), max(a.Hi, number(v))
				}
			}
		}
		if a.Lo > a.Hi {
			return // there is nobody
		}
		if a.Lo == a.Hi {
			pad := number(math.Max(math.Abs(float64(a.Lo))*0.05, 1e-12))
			a.Lo, a.Hi = a.Lo-pad, a.Hi+pad
		}
		a.Log = a.Lo > 0 && (o.Scale == engine.LogScale || a.Hi/a.Lo >= 100)
		axes[i] = a
	}
	c.X, c.Y = axes[0], axes[1]
}
