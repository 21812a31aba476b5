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
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/evaluators/table/tabletest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// graphs is NAS-Bench-101's space without its skeleton.
const graphs = `{"cell": {"cell": {"vertices": ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"], "nodes": [2, 7], "max_edges": 9}}}`

// Two vertices side by side: their order says nothing.
const few = `bits,ops,val,s
110011,01,0.9,10
111011,12,0.8,20
110101,00,0.7,30
1,,0.1,5
`

var canonical = map[string]any{
	"key":     map[string]any{"canonical": map[string]any{"adjacency": "bits", "operations": "ops"}},
	"metrics": map[string]any{"accuracy": "val"}, "cost": "s",
}

func TestCanonicalKey(t *testing.T) {
	t.Parallel()
	d := open(t, graphs, with(t, few, canonical))
	for cell, want := range map[string]float64{
		"|conv3x3-bn-relu~0|+|conv1x1-bn-relu~0|+|output~1~2|": 0.9,
		"|conv1x1-bn-relu~0|+|conv3x3-bn-relu~0|+|output~1~2|": 0.9, // the other way round
		"|conv3x3-bn-relu~0|+|conv3x3-bn-relu~1|+|output~0~2|": 0,
		"|output~0|": 0.1,
	} {
		r := d.ask("cell="+cell, 0, 1)
		if x, _ := r.Metrics.Get("accuracy"); x != want || (r.Status == engine.OK) != (want > 0) {
			t.Errorf("%s: %+v, want %v", cell, r, want)
		}
	}
}

// Isomorphic cells of edges find the first of their rows.
func TestCanonicalEdges(t *testing.T) {
	t.Parallel()
	const archs = "arch,val\n|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|,0.5\n|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|,0.6\n"
	d := open(t, tabletest.Cells, with(t, archs, map[string]any{"key": map[string]any{"canonical": "arch"}, "metrics": map[string]any{"accuracy": "val"}}))
	for _, cell := range []string{
		"|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
		"|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
		"|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
	} {
		if x := accuracy(t, d.ask("arch="+cell, 0, 1)); x != 0.5 {
			t.Errorf("%s: %v, want 0.5", cell, x)
		}
	}
	if r := d.ask("arch=|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|", 0, 1); r.Status != engine.Invalid {
		t.Error(r)
	}
}

// Nothing outside of the pool is drawn, and what is given from outside is
// refused without a cost. The search is the same when its ledger is read again.
func TestPool(t *testing.T) {
	t.Parallel()
	options := map[string]any{"pool": true}
	for k, v := range canonical {
		options[k] = v
	}
	raw := with(t, few, options)
	for _, name := range []string{"random", "aging", "genetic"} {
		led := enginetest.Memory(t)
		s, err := engine.Run(context.Background(), engine.Config{
			Space: genome.MustParseSpace(graphs), Strategy: strategy(t, name), Ledger: led,
			StrategyOptions: json.RawMessage(map[string]string{"random": `{}`, "aging": `{"population": 4, "sample": 2}`, "genetic": `{"population": 4}`}[name]),
			Evaluators:      map[string]engine.EvaluatorRef{"table": {Evaluator: sdk.InProcess(*table.Plugin()), Options: raw}},
			Limits:          engine.Limits{Evaluations: 40}, Duplicates: engine.Replicate, Final: engine.Final{Skip: true},
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if st := s.Status(); st.OK != 40 || st.Spent.Seconds < 40*5 {
			t.Errorf("%s: %+v", name, st)
		}
		if a, err := engine.Read(led); err != nil {
			t.Error(name, err)
		} else if _, err := a.Space.Parse("cell=|maxpool3x3~0|+|output~1|"); err != nil {
			t.Error(name, err)
		} else if g, _ := a.Space.Parse("cell=|maxpool3x3~0|+|output~1|"); a.Space.Check(g) == nil {
			t.Errorf("%s: read again, the space is open", name)
		}
	}
}

func TestPoolOfNothing(t *testing.T) {
	t.Parallel()
	raw := with(t, "arch,val\n|nonsense~0|,3\n", map[string]any{"key": "arch", "metrics": map[string]any{"accuracy": "val"}, "pool": true})
	_, _, err := sdk.InProcess(*table.Plugin()).Open(context.Background(), engine.EvaluatorSetup{
		Space: genome.MustParseSpace(tabletest.Cells), Workers: 1, Options: raw, Files: enginetest.Memory(t),
	})
	if err == nil || !strings.Contains(err.Error(), "csv:2") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

// All of NAS-Bench-101's subset is found again from its graphs, and a space
// restricted to it stays inside.
func TestBench101(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("30,001 graphs are hashed; not in short mode")
	}
	path := benchdata.Path(t, "nasbench101_subset.csv.gz")
	raw, err := json.Marshal(map[string]any{
		"file": path, "pool": true, "key": map[string]any{"canonical": map[string]any{"adjacency": "adj_upper_bits", "operations": "ops"}},
		"metrics": map[string]any{"accuracy": map[string]any{"108": "val108"}}, "cost": map[string]any{"108": "train_s108"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, graphs, raw)
	if n := len(d.hello.Pool); n != 30001 {
		t.Fatalf("%d members, want 30001", n)
	}
	if d.space, err = d.space.Pool(d.hello.Pool); err != nil {
		t.Fatal(err)
	}
	r := rng.New(3)
	for range 200 {
		g, err := d.space.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		h, err := d.space.Mutate(g, r)
		if err != nil {
			continue // alone among graphs that were not sampled
		}
		for _, x := range []genome.Genome{g, h} {
			if got := d.ask(x.Text(), 108, 1); got.Status != engine.OK {
				t.Fatalf("%s: %s", x.Text(), got.Reason)
			}
		}
	}
}
