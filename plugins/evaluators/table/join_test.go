package table_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/benchdata"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/evaluators/table/tabletest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

const colours = `{"colour": {"choice": ["red", "green", "blue"]}}`

const accuracies = "name,val,s\ncolour=red,50,1\ncolour=green,60,2\ncolour=blue,70,3\n"

// latencies has its rows in another order, and lacks one.
const latencies = "device,name,ms,hidden\na,colour=blue,7,0.7\na,colour=red,5,0.5\n"

// joined are options about both.
func joined(t testing.TB, more map[string]any) json.RawMessage {
	t.Helper()
	o := map[string]any{
		"key": "name", "metrics": map[string]any{"accuracy": "val", "latency": "ms"}, "cost": "s",
		"join": write(t, latencies), "report": []string{"hidden"},
	}
	for k, v := range more {
		o[k] = v
	}
	return with(t, accuracies, o)
}

func TestJoin(t *testing.T) {
	t.Parallel()
	d := open(t, colours, joined(t, nil))
	for text, want := range map[string][3]float64{"colour=red": {50, 5, 1}, "colour=blue": {70, 7, 3}} {
		r := d.ask(text, 0, 1)
		if ms, _ := r.Metrics.Get("latency"); ms != want[1] || accuracy(t, r) != want[0] || r.Seconds != want[2] {
			t.Errorf("%s: %+v, want %v", text, r, want)
		}
	}
	if r := d.ask("colour=green", 0, 1); r.Status != engine.Invalid ||
		!strings.Contains(r.Reason, "some of the joined files have no row for colour=green") || r.Seconds != 0 {
		t.Errorf("of a row that one file lacks: %+v", r)
	}
	if len(d.hello.Pool) != 0 || !strings.Contains(d.hello.Identity, " on name") {
		t.Errorf("%+v", d.hello)
	}

	pool := open(t, colours, joined(t, map[string]any{"pool": true}))
	var members []string
	for _, b := range pool.hello.Pool {
		g, err := pool.space.Unpack(string(b))
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, g.Text())
	}
	if got := strings.Join(members, " "); got != "colour=red colour=blue" {
		t.Errorf("the pool is %s", got)
	}

	// The files may move; what they say may not change.
	if same := open(t, colours, joined(t, map[string]any{"join": []any{map[string]any{"file": write(t, latencies),
		"on": "name"}}})); same.hello.Identity != d.hello.Identity {
		t.Errorf("%s, was %s", same.hello.Identity, d.hello.Identity)
	}
	if other := open(t, colours, joined(t, map[string]any{"join": write(t,
		strings.Replace(latencies, "7", "8", 1))})); other.hello.Identity == d.hello.Identity {
		t.Error("another content has the same identity")
	}
}

func TestJoinRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more map[string]any
		want []string
	}{
		"no such file":        {map[string]any{"join": "/absent/t.csv"}, []string{"join: ", "/absent/t.csv"}},
		"no form":             {map[string]any{"join": 3}, []string{"join: ", "write a file"}},
		"no file":             {map[string]any{"join": map[string]any{"on": "name"}}, []string{"join: ", "names no file"}},
		"no such column":      {map[string]any{"join": map[string]any{"file": write(t, latencies), "on": "device"}}, []string{"join: ", `no column "device"`}},
		"nothing in common":   {map[string]any{"join": write(t, "name,ms,hidden\ncolour=pink,1,1\n")}, []string{"join: ", "no row of"}},
		"a row twice":         {map[string]any{"join": write(t, latencies+"b,colour=red,9,9\n")}, []string{"join: ", "colour=red", "line 3"}},
		"a column of both":    {map[string]any{"join": write(t, strings.Replace(latencies, "hidden", "val", 1)), "report": []string{}}, []string{"metrics: ", `"val" is in`, "rename one"}},
		"a column of none":    {map[string]any{"report": []string{"secret"}}, []string{"report: ", "secret", "ms"}},
		"damaged":             {map[string]any{"join": write(t, "name,ms,hidden\ncolour=red,fast,1\n")}, []string{"join: ", "fast"}},
		"the key has columns": {map[string]any{"key": map[string]any{"columns": "{name}{val}", "genes": "{colour}{colour}"}}, []string{"join: ", "several columns"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session, _, err := sdk.InProcess(*table.Plugin()).Open(context.Background(), engine.EvaluatorSetup{
				Space: genome.MustParseSpace(colours), Workers: 1, Options: joined(t, c.more), Files: enginetest.Memory(t),
			})
			if err == nil {
				session.Close(context.Background())
				t.Fatal("not refused")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
		})
	}
}

// The latencies of HW-NAS-Bench stand beside the accuracies of NAS-Bench-201.
func TestJoinPublished(t *testing.T) {
	t.Parallel()
	main, cheap := benchdata.Path(t, "nasbench201.csv.gz"), benchdata.Path(t, "nasbench201_cheap.csv.gz")
	columns, rows := benchdata.Table(t, "nasbench201_cheap.csv.gz")
	last := columns[len(columns)-1]
	options, err := json.Marshal(map[string]any{"file": main, "join": cheap, "key": "arch", "pool": true, "cost": "c10_train_s12",
		"metrics": map[string]any{"accuracy": "c10_val12", "latency": last}})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, tabletest.Cells, options)
	if n := len(d.hello.Pool); n != len(rows) {
		t.Errorf("%d genomes in the pool, and the smaller file has %d rows", n, len(rows))
	}
	for _, row := range rows[:20] {
		r := d.ask("arch="+row[0], 0, 1)
		if _, ok := r.Metrics.Get("latency"); !ok || accuracy(t, r) < 9 {
			t.Errorf("%s: %+v", row[0], r)
		}
	}
}
