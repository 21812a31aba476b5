package known

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/python"
)

// search is one with conditional genes and a list.
func search(t *testing.T, space string, plan engine.Plan) Search {
	t.Helper()
	s, err := genome.ParseSpaceJSON([]byte(space))
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Objectives) == 0 {
		plan.Objectives = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}
	}
	if len(plan.Fidelities) == 0 {
		plan.Fidelities = []engine.Fidelity{{}}
	}
	return Search{s, plan, []engine.Metric{{Name: "accuracy"}, {Name: "loss"}, {Name: "parameters"}}}
}

const (
	optimizers = `{"lr": {"float": [1e-4, 1e-1], "log": true}, "optimizer": {"choice": ["sgd", {"adam": {"beta": {"float": [0.5, 0.999]}}}]}}`
	blocks     = `{"blocks": {"list": {"width": {"int": [4, 32], "step": 4}, "norm": {"bool": true}}, "length": [1, 3]}, "act": {"choice": ["relu", "1"]}}`
)

// inner has lists in lists, truths a choice of several kinds.
const (
	inner  = `{"blocks": {"list": {"width": {"int": [4, 32]}, "sizes": {"list": {"choice": [3, 5]}, "length": [0, 2]}}, "length": [0, 3]}}`
	truths = `{"norm": {"bool": true}, "mix": {"choice": ["auto", 1, 0.5, true]}}`
)

// told are the results of a source, one line each, and what does not fit.
func told(t *testing.T, s Search, path, study string, o Options) string {
	t.Helper()
	source, err := Open(t.Context(), path, study)
	if err != nil {
		return err.Error()
	}
	m, err := Map(s, source, o)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	results, left := m.Results()
	for _, k := range results {
		metrics, _ := json.Marshal(k.Metrics)
		fmt.Fprintf(&b, "%s %d %s %s %d\n", k.Genome.Text(), k.Fidelity, k.Status, metrics, len(k.Curve))
	}
	for _, l := range left {
		fmt.Fprintf(&b, "- %d %s (%s)\n", l.Rows, l.Why, l.First)
	}
	for _, name := range m.Unused {
		fmt.Fprintf(&b, "unused %s\n", name)
	}
	return b.String()
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// studySpace has a word for Python's None.
const (
	studySpace = `{"lr": {"float": [1e-4, 1e-1], "log": true}, "norm": {"choice": ["batch", "none"]},
		"optimizer": {"choice": ["sgd", {"adam": {"beta": {"float": [0.5, 0.999]}}}]}}`
	studied = `
lr=0.0123457 norm=none optimizer=adam(beta=0.9) 0 ok {"accuracy":0.75} 1
lr=0.02 norm=batch optimizer=sgd 0 ok {"accuracy":0.5} 0
- 1 pruned (trial 1)
- 1 running (trial 3)
- 1 failed (trial 4)
unused user_attrs_host
unused user_attrs_losses
unused user_attrs_spread
unused constraints_0
unused constraints_1`
)

// constrained has a study's constraints as metrics.
func constrained(t *testing.T, path string) {
	t.Helper()
	s := search(t, studySpace, engine.Plan{Constraints: []engine.Constraint{{Metric: "parameters", Max: new(100.0)}}})
	if got := told(t, s, path, "", Options{Fidelity: -1}); !strings.Contains(got, "has no column parameters, by which the search judges") ||
		!strings.Contains(got, "constraints_0") {
		t.Error(got)
	}
	same(t, told(t, s, path, "", Options{Fidelity: -1, Map: []string{"parameters=100 + constraints_0", "loss=constraints_1"}}),
		strings.NewReplacer(`"accuracy":0.75`, `"accuracy":0.75,"parameters":79.5`, `"accuracy":0.5`, `"accuracy":0.5,"parameters":104`,
			"unused constraints_0\nunused constraints_1", "").Replace(studied))
}

func TestOptunaJournal(t *testing.T) {
	t.Parallel()
	same(t, told(t, search(t, studySpace, engine.Plan{}), "testdata/journal.log", "", Options{Fidelity: -1}), studied)
	constrained(t, "testdata/journal.log")
	if got := told(t, search(t, optimizers, engine.Plan{}), "testdata/journal.log", "gone", Options{Fidelity: -1}); !strings.Contains(got,
		"has no study gone; there is first") {
		t.Error(got)
	}
}

// The same study as Optuna keeps it in SQLite.
func TestOptunaSQLite(t *testing.T) {
	t.Parallel()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	interpreter, err := python.Interpreter("", "")
	if err != nil {
		t.Skipf("there is no Python: %v", err)
	}
	path := filepath.Join(t.TempDir(), "study.db")
	const write = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript("""
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name TEXT);
CREATE TABLE study_directions (study_direction_id INTEGER PRIMARY KEY, direction TEXT, study_id INTEGER, objective INTEGER);
CREATE TABLE study_system_attributes (study_system_attribute_id INTEGER PRIMARY KEY, study_id INTEGER, "key" TEXT, value_json TEXT);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER, state TEXT);
CREATE TABLE trial_user_attributes (id INTEGER PRIMARY KEY, trial_id INTEGER, "key" TEXT, value_json TEXT);
CREATE TABLE trial_system_attributes (id INTEGER PRIMARY KEY, trial_id INTEGER, "key" TEXT, value_json TEXT);
CREATE TABLE trial_params (param_id INTEGER PRIMARY KEY, trial_id INTEGER, param_name TEXT, param_value FLOAT, distribution_json TEXT);
CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER, objective INTEGER, value FLOAT, value_type TEXT);
CREATE TABLE trial_intermediate_values (id INTEGER PRIMARY KEY, trial_id INTEGER, step INTEGER, intermediate_value FLOAT, intermediate_value_type TEXT);
INSERT INTO studies VALUES (1, 'first');
INSERT INTO study_directions VALUES (1, 'MAXIMIZE', 1, 0);
""")
real = json.dumps({"name": "FloatDistribution", "attributes": {}})
choice = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}})
norm = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": [None, "batch"]}})
for number, state in enumerate(["COMPLETE", "PRUNED", "COMPLETE", "RUNNING", "FAIL"]):
    db.execute("INSERT INTO trials VALUES (?, ?, 1, ?)", (number + 7, number, state))
for trial, name, value, kind in [(7, "lr", 0.0123456789, real), (7, "optimizer", 1, choice), (7, "beta", 0.9, real), (7, "norm", 0, norm), (9, "norm", 1, norm),
                                 (8, "lr", 0.01, real), (9, "lr", 0.02, real), (9, "optimizer", 0, choice)]:
    db.execute("INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)", (trial, name, value, kind))
db.executemany("INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, 0, ?, 'FINITE')", [(7, 0.75), (9, 0.5)])
nan, endless = float("nan"), float("inf")
for trial, key, value in [(7, "host", "here"), (7, "losses", [0.5, nan, -endless, {"a": nan}]), (7, "spread", nan)]:
    db.execute("INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)", (trial, key, json.dumps(value)))
for trial, key, value in [(7, "constraints", [-20.5, endless]), (9, "constraints:0", 4), (9, "grid_id", 3)]:
    db.execute("INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)", (trial, key, json.dumps(value)))
db.execute("INSERT INTO trial_intermediate_values VALUES (1, 7, 1, 0.4, 'FINITE')")
db.commit()
`
	if out, err := exec.Command(interpreter, "-I", "-c", write, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	same(t, told(t, search(t, studySpace, engine.Plan{}), path, "", Options{Fidelity: -1}), studied)
	constrained(t, path)

	other := search(t, studySpace, engine.Plan{Objectives: []engine.Objective{{Metric: "loss", Goal: engine.Minimize}}})
	if got := told(t, other, path, "", Options{Fidelity: -1}); !strings.Contains(got, "has value to maximize, and the search has loss to minimize") {
		t.Error(got)
	}
	same(t, told(t, other, path, "", Options{Fidelity: -1, Map: []string{"loss=1 - value"}}), strings.NewReplacer(
		`"accuracy":0.75} 1`, `"loss":0.25} 0`, `"accuracy":0.5`, `"loss":0.5`).Replace(studied))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTables(t *testing.T) {
	t.Parallel()
	rates := `{"optimizer": {"choice": [{"adam": {"rate": {"float": [0, 1]}}}, {"sgd": {"rate": {"float": [0, 1]}}}]}}`
	nested := search(t, blocks, engine.Plan{Fidelities: []engine.Fidelity{{Budget: 1}, {Budget: 2}}})
	for name, c := range map[string]struct {
		search     Search
		file, text string
		options    Options
		want       string
	}{
		"lists and quoted numbers": {nested, "a.csv",
			"blocks[0].width,blocks.0.norm,blocks[1].width,blocks[1].norm,act,accuracy,fidelity\n" +
				"8,true,,,1,0.5,0\n8,False,16,true,relu,0.25,1\n8,true,7,true,relu,0.5,0\n8,true,,,relu,nan,0\n8,true,,,relu,1,2\n8,,,,relu,1,0\n",
			Options{Fidelity: -1}, `
blocks=[(width=8 norm=yes)] act=1 0 ok {"accuracy":0.5} 0
blocks=[(width=8 norm=no) (width=16 norm=yes)] act=relu 1 ok {"accuracy":0.25} 0
- 1 with blocks[1].width: 7 lies between the steps (line 4)
- 1 without accuracy (line 5)
- 1 of the fidelity 2, which the search has not (--fidelity says one for all) (line 6)
- 1 with blocks[0].norm: is missing (line 7)`},
		"how long lists are": {search(t, inner, engine.Plan{}), "l.csv",
			"blocks.length,blocks[0].width,blocks.0.sizes.length,blocks[0].sizes[0],blocks[1].width,gene:blocks[1].sizes.length,accuracy\n" +
				"0,,,,,,1\n1,8,0,,,,2\n1,8,1,3,16,0,3\n2,8,,3,16,0,4\n2,8,0,,,,5\n,8,0,,,,6\n,,,,16,0,7\n1.5,8,0,,,,8\n2,8,2,3,16,0,9\n",
			Options{Fidelity: -1}, `
blocks=[] 0 ok {"accuracy":1} 0
blocks=[(width=8 sizes=[])] 0 ok {"accuracy":2} 0
blocks=[(width=8 sizes=[3])] 0 ok {"accuracy":3} 0
blocks=[(width=8 sizes=[3]) (width=16 sizes=[])] 0 ok {"accuracy":4} 0
blocks=[(width=8 sizes=[])] 0 ok {"accuracy":6} 0
- 3 with blocks: has 1 of the 2 elements that blocks.length says (line 6)
- 1 with blocks[0].sizes: has 1 of the 2 elements that blocks[0].sizes.length says (line 10)`},
		"a list without its first element": {search(t, inner, engine.Plan{}), "l.csv", "blocks[0].width,blocks[1].width,accuracy\n,8,1\n",
			Options{Fidelity: -1}, `- 1 with blocks: has an element 1 and none before it (line 2)`},
		"a length that is none": {search(t, inner, engine.Plan{}), "l.csv", "blocks.length,accuracy\n1.5,1\n",
			Options{Fidelity: -1}, `- 1 with blocks: 1.5 elements, says blocks.length (line 2)`},
		"a length by another name": {search(t, inner, engine.Plan{}), "l.csv", "n,blocks[0].width,blocks[0].sizes.length,accuracy\n0,8,0,1\n1,8,0,2\n",
			Options{Fidelity: -1, Map: []string{"blocks.length=n"}}, `
blocks=[] 0 ok {"accuracy":1} 0
blocks=[(width=8 sizes=[])] 0 ok {"accuracy":2} 0`},
		"computed from what is a gene, too": {search(t, `{"lr": {"float": [0, 1]}, "size": {"int": [1, 9]}}`, engine.Plan{}), "m.csv",
			"lr,size,error,loss\n0.5,3,0.25,7\n", Options{Fidelity: -1, Map: []string{"accuracy=1 - error - size/100", "parameters=2 * loss"}}, `
lr=0.5 size=3 0 ok {"accuracy":0.72,"parameters":14} 0`},
		"a length that two columns are": {search(t, inner, engine.Plan{}), "l.csv", "n,m,blocks[0].width,accuracy\n0,8,0,1\n",
			Options{Fidelity: -1, Map: []string{"blocks.length=n", "blocks.length=m"}},
			"--map blocks.length=m: another --map says that blocks.length is n; leave one of them out"},
		"a gene that two columns are": {search(t, optimizers, engine.Plan{}), "m.csv", "a,b,optimizer,accuracy\n1,2,sgd,1\n",
			Options{Fidelity: -1, Map: []string{"lr=a", "gene:lr=b"}}, "--map gene:lr=b: another --map says that gene:lr is a; leave one of them out"},
		"a metric that two columns are": {search(t, optimizers, engine.Plan{}), "m.csv", "lr,optimizer,b,accuracy\n1,sgd,1,1\n",
			Options{Fidelity: -1, Map: []string{"accuracy=1 - b", "metric:accuracy=b"}},
			"--map metric:accuracy=b: another --map says that metric:accuracy is 1 - b; leave one of them out"},
		"a genome in two columns": {search(t, optimizers, engine.Plan{}), "m.csv", "a,b,accuracy\n1,2,1\n",
			Options{Fidelity: -1, Map: []string{"genome=a", "genome=b"}}, "--map genome=b: another --map says that genome is a; leave one of them out"},
		"a parameter of a study": {search(t, optimizers, engine.Plan{}), "m.csv", "params_learning_rate,params_optimizer,accuracy\n1,sgd,1\n",
			Options{Fidelity: -1, Map: []string{"lr=learning_rate"}}, `--map lr=learning_rate: m.csv has no column "learning_rate"; did you mean params_learning_rate?`},
		"semicolons": {search(t, optimizers, engine.Plan{}), "n.csv", "lr; optimizer;accuracy\n0,01;sgd;0,5\n0.02; sgd;1e-1\n", Options{Fidelity: -1}, `
lr=0.01 optimizer=sgd 0 ok {"accuracy":0.5} 0
lr=0.02 optimizer=sgd 0 ok {"accuracy":0.1} 0`},
		"tabs, and blanks": {search(t, optimizers, engine.Plan{}), "n.csv", "lr\toptimizer \taccuracy\n0.01\tsgd\t0.5\n", Options{Fidelity: -1}, `
lr=0.01 optimizer=sgd 0 ok {"accuracy":0.5} 0`},
		"truths, however they are written": {search(t, truths, engine.Plan{}), "o.csv",
			"norm,mix,accuracy\n1,true,1\n0,1,2\nTrue,0.5,3\nno,auto,4\n2,auto,5\n", Options{Fidelity: -1}, `
norm=yes mix=yes 0 ok {"accuracy":1} 0
norm=no mix=1 0 ok {"accuracy":2} 0
norm=yes mix=0.5 0 ok {"accuracy":3} 0
norm=no mix=auto 0 ok {"accuracy":4} 0
- 1 with norm: 2 is no boolean (line 6)`},
		"values as texts": {search(t, truths, engine.Plan{}), "o.jsonl",
			`{"norm": "True", "mix": "true", "accuracy": 1}
{"norm": 0, "mix": "0.5", "accuracy": 2}
{"norm": 1.0, "mix": "1", "accuracy": 3}`, Options{Fidelity: -1}, `
norm=yes mix=yes 0 ok {"accuracy":1} 0
norm=no mix=0.5 0 ok {"accuracy":2} 0
norm=yes mix=1 0 ok {"accuracy":3} 0`},
		"no fidelity": {nested, "a.csv", "act,accuracy\nrelu,1\n", Options{Fidelity: -1},
			"the search has 2 fidelities, and a.csv does not say at which its results were measured; say it with --fidelity 0 to 1"},
		"whole genomes and what is no result": {search(t, optimizers, engine.Plan{}), "b.jsonl", `
{"genome": "lr=0.01 optimizer=sgd", "metrics": {"accuracy": 0.5, "parameters": 3}, "status": "ok", "phase": "search"}
{"genome": "lr=0.01 optimizer=sgd", "metrics": {}, "status": "invalid", "phase": "search"}
{"genome": "lr=0.01 optimizer=sgd", "metrics": {"accuracy": 0.5}, "status": "ok", "phase": "test"}
{"genome": "lr=0.01", "metrics": {"accuracy": 0.5}, "status": "ok"}
{"genome": "lr=0.01 optimizer=sgd", "metrics": {"accuracy": 0.5}, "status": "failed"}
`, Options{Fidelity: -1}, `
lr=0.01 optimizer=sgd 0 ok {"accuracy":0.5,"parameters":3} 0
lr=0.01 optimizer=sgd 0 invalid {} 0
- 1 of the phase test (line 4)
- 1 with optimizer: is missing (line 5)
- 1 failed (line 6)`},
		"each row is read for what it has": {search(t, optimizers, engine.Plan{}), "b.jsonl", `
{"genome": "lr=0.01 optimizer=sgd", "accuracy": 1}
{"params": {"lr": 0.02, "optimizer": "adam", "beta": 0.5}, "accuracy": 2}
{"genes": {"lr": 0.03, "optimizer": "sgd"}, "genome": null, "accuracy": 3}
{"lr": 0.05, "accuracy": 4}
{"params": {"lr": 0.02, "optimizer": "sgd"}, "accuracy": 5, "fidelity": 0}
`, Options{Fidelity: 0}, `
lr=0.01 optimizer=sgd 0 ok {"accuracy":1} 0
lr=0.02 optimizer=adam(beta=0.5) 0 ok {"accuracy":2} 0
lr=0.03 optimizer=sgd 0 ok {"accuracy":3} 0
lr=0.02 optimizer=sgd 0 ok {"accuracy":5} 0
- 1 with lr: is missing (line 5)
unused lr`},
		"neither genome nor fidelity": {search(t, optimizers, engine.Plan{}), "b.jsonl",
			`{"genome": "lr=0.01 optimizer=sgd", "fidelity": 0, "accuracy": 1}
{"genome": null, "fidelity": 0, "accuracy": 2}
{"genome": "lr=0.01 optimizer=sgd", "accuracy": 3}`, Options{Fidelity: -1}, `
lr=0.01 optimizer=sgd 0 ok {"accuracy":1} 0
- 1 without a genome (line 2)
- 1 without a fidelity (--fidelity says one for all) (line 3)`},
		"genes as a tree": {search(t, optimizers, engine.Plan{}), "c.jsonl",
			`{"genes": {"lr": 0.01, "optimizer": {"adam": {"beta": 0.75}}}, "accuracy": 1}`, Options{Fidelity: -1}, `
lr=0.01 optimizer=adam(beta=0.75) 0 ok {"accuracy":1} 0`},
		"derived": {search(t, optimizers, engine.Plan{
			Objectives: []engine.Objective{{Metric: "score", Goal: engine.Maximize}},
			Derived:    []engine.Derived{{Metric: "score", Expression: "accuracy - loss"}},
		}), "d.csv", "lr,optimizer,accuracy\n0.01,sgd,1\n", Options{Fidelity: -1},
			"d.csv has no column loss, by which the search judges; there are lr, optimizer, accuracy: " +
				"say which it is with --map loss=COLUMN, or compute it, as in --map 'loss=1 - error'"},
		"ambiguous": {search(t, `{"accuracy": {"int": [0, 3]}}`, engine.Plan{}), "e.csv", "accuracy\n1\n", Options{Fidelity: -1},
			"the column accuracy may be the gene accuracy or the metric accuracy; say which: --map gene:accuracy=accuracy, or --map metric:accuracy=accuracy"},
		"a name of two genes": {search(t, rates, engine.Plan{}),
			"f.csv", "optimizer,rate,accuracy\nadam,0.5,1\n", Options{Fidelity: -1}, `
- 1 with optimizer.adam: has genes, got "adam" (line 2)
unused rate`},
		"said": {search(t, `{"accuracy": {"int": [0, 3]}}`, engine.Plan{}), "e.csv", "accuracy,x\n1,0.5\n",
			Options{Fidelity: -1, Map: []string{"gene:accuracy=accuracy", "metric:accuracy=x"}}, `accuracy=1 0 ok {"accuracy":0.5} 0`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, told(t, c.search, write(t, c.file, c.text), "", c.options), c.want)
		})
	}
}

func TestWhatIsNoTable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "is empty",
		"a,b\n1,2,3\n":                 "is no CSV",
		"a,a\n1,2\n":                   `two columns called "a"`,
		"a,b\n":                        "has no rows",
		"{\"a\": 1}\n[]\n":             "line 2: it is no JSON object",
		"PAR1 is not all":              "is no Parquet",
		"\x7fELF\x00\x00":              "is of no known kind",
		"SQLite format 3\x00 is no db": "cannot be read as an Optuna study",
	} {
		_, err := Open(t.Context(), write(t, "x", text), "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Parquet has numbers of many kinds; what is nested is left alone, and named.
func TestParquet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	decimals := func(n parquet.Type) parquet.Node { return parquet.Decimal(3, 9, n) }
	w := parquet.NewWriter(f, parquet.NewSchema("t", parquet.Group{
		"units": parquet.Uint(32), "large": parquet.Uint(64), "tags": parquet.Repeated(parquet.String()),
		"deep":     parquet.Group{"er": parquet.Leaf(parquet.Int64Type)},
		"accuracy": decimals(parquet.Int32Type), "loss": decimals(parquet.FixedLenByteArrayType(4)),
	}))
	if err := w.Write(map[string]any{
		"units": uint32(4_000_000_000), "large": uint64(7), "tags": []string{"a", "b"}, "deep": map[string]any{"er": int64(1)},
		"accuracy": int32(-905), "loss": [4]byte{0xff, 0xff, 0xfe, 0x0c},
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	same(t, told(t, search(t, `{"units": {"int": [0, 5000000000]}, "large": {"int": [0, 9]}}`, engine.Plan{}), path, "", Options{Fidelity: -1}), `
units=4000000000 large=7 0 ok {"accuracy":-0.905,"loss":-0.5} 0
unused deep
unused tags`)
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: -2, 0x3555: 0.333251953125, 0x0001: 5.9604644775390625e-08, 0x7c00: math.Inf(1)} {
		if got := half(bits); got != want {
			t.Errorf("%04x is %v, want %v", bits, got, want)
		}
	}
}

// Where genes of lists are lacking and columns are not used, it is said how those are named.
func TestListsAreNamedByPlaces(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		options Options
		want    string
	}{
		"params_n,params_w,act,accuracy\n1,8,relu,1\n": {Options{Fidelity: -1}, "; params_n, params_w are not used: say which is which gene with --map GENE=COLUMN, " +
			"in lists for each place and for the length, as in --map 'blocks[0].width=COLUMN' --map blocks.length=COLUMN"},
		"blocks[0].width,n,accuracy\n8,8,1\n":       {Options{Fidelity: -1}, "; n is not used: say which is which gene with --map GENE=COLUMN"},
		"blocks[0].width,n,act,accuracy\n1,8,1,1\n": {Options{Fidelity: -1}, ""}, // it is there, and does not fit
		"blocks.length,act,accuracy\n1,relu,1\n":    {Options{Fidelity: -1}, ""}, // every column is used
	} {
		source, err := Open(t.Context(), write(t, "x.csv", file), "")
		if err != nil {
			t.Fatal(err)
		}
		in := search(t, `{"blocks": {"list": {"width": {"int": [4, 32]}}, "length": [1, 3]}, "act": {"choice": ["relu", "1"]}}`, engine.Plan{})
		m, err := Map(in, source, c.options)
		if err != nil {
			t.Fatal(err)
		}
		_, left := m.Results()
		if got := m.Remedy(left); got != c.want {
			t.Errorf("%q: %q, want %q (%v)", file, got, c.want, left)
		}
	}
}
