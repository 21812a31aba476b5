package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Plan is the part of a Config that decides a search's trajectory. It is
// written into the ledger's Header when the search begins and never changes.
type Plan struct {
	Space       json.RawMessage `json:"space"`
	Strategy    string          `json:"strategy"`
	Options     json.RawMessage `json:"options"`
	Fidelities  []Fidelity      `json:"fidelities"`
	Objectives  []Objective     `json:"objectives"`
	Ties        []Objective     `json:"ties,omitempty"`
	Derived     []Derived       `json:"metrics,omitempty"`
	Reference   Values          `json:"reference,omitempty"`
	Prefer      string          `json:"prefer,omitempty"`
	Constraints []Constraint    `json:"constraints"`
	Start       []string        `json:"start"` // canonical texts
	Seed        uint64          `json:"seed"`
	Order       Order           `json:"order"`
	Window      int             `json:"window"`
	Duplicates  Duplicates      `json:"duplicates"`
	Attempts    int             `json:"attempts"`
	Final       FinalPlan       `json:"final"`

	// Rules is the revision of the rules by which genomes are drawn, varied and
	// compared: genome.Rules when the search began, 0 for those from before there
	// were revisions. A search keeps its own. It is no part of the digest.
	Rules int `json:"rules,omitempty"`
}

// FinalPlan is the recorded form of Final.
type FinalPlan struct {
	Skip      bool           `json:"skip"`
	Top       int            `json:"top"`
	Repeats   int            `json:"repeats"`
	Budget    float64        `json:"budget"`
	Tests     int            `json:"tests"`
	Baselines []BaselinePlan `json:"baselines"`
}

// BaselinePlan is the recorded form of a Baseline.
type BaselinePlan struct {
	Name  string          `json:"name"`
	Space json.RawMessage `json:"space"`
	Text  string          `json:"text"`
}

// defaultTop is Final.Top where nothing is said.
const defaultTop = 3

// onlyKey is the key of an evaluator that is the only one.
const onlyKey = "evaluator"

// complete checks the configuration and fills in what it leaves open.
func (c *Config) complete() error {
	if c.Strategy == nil && c.Space != nil {
		return wrong("strategy", "there is none")
	}
	return c.completeWithout()
}

// completeWithout is complete, of what needs no strategy.
func (c *Config) completeWithout() error {
	if c.Space == nil {
		return wrong("space", "there is none").but("say what may be searched")
	}
	if c.Evaluator != nil && len(c.Evaluators) == 0 {
		c.Evaluators = map[string]EvaluatorRef{onlyKey: {Evaluator: c.Evaluator}}
	}
	if len(c.Evaluators) == 0 {
		return wrong("evaluator", "there is none").but("say who measures the candidates")
	}
	if c.Seed >= rng.MaxSeed {
		return wrong("seed", "%d is not below 2^53", c.Seed)
	}
	c.Name = cmp.Or(c.Name, "search")
	c.StrategyName = cmp.Or(c.StrategyName, "strategy")
	if len(c.StrategyOptions) == 0 {
		c.StrategyOptions = json.RawMessage("{}")
	}
	if len(c.Fidelities) == 0 {
		if len(c.Evaluators) > 1 {
			return wrong("fidelities", "with several evaluators, say which comes first")
		}
		for name := range c.Evaluators {
			c.Fidelities = []Fidelity{{Evaluator: name}}
		}
	}
	for i, f := range c.Fidelities {
		if _, ok := c.Evaluators[f.Evaluator]; !ok {
			return wrong(fmt.Sprintf("fidelities[%d].evaluator", i), "there is no evaluator %q", f.Evaluator)
		}
		if f.Budget < 0 {
			return wrong(fmt.Sprintf("fidelities[%d].budget", i), "%v is negative", f.Budget)
		}
	}
	if len(c.Objectives) == 0 {
		c.Objectives = []Objective{{Metric: "accuracy", Goal: Maximize}}
	}
	if err := c.completeObjectives(); err != nil {
		return err
	}
	if err := c.checkConstraints(); err != nil {
		return err
	}
	if _, err := Derive(c.Derived); err != nil {
		return err
	}
	if l := c.Limits; l.Evaluations < 0 || l.Wall < 0 || l.Seconds < 0 {
		return wrong("limits", "none may be negative")
	}
	for i, g := range c.Start {
		if err := c.Space.Check(g); err != nil {
			return wrongWithin(fmt.Sprintf("start[%d]", i), err)
		}
	}
	c.Order = cmp.Or(c.Order, Strict)
	if c.Order != Strict && c.Order != Arrival {
		return wrong("order", "%q is neither strict nor arrival", c.Order)
	}
	c.Duplicates = cmp.Or(c.Duplicates, Reject)
	if !slices.Contains([]Duplicates{Reject, Reuse, Replicate}, c.Duplicates) {
		return wrong("duplicates", "%q is none of reject, reuse, replicate", c.Duplicates)
	}
	if c.Window < 0 || c.Window > MaxWindow {
		return wrong("window", "%d is not from 1 to %d", c.Window, MaxWindow)
	}
	if c.Workers < 0 || c.Workers > MaxWorkers {
		return wrong("workers", "%d is not from 1 to %d", c.Workers, MaxWorkers)
	}
	for _, x := range []struct {
		key string
		n   int
	}{
		{"failures.attempts", c.Failures.Attempts}, {"failures.pause_after", c.Failures.PauseAfter},
		{"final.top", c.Final.Top}, {"final.repeats", c.Final.Repeats}, {"final.tests", c.Final.Tests}, {"checkpoints.keep", c.Keep},
	} {
		if x.n < 0 {
			return wrong(x.key, "%d is negative", x.n).but("give a number from 1, or leave it out")
		}
	}
	if c.Final.Budget < 0 || !isFinite(c.Final.Budget) {
		return wrong("final.budget", "%v is no budget", c.Final.Budget).but("give a positive number, or leave it out")
	}
	c.Workers = max(1, c.Workers)
	c.Failures.Attempts = cmp.Or(c.Failures.Attempts, 3)
	c.Failures.Backoff = max(0, cmp.Or(c.Failures.Backoff, time.Second))
	c.Failures.PauseAfter = cmp.Or(c.Failures.PauseAfter, 12)
	c.Grace = max(0, cmp.Or(c.Grace, 5*time.Second))
	c.Keep = cmp.Or(c.Keep, defaultKeep)
	c.Again = cmp.Or(c.Again, "run the same command again")
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Ledger == nil {
		c.Ledger = Memory()
	}
	for i, b := range c.Final.Baselines {
		if b.Name == "" || b.Genome.IsZero() {
			return wrong(fmt.Sprintf("baselines[%d]", i), "needs a name and a network")
		}
	}
	space, err := network.Bind(c.Space)
	if err != nil {
		return wrongWithin("space", err)
	}
	c.Space = space
	if _, err := c.Space.Random(rng.New(c.Seed)); err != nil {
		return wrongWithin("space", err)
	}
	return nil
}

func (c *Config) checkConstraints() error {
	for i, k := range c.Constraints {
		key := fmt.Sprintf("constraints[%d]", i)
		switch {
		case k.Metric == "" || k.Min == nil && k.Max == nil:
			return wrong(key, "needs a metric and min or max")
		case k.Min != nil && k.Max != nil && *k.Min > *k.Max:
			return wrong(key, "min %v is above max %v: nothing could keep it", *k.Min, *k.Max)
		case k.Weight < 0 || !isFinite(k.Weight):
			return wrong(key+".weight", "%v is no weight", k.Weight).but("give a number above 0, or leave it out")
		}
	}
	return nil
}

// completeObjectives checks objectives and ties, and fills in their goals.
func (c *Config) completeObjectives() error {
	if n := len(c.Objectives); n > MaxObjectives {
		return wrong("objectives", "there are %d, and a front has %d at most", n, MaxObjectives).but("make ties or constraints of some")
	}
	seen := map[string]string{}
	for _, list := range []struct {
		key string
		all *[]Objective
	}{{"objectives", &c.Objectives}, {"ties", &c.Ties}} {
		*list.all = slices.Clone(*list.all) // the caller's stay as they are
		for i := range *list.all {
			o, key := &(*list.all)[i], fmt.Sprintf("%s[%d]", list.key, i)
			if o.Goal = cmp.Or(o.Goal, Maximize); o.Goal != Maximize && o.Goal != Minimize {
				return wrong(key+".goal", "%q is neither maximize nor minimize", o.Goal)
			}
			if o.Scale != Linear && o.Scale != LogScale {
				return wrong(key+".scale", "%q is no scale", o.Scale).but("write log, or leave it out")
			}
			if o.Metric == "" {
				return wrong(key+".metric", "say which metric")
			}
			if first, there := seen[o.Metric]; there {
				return wrong(key+".metric", "%s stands in %s already", o.Metric, first).but("remove one")
			}
			seen[o.Metric] = list.key
		}
	}
	for _, points := range []struct {
		key string
		all Values
	}{{"reference", c.Reference}, {"limits.target", c.Limits.Targets}} {
		for _, v := range points.all {
			if seen[v.Name] != "objectives" || !isFinite(v.Value) {
				return wrong(points.key, "%s %g is no value of an objective", v.Name, v.Value).but("give finite values of metrics that stand in objectives")
			}
		}
	}
	for _, o := range c.Objectives {
		if x, ok := c.Reference.Get(o.Metric); ok && o.Scale == LogScale && x <= 0 {
			return wrong("reference."+o.Metric, "%g has no place on a logarithmic scale", x).but("give a number above 0, or leave out scale: log")
		}
	}
	if c.Prefer != "" && seen[c.Prefer] != "objectives" {
		if err := c.checkPreference(); err != nil {
			return err
		}
	}
	if n := len(c.Reference); n > 0 && (n < 2 || n < len(c.Objectives)) {
		return wrong("reference", "there are %d values and %d objectives", n, len(c.Objectives)).but("give one for each of at least two objectives")
	}
	if c.Limits.Target != nil && len(c.Limits.Targets) > 0 {
		return wrong("limits.target", "there are two").but("give one of them")
	}
	return nil
}

// checkPreference refuses what is no expression to choose from a front by.
func (c *Config) checkPreference() error {
	e, err := expression.Parse(c.Prefer)
	if err != nil {
		return wrongWithin("prefer", err)
	}
	bare := slices.Equal(e.Metrics(), []string{c.Prefer})
	switch derived := slices.ContainsFunc(c.Derived, func(d Derived) bool { return d.Metric == c.Prefer }); {
	case bare && !derived:
		var names []string
		for _, o := range c.Objectives {
			names = append(names, o.Metric)
		}
		return wrong("prefer", "%s is no objective", c.Prefer).
			but("name one (%s), or write an expression of which more is better", strings.Join(names, ", "))
	case len(c.Objectives) < 2:
		return wrong("prefer", "there is one objective, so there is no front to choose from").but("leave it out, or break ties by it")
	}
	return nil
}

// vain refuses what could decide nothing in a new search.
func (c *Config) vain() error {
	if c.Space.Limits() != (genome.Limits{}) && !network.Has(c.Space) {
		return wrong("space.limits", "the space has no layers, so there is nothing to be counted").
			but("leave the limits out, or bound a metric under constraints:")
	}
	all, err := Derive(c.Derived)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.NeverFinite() {
			return wrong("metrics."+d.name, "%s is no finite number, whatever is measured", d.Expression).but("look for a division by zero or the like")
		}
		judged := slices.ContainsFunc(c.Objectives, func(o Objective) bool { return o.Metric == d.name })
		if judged && len(d.Metrics()) == 0 {
			return wrong("metrics."+d.name, "%s is the same for all candidates, and an objective", d.Expression).but("name a metric in it")
		}
	}
	if e := preference(c.Prefer, c.Objectives); e != nil {
		switch {
		case len(e.Metrics()) == 0:
			return wrong("prefer", "%s is the same for all candidates", e).but("name a metric in it")
		case e.NeverFinite():
			return wrong("prefer", "%s is no finite number, whatever is measured", e).but("look for a division by zero or the like")
		}
	}
	return nil
}

// evaluatorKeys lists the evaluators that fidelities name.
func (c *Config) evaluatorKeys() (keys []string) {
	for _, f := range c.Fidelities {
		if !slices.Contains(keys, f.Evaluator) {
			keys = append(keys, f.Evaluator)
		}
	}
	return keys
}

// declared adds to the metrics of evaluators those that are derived, and checks that all
// is there that the search asks for.
func (c *Config) declared(metrics []Metric) ([]Metric, error) {
	derived, err := Derive(c.Derived)
	if err != nil {
		return nil, err
	}
	if metrics, err = derived.Declare(metrics); err != nil {
		return nil, err
	}
	if err := c.measuredBy(metrics); err != nil {
		return nil, err
	}
	return metrics, c.measuredAlike(metrics)
}

// measuredAlike refuses to judge by what machines of several kinds measure.
func (c *Config) measuredAlike(metrics []Metric) error {
	judged := Plan{Objectives: c.Objectives, Ties: c.Ties, Constraints: c.Constraints, Prefer: c.Prefer}
	for _, name := range judged.judges() {
		if c.Mixed && anyMeasured(metrics, []string{name}) {
			return wrong("fleet", "it does not say of which kind the hosts are, and the search judges by %s, which is measured", name).
				but("add kind: NAME, and start hosts of that kind only, by nascent host --kind NAME")
		}
	}
	return nil
}

// measuredBy checks that what the search asks for is measured by somebody.
func (c *Config) measuredBy(metrics []Metric) error {
	names := metricNames(metrics)
	check := func(where, name string) error {
		if slices.Contains(names, name) {
			return nil
		}
		wrong := wrong(where, "no evaluator measures %q", name)
		if e, err := expression.Parse(name); err == nil && checkName(name) != nil && e.Check(names) == nil {
			return wrong.but("name the expression, as in metrics: {score: %q}, and write score here", name)
		}
		return wrong.but("there are %s; an evaluator of yours declares it among its metrics (metrics= in Python)", strings.Join(names, ", "))
	}
	for i, o := range c.Objectives {
		if err := check(fmt.Sprintf("objectives[%d].metric", i), o.Metric); err != nil {
			return err
		}
	}
	for i, o := range c.Ties {
		if err := check(fmt.Sprintf("ties[%d].metric", i), o.Metric); err != nil {
			return err
		}
	}
	for i, k := range c.Constraints {
		if err := check(fmt.Sprintf("constraints[%d].metric", i), k.Metric); err != nil {
			return err
		}
	}
	if e := preference(c.Prefer, c.Objectives); e != nil {
		if err := e.Check(names); err != nil {
			return wrongWithin("prefer", err)
		}
	}
	return nil
}

// ascending refuses fidelities of one evaluator whose budgets fall, or are equal: what
// is promoted trains on, and best compares only the last one.
func (p *Plan) ascending(budget func(fidelity int) float64) error {
	for i := 1; i < len(p.Fidelities); i++ {
		for k := range i {
			if p.Fidelities[i].Evaluator == p.Fidelities[k].Evaluator && budget(i) == budget(k) {
				return wrong(fmt.Sprintf("fidelities[%d]", i), "it has the evaluator and the budget of fidelities[%d], %v", k, budget(k)).
					but("keep one of them: to measure the same again, a strategy replicates")
			}
		}
		if p.Fidelities[i].Evaluator == p.Fidelities[i-1].Evaluator && budget(i) < budget(i-1) {
			return wrong(fmt.Sprintf("fidelities[%d].budget", i), "%v is less than the %v before it", budget(i), budget(i-1)).
				but("list fidelities from the cheapest to the dearest")
		}
	}
	return nil
}

// strategy is the one that the search begins with.
func (p *Plan) strategy() StrategyEvent {
	return StrategyEvent{Name: p.Strategy, Options: p.Options, Source: p.Strategy, Window: p.Window}
}

// plan is the recorded form of the configuration. hellos are what the
// evaluators said, batch what the strategy needs.
func (c *Config) plan(batch int, seeded, tests bool) Plan {
	p := Plan{
		Space: c.Space.JSON(), Rules: c.Space.Rules(), Strategy: c.StrategyName, Options: compactJSON(c.StrategyOptions),
		Fidelities: c.Fidelities, Objectives: c.Objectives, Ties: c.Ties, Derived: c.Derived, Reference: c.Reference, Prefer: c.Prefer, Constraints: c.Constraints,
		Seed: c.Seed, Order: c.Order, Window: c.Window, Duplicates: c.Duplicates, Attempts: c.Failures.Attempts,
		Final: FinalPlan{Skip: c.Final.Skip, Top: c.Final.Top, Repeats: c.Final.Repeats, Budget: c.Final.Budget, Tests: c.Final.Tests},
	}
	if p.Window == 0 {
		p.Window = max(8, batch)
		if p.Order == Arrival {
			p.Window = max(8, batch, 2*c.Workers)
		}
	}
	f := &p.Final
	f.Repeats = cmp.Or(f.Repeats, 2)
	f.Top = cmp.Or(f.Top, defaultTop)
	if !seeded {
		f.Top = 0
	}
	f.Tests = cmp.Or(f.Tests, 3)
	if !tests {
		f.Tests = 0
	}
	for _, g := range c.Start {
		p.Start = append(p.Start, g.Text())
	}
	for _, b := range c.Final.Baselines {
		f.Baselines = append(f.Baselines, BaselinePlan{Name: b.Name, Space: b.Genome.Space().JSON(), Text: b.Genome.Text()})
	}
	return p
}

// compactJSON removes insignificant space, so that equal options have equal
// bytes.
func compactJSON(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return raw
	}
	return b.Bytes()
}

// sameJSON tells whether two texts are the same but for space and the escaping
// that recording adds.
func sameJSON(a, b json.RawMessage) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// planDifference is a key in which two plans differ, with what they have there as JSON.
type planDifference struct {
	key      string
	was, now json.RawMessage
}

// differences are those of two plans, in the order of their keys.
func differences(begun, now Plan) (all []planDifference, err error) {
	a, b := reflect.ValueOf(begun), reflect.ValueOf(now)
	for i := range a.NumField() {
		x, errX := json.Marshal(a.Field(i).Interface())
		y, errY := json.Marshal(b.Field(i).Interface())
		if err := errors.Join(errX, errY); err != nil {
			return nil, err
		}
		none := func(raw []byte) bool { return string(raw) == "null" || string(raw) == "[]" }
		if !bytes.Equal(x, y) && !(none(x) && none(y)) {
			key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			all = append(all, planDifference{key, x, y})
		}
	}
	return all, nil
}

// keysOf are those in which plans differ.
func keysOf(all []planDifference) (keys []string) {
	for _, d := range all {
		keys = append(keys, d.key)
	}
	return keys
}

// samePlan compares the plan of a search to another, and names the first key that differs.
// What is declared may differ if takeover says so.
func samePlan(begun, now Plan, takeover bool) error {
	all, err := differences(begun, now)
	if err != nil {
		return err
	}
	for _, d := range all {
		if !slices.Contains(declared, d.key) {
			return wrong(d.key, "the search began with %s and this asks for %s", clip(string(d.was)), clip(string(d.now))).
				but("only limits, workers, paths and logging may change (start a new search in another directory)")
		}
	}
	if len(all) == 0 || takeover {
		return nil
	}
	return wrong(all[0].key, "the search began with %s", all[0].text()).
		but("to go on with other %s say so: nascent run DIR --takeover", strings.Join(keysOf(all), ", "))
}

// text says what was and what is to be; of objects, such as a space, where they differ.
func (d *planDifference) text() string {
	var was, now map[string]any
	if json.Unmarshal(d.was, &was) == nil && json.Unmarshal(d.now, &now) == nil && was != nil && now != nil {
		said := optionChanges("", was, now)
		for i, text := range said {
			said[i] = strings.TrimPrefix(text, "option ")
		}
		return "another one: " + clip(strings.Join(said, ", "))
	}
	return fmt.Sprintf("%s and this asks for %s", clip(string(d.was)), clip(string(d.now)))
}

// clip shortens a text for one line.
func clip(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// spaces makes those of the baselines that a plan names.
func (p *Plan) spaces() (map[string]*genome.Space, error) {
	out := map[string]*genome.Space{}
	read := func(name string, raw json.RawMessage) error {
		s, err := genome.RecordedSpace(raw, p.Rules)
		if err == nil {
			s, err = network.Bind(s)
		}
		if err != nil {
			return damaged("the recorded space %q: %v", name, err)
		}
		out[name] = s
		return nil
	}
	for _, b := range p.Final.Baselines {
		if err := read(b.Name, b.Space); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// systemClock is time itself.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) After(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}
