// Package export writes candidates for other programs: CSV for spreadsheets,
// JSON lines, Parquet for data frames.
package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// Formats are the names of what Write writes.
var Formats = []string{"csv", "json", "parquet"}

// kind is what a column holds.
type kind int

const (
	texts kind = iota
	integers
	numbers
	truths
)

// column is one column of the table that CSV and Parquet hold.
type column struct {
	name string
	kind kind
	get  func(*row) any // string, int64, float64, bool or nil
}

// row is a candidate to be written.
type row struct {
	engine.Candidate
	genes map[string]any // scalars at any depth, by their paths
	said  engine.Labels
}

// rows ranges over all candidates, each with its curve.
func rows(v *show.View) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		labels, err := labelsOf(v)
		if err != nil {
			yield(nil, err)
			return
		}
		flat := v.Space.Flat()
		for c := range v.Candidates() {
			whole, err := v.Candidate(c.ID)
			if err != nil {
				yield(nil, err)
				return
			}
			c.Curve = whole.Curve
			r := &row{c, map[string]any{}, labels[c.ID]}
			if c.Baseline == "" {
				flat.Each(c.Genome, func(leaf int, value any) { r.genes[flat.Paths()[leaf]] = value })
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// labelsOf are what was said of candidates.
func labelsOf(v *show.View) (map[engine.ID]engine.Labels, error) {
	if v.Ledger == nil {
		return nil, nil
	}
	return engine.ReadLabels(v.Ledger)
}

// text is a field that most candidates lack.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// curve is a candidate's as JSON, nil if it has none.
func (r *row) curve() any {
	if len(r.Curve) == 0 {
		return nil
	}
	b, err := json.Marshal(r.Curve)
	if err != nil { // every number is finite
		return nil
	}
	return string(b)
}

// Write writes every candidate of a search.
func Write(out io.Writer, v *show.View, format string) error {
	switch format {
	case "json":
		return writeJSON(out, v)
	case "csv":
		return writeCSV(out, v)
	case "parquet":
		return writeParquet(out, v)
	}
	return fmt.Errorf("%q is no format; use one of %s", format, strings.Join(Formats, ", "))
}

// record is a candidate with its genes as a tree.
type record struct {
	show.Listed
	Curve []engine.Point `json:"curve,omitempty"`
}

func writeJSON(out io.Writer, v *show.View) error {
	w := bufio.NewWriter(show.NewPrinter(out))
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for r, err := range rows(v) {
		if err != nil {
			return err
		}
		out := record{show.Listed{Record: show.RecordOf(&r.Candidate), Genes: r.Genome.Tree()}, r.Curve}
		out.Labels, out.Comment = r.said.Names, r.said.Comment
		if err := enc.Encode(out); err != nil {
			return err
		}
	}
	return w.Flush()
}

// columns lists those of a search: what every candidate has, then the metrics,
// then genes at any depth, those of a list element by element.
func columns(v *show.View) []column {
	field := func(name string) column {
		return column{name, texts, func(c *row) any { return show.Column(&c.Candidate, name) }}
	}
	whole := func(name string, get func(*engine.Candidate) int64) column {
		return column{name, integers, func(c *row) any { return get(&c.Candidate) }}
	}
	other := func(name string, get func(*engine.Candidate) engine.ID) column {
		return column{name, integers, func(c *row) any {
			if id := get(&c.Candidate); id != 0 {
				return int64(id)
			}
			return nil
		}}
	}
	cols := []column{
		whole("id", func(c *engine.Candidate) int64 { return int64(c.ID) }),
		field("phase"), field("status"), field("genome"), field("hash"), field("parents"), field("operator"),
		whole("seed", func(c *engine.Candidate) int64 { return int64(c.Seed) }),
		whole("fidelity", func(c *engine.Candidate) int64 { return int64(c.Fidelity) }),
		{"budget", numbers, func(c *row) any { return c.Budget }},
		whole("attempts", func(c *engine.Candidate) int64 { return int64(c.Attempts) }),
		field("reason"),
		{"stopped", truths, func(c *row) any { return c.Stopped }},
		field("task"), field("tag"),
		other("resume", func(c *engine.Candidate) engine.ID { return c.Resume }),
		other("inherit", func(c *engine.Candidate) engine.ID { return c.Inherit }),
		other("reuse", func(c *engine.Candidate) engine.ID { return c.Reuse }),
		{"replicate", truths, func(c *row) any { return c.Replicate }},
		field("baseline"),
		{"seconds", numbers, func(c *row) any { return c.Seconds }},
		{"lost", numbers, func(c *row) any { return c.Lost }},
		{"curve", texts, (*row).curve},
		{"label", texts, func(c *row) any { return text(strings.Join(c.said.Names, ", ")) }},
		{"comment", texts, func(c *row) any { return text(c.said.Comment) }},
	}
	for _, name := range engine.UsageNames {
		k := integers
		if name == "cpu" {
			k = numbers
		}
		cols = append(cols, column{show.UsageColumn(name), k, func(c *row) any {
			x, known := c.Usage.Get(name)
			switch {
			case !known:
				return nil
			case k == integers:
				return int64(x)
			}
			return x
		}})
	}
	seen := map[string]bool{}
	var metrics []string
	flat := v.Space.Flat()
	var kinds []kind // by leaves
	for c := range v.Candidates() {
		for _, m := range c.Metrics {
			if !seen[m.Name] {
				seen[m.Name] = true
				metrics = append(metrics, m.Name)
			}
		}
		if c.Baseline != "" {
			continue
		}
		flat.Each(c.Genome, func(leaf int, value any) {
			k := texts
			switch value.(type) {
			case int64:
				k = integers
			case float64:
				k = numbers
			case bool:
				k = truths
			}
			if leaf == len(kinds) {
				kinds = append(kinds, k)
			} else if old := kinds[leaf]; old != k {
				mixed := k != integers && k != numbers || old != integers && old != numbers
				if kinds[leaf] = numbers; mixed {
					kinds[leaf] = texts
				}
			}
		})
	}
	genes := map[string]kind{}
	for leaf, path := range flat.Paths() {
		genes[path] = kinds[leaf]
	}
	order := slices.Clone(flat.Paths())
	slices.SortStableFunc(order, show.ByPlace(order))
	slices.Sort(metrics)
	for _, name := range metrics {
		cols = append(cols, column{show.MetricColumn(name), numbers, func(c *row) any {
			if x, ok := c.Metrics.Get(name); ok {
				return x
			}
			return nil
		}})
	}
	for _, name := range order {
		cols = append(cols, geneColumn(name, genes[name]))
	}
	return cols
}

// geneColumn is a gene's value, converted to the kind that fits all of them.
func geneColumn(name string, k kind) column {
	return column{show.GeneColumn(name), k, func(c *row) any {
		v := c.genes[name]
		switch x := v.(type) {
		case nil:
			return nil
		case int64:
			switch k {
			case integers:
				return x
			case numbers:
				return float64(x)
			}
		case float64:
			if k == numbers {
				return x
			}
		case bool:
			if k == truths {
				return x
			}
		}
		if k == texts {
			return genome.ValueText(v)
		}
		return nil
	}}
}

func writeCSV(out io.Writer, v *show.View) error {
	cols := columns(v)
	w := csv.NewWriter(out)
	line := make([]string, len(cols))
	for i, c := range cols {
		line[i] = c.name
	}
	if err := w.Write(line); err != nil {
		return err
	}
	for c, err := range rows(v) {
		if err != nil {
			return err
		}
		for i, col := range cols {
			line[i] = ""
			switch x := col.get(c).(type) {
			case string:
				line[i] = x
			case int64:
				line[i] = strconv.FormatInt(x, 10)
			case bool:
				line[i] = strconv.FormatBool(x)
			case float64:
				line[i] = strconv.FormatFloat(x, 'g', -1, 64)
			}
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func writeParquet(out io.Writer, v *show.View) error {
	cols := columns(v)
	group := parquet.Group{}
	for _, c := range cols {
		node := parquet.String()
		switch c.kind {
		case integers:
			node = parquet.Int(64)
		case numbers:
			node = parquet.Leaf(parquet.DoubleType)
		case truths:
			node = parquet.Leaf(parquet.BooleanType)
		}
		group[c.name] = parquet.Optional(node)
	}
	schema := parquet.NewSchema("candidates", group)
	// A group has its columns in the order of their names.
	slices.SortFunc(cols, func(a, b column) int { return strings.Compare(a.name, b.name) })
	w := parquet.NewWriter(out, schema, parquet.Compression(&parquet.Snappy))
	line := make(parquet.Row, len(cols))
	for c, err := range rows(v) {
		if err != nil {
			return err
		}
		for i, col := range cols {
			var value parquet.Value
			defined := 1
			switch x := col.get(c).(type) {
			case string:
				value = parquet.ByteArrayValue([]byte(x))
			case int64:
				value = parquet.Int64Value(x)
			case bool:
				value = parquet.BooleanValue(x)
			case float64:
				if value = parquet.DoubleValue(x); math.IsNaN(x) {
					value, defined = parquet.NullValue(), 0
				}
			default:
				value, defined = parquet.NullValue(), 0
			}
			line[i] = value.Level(0, defined, i)
		}
		if _, err := w.WriteRows([]parquet.Row{line}); err != nil {
			return err
		}
	}
	return w.Close()
}
