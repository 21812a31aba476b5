package show

import (
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/engine/index"
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

// rowsOf are candidates as columns.
func rowsOf(space *genome.Space, declared []engine.Metric, all ...engine.Candidate) *Rows {
	r := RowsOf(index.Of(slices.Values(all)), &engine.Archive{Space: space}, declared, nil, "")
	for _, c := range all {
		r.genomes = append(r.genomes, c.Genome)
	}
	return r
}

// where is a condition.
func where(t *testing.T, text string) []*expression.Condition {
	t.Helper()
	if text == "" {
		return nil
	}
	c, err := expression.ParseCondition(text)
	if err != nil {
		t.Fatal(err)
	}
	return []*expression.Condition{c}
}

func selected(t *testing.T, r *Rows, s Selection) (ids []engine.ID, all int) {
	t.Helper()
	rows, all, err := r.Select(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		ids = append(ids, r.IDs[row])
	}
	return ids, all
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
	r := rowsOf(c.Genome.Space(), declared, c)
	seen := map[string]bool{}
	for i, name := range names {
		column := MetricColumn(name)
		if seen[column] {
			t.Errorf("two columns are called %s", column)
		}
		seen[column] = true
		if name == "x" { // a gene is called so, too
			if err := r.Known(column); err == nil || err.Error() != "x may mean several things; write metric:x or gene:x" {
				t.Error(err)
			}
			column = "metric:x"
		}
		if err := r.Known(column); err != nil {
			t.Error(err)
		}
		if got := r.Value(0, column); got != float64(1000+i) {
			t.Errorf("column %s is %v, not the metric %s", column, got, name)
		}
		if got := Column(&c, column); got != float64(1000+i) {
			t.Errorf("column %s shows %v, not the metric %s", column, got, name)
		}
		found, _ := selected(t, r, Selection{Where: where(t, fmt.Sprintf(`metric("%s") = %d`, name, 1000+i)), Sort: []Key{ParseKey("-" + column)}})
		if len(found) != 1 {
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
		{engine.Minimize, engine.Maximize, []engine.ID{1, 2, 6, 4}},
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
// lacks a value comes last, and compares as nothing.
func TestSelect(t *testing.T) {
	t.Parallel()
	var all []engine.Candidate
	for i, y := range []float64{3, 9, 1, 7, 5} {
		z := float64(i % 2)
		all = append(all, measured(t, engine.ID(i+1), engine.Values{{Name: "y", Value: y}, {Name: "z", Value: z}}))
	}
	all = append(all, measured(t, 6, nil))
	all[5].Status, all[5].Reason = engine.Failed, "out of memory"
	r := rowsOf(all[0].Genome.Space(), []engine.Metric{{Name: "y"}, {Name: "z"}}, all...)
	for _, c := range []struct {
		where, sort   string
		offset, limit int
		want          []engine.ID
		all           int
	}{
		{"", "", 0, 3, []engine.ID{1, 2, 3}, 6},
		{"", "", 2, 3, []engine.ID{3, 4, 5}, 6},
		{"", "", 9, 3, nil, 6},
		{"", "-y", 0, 2, []engine.ID{2, 4}, 6},
		{"", "-y", 1, 2, []engine.ID{4, 5}, 6},
		{"", "-id", 0, 3, []engine.ID{6, 5, 4}, 6},
		{"", "-y", 0, 0, []engine.ID{2, 4, 5, 1, 3, 6}, 6},
		{"", "y", 0, 0, []engine.ID{3, 1, 5, 4, 2, 6}, 6},
		{"", "z,-y", 0, 0, []engine.ID{5, 1, 3, 2, 4, 6}, 6},
		{"", "-z,y", 0, 0, []engine.ID{4, 2, 3, 1, 5, 6}, 6},
		{"", "-status,id", 0, 2, []engine.ID{1, 2}, 6},
		{"", "metric:y", 0, 1, []engine.ID{3}, 6},
		{"", "gene:x,-id", 0, 2, []engine.ID{6, 5}, 6},
		{"y>=5", "", 0, 0, []engine.ID{2, 4, 5}, 3},
		{"y>5", "", 0, 1, []engine.ID{2}, 2},
		{"y<5", "-y", 0, 1, []engine.ID{1}, 2},
		{"y=7", "", 0, 0, []engine.ID{4}, 1},
		{"y!=7", "", 0, 0, []engine.ID{1, 2, 3, 5}, 4},
		{"not y=7", "", 0, 0, []engine.ID{1, 2, 3, 5, 6}, 5},
		{"id<=2", "", 0, 0, []engine.ID{1, 2}, 2},
		{"failed", "", 0, 0, []engine.ID{6}, 1},
		{"status=failed or y = 9", "", 0, 0, []engine.ID{2, 6}, 2},
		{"ok and phase = search and x >= 0", "", 0, 1, []engine.ID{1}, 5},
		{"reason ~ memory", "", 0, 0, []engine.ID{6}, 1},
		{"operator = mutate", "", 0, 0, nil, 0},
	} {
		s := Selection{Where: where(t, c.where), Limit: c.limit, Offset: c.offset}
		for key := range strings.SplitSeq(c.sort, ",") {
			if key != "" {
				s.Sort = append(s.Sort, ParseKey(key))
			}
		}
		if got, n := selected(t, r, s); !slices.Equal(got, c.want) || n != c.all {
			t.Errorf("where %q, sort %q, %d from %d: %v of %d; want %v of %d", c.where, c.sort, c.limit, c.offset, got, n, c.want, c.all)
		}
	}
	for text, want := range map[string]string{
		"yy > 1":          `position 1: there is no field, metric or gene "yy"; did you mean y?`,
		"x > 1 and fail":  `position 11: there is no field, metric or gene "fail"; did you mean failed?`,
		"status = fialed": `position 10: status is never "fialed"; did you mean failed?`,
	} {
		if _, _, err := r.Select(Selection{Where: where(t, text)}); err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", text, err, want)
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
	r := rowsOf(all[0].Genome.Space(), nil, all...)
	found, _ := selected(t, r, Selection{Where: where(t, "lost>1"), Sort: []Key{{"lost", true}}})
	if !slices.Equal(found, []engine.ID{2, 1}) {
		t.Errorf("most was lost by %v; want candidates 2 and 1", found)
	}
	if got := r.Cell(1, "lost"); got != "1m30s" {
		t.Errorf("the table says that %s was lost", got)
	}
	text, err := json.Marshal(RecordOf(&all[2]))
	if err != nil || !strings.Contains(string(text), `"seconds":7,"lost":0,`) {
		t.Errorf("%v, %s", err, text)
	}
	for i, want := range []string{
		"7.0s, 0 attempts, 2.0s of it in what brought no result", "1m30s, 3 attempts, all of it in what brought no result", "7.0s, 0 attempts",
	} {
		if got := cost(&all[i]); got != want {
			t.Errorf("candidate %s cost %q; want %q", all[i].ID, got, want)
		}
	}
}

// What jobs took of the machine is listed, filtered and sorted by, under names that are no
// metric's and no gene's of the search: these go before, and so do words for texts.
func TestUsage(t *testing.T) {
	t.Parallel()
	all := []engine.Candidate{
		measured(t, 1, engine.Values{{Name: "memory", Value: 7}}), measured(t, 2, engine.Values{{Name: "memory", Value: 9}}), measured(t, 3, nil),
	}
	all[0].Usage = engine.Usage{CPU: 90, Memory: 3 << 30}
	all[1].Usage, all[1].Reason = engine.Usage{CPU: 100, Memory: 1 << 20, GPUMemory: 1}, "out of memory"
	own := rowsOf(all[0].Genome.Space(), []engine.Metric{{Name: "memory"}}, all...)
	for i := range all {
		all[i].Metrics = nil
	}
	plain := rowsOf(all[0].Genome.Space(), nil, all...)
	for _, c := range []struct {
		rows  *Rows
		where string
		want  []engine.ID
	}{
		{plain, "memory > 1000", []engine.ID{1, 2}},
		{plain, "memory > 2^30 and cpu < 95", []engine.ID{1}},
		{plain, `usage("gpu_memory") >= 1`, []engine.ID{2}},
		{plain, "not cpu > 0", []engine.ID{3}},
		{plain, "reason ~ memory", []engine.ID{2}},
		{own, "memory > 8", []engine.ID{2}},
		{own, `usage("memory") > 2^30`, []engine.ID{1}},
		{own, "reason ~ memory", []engine.ID{2}},
	} {
		if got, _ := selected(t, c.rows, Selection{Where: where(t, c.where)}); !slices.Equal(got, c.want) {
			t.Errorf("where %s: %v, want %v", c.where, got, c.want)
		}
	}
	if got, _ := selected(t, plain, Selection{Sort: []Key{{"cpu", true}}}); !slices.Equal(got, []engine.ID{2, 1, 3}) {
		t.Errorf("by cpu, descending: %v", got)
	}
	for column, want := range map[string]string{"cpu": "1m30s", "memory": "3.0 GiB", "usage:memory": "3.0 GiB", "gpu_memory": "-"} {
		if err := plain.Known(column); err != nil || plain.Cell(0, column) != want {
			t.Errorf("%s is written as %s, want %s; %v", column, plain.Cell(0, column), want, err)
		}
	}
	if own.Cell(0, "memory") != "7" || own.Value(0, "memory") != 7.0 || own.Value(0, "usage:memory") != float64(3<<30) || own.Value(2, "usage:cpu") != nil {
		t.Errorf("memory is %v, the job's %v", own.Value(0, "memory"), own.Value(0, "usage:memory"))
	}
	for _, column := range []string{"usage:time", "metric:cpu", "gene:cpu"} {
		if own.Known(column) == nil {
			t.Errorf("there is a column %s", column)
		}
	}
	_, _, err := plain.Select(Selection{Where: where(t, `usage("cup") > 1`)})
	if err == nil || !strings.Contains(err.Error(), `there is no usage "cup"; did you mean usage("cpu")?`) {
		t.Error(err)
	}
	text, err := json.Marshal([]Record{RecordOf(&all[1]), RecordOf(&all[2])})
	if err != nil || strings.Count(string(text), `"usage"`) != 1 || !strings.Contains(string(text), `"usage":{"cpu":100,"memory":1048576,"gpu_memory":1}`) {
		t.Errorf("%v, %s", err, text)
	}
	if got := UsedAll(all[1].Usage); got != "1m40s of processors, 1.0 MiB of memory, 1 B of a GPU's memory" {
		t.Errorf("it took %q", got)
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
	for _, name := range slices.Concat(Columns, engine.UsageNames) {
		if !strings.Contains(list, "`"+name+"`") {
			t.Errorf("docs/cli.md says nothing of the column %s", name)
		}
	}
}

// A gene that no genome of the space has is refused, with what was meant; one that
// only some have is not.
func TestColumnsOfGenes(t *testing.T) {
	t.Parallel()
	r := rowsOf(genome.MustParseSpace(
		`{"rate": {"float": [0, 1]}, "blocks": {"list": {"op": {"choice": ["skip", {"conv": {"kernel": {"int": [1, 3]}}}]}}, "length": [0, 3]}}`), nil)
	for _, column := range []string{
		"gene:rate", "gene:blocks", "gene:blocks[2].op.conv.kernel", "gene:blocks[0].op", "rate", "blocks", "blocks.op", "blocks.length", "blocks[1].op.conv.kernel",
	} {
		if err := r.Known(column); err != nil {
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
		if err := r.Known(column); err == nil || err.Error() != want {
			t.Errorf("column %s: %v; want %s", column, err, want)
		}
	}
}

// What a cell shows of a gene, copied, is the same gene again; metrics are for people.
func TestGenesAreShownExactly(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"n": {"int": [1, 9007199254740991]}, "rate": {"float": [1e-9, 1]}, "act": {"choice": ["relu", "1e3"]}}`)
	for _, text := range []string{"n=7135000000000123 rate=0.652102 act=relu", "n=1234567 rate=1.23457e-07 act=1e3", "n=12000 rate=0.5 act=relu"} {
		g, err := space.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r := rowsOf(space, []engine.Metric{{Name: "accuracy"}}, engine.Candidate{
			Job:    engine.Job{ID: 1, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 0.652102}}},
		})
		for _, form := range []string{"", "gene:"} {
			again, err := space.Parse(fmt.Sprintf("n=%s rate=%s act=%s", r.Cell(0, form+"n"), r.Cell(0, form+"rate"), r.Cell(0, form+"act")))
			if err != nil || again.Text() != g.Text() {
				t.Errorf("%s is shown as %v (%v)", g.Text(), again, err)
			}
		}
		if got := r.Cell(0, "accuracy"); got != "0.6521" {
			t.Errorf("the accuracy is shown as %s", got)
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
		if got := rowsOf(space, nil, *c).Cell(0, "gene:how"); got != want {
			t.Errorf("%s is %s in a list of rows; want %s", text, got, want)
		}
	}
}

// What was measured again lies at its means, once, and the front is that of the status:
// one lucky measurement is not on it.
func TestFrontOfMeans(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"int": [0, 9]}}`)
	v := &View{Plan: engine.Plan{
		Objectives: []engine.Objective{{Metric: "y", Goal: engine.Maximize}, {Metric: "x", Goal: engine.Minimize}}, Rules: genome.Rules,
	}}
	leaders := v.Plan.Leaders(5)
	var all []engine.Candidate
	for i, p := range []struct {
		gene int
		x, y float64
	}{{1, 5, 9}, {2, 5, 6}, {1, 5, 1}, {1, 5, 2}, {2, 5, 5}, {3, 1, 1}, {4, 4, 3}} {
		g, err := space.Parse(fmt.Sprintf("x=%d", p.gene))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, measured(t, engine.ID(i+1), engine.Values{{Name: "x", Value: p.x}, {Name: "y", Value: p.y}}))
		all[i].Genome = g
	}
	for i := range all {
		leaders.Add(&all[i])
	}
	v.Reader = some{all: all}
	marks, front := v.Front(v.Plan.Objectives[1], v.Plan.Objectives[0])
	if want := []Mark{{ID: 1, X: 5, Y: 4}, {ID: 2, X: 5, Y: 5.5}, {ID: 6, X: 1, Y: 1}, {ID: 7, X: 4, Y: 3}}; !slices.Equal(marks, want) {
		t.Errorf("what was measured lies at %v, want %v", marks, want)
	}
	var drawn, stated []engine.ID
	for _, m := range front {
		drawn = append(drawn, m.ID)
	}
	for _, c := range leaders.Front() {
		stated = append(stated, c.ID)
	}
	slices.Sort(stated)
	if slices.Sort(drawn); !slices.Equal(drawn, stated) || slices.Contains(drawn, 1) {
		t.Errorf("the front is %v, drawn are %v", stated, drawn)
	}
}
