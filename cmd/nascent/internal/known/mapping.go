package known

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// What stands before the name of a column that is a gene, a metric or a parameter, and
// nothing else.
const (
	genePrefix   = "gene:"
	metricPrefix = "metric:"
	usagePrefix  = "usage:"
	paramPrefix  = "params_"
)

// Search is what a mapping has to know of the search that takes results in.
type Search struct {
	Space   *genome.Space
	Plan    engine.Plan
	Metrics []engine.Metric // what its evaluators declare, and what is derived
}

// Mapping says where what a search wants comes from.
type Mapping struct {
	search Search
	source *Source
	genes  map[string]string // columns by path
	length map[string]string // columns that say how long a list is, by its path
	metric map[string]*expression.Expression
	plain  map[string]string // of the metrics, those that are a column as it is
	whole  []string          // columns that have a whole genome, the first that a row has counts

	explicitly []string        // metrics that the user maps
	computed   map[string]bool // columns from which the user has metrics computed

	fidelity       int    // of all rows
	fidelityColumn string // that says it, "" if none does

	Lines  []Line   // what came of it
	Unused []string // columns that are nothing of the search
}

// Line says where one thing comes from.
type Line struct {
	Name string `json:"name"`
	From string `json:"from"`
}

// Options are what a user says of a mapping.
type Options struct {
	Map      []string // NAME=SOURCE
	Fidelity int      // -1: what the source says, or the only one
	Genomes  bool     // only genomes are wanted
}

// Map finds the genes and metrics of a search among the columns of a source: those that
// are named, and of the rest those of the same name.
func Map(search Search, source *Source, o Options) (*Mapping, error) {
	m := &Mapping{
		search: search, source: source, fidelity: max(0, o.Fidelity), genes: map[string]string{}, length: map[string]string{},
		metric: map[string]*expression.Expression{}, plain: map[string]string{},
	}
	used := map[string]bool{}
	m.computed = map[string]bool{}
	if err := m.explicit(o, used); err != nil {
		return nil, err
	}
	if o.Fidelity >= len(search.Plan.Fidelities) {
		return nil, mistake("--fidelity %d: the search has the fidelities 0 to %d", o.Fidelity, len(search.Plan.Fidelities)-1)
	}
	if has := slices.Contains(source.Columns, "fidelity"); o.Fidelity < 0 && m.fidelityColumn == "" {
		if has {
			m.fidelityColumn = "fidelity"
		} else if n := len(search.Plan.Fidelities); n > 1 && !o.Genomes {
			return nil, mistake("the search has %d fidelities, and %s does not say at which its results were "+
				"measured; say it with --fidelity 0 to %d",
				n, source.What, n-1)
		}
	}
	if err := m.byName(used, o.Genomes); err != nil {
		return nil, err
	}
	if !o.Genomes {
		if err := m.objectives(used); err != nil {
			return nil, err
		}
	}
	if len(m.whole)+len(m.genes)+len(m.length) == 0 && source.Rows[0].Genome.IsZero() {
		return nil, mistake("no column of %s is a gene of the space; there are %s: say which is which with --map GENE=COLUMN",
			source.What, some(source.Columns))
	}
	known := append([]string{"fidelity", "status", "state", "phase", "task", "stopped", "operator", "reason", m.fidelityColumn}, m.whole...)
	for _, name := range source.Columns {
		bare := strings.TrimPrefix(name, metricPrefix)
		if strings.HasPrefix(name, usagePrefix) {
			continue // of the machine on which it was measured
		}
		if !used[name] && !slices.Contains(known, name) && !slices.Contains(bookkeeping, bare) && !m.declared(bare) {
			m.Unused = append(m.Unused, name)
		}
	}
	m.Unused = append(m.Unused, source.Nested...)
	m.describe()
	return m, nil
}

// bookkeeping are columns that exports of nascent and of Optuna have besides.
var bookkeeping = []string{
	"id", "hash", "parents", "seed", "budget", "attempts", "tag", "resume", "inherit", "reuse", "replicate", "baseline", "lost", "origin",
	"number", "datetime_start", "datetime_complete", "duration", "genes", "genome", "seconds", "usage",
}

// explicit takes what the user says.
func (m *Mapping) explicit(o Options, used map[string]bool) error {
	said := map[string]string{}
	for _, text := range o.Map {
		name, from, ok := strings.Cut(text, "=")
		name, from = strings.TrimSpace(name), strings.TrimSpace(from)
		if !ok || name == "" || from == "" {
			return mistake("--map %s: write NAME=COLUMN, with NAME a gene, a metric, fidelity or genome", text)
		}
		twice := func(what string) error {
			before, known := said[what]
			if said[what] = from; !known {
				return nil
			}
			return mistake("--map %s: another --map says that %s is %s; leave one of them out", text, name, before)
		}
		from = m.column(from)
		there := slices.Contains(m.source.Columns, from)
		missing := func() error {
			e := &genome.Mistake{Problem: fmt.Sprintf("--map %s: %s has no column %q", text, m.source.What, from),
				Remedy: "there are " + some(m.source.Columns)}
			ends := func(column string) bool {
				return strings.HasSuffix(column, "_"+from) || strings.HasSuffix(column, ":"+from)
			}
			if i := slices.IndexFunc(m.source.Columns, ends); i >= 0 {
				e.Remedy = "did you mean " + m.source.Columns[i] + "?"
			} else if near := option.Nearest(from, m.source.Columns); near != "" {
				e.Remedy = "did you mean " + near + "?"
			}
			return e
		}
		path, isGene := strings.CutPrefix(name, genePrefix)
		metric, isMetric := strings.CutPrefix(name, metricPrefix)
		list, isLength := m.list(path)
		switch {
		case isLength && !isMetric && !m.has(path):
			if !there {
				return missing()
			}
			if err := twice("length of " + list); err != nil {
				return err
			}
			m.length[list], used[from] = from, true
		case isGene || !isMetric && m.has(name):
			if !m.has(path) {
				return mistake("--map %s: the space has no gene %s", text, path)
			}
			if !there {
				return missing()
			}
			if err := twice("gene " + path); err != nil {
				return err
			}
			m.genes[path], used[from] = from, true
		case name == "fidelity" || name == "genome":
			if !there {
				return missing()
			}
			if err := twice(name); err != nil {
				return err
			}
			if used[from] = true; name == "genome" {
				m.whole = []string{from}
			} else {
				m.fidelityColumn = from
			}
		case isMetric || m.declared(name):
			if !m.declared(metric) {
				return mistake("--map %s: the search has no metric %s", text, metric)
			}
			if err := twice("metric " + metric); err != nil {
				return err
			}
			m.explicitly = append(m.explicitly, metric)
			if there {
				m.take(metric, from, used)
				continue
			}
			e, err := expression.Parse(from)
			if err != nil || slices.Equal(e.Metrics(), []string{from}) {
				return missing()
			}
			columns := slices.Clone(m.source.Columns)
			for _, name := range m.source.Columns {
				columns = append(columns, strings.TrimPrefix(name, metricPrefix))
			}
			if err := e.Check(columns); err != nil {
				return mistake("--map %s: %v", text, err)
			}
			m.metric[metric] = e
			for _, column := range e.Metrics() {
				used[m.column(column)], m.computed[m.column(column)] = true, true
			}
		default:
			names := slices.Concat(m.search.Space.Paths(1000), m.metrics(), []string{"fidelity", "genome"})
			e := &genome.Mistake{Problem: fmt.Sprintf("--map %s: %s is neither a gene nor a metric of the search", text, name)}
			if near := option.Nearest(name, names); near != "" {
				e.Remedy = "did you mean " + near + "?"
			}
			return e
		}
	}
	return nil
}

// column is the one that is meant by a name: that of a search's metric needs no prefix.
func (m *Mapping) column(name string) string {
	if prefixed := metricPrefix + name; !slices.Contains(m.source.Columns, name) && slices.Contains(m.source.Columns, prefixed) {
		return prefixed
	}
	return name
}

// take makes a column a metric as it is.
func (m *Mapping) take(metric, column string, used map[string]bool) {
	m.metric[metric], m.plain[metric] = nil, column
	used[column] = true
}

func (m *Mapping) declared(metric string) bool {
	return slices.ContainsFunc(m.search.Metrics, func(x engine.Metric) bool { return x.Name == metric })
}

// informs tells whether a metric is worth taking along that nobody asked for by name: of
// what was measured elsewhere only what the search judges by.
func (m *Mapping) informs(metric string) bool {
	i := slices.IndexFunc(m.search.Metrics, func(x engine.Metric) bool { return x.Name == metric })
	return i >= 0 && (!m.search.Metrics[i].Measured || slices.Contains(m.wanted(), metric))
}

func (m *Mapping) metrics() (names []string) {
	for _, x := range m.search.Metrics {
		names = append(names, x.Name)
	}
	return names
}

// has tells whether a path is that of one gene, not of one in each element of a list.
func (m *Mapping) has(path string) bool {
	if list, ok := strings.CutSuffix(path, ".length"); ok {
		if _, isList := m.search.Space.Path(list + "[0]"); isList {
			return false
		}
	}
	p, ok := m.search.Space.Path(path)
	return ok && !p.Many
}

// list is the path of the list that a name says the length of: blocks of blocks.length.
func (m *Mapping) list(name string) (path string, ok bool) {
	for range 2 {
		if list, cut := strings.CutSuffix(name, ".length"); cut {
			if p, ok := m.search.Space.Path(list + "[0]"); ok && !p.Many {
				return list, true
			}
		}
		name = numbered.ReplaceAllString(name, "[$1]$2")
	}
	return "", false
}

// numbered finds places in lists that are written with a point: blocks.0.width.
var numbered = regexp.MustCompile(`\.(\d+)(\.|$)`)

// path is the gene that a column is called by, "" if none is: by its path, or by its last
// name if no other gene has that.
func (m *Mapping) path(name string) string {
	for range 2 {
		if m.has(name) {
			return name
		}
		name = numbered.ReplaceAllString(name, "[$1]$2")
	}
	var found []string
	for _, path := range m.search.Space.Paths(1000) {
		if strings.HasSuffix(path, "."+name) && !strings.Contains(path, "[") {
			found = append(found, path)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

// byName takes the columns that are called as what they are.
func (m *Mapping) byName(used map[string]bool, genomes bool) error {
	derived := map[string]bool{}
	for _, d := range m.search.Plan.Derived {
		derived[d.Metric] = true
	}
	for _, name := range m.source.Columns {
		if used[name] && !m.computed[name] {
			continue
		}
		gene, isGene := strings.CutPrefix(name, genePrefix)
		param, isParam := strings.CutPrefix(name, paramPrefix)
		metric, isMetric := strings.CutPrefix(name, metricPrefix)
		path := ""
		if list, ok := m.list(strings.TrimPrefix(gene, paramPrefix)); ok && !isMetric {
			if _, taken := m.length[list]; !taken {
				m.length[list], used[name] = name, true
			}
			continue
		}
		switch {
		case isGene:
			path = m.path(gene)
		case isParam:
			path = m.path(param)
		case !isMetric && !m.source.Params && !slices.Contains(bookkeeping, name):
			path = m.path(name)
		}
		measured := !isGene && !isParam && m.informs(metric) && !derived[metric] && !genomes && !m.computed[name]
		if path != "" && measured {
			return mistake("the column %s may be the gene %s or the metric %s; say which: --map %s%s=%s, or --map %s%s=%s",
				name, path, metric, genePrefix, path, name, metricPrefix, metric, name)
		}
		if _, taken := m.genes[path]; path != "" && !taken {
			m.genes[path], used[name] = name, true
		}
		if _, taken := m.metric[metric]; measured && !taken {
			m.take(metric, name, used)
		}
	}
	if len(m.whole) == 0 {
		for _, name := range []string{"genome", "genes"} {
			if slices.Contains(m.source.Columns, name) && !used[name] {
				m.whole = append(m.whole, name)
			}
		}
	}
	return nil
}

// objectives sees that all is there that the search judges by, in the direction in which
// it does.
func (m *Mapping) objectives(used map[string]bool) error {
	goals := map[string]engine.Goal{}
	var wanted []string
	want := func(metric string) {
		for _, name := range m.inputs(metric) {
			if !slices.Contains(wanted, name) {
				wanted = append(wanted, name)
			}
		}
	}
	for _, o := range slices.Concat(m.search.Plan.Objectives, m.search.Plan.Ties) {
		goals[o.Metric] = o.Goal
		want(o.Metric)
	}
	for _, c := range m.search.Plan.Constraints {
		want(c.Metric)
	}
	var lacking []string
	for _, name := range wanted {
		if _, there := m.metric[name]; !there {
			lacking = append(lacking, name)
		}
	}
	// A study with one value names it nothing: it is what is lacking, or the one objective.
	meant := len(lacking) == 1
	if os := m.search.Plan.Objectives; len(os) == 1 && len(lacking) > 1 {
		meant = slices.Equal(m.inputs(os[0].Metric), lacking[:1])
	}
	if meant && m.source.Params && len(m.source.Goals) == 1 {
		for column := range m.source.Goals {
			if !used[column] {
				m.take(lacking[0], column, used)
				lacking = lacking[1:]
			}
		}
	}
	if len(lacking) > 0 {
		return mistake("%s has no column %s, by which the search judges; there are %s: say which it is with --map %s=COLUMN, "+
			"or compute it, as in --map '%s=1 - error'",
			m.source.What, lacking[0], some(m.source.Columns), lacking[0], lacking[0])
	}
	for _, name := range slices.Sorted(maps.Keys(m.plain)) {
		theirs := m.source.Goals[m.plain[name]]
		if ours := goals[name]; theirs != "" && ours != "" && theirs != ours && !m.said(name) {
			return mistake("%s has %s to %s, and the search has %s to %s: "+
				"if they are the same all the same, say so with --map '%s=%s', else say how one "+
				"comes of the other, as in --map '%s=1 - %s'",
				m.source.What, m.plain[name], theirs, name, ours, name, m.plain[name], name, strings.TrimPrefix(m.plain[name], metricPrefix))
		}
	}
	return nil
}

func (m *Mapping) said(metric string) bool { return slices.Contains(m.explicitly, metric) }

// inputs are the metrics that one is computed from: itself if it is not derived.
func (m *Mapping) inputs(metric string) []string {
	for _, d := range m.search.Plan.Derived {
		if d.Metric != metric {
			continue
		}
		e, err := expression.Parse(d.Expression)
		if err != nil {
			return nil
		}
		var all []string
		for _, name := range e.Metrics() {
			all = append(all, m.inputs(name)...)
		}
		return all
	}
	return []string{metric}
}

// describe lists what comes from where.
func (m *Mapping) describe() {
	from := map[string]bool{} // the columns of whole genomes that count, "" for genes
	for i := range m.source.Rows {
		_, column := m.wholly(&m.source.Rows[i])
		from[column] = true
	}
	for _, column := range m.whole {
		if from[column] {
			m.Lines = append(m.Lines, Line{"genome", column})
		}
	}
	if from[""] {
		for _, path := range slices.Sorted(maps.Keys(m.genes)) {
			m.Lines = append(m.Lines, Line{path, m.genes[path]})
		}
		for _, list := range slices.Sorted(maps.Keys(m.length)) {
			m.Lines = append(m.Lines, Line{list + ".length", m.length[list]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.metric)) {
		if e := m.metric[name]; e != nil {
			m.Lines = append(m.Lines, Line{name, e.String()})
		} else {
			m.Lines = append(m.Lines, Line{name, m.plain[name]})
		}
	}
	if m.fidelityColumn != "" {
		m.Lines = append(m.Lines, Line{"fidelity", m.fidelityColumn})
	}
}

// wholly is the genome that a row has as one value, and in which column; nil if it has none.
func (m *Mapping) wholly(row *Row) (v any, column string) {
	for _, column := range m.whole {
		if v := row.Values[column]; v != nil {
			return v, column
		}
	}
	return nil, ""
}

// some lists a few names.
func some(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// LeftOut counts rows that are not taken in, of one kind.
type LeftOut struct {
	Why   string `json:"why"`
	Rows  int    `json:"rows"`
	First string `json:"first"` // of them
}

// Results are the rows as the search would have them, and what does not fit.
func (m *Mapping) Results() (all []engine.Known, left []LeftOut) {
	at := map[string]int{}
	leave := func(kind, why, row string) {
		k, known := at[kind]
		if !known {
			k, at[kind] = len(left), len(left)
			left = append(left, LeftOut{Why: why, First: row})
		}
		left[k].Rows++
	}
	for i := range m.source.Rows {
		row := &m.source.Rows[i]
		k, err := m.result(row)
		var e *misfit
		if errors.As(err, &e) {
			leave(e.kind, e.text, row.Name)
			continue
		}
		all = append(all, k)
	}
	slices.SortStableFunc(left, func(a, b LeftOut) int { return cmp.Compare(b.Rows, a.Rows) })
	return all, left
}

// misfit is why a row is left out.
type misfit struct{ kind, text string }

func (e *misfit) Error() string { return e.text }

func unfit(kind, format string, args ...any) error {
	return &misfit{kind, fmt.Sprintf(format, args...)}
}

// result is a row as the search would have it.
func (m *Mapping) result(row *Row) (k engine.Known, err error) {
	if state := m.state(row); state != "" {
		return k, unfit(state, "%s", state)
	}
	k.Status = engine.OK
	if text, _ := row.Values["status"].(string); text == string(engine.Invalid) {
		k.Status = engine.Invalid
	}
	k.Fidelity = m.fidelity
	if m.fidelityColumn != "" {
		v := row.Values[m.fidelityColumn]
		if v == nil {
			return k, unfit("no fidelity", "without a fidelity (--fidelity says one for all)")
		}
		x, ok := number(v)
		if !ok || x != math.Trunc(x) || x < 0 || int(x) >= len(m.search.Plan.Fidelities) {
			return k, unfit("fidelity", "of the fidelity %v, which the search has not (--fidelity says one for all)", v)
		}
		k.Fidelity = int(x)
	}
	if k.Genome, err = m.genomeOf(row); err != nil {
		var e *genome.Mistake
		if errors.As(err, &e) && e.Key != "" {
			return k, unfit("gene "+e.Key, "with %s: %s", e.Key, e.Problem)
		}
		return k, unfit("genome", "%v", err)
	}
	if k.Status != engine.OK {
		return k, nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.metric)) {
		x, ok := m.value(row, name)
		if !ok {
			if slices.ContainsFunc(m.wanted(), func(w string) bool { return w == name }) {
				return k, unfit("metric "+name, "without %s", name)
			}
			continue
		}
		k.Metrics = append(k.Metrics, engine.Value{Name: name, Value: x})
	}
	engine.SortValues(k.Metrics)
	k.Curve = m.curve(row)
	return k, nil
}

// Remedy is how genes may be found that rows lack, where nothing is read of some columns; ""
// if that is not what they lack.
func (m *Mapping) Remedy(left []LeftOut) string {
	lack := func(l LeftOut) bool {
		return strings.Contains(l.Why, ": is missing") || strings.Contains(l.Why, "without a genome")
	}
	if len(m.Unused) == 0 || !slices.ContainsFunc(left, lack) {
		return ""
	}
	verb := "are"
	if len(m.Unused) == 1 {
		verb = "is"
	}
	text := fmt.Sprintf("; %s %s not used: say which is which gene with --map GENE=COLUMN", some(m.Unused), verb)
	for _, path := range m.search.Space.Paths(1000) {
		if list, _, ok := strings.Cut(path, "[0]"); ok && m.length[list] == "" && m.genes[path] == "" {
			text += fmt.Sprintf(", in lists for each place and for the length, as in --map '%s=COLUMN' --map %s.length=COLUMN", path, list)
			break
		}
	}
	return text
}

// wanted are the metrics that the search judges by.
func (m *Mapping) wanted() (out []string) {
	for _, o := range slices.Concat(m.search.Plan.Objectives, m.search.Plan.Ties) {
		out = append(out, m.inputs(o.Metric)...)
	}
	for _, c := range m.search.Plan.Constraints {
		out = append(out, m.inputs(c.Metric)...)
	}
	return out
}

// state is why a row is no result, "" if it is one.
func (m *Mapping) state(row *Row) string {
	if row.State != "" {
		return row.State
	}
	text := func(column string) string {
		s, _ := row.Values[column].(string)
		return s
	}
	if s := text("state"); s != "" && !strings.EqualFold(s, "COMPLETE") && !strings.EqualFold(s, "ok") {
		return strings.ToLower(s)
	}
	if s := text("status"); s != "" && s != string(engine.OK) && s != string(engine.Invalid) {
		return s
	}
	if s := text("phase"); s != "" && s != string(engine.PhaseSearch) {
		return "of the phase " + s
	}
	if s := text("task"); s != "" && s != string(engine.Train) {
		return "of the task " + s
	}
	if s := row.Values["stopped"]; s == true || s == "true" {
		return "stopped early"
	}
	return ""
}

// value is a metric of a row.
func (m *Mapping) value(row *Row, metric string) (float64, bool) {
	e := m.metric[metric]
	if e == nil {
		x, ok := number(row.Values[m.plain[metric]])
		return x, ok
	}
	whole := true
	x := e.Value(func(column string) float64 {
		x, ok := number(row.Values[m.column(column)])
		whole = whole && ok
		return x
	})
	return x, whole && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// curve is a row's, with the metrics of the search.
func (m *Mapping) curve(row *Row) (out []engine.Point) {
	called := map[string]string{}
	for metric, column := range m.plain {
		called[strings.TrimPrefix(column, metricPrefix)] = metric
	}
	for _, p := range row.Curve {
		q := engine.Point{Step: p.Step}
		for _, v := range p.Metrics {
			if metric, ok := called[v.Name]; ok {
				q.Metrics = append(q.Metrics, engine.Value{Name: metric, Value: v.Value})
			}
		}
		if engine.SortValues(q.Metrics); len(q.Metrics) > 0 {
			out = append(out, q)
		}
	}
	return out
}

// number is a finite number.
func number(v any) (float64, bool) {
	var x float64
	switch v := v.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case string:
		var err error
		if x, err = strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return x, !math.IsNaN(x) && !math.IsInf(x, 0)
}
