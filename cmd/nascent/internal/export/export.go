// Package export writes candidates for other programs: CSV for spreadsheets,
// JSON lines, Parquet for data frames.
package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
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
	get  func(*engine.Candidate) any // string, int64, float64, bool or nil
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
	show.Record
	Genes genome.Map `json:"genes"`
}

func writeJSON(out io.Writer, v *show.View) error {
	w := bufio.NewWriter(show.NewPrinter(out))
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for c := range v.Candidates() {
		if err := enc.Encode(record{show.RecordOf(&c), c.Genome.Tree()}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// columns lists those of a search: what every candidate has, then the metrics,
// then the genes that are single values at the top of the space.
func columns(v *show.View) []column {
	text := func(name string) column {
		return column{name, texts, func(c *engine.Candidate) any { return show.Column(c, name) }}
	}
	whole := func(name string, get func(*engine.Candidate) int64) column {
		return column{name, integers, func(c *engine.Candidate) any { return get(c) }}
	}
	other := func(name string, get func(*engine.Candidate) engine.ID) column {
		return column{name, integers, func(c *engine.Candidate) any {
			if id := get(c); id != 0 {
				return int64(id)
			}
			return nil
		}}
	}
	cols := []column{
		whole("id", func(c *engine.Candidate) int64 { return int64(c.ID) }),
		text("phase"), text("status"), text("genome"), text("hash"), text("parents"), text("operator"),
		whole("seed", func(c *engine.Candidate) int64 { return int64(c.Seed) }),
		whole("fidelity", func(c *engine.Candidate) int64 { return int64(c.Fidelity) }),
		{"budget", numbers, func(c *engine.Candidate) any { return c.Budget }},
		whole("attempts", func(c *engine.Candidate) int64 { return int64(c.Attempts) }),
		text("reason"),
		{"stopped", truths, func(c *engine.Candidate) any { return c.Stopped }},
		text("task"), text("tag"),
		other("resume", func(c *engine.Candidate) engine.ID { return c.Resume }),
		other("inherit", func(c *engine.Candidate) engine.ID { return c.Inherit }),
		other("reuse", func(c *engine.Candidate) engine.ID { return c.Reuse }),
		{"replicate", truths, func(c *engine.Candidate) any { return c.Replicate }},
		text("baseline"),
		{"seconds", numbers, func(c *engine.Candidate) any { return c.Seconds }},
		{"lost", numbers, func(c *engine.Candidate) any { return c.Lost }},
	}
	seen := map[string]bool{}
	var metrics []string
	genes := map[string]kind{}
	composite := map[string]bool{} // that hold others in some candidates
	var order []string
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
		for _, e := range c.Genome.Tree() {
			k := texts
			switch e.Value.(type) {
			case int64:
				k = integers
			case float64:
				k = numbers
			case bool:
				k = truths
			case string:
			default:
				composite[e.Key] = true
				continue
			}
			old, known := genes[e.Key]
			if !known {
				order = append(order, e.Key)
			} else if old != k {
				mixed := k != integers && k != numbers || old != integers && old != numbers
				if k = numbers; mixed {
					k = texts
				}
			}
			genes[e.Key] = k
		}
	}
	slices.Sort(metrics)
	for _, name := range metrics {
		cols = append(cols, column{show.MetricColumn(name), numbers, func(c *engine.Candidate) any {
			if x, ok := c.Metrics.Get(name); ok {
				return x
			}
			return nil
		}})
	}
	for _, name := range order {
		if composite[name] {
			genes[name] = texts
		}
		cols = append(cols, geneColumn(name, genes[name]))
	}
	return cols
}

// geneColumn is a gene's value, converted to the kind that fits all of them.
func geneColumn(name string, k kind) column {
	return column{show.GeneColumn(name), k, func(c *engine.Candidate) any {
		v, ok := c.Genome.Gene(name)
		if !ok || v == nil {
			return nil
		}
		switch x := v.(type) {
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
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = c.name
	}
	if err := w.Write(row); err != nil {
		return err
	}
	for c := range v.Candidates() {
		for i, col := range cols {
			row[i] = ""
			switch x := col.get(&c).(type) {
			case string:
				row[i] = x
			case int64:
				row[i] = strconv.FormatInt(x, 10)
			case bool:
				row[i] = strconv.FormatBool(x)
			case float64:
				row[i] = strconv.FormatFloat(x, 'g', -1, 64)
			}
		}
		if err := w.Write(row); err != nil {
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
	row := make(parquet.Row, len(cols))
	for c := range v.Candidates() {
		for i, col := range cols {
			var value parquet.Value
			defined := 1
			switch x := col.get(&c).(type) {
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
			row[i] = value.Level(0, defined, i)
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			return err
		}
	}
	return w.Close()
}
