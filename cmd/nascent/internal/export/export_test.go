package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// some are candidates to be written.
type some struct {
	show.Reader
	all []engine.Candidate
}

func (s some) Candidates() iter.Seq[engine.Candidate] { return slices.Values(s.all) }

func (s some) Candidate(id engine.ID) (engine.Candidate, error) {
	for _, c := range s.all {
		if c.ID == id {
			return c, nil
		}
	}
	return engine.Candidate{}, errors.New("there is none")
}

// Older searches may have metrics of any name, and any search any finite numbers:
// every table has a column for each, and its own ones stay what they are.
func TestTablesOfAnyMetrics(t *testing.T) {
	t.Parallel()
	names := []string{
		"id", "phase", "status", "genome", "seed", "fidelity", "budget", "attempts", "reason", "seconds", "lost", "stopped", "task",
		"tag", "replicate", "baseline", "cpu", "memory", "gpu_memory",
		"gene:x", "metric:loss", "loss", "a\x07b", "a,b", `say "x"`, "two\nlines", "größe",
	}
	values := []float64{math.MaxFloat64, -math.MaxFloat64, 5e-324, 0, 1}
	var metrics engine.Values
	for i, name := range names {
		metrics = append(metrics, engine.Value{Name: name, Value: values[i%len(values)]})
	}
	engine.SortValues(metrics)
	g, err := genome.MustParseSpace(`{"x": {"int": [3, 4]}}`).Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	c := engine.Candidate{
		Job: engine.Job{ID: 12, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
		Result: engine.Result{Status: engine.OK, Metrics: metrics, Seconds: math.MaxFloat64,
			Usage: engine.Usage{CPU: math.MaxFloat64, Memory: 1 << 40}},
		Lost: 1e300,
	}
	v := &show.View{Reader: some{all: []engine.Candidate{c}}, Space: g.Space()}
	want := map[string]float64{"id": 12, "seconds": math.MaxFloat64, "lost": 1e300, "usage:cpu": math.MaxFloat64, "usage:memory": 1 << 40}
	x, _ := g.Gene("x")
	want[show.GeneColumn("x")] = float64(x.(int64))
	for _, m := range metrics {
		want[show.MetricColumn(m.Name)] = m.Value
	}

	t.Run("csv", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		if err := Write(&b, v, "csv"); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%v and %d rows", err, len(rows))
		}
		for name, y := range want {
			i := slices.Index(rows[0], name)
			if i < 0 || slices.Contains(rows[0][i+1:], name) {
				t.Errorf("column %q is there not once: %q", name, rows[0])
			} else if got, err := strconv.ParseFloat(rows[1][i], 64); err != nil || got != y {
				t.Errorf("column %q holds %s; want %v", name, rows[1][i], y)
			}
		}
	})
	t.Run("parquet", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		if err := Write(&b, v, "parquet"); err != nil {
			t.Fatal(err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]parquet.Row, 1)
		if n, _ := f.RowGroups()[0].Rows().ReadRows(rows); n != 1 {
			t.Fatalf("%d rows", n)
		}
		got := map[string]float64{}
		for _, value := range rows[0] {
			switch name := f.Schema().Columns()[value.Column()][0]; value.Kind() {
			case parquet.Double:
				got[name] = value.Double()
			case parquet.Int64:
				got[name] = float64(value.Int64())
			}
		}
		for name, y := range want {
			if x, ok := got[name]; !ok || x != y {
				t.Errorf("column %q holds %v; want %v", name, x, y)
			}
		}
	})
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		if err := Write(&b, v, "json"); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Seconds float64
			Lost    float64
			Usage   engine.Usage
			Metrics map[string]float64
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, b.Bytes())
		}
		for _, m := range metrics {
			if x, ok := got.Metrics[m.Name]; !ok || x != m.Value {
				t.Errorf("metric %q is %v; want %v", m.Name, x, m.Value)
			}
		}
		if got.Seconds != c.Seconds || got.Lost != c.Lost || got.Usage != c.Usage {
			t.Errorf("it took %v seconds, lost %v and used %+v; want %v, %v and %+v", got.Seconds, got.Lost, got.Usage, c.Seconds, c.Lost, c.Usage)
		}
	})
}

// A gene's column holds all that the gene was: whole numbers, numbers where some are
// not whole, and text where some are no numbers.
func TestColumnsOfGenes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		space string
		kind  kind
		texts []string
		want  []any
	}{
		{`{"x": {"choice": [1, 20]}, "y": {"int": [0, 9]}}`, integers, []string{"x=20 y=1", "x=1 y=1"}, []any{int64(20), int64(1)}},
		{`{"x": {"choice": [1, 2.5]}, "y": {"int": [0, 9]}}`, numbers, []string{"x=1 y=1", "x=2.5 y=1"}, []any{1.0, 2.5}},
		{`{"x": {"choice": [1, "many"]}, "y": {"int": [0, 9]}}`, texts, []string{"x=many y=1", "x=1 y=1"}, []any{"many", "1"}},
		{`{"x": {"choice": [1, "many"]}, "y": {"int": [0, 9]}}`, texts, []string{"x=1 y=1", "x=many y=1"}, []any{"1", "many"}},
		{`{"x": {"choice": [true, 3]}, "y": {"int": [0, 9]}}`, texts, []string{"x=true y=1", "x=3 y=1"}, []any{"true", "3"}},
		{`{"x": {"choice": [1, {"sgd": {"lr": {"float": [0, 1]}, "nesterov": true}}]}, "y": {"int": [0, 9]}}`, texts,
			[]string{"x=1 y=1", "x=sgd(lr=0.5) y=1"}, []any{"1", "sgd"}},
	} {
		space := genome.MustParseSpace(c.space)
		var all []engine.Candidate
		for i, text := range c.texts {
			g, err := space.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, engine.Candidate{Job: engine.Job{ID: engine.ID(i + 1), Genome: g}})
		}
		v := &show.View{Reader: some{all: all}, Space: space}
		cols := columns(v)
		i := slices.IndexFunc(cols, func(col column) bool { return col.name == show.GeneColumn("x") })
		if i < 0 || cols[i].kind != c.kind {
			t.Errorf("%s: the column of x is %d of %+v; want kind %v", c.space, i, cols, c.kind)
			continue
		}
		k := 0
		for r, err := range rows(v) {
			if err != nil {
				t.Fatal(err)
			}
			if got := cols[i].get(r); got != c.want[k] {
				t.Errorf("%s: x is %#v in the table; want %#v", c.texts[k], got, c.want[k])
			}
			k++
		}
	}
}

// Genes at any depth have columns, those of a list in its order whoever had them
// first, and curves are there.
func TestColumnsAtAnyDepth(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"lr": {"int": [1, 9]},
		"blocks": {"list": {"op": {"choice": ["skip", {"conv": {"kernel": {"choice": [3, 5]}}}]}}, "length": [1, 12]}, "norm": "bool"}`)
	long := "lr=3 blocks=[" + strings.Repeat("(op=skip) ", 11) + "(op=conv(kernel=5))] norm=yes"
	var all []engine.Candidate
	for i, text := range []string{"lr=1 blocks=[(op=conv(kernel=3))] norm=no", long} {
		g, err := space.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, engine.Candidate{Job: engine.Job{ID: engine.ID(i + 1), Genome: g}})
	}
	all[1].Curve = []engine.Point{{Step: 1, Metrics: engine.Values{{Name: "loss", Value: 0.5}}}}
	var b bytes.Buffer
	if err := Write(&b, &show.View{Reader: some{all: all}, Space: space}, "csv"); err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var genes []string
	at := map[string]int{}
	for i, name := range table[0] {
		at[name] = i
		if path, ok := strings.CutPrefix(name, "gene:"); ok {
			genes = append(genes, path)
		}
	}
	want := []string{"lr", "blocks.length", "blocks[0].op", "blocks[0].op.conv.kernel"}
	for i := 1; i < 12; i++ {
		want = append(want, fmt.Sprintf("blocks[%d].op", i))
	}
	want = append(want, "blocks[11].op.conv.kernel", "norm")
	if !slices.Equal(genes, want) {
		t.Errorf("the columns of genes are %v, want %v", genes, want)
	}
	for name, want := range map[string][2]string{
		"gene:blocks.length": {"1", "12"}, "gene:blocks[0].op": {"conv", "skip"}, "gene:blocks[0].op.conv.kernel": {"3", ""},
		"gene:blocks[11].op.conv.kernel": {"", "5"}, "gene:norm": {"false", "true"}, "curve": {"", `[{"step":1,"metrics":{"loss":0.5}}]`},
	} {
		for i := range want {
			if got := table[i+1][at[name]]; got != want[i] {
				t.Errorf("%s of candidate %d is %q, want %q", name, i+1, got, want[i])
			}
		}
	}
}
