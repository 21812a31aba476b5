package show

import (
	"encoding/json"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// some are candidates to be looked at.
type some struct {
	Reader
	all []engine.Candidate
}

func (s some) Status() engine.Snapshot { return engine.Snapshot{} }

func (s some) Candidates() iter.Seq[engine.Candidate] { return slices.Values(s.all) }

func measured(t *testing.T, id engine.ID, metrics engine.Values) engine.Candidate {
	t.Helper()
	space := genome.MustParseSpace(`{"x": {"int": [0, 9]}}`)
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	return engine.Candidate{
		Job:    engine.Job{ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Operator: engine.OpRandom},
		Result: engine.Result{Status: engine.OK, Metrics: metrics},
	}
}

// Whatever a metric is called, its column is not one of another thing's, and what
// every candidate has stays to be seen.
func TestColumnsDoNotCollide(t *testing.T) {
	t.Parallel()
	var metrics engine.Values
	var declared []engine.Metric
	names := append(slices.Clone(Columns), "gene:x", "metric:accuracy", "accuracy", "x", "a\x07b")
	for i, name := range names {
		metrics = append(metrics, engine.Value{Name: name, Value: float64(1000 + i)})
		declared = append(declared, engine.Metric{Name: name})
	}
	engine.SortValues(metrics)
	c := measured(t, 7, metrics)
	v := &View{Reader: some{all: []engine.Candidate{c}}, Metrics: declared}
	seen := map[string]bool{}
	for i, name := range names {
		column := MetricColumn(name)
		if seen[column] {
			t.Errorf("two columns are called %s", column)
		}
		seen[column] = true
		if err := Known(v, column); err != nil {
			t.Error(err)
		}
		if got := Column(&c, column); got != float64(1000+i) {
			t.Errorf("column %s shows %v, not the metric %s", column, got, name)
		}
		f := Filter{column: column, op: "=", number: float64(1000 + i), numeric: true}
		if found := v.Select(Selection{Filters: []Filter{f}, Sort: "-" + column}); len(found) != 1 {
			t.Errorf("%d candidates have %s", len(found), column)
		}
	}
	plain := measured(t, 7, nil)
	for _, name := range Columns {
		if seen[name] {
			t.Errorf("a metric has the column %s", name)
		}
		if a, b := Column(&c, name), Column(&plain, name); a != b {
			t.Errorf("column %s shows %v because of a metric, not %v", name, a, b)
		}
	}
	if got := Column(&c, GeneColumn("x")); got == nil || got == Column(&c, MetricColumn("gene:x")) {
		t.Errorf("the gene x is shown as %v", got)
	}
}

func TestFront(t *testing.T) {
	t.Parallel()
	points := []Mark{{ID: 1, X: 1, Y: 5}, {ID: 2, X: 2, Y: 6}, {ID: 3, X: 3, Y: 6}, {ID: 4, X: 4, Y: 9}, {ID: 5, X: 1, Y: 4}, {ID: 6, X: 2, Y: 6}}
	v := &View{}
	var all []engine.Candidate
	for _, p := range points {
		all = append(all, measured(t, p.ID, engine.Values{{Name: "x", Value: p.X}, {Name: "y", Value: p.Y}}))
	}
	all = append(all, measured(t, 7, engine.Values{{Name: "y", Value: 100}})) // is not measured in both
	v.Reader = some{all: all}
	for _, c := range []struct {
		x, y engine.Goal
		want []engine.ID
	}{
		{engine.Minimize, engine.Maximize, []engine.ID{1, 2, 4}},
		{engine.Minimize, engine.Minimize, []engine.ID{5}},
		{engine.Maximize, engine.Maximize, []engine.ID{4}},
		{engine.Maximize, engine.Minimize, []engine.ID{4, 3, 5}},
	} {
		all, front := v.Front(engine.Objective{Metric: "x", Goal: c.x}, engine.Objective{Metric: "y", Goal: c.y})
		var got []engine.ID
		for _, m := range front {
			got = append(got, m.ID)
		}
		if len(all) != len(points) || !slices.Equal(got, c.want) {
			t.Errorf("%s x, %s y: %v of %d are on the front; want %v of %d", c.x, c.y, got, len(all), c.want, len(points))
		}
	}
}

// A list holds the first of all, in its order, not the first few in an order; who
// lacks a value comes last, and meets no condition but that of being different.
func TestSelect(t *testing.T) {
	t.Parallel()
	var all []engine.Candidate
	for i, y := range []float64{3, 9, 1, 7, 5} {
		all = append(all, measured(t, engine.ID(i+1), engine.Values{{Name: "y", Value: y}}))
	}
	all = append(all, measured(t, 6, nil))
	v := &View{Reader: some{all: all}, Metrics: []engine.Metric{{Name: "y"}}}
	for _, c := range []struct {
		filter, sort string
		limit        int
		want         []engine.ID
	}{
		{"", "", 2, []engine.ID{1, 2}},
		{"", "y", 2, []engine.ID{3, 1}},
		{"", "-y", 2, []engine.ID{2, 4}},
		{"", "-id", 3, []engine.ID{6, 5, 4}},
		{"", "-y", 0, []engine.ID{2, 4, 5, 1, 3, 6}},
		{"", "y", 0, []engine.ID{3, 1, 5, 4, 2, 6}},
		{"y>=5", "", 0, []engine.ID{2, 4, 5}},
		{"y>5", "", 0, []engine.ID{2, 4}},
		{"y<5", "-y", 1, []engine.ID{1}},
		{"y=7", "", 0, []engine.ID{4}},
		{"y!=7", "", 0, []engine.ID{1, 2, 3, 5, 6}},
		{"id<=2", "", 0, []engine.ID{1, 2}},
	} {
		s := Selection{Sort: c.sort, Limit: c.limit}
		if c.filter != "" {
			f, err := ParseFilter(c.filter)
			if err != nil {
				t.Fatal(err)
			}
			s.Filters = []Filter{f}
		}
		var got []engine.ID
		for _, found := range v.Select(s) {
			got = append(got, found.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("filter %q, sort %q, limit %d: %v; want %v", c.filter, c.sort, c.limit, got, c.want)
		}
	}
}

// What failed attempts took is to be seen, sorted by and filtered like what brought
// a result.
func TestLost(t *testing.T) {
	t.Parallel()
	all := []engine.Candidate{measured(t, 1, nil), measured(t, 2, nil), measured(t, 3, nil)}
	all[0].Seconds, all[0].Lost = 5, 2
	all[1].Status, all[1].Reason, all[1].Lost, all[1].Attempts = engine.Failed, "no", 90, 3
	all[2].Seconds = 7
	v := &View{Reader: some{all: all}}
	f, err := ParseFilter("lost>1")
	if err != nil {
		t.Fatal(err)
	}
	found := v.Select(Selection{Filters: []Filter{f}, Sort: "-lost"})
	if len(found) != 2 || found[0].ID != 2 || found[1].ID != 1 {
		t.Errorf("most was lost by %v; want candidates 2 and 1", found)
	}
	if got := Cell(&all[1], "lost"); got != "1m30s" {
		t.Errorf("the table says that %s was lost", got)
	}
	text, err := json.Marshal(RecordOf(&all[2]))
	if err != nil || !strings.Contains(string(text), `"seconds":7,"lost":0,`) {
		t.Errorf("%v, %s", err, text)
	}
	for i, want := range []string{
		"7.0s, 0 attempts, 2.0s of it in what brought nothing", "1m30s, 3 attempts, all of it in what brought nothing", "7.0s, 0 attempts",
	} {
		if got := cost(&all[i]); got != want {
			t.Errorf("candidate %s cost %q; want %q", all[i].ID, got, want)
		}
	}
}

// Every column stands in the documentation.
func TestColumnsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "\n## list --json\n")
	list, _, _ = strings.Cut(list, "\n## ")
	for _, name := range Columns {
		if !strings.Contains(list, "`"+name+"`") {
			t.Errorf("docs/cli.md says nothing of the column %s", name)
		}
	}
}

// A gene that no genome of the space has is refused, with what was meant; one that
// only some have is not.
func TestColumnsOfGenes(t *testing.T) {
	t.Parallel()
	v := &View{Reader: some{}, Space: genome.MustParseSpace(
		`{"rate": {"float": [0, 1]}, "blocks": {"list": {"op": {"choice": ["skip", {"conv": {"kernel": {"int": [1, 3]}}}]}}, "length": [0, 3]}}`)}
	for _, column := range []string{"gene:rate", "gene:blocks", "gene:blocks[2].op.conv.kernel", "gene:blocks[0].op"} {
		if err := Known(v, column); err != nil {
			t.Error(err)
		}
	}
	for column, want := range map[string]string{
		"gene:zz":   `the space has no gene "zz"; it has rate, blocks, blocks[0].op, blocks[0].op.conv.kernel`,
		"gene:raet": `the space has no gene "raet"; did you mean gene:rate? it has rate, blocks, blocks[0].op, blocks[0].op.conv.kernel`,
		"gene:blocks[1].op.conv.kernle": `the space has no gene "blocks[1].op.conv.kernle"; did you mean gene:blocks[0].op.conv.kernel? ` +
			`it has rate, blocks, blocks[0].op, blocks[0].op.conv.kernel`,
		"gene:blocks[3]": `the space has no gene "blocks[3]"; did you mean gene:blocks? it has rate, blocks, blocks[0].op, blocks[0].op.conv.kernel`,
		"gene:":          `the space has no gene ""; it has rate, blocks, blocks[0].op, blocks[0].op.conv.kernel`,
	} {
		if err := Known(v, column); err == nil || err.Error() != want {
			t.Errorf("column %s: %v; want %s", column, err, want)
		}
	}
}

// A gene that holds others is written as JSON, not as Go prints it.
func TestColumnsOfGenesWithin(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{
		"how": {"choice": ["none", {"sgd": {"lr": {"float": [0, 1]}, "of": {"list": {"choice": ["a b", 2]}, "length": 2}}}]},
		"y": {"int": [0, 9]}
	}`)
	for text, want := range map[string]string{
		"how=none y=1":                     "none",
		`how=sgd(lr=0.5 of=["a b" 2]) y=1`: `{"sgd":{"lr":0.5,"of":["a b",2]}}`,
		`how=sgd(lr=1 of=[2 2]) y=1`:       `{"sgd":{"lr":1.0,"of":[2,2]}}`,
	} {
		g, err := space.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c := &engine.Candidate{Job: engine.Job{ID: 1, Genome: g}}
		if got := Cell(c, "gene:how"); got != want {
			t.Errorf("%s is %s in a list; want %s", text, got, want)
		}
		if f, err := ParseFilter("gene:how=" + want); err != nil || !f.Keeps(c) {
			t.Errorf("%s is not found by what is shown: %v", text, err)
		}
	}
}
