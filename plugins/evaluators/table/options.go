package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// options are the evaluator's, as search.yaml has them.
type options struct {
	File    string             `json:"file"`
	Join    joins              `json:"join"`
	Key     keyOption          `json:"key"`
	Metrics map[string]perStep `json:"metrics"`
	Cost    *perStep           `json:"cost"`
	Report  []reported         `json:"report"`
	Noise   map[string]float64 `json:"noise"`
	Scale   map[string]float64 `json:"scale"`
	Pool    bool               `json:"pool"`
}

// join is a file that is joined to the first.
type join struct {
	file string
	on   string // a column of both; "": that of the key
}

// joins are those files.
type joins []join

func (js *joins) UnmarshalJSON(b []byte) error {
	const forms = "write a file, {file: F, on: COLUMN}, or a list of these"
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		list = []json.RawMessage{b}
	}
	for _, raw := range list {
		var j join
		if json.Unmarshal(raw, &j.file) != nil {
			var o struct{ File, On string }
			d := json.NewDecoder(bytes.NewReader(raw))
			d.DisallowUnknownFields()
			if d.Decode(&o) != nil {
				return fmt.Errorf("%s is nothing to join: %s", raw, forms)
			}
			j = join{o.File, o.On}
		}
		if j.file == "" {
			return fmt.Errorf("%s names no file: %s", raw, forms)
		}
		*js = append(*js, j)
	}
	return nil
}

// reported is a figure that no search sees: a column, or a row's place among all by one.
type reported struct {
	column string
	rank   bool
	least  bool // the smallest figure has rank 1, not the largest
}

func (r *reported) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &r.column) == nil {
		return nil
	}
	var o struct {
		Rank string
		Goal engine.Goal
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&o) != nil || o.Rank == "" || !slices.Contains([]engine.Goal{"", engine.Maximize, engine.Minimize}, o.Goal) {
		return fmt.Errorf("%s is nothing to report: write a column, or {rank: COLUMN, goal: maximize or minimize}", b)
	}
	*r = reported{column: o.Rank, rank: true, least: o.Goal == engine.Minimize}
	return nil
}

// name is that of the figure.
func (r reported) name() string {
	if r.rank {
		return r.column + "_rank"
	}
	return r.column
}

// keyOption says how the row of a genome is found.
type keyOption struct {
	columns   template // over columns: the table's side
	genes     template // over genes; empty: the only cell, or else the whole genome
	canonical bool     // both sides are read as cells and hashed
	adjacency string   // canonical: columns of a matrix and of operations, in place of text
	ops       string
}

func (k *keyOption) UnmarshalJSON(b []byte) error {
	const forms = "write a column, {column: C, genes: TEMPLATE}, {columns: TEMPLATE, genes: TEMPLATE} or {canonical: C}"
	var column string
	if json.Unmarshal(b, &column) == nil {
		k.columns = template{{name: column}}
		return k.named(column)
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(b, &raw) != nil {
		return fmt.Errorf("%s is no key: %s", b, forms)
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var text string
		isText := json.Unmarshal(raw[name], &text) == nil
		var err error
		switch {
		case name == "column" && isText:
			k.columns, err = template{{name: text}}, k.named(text)
		case name == "columns" && isText:
			k.columns, err = parseTemplate(text)
		case name == "genes" && isText:
			k.genes, err = parseTemplate(text)
		case name == "canonical" && isText:
			k.canonical, k.columns, err = true, template{{name: text}}, k.named(text)
		case name == "canonical":
			var parts struct{ Adjacency, Operations string }
			d := json.NewDecoder(bytes.NewReader(raw[name]))
			d.DisallowUnknownFields()
			if d.Decode(&parts) != nil || parts.Adjacency == "" || parts.Operations == "" {
				return fmt.Errorf("%s is not canonical: write a column of cells, or {adjacency: COLUMN, operations: COLUMN}", raw[name])
			}
			k.canonical, k.adjacency, k.ops = true, parts.Adjacency, parts.Operations
		default:
			return fmt.Errorf("%s: %s means nothing here: %s", name, raw[name], forms)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, one := raw["column"]
	_, many := raw["columns"]
	switch {
	case k.canonical && len(raw) > 1:
		return fmt.Errorf("canonical stands alone: %s", forms)
	case one && many:
		return fmt.Errorf("column and columns exclude each other: %s", forms)
	case !k.canonical && len(k.columns) == 0:
		return fmt.Errorf("names no column: %s", forms)
	case many && len(k.genes) == 0:
		return fmt.Errorf("columns need genes to compare with: write genes: \"{a}-{b}\"")
	}
	return nil
}

func (k *keyOption) named(column string) error {
	if column == "" {
		return fmt.Errorf("the name of the column is empty: write one of the file's first line")
	}
	return nil
}

// part of a template: literal text, or a name in braces.
type part struct{ literal, name string }

// template is text with names in braces: "{lr}-{act}".
type template []part

func parseTemplate(text string) (template, error) {
	var t template
	for rest := text; rest != ""; {
		before, after, open := strings.Cut(rest, "{")
		if before != "" {
			t = append(t, part{literal: before})
		}
		if !open {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.Contains(name, "{") {
			return nil, fmt.Errorf("%q is no template: write names in braces, as in \"{a}-{b}\"", text)
		}
		t, rest = append(t, part{name: name}), tail
	}
	if len(t.names()) == 0 {
		return nil, fmt.Errorf("%q names nothing: write names in braces, as in \"{a}-{b}\"", text)
	}
	return t, nil
}

func (t template) names() []string {
	var out []string
	for _, p := range t {
		if p.name != "" {
			out = append(out, p.name)
		}
	}
	return out
}

// fill replaces names by values.
func (t template) fill(value func(name string) string) string {
	if len(t) == 1 {
		return value(t[0].name)
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.literal)
		if p.name != "" {
			b.WriteString(value(p.name))
		}
	}
	return b.String()
}

// source is where one number comes from: columns, one for each repeat, or a
// constant.
type source struct {
	columns []string
	mean    bool // of the columns that a row has, as one repeat
	number  float64
	given   bool // number is
}

// repeats is how many there are in a row without empty cells.
func (s *source) repeats() int {
	if s.mean {
		return 1
	}
	return len(s.columns)
}

func (s *source) UnmarshalJSON(b []byte) error {
	var column string
	if json.Unmarshal(b, &column) == nil && column != "" {
		s.columns = []string{column}
		return nil
	}
	if json.Unmarshal(b, &s.columns) == nil && len(s.columns) > 0 {
		if slices.Contains(s.columns, "") {
			return fmt.Errorf("%s has a column without a name: write names of the file's first line", b)
		}
		return nil
	}
	if json.Unmarshal(b, &s.number) == nil && !bytes.Equal(b, []byte("null")) {
		s.given = true
		return nil
	}
	var of map[string][]string
	if json.Unmarshal(b, &of) == nil && len(of) == 1 && len(of["mean"]) > 0 && !slices.Contains(of["mean"], "") {
		s.columns, s.mean = of["mean"], true
		return nil
	}
	return fmt.Errorf("%s is neither a column nor a list of columns, nor {mean: [COLUMN, COLUMN]}", b)
}

// perStep is a source for each budget, or one for any.
type perStep struct {
	any *source
	at  map[float64]source
}

func (p *perStep) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	err := json.Unmarshal(b, &raw)
	if _, mean := raw["mean"]; err != nil || raw == nil || mean {
		p.any = new(source)
		return p.any.UnmarshalJSON(b)
	}
	p.at = map[float64]source{}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		budget, err := strconv.ParseFloat(key, 64)
		if err != nil || !(budget > 0) || math.IsInf(budget, 0) {
			return fmt.Errorf("%q is no budget: write numbers above 0, as in {12: COLUMN, 200: [COLUMN, COLUMN]}", key)
		}
		if _, twice := p.at[budget]; twice {
			return fmt.Errorf("budget %v is there twice: keep one", budget)
		}
		var s source
		if err := s.UnmarshalJSON(raw[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		p.at[budget] = s
	}
	if len(p.at) == 0 {
		return fmt.Errorf("there is no budget: write {12: COLUMN}, or a column for any budget")
	}
	return nil
}

// get is the source at a budget.
func (p *perStep) get(budget float64) (source, bool) {
	if p.any != nil {
		return *p.any, true
	}
	s, ok := p.at[budget]
	return s, ok
}

// sources ranges over all of them.
func (p *perStep) sources() []source {
	if p.any != nil {
		return []source{*p.any}
	}
	var out []source
	for _, b := range slices.Sorted(maps.Keys(p.at)) {
		out = append(out, p.at[b])
	}
	return out
}

// read decodes the options and checks what needs no file. It returns the
// budgets that the table answers, in order; none means any.
func read(setup *sdk.Setup) (o options, budgets []float64, err error) {
	if err := setup.Decode(&o); err != nil {
		return o, nil, err
	}
	switch {
	case o.File == "":
		return o, nil, sdk.BadOption("file", "there is none: name a CSV file, plain or compressed with gzip")
	case len(o.Key.columns) == 0 && o.Key.adjacency == "":
		return o, nil, sdk.BadOption("key", "there is none: name the column that says which genome a row is about")
	case len(o.Metrics) == 0:
		return o, nil, sdk.BadOption("metrics", "there is none: write {accuracy: {12: COLUMN}}")
	}
	all := map[float64]bool{}
	names := slices.Sorted(maps.Keys(o.Metrics))
	for _, name := range names {
		m := o.Metrics[name]
		for _, s := range m.sources() {
			if s.given {
				return o, nil, sdk.BadOption("metrics", "%s: %v is no column: name one of %s", name, s.number, o.File)
			}
		}
		for b := range m.at {
			all[b] = true
		}
		if name == "seconds" {
			return o, nil, sdk.BadOption("metrics", "seconds is what the option cost gives: move its columns there")
		}
	}
	budgets = slices.Sorted(maps.Keys(all))
	if err := o.checkRepeats(names, budgets); err != nil {
		return o, nil, err
	}
	if o.Cost != nil {
		for _, b := range budgets {
			if _, ok := o.Cost.get(b); !ok {
				return o, nil, sdk.BadOption("cost", "budget %v has metrics but no cost: add %v: COLUMN or a number", b, b)
			}
		}
		for b := range o.Cost.at {
			if !all[b] {
				return o, nil, sdk.BadOption("cost", "budget %v has a cost but no metrics: remove it, or add metrics at %v", b, b)
			}
		}
		for _, s := range o.Cost.sources() {
			if s.given && !(s.number > 0) {
				return o, nil, sdk.BadOption("cost", "%v seconds are no cost: write a number above 0", s.number)
			}
			if s.repeats() > 1 {
				return o, nil, sdk.BadOption("cost", "%d columns for one budget: name one", len(s.columns))
			}
		}
	}
	for _, each := range []struct {
		key    string
		values map[string]float64
		ok     func(float64) bool
		want   string
	}{
		{"noise", o.Noise, func(x float64) bool { return x >= 0 }, "a standard deviation of 0 or more"},
		{"scale", o.Scale, func(x float64) bool { return x != 0 }, "a factor other than 0"},
	} {
		for _, name := range slices.Sorted(maps.Keys(each.values)) {
			if _, ok := o.Metrics[name]; !ok {
				return o, nil, sdk.BadOption(each.key, "there is no metric %q: use one of %s", name, strings.Join(names, ", "))
			}
			if x := each.values[name]; !each.ok(x) {
				return o, nil, sdk.BadOption(each.key, "%s: %v is not %s", name, x, each.want)
			}
		}
	}
	return o, budgets, o.checkReport()
}

// checkRepeats sees to it that at each budget a repeat means the same in all
// metrics: each has one column, or as many as the others that have several.
func (o *options) checkRepeats(names []string, budgets []float64) error {
	for _, b := range append(budgets[:len(budgets):len(budgets)], 0) {
		most, who := 1, ""
		for _, name := range names {
			m := o.Metrics[name]
			s, ok := m.get(b)
			if n := s.repeats(); ok && n > 1 {
				if most > 1 && n != most {
					return sdk.BadOption("metrics", "%s has %d columns and %s has %d for the same budget: repeats go together, so give "+
						"both as many, or one", who, most, name, n)
				}
				most, who = n, name
			}
		}
	}
	return nil
}

// checkReport sees to it that no column is seen and hidden at once.
func (o *options) checkReport() error {
	seen := map[string]string{}
	for name, m := range o.Metrics {
		for _, s := range m.sources() {
			for _, c := range s.columns {
				seen[c] = "metric " + name
			}
		}
	}
	if o.Cost != nil {
		for _, s := range o.Cost.sources() {
			for _, c := range s.columns {
				seen[c] = "the cost"
			}
		}
	}
	var names []string
	for _, r := range o.Report {
		if by, ok := seen[r.column]; ok && !r.rank {
			return sdk.BadOption("report", "column %s is read for %s, so it is no secret: remove it from one of them", r.column, by)
		}
		if r.column == "" || slices.Contains(names, r.name()) {
			return sdk.BadOption("report", "column %q is named twice or has no name: name each once", r.column)
		}
		names = append(names, r.name())
	}
	return nil
}
