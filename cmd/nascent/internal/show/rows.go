package show

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/genome"
)

// Rows are the consumed candidates of a search, at hand as columns. They are the
// Scope of conditions over them. They are not for several goroutines at once.
type Rows struct {
	*index.Index
	Archive *engine.Archive // what the search is; no candidates
	Labels  map[engine.ID]engine.Labels
	Dir     string

	declared []string // metrics
	metrics  []string // that there may be
	genomes  []genome.Genome
	row      int // of tree
	tree     genome.Map
	paths    []string
}

// RowsOf makes the rows of a search. metrics are those that are declared.
func RowsOf(x *index.Index, a *engine.Archive, metrics []engine.Metric, labels map[engine.ID]engine.Labels, dir string) *Rows {
	r := &Rows{Index: x, Archive: a, Labels: labels, Dir: dir, row: -1}
	for _, m := range metrics {
		r.declared = append(r.declared, m.Name)
	}
	r.Grow()
	return r
}

// Grow takes in what was added to the Index.
func (r *Rows) Grow() {
	r.metrics = slices.Concat(r.declared, r.Metrics())
	slices.Sort(r.metrics)
	r.metrics = slices.Compact(r.metrics)
	if r.genomes != nil {
		r.genomes = append(r.genomes, make([]genome.Genome, r.Len()-len(r.genomes))...)
	}
}

// Genome is that of a row.
func (r *Rows) Genome(row int) genome.Genome {
	if r.genomes == nil {
		r.genomes = make([]genome.Genome, r.Len())
	}
	if r.genomes[row].IsZero() {
		job := r.Job(row)
		if g, err := r.Archive.Genome(&job); err == nil { // it was of the space when it was recorded
			r.genomes[row] = g
		}
	}
	return r.genomes[row]
}

// genes are the tree of a row's genome.
func (r *Rows) genes(row int) genome.Map {
	if r.row != row {
		r.row, r.tree = row, r.Genome(row).Tree()
	}
	return r.tree
}

// Candidate is that of a row, without curve, output and files.
func (r *Rows) Candidate(row int) engine.Candidate {
	c := r.Index.Candidate(row)
	c.Genome, c.Outside = r.Genome(row), r.Archive.Outside(c.ID)
	return c
}

// Fields are the columns that every search has: those of an exported candidate, and
// what was said of it.
var Fields = slices.Concat(Columns, []string{"origin", "outside", "label", "comment"})

// statuses are the words that stand for a candidate's status.
var statuses = []string{string(engine.OK), string(engine.Invalid), string(engine.Failed)}

// Genes are the paths of genes without places in lists, and of lists their lengths; up
// to a thousand.
func (r *Rows) Genes() []string {
	r.Names("")
	return r.paths
}

// Names are fields, then metrics and genes, as conditions write them.
func (r *Rows) Names(form string) []string {
	if r.paths == nil {
		r.paths = expression.GenePaths(r.Archive.Space)
	}
	fields := slices.Concat(Fields, statuses)
	var metrics, genes []string
	for _, m := range r.metrics {
		metrics = append(metrics, expression.Written("metric", m, form != "" || slices.Contains(fields, m) || slices.Contains(r.paths, m)))
	}
	for _, p := range r.paths {
		genes = append(genes, expression.Written("gene", p, form != "" || slices.Contains(fields, p) || slices.Contains(r.metrics, p)))
	}
	var usage []string
	for _, u := range engine.UsageNames {
		usage = append(usage, expression.Written("usage", u, form != "" || slices.Contains(r.metrics, u) || slices.Contains(r.paths, u)))
	}
	switch form {
	case "metric":
		return metrics
	case "gene":
		return genes
	case "usage":
		return usage
	}
	return slices.Concat(fields, usage, metrics, genes)
}

// Column is what a name stands for: a field, else a metric or a gene, else what a job took
// of the machine.
func (r *Rows) Column(form, name string) (expression.Column, bool, error) {
	if form == "" {
		if c, ok := r.field(name); ok {
			return c, true, nil
		}
	}
	metric := (form == "" || form == "metric") && slices.Contains(r.metrics, name)
	var path *genome.Path
	if form == "" || form == "gene" {
		path, _ = r.Archive.Space.Path(name)
	}
	switch {
	case metric && path != nil:
		return expression.Column{}, false, fmt.Errorf("write metric(%q) or gene(%q)", name, name)
	case metric:
		return numbers(func(row int) float64 {
			if column := r.Metric(name); column != nil {
				return column[row]
			}
			return math.NaN()
		}), true, nil
	case path != nil:
		return expression.OfGene(path, r.genes), true, nil
	case r.isUsage(form, name):
		return numbers(func(row int) float64 { return r.usage(row, name) }), true, nil
	}
	return expression.Column{}, false, nil
}

// isUsage tells whether a name stands for what a job took of the machine: what else is
// called so goes before.
func (r *Rows) isUsage(form, name string) bool {
	if form == "" && !slices.Contains(r.metrics, name) {
		if _, gene := r.Archive.Space.Path(name); !gene {
			form = "usage"
		}
	}
	return form == "usage" && slices.Contains(engine.UsageNames, name)
}

// usage is a field of what a row's job took of the machine, NaN if it is not known.
func (r *Rows) usage(row int, name string) float64 {
	if x, known := r.Usage[row].Get(name); known {
		return x
	}
	return math.NaN()
}

func truth(yes bool) expression.Value {
	v := expression.Value{Kind: expression.Truth}
	if yes {
		v.Number = 1
	}
	return v
}

// numbers is a column of numbers, NaN where a row has none.
func numbers(at func(row int) float64) expression.Column {
	return expression.Column{Kind: expression.Number, At: func(row int, out []expression.Value) []expression.Value {
		if x := at(row); !math.IsNaN(x) {
			out = append(out, expression.Value{Kind: expression.Number, Number: x})
		}
		return out
	}}
}

// texts is a column of texts, "" where a row has none.
func texts(at func(row int) string, words ...string) expression.Column {
	return expression.Column{Kind: expression.Text, Words: words, At: func(row int, out []expression.Value) []expression.Value {
		if s := at(row); s != "" {
			out = append(out, expression.Value{Kind: expression.Text, Text: s})
		}
		return out
	}}
}

func truths(at func(row int) bool) expression.Column {
	return expression.Column{Kind: expression.Truth, At: func(row int, out []expression.Value) []expression.Value {
		return append(out, truth(at(row)))
	}}
}

// field is the column of a field of candidates.
func (r *Rows) field(name string) (expression.Column, bool) {
	id := func(ids []engine.ID) expression.Column {
		return numbers(func(row int) float64 {
			if ids[row] == 0 {
				return math.NaN()
			}
			return float64(ids[row])
		})
	}
	switch name {
	case "id":
		return id(r.IDs), true
	case "phase":
		return texts(r.Phase.At, "search", "remeasure", "test"), true
	case "status":
		return texts(r.Status.At, statuses...), true
	case "ok", "invalid", "failed":
		return truths(func(row int) bool { return r.Status.At(row) == name }), true
	case "genome":
		return texts(func(row int) string { return r.Genome(row).Text() }), true
	case "hash":
		return texts(func(row int) string { return r.Genome(row).Hash().String() }), true
	case "parents":
		c := expression.Column{Kind: expression.Number, Many: true, At: func(row int, out []expression.Value) []expression.Value {
			for _, p := range r.Parents(row) {
				out = append(out, expression.Value{Kind: expression.Number, Number: float64(p)})
			}
			return out
		}}
		return c, true
	case "operator":
		return texts(r.Operator.At), true
	case "seed":
		return numbers(func(row int) float64 { return float64(r.Seed[row]) }), true
	case "fidelity":
		return numbers(func(row int) float64 { return float64(r.Fidelity[row]) }), true
	case "budget":
		return numbers(func(row int) float64 { return r.Budget[row] }), true
	case "attempts":
		return numbers(func(row int) float64 { return float64(r.Attempts[row]) }), true
	case "reason":
		return texts(r.Reason.At), true
	case "seconds":
		return numbers(func(row int) float64 { return r.Seconds[row] }), true
	case "lost":
		return numbers(func(row int) float64 { return r.Lost[row] }), true
	case "stopped":
		return truths(func(row int) bool { return r.Stopped[row] }), true
	case "task":
		return texts(r.Task.At, "train", "supernet", "score"), true
	case "tag":
		return texts(r.Tag.At), true
	case "resume":
		return id(r.Resume), true
	case "inherit":
		return id(r.Inherit), true
	case "reuse":
		return id(r.Reuse), true
	case "replicate":
		return truths(func(row int) bool { return r.Replicate[row] }), true
	case "baseline":
		return texts(r.Baseline.At), true
	case "origin":
		return texts(func(row int) string {
			job := engine.Job{Operator: r.Operator.At(row)}
			return string(job.Origin())
		}, string(engine.Imported), string(engine.Added)), true
	case "outside":
		return truths(func(row int) bool { return r.Archive.Outside(r.IDs[row]) }), true
	case "label":
		c := expression.Column{Kind: expression.Text, Many: true, At: func(row int, out []expression.Value) []expression.Value {
			for _, name := range r.Labels[r.IDs[row]].Names {
				out = append(out, expression.Value{Kind: expression.Text, Text: name})
			}
			return out
		}}
		return c, true
	case "comment":
		return texts(func(row int) string { return r.Labels[r.IDs[row]].Comment }), true
	}
	return expression.Column{}, false
}

// Key is what rows are sorted by.
type Key struct {
	Column string
	Down   bool
}

// ParseKey reads COLUMN, or -COLUMN for descending.
func ParseKey(text string) Key {
	column, down := strings.CutPrefix(text, "-")
	return Key{column, down}
}

// Selection says which candidates to list, and in which order.
type Selection struct {
	Where  []*expression.Condition // all of them must hold
	Sort   []Key                   // the first that tells two apart decides; none: the order of History
	Limit  int                     // 0: all
	Offset int                     // so many are left out before
}

// Select lists the rows of a selection, and tells how many there would be without Limit and
// Offset. Candidates that lack the column of a key come last. An error of a condition
// is a genome.Mistake, see expression.Condition.Bind.
func (r *Rows) Select(s Selection) (rows []int, all int, err error) {
	var hold []func(row int) bool
	for _, c := range s.Where {
		f, err := c.Bind(r)
		if err != nil {
			return nil, 0, err
		}
		hold = append(hold, f)
	}
	for row := range r.Len() {
		if !slices.ContainsFunc(hold, func(f func(int) bool) bool { return !f(row) }) {
			rows = append(rows, row)
		}
	}
	if len(s.Sort) > 0 {
		by := make([]func(a, b int) int, len(s.Sort))
		for i, k := range s.Sort {
			if by[i], err = r.order(k, rows); err != nil {
				return nil, 0, err
			}
		}
		slices.SortStableFunc(rows, func(a, b int) int {
			for _, f := range by {
				if order := f(a, b); order != 0 {
					return order
				}
			}
			return 0
		})
	}
	all = len(rows)
	rows = rows[min(s.Offset, all):]
	if s.Limit > 0 {
		rows = rows[:min(s.Limit, len(rows))]
	}
	return rows, all, nil
}

// order compares rows by a key. Where a row has several values the first counts.
func (r *Rows) order(k Key, rows []int) (func(a, b int) int, error) {
	if err := r.Known(k.Column); err != nil {
		return nil, err
	}
	c, _, _ := r.Column(SplitColumn(k.Column))
	if c.Kind == 0 {
		return nil, fmt.Errorf("%s holds several values; sort by one of them", k.Column)
	}
	keys := make([]expression.Value, r.Len())
	var buf []expression.Value
	for _, row := range rows {
		if buf = c.At(row, buf[:0]); len(buf) > 0 {
			keys[row] = buf[0]
		}
	}
	return func(a, b int) int {
		x, y := &keys[a], &keys[b]
		if x.Kind == 0 || y.Kind == 0 {
			return compare(y.Kind != 0, x.Kind != 0)
		}
		order := compare(x.Kind > y.Kind, y.Kind > x.Kind)
		switch {
		case x.Kind != y.Kind:
		case x.Kind == expression.Text:
			order = strings.Compare(x.Text, y.Text)
		default:
			order = compare(x.Number > y.Number, x.Number < y.Number)
		}
		if k.Down {
			return -order
		}
		return order
	}, nil
}

func compare(greater, less bool) int {
	switch {
	case greater:
		return 1
	case less:
		return -1
	}
	return 0
}

// SplitColumn parts the name of a column into how it is written and what it names.
func SplitColumn(column string) (form, name string) {
	for _, form := range []string{"metric", "gene", "usage"} {
		if name, ok := strings.CutPrefix(column, form+":"); ok {
			return form, name
		}
	}
	return "", column
}

// Known checks a column's name: a field, a metric, a gene, or what a job took.
func (r *Rows) Known(column string) error {
	form, name := SplitColumn(column)
	_, ok, err := r.Column(form, name)
	switch {
	case err != nil:
		return fmt.Errorf("%s may mean several things; write %s or %s", column, metricPrefix+name, genePrefix+name)
	case ok:
		return nil
	case form == "gene":
		return knownGene(r.Archive.Space, name)
	}
	var metrics []string
	for _, m := range r.metrics {
		metrics = append(metrics, MetricColumn(m))
	}
	meant := ""
	if inner, ok := strings.CutPrefix(name, `metric("`); ok { // as an expression has it
		name = strings.TrimSuffix(inner, `")`)
		if slices.Contains(r.metrics, name) {
			meant = "write " + metricPrefix + name + "; "
		}
	}
	if near := nearest(name, slices.Concat(Fields, r.metrics, r.Names(""))); near != "" && meant == "" {
		meant = "did you mean " + near + "? "
	}
	return fmt.Errorf("there is no column %q; %suse %s, a metric (%s), the path of a gene, or %s", column, meant, strings.Join(Fields, ", "),
		strings.Join(metrics, ", "), strings.Join(engine.UsageNames, ", "))
}

// Value is what a row has in a column: a number, a text, true or false; several as a
// list, those that hold others as they are; nil where it has none.
func (r *Rows) Value(row int, column string) any {
	form, name := SplitColumn(column)
	field, isField := r.field(name)
	if !isField || form != "" {
		if r.isUsage(form, name) {
			if x, known := r.Usage[row].Get(name); known {
				return x
			}
			return nil
		}
		if form != "metric" {
			if p, ok := r.Archive.Space.Path(name); ok && (form == "gene" || !slices.Contains(r.metrics, name)) {
				if v, ok := r.genes(row).At(name); ok {
					return v
				}
				if !p.Many {
					return first(p, r.genes(row))
				}
				list := []any{}
				p.EachOf(r.genes(row), func(v any) { list = append(list, v) })
				return list
			}
		}
		if x := r.Metric(name); x != nil && !math.IsNaN(x[row]) {
			return x[row]
		}
		return nil
	}
	v := Plain(field, row)
	if v == nil && field.Kind == expression.Text {
		return ""
	}
	return v
}

// Plain is what a column has in a row, as JSON has it: a number, a text, true or false,
// nil where it has none; where there may be several, a list of them.
func Plain(c expression.Column, row int) any {
	list := []any{}
	for _, v := range c.At(row, nil) {
		list = append(list, valueIn(v))
	}
	switch {
	case c.Many:
		return list
	case len(list) > 0:
		return list[0]
	}
	return nil
}

// first is the only value of a path.
func first(p *genome.Path, tree genome.Map) (out any) {
	p.EachOf(tree, func(v any) { out = v })
	return out
}

// Cell writes a column of a row for a table.
func (r *Rows) Cell(row int, column string) string {
	form, name := SplitColumn(column)
	if form == "" && slices.Contains(Columns, name) {
		c := r.Candidate(row)
		return Cell(&c, name)
	}
	switch v := r.Value(row, column).(type) {
	case nil:
		return "-"
	case float64:
		if r.isUsage(form, name) {
			return Used(name, v)
		}
		if form == "gene" || !r.HasMetric(name) {
			return genome.ValueText(v) // a gene as it is: rounded it would be of another genome
		}
		return Number(name, v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = genome.ValueText(x)
		}
		if name == "label" && form == "" {
			return strings.Join(parts, ", ")
		}
		return strings.Join(parts, " ")
	default:
		return genome.ValueText(v)
	}
}

// HasMetric tells whether the search has a metric of that name.
func (r *Rows) HasMetric(name string) bool { return slices.Contains(r.metrics, name) }

// MetricColumn is the name of a metric's column, in full where a field or a gene is called
// alike.
func (r *Rows) MetricColumn(metric string) string {
	column := MetricColumn(metric)
	if _, _, err := r.Column(SplitColumn(column)); err != nil {
		return metricPrefix + metric
	}
	return column
}

// Usual are the columns of a table of some rows whose columns nobody named.
func (r *Rows) Usual(found []int) []string {
	any := func(is func(row int) bool) bool { return slices.ContainsFunc(found, is) }
	columns := []string{"id", "phase"}
	if any(func(row int) bool { return r.Task.At(row) != string(engine.Train) }) {
		columns = append(columns, "task")
	}
	columns = append(columns, "status")
	for _, o := range slices.Concat(r.Archive.Plan.Objectives, r.Archive.Plan.Ties) {
		columns = append(columns, r.MetricColumn(o.Metric))
	}
	if size := "parameters"; r.HasMetric(size) && !slices.Contains(columns, size) {
		columns = append(columns, size)
	}
	columns = append(columns, "budget", "seconds")
	if any(func(row int) bool { return r.Lost[row] > 0 }) {
		columns = append(columns, "lost")
	}
	columns = append(columns, "operator", "parents")
	if any(func(row int) bool { return r.Archive.Outside(r.IDs[row]) }) {
		columns = append(columns, "outside")
	}
	if any(func(row int) bool { return r.Reason.At(row) != "" }) {
		columns = append(columns, "reason")
	}
	for i, said := range []func(engine.Labels) bool{
		func(l engine.Labels) bool { return len(l.Names) > 0 }, func(l engine.Labels) bool { return l.Comment != "" },
	} {
		if any(func(row int) bool { return said(r.Labels[r.IDs[row]]) }) {
			columns = append(columns, []string{"label", "comment"}[i])
		}
	}
	return append(columns, "genome")
}

// Listed is one candidate as `list --json` writes it: with its genes as values.
type Listed struct {
	Record
	Genes genome.Map `json:"genes"`
}

// Record is that of a row. Once one Genome was asked for, several may be at the same time.
func (r *Rows) Record(row int) Listed {
	c := r.Candidate(row)
	out := Listed{RecordOf(&c), c.Genome.Tree()}
	said := r.Labels[c.ID]
	out.Labels, out.Comment = said.Names, said.Comment
	return out
}
