package show

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// readArrays reads what WriteArrays writes, as docs/cli.md says: columns by their names.
func readArrays(t *testing.T, b []byte) map[string][]any {
	t.Helper()
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok || (len(line)+1)%8 != 0 {
		t.Fatalf("the first line has %d bytes", len(line)+1)
	}
	var head struct {
		Rows    int
		Columns []struct {
			Name, Type string
			Values     []any
		}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&head); err != nil {
		t.Fatal(err)
	}
	out := map[string][]any{}
	for _, c := range head.Columns {
		column := []any{}
		for k := range head.Rows {
			switch {
			case c.Type == "values" && len(c.Values) == 1:
				column = append(column, c.Values[0])
			case c.Type == "values":
				column = append(column, c.Values[k])
			case c.Type == "codes":
				var v any
				if code := int32(binary.LittleEndian.Uint32(rest[4*k:])); code >= 0 {
					v = c.Values[code]
				}
				column = append(column, v)
			case c.Type == "int64":
				column = append(column, int64(binary.LittleEndian.Uint64(rest[8*k:])))
			case c.Type == "float64":
				var v any
				if x := math.Float64frombits(binary.LittleEndian.Uint64(rest[8*k:])); !math.IsNaN(x) {
					v = x
				}
				column = append(column, v)
			}
		}
		switch c.Type {
		case "codes":
			rest = rest[(4*head.Rows+7)/8*8:]
		case "int64", "float64":
			rest = rest[8*head.Rows:]
		}
		if _, twice := out[c.Name]; twice {
			t.Errorf("column %s is there twice", c.Name)
		}
		out[c.Name] = column
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
	return out
}

// Arrays hold what the rows have, whatever kinds of values there are.
func TestArrays(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{
		"lr": {"float": [0.001, 1], "log": true}, "width": {"int": [1, 1000]}, "norm": "bool", "copy": {"from": "width"}, "five": 5,
		"mixed": {"choice": [1, 2.5]}, "odd": {"choice": [1, "many", true]},
		"blocks": {"length": [0, 4], "list": {"op": {"choice": ["skip", {"conv": {"kernel": {"int": [1, 300]}, "act": {"choice": ["relu", "tanh"]}, "wide": "bool"}}]}}}
	}`)
	for _, n := range []int{0, 1, 2, 3, 50, 513} {
		r := rng.New(uint64(n))
		var all []engine.Candidate
		for i := range n {
			g, err := space.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			c := engine.Candidate{Job: engine.Job{
				ID: engine.ID(i + 1), Genome: g, Phase: engine.PhaseSearch, Task: engine.Train, Operator: "mutate", Budget: 2.5, Seed: r.Uint64() >> 11,
			}, Attempts: 1 + r.Intn(2)}
			c.Status, c.Seconds = engine.OK, r.Float64()
			if c.Metrics = (engine.Values{{Name: "accuracy", Value: r.Float64()}}); r.Intn(3) == 0 {
				c.Status, c.Reason, c.Metrics = engine.Failed, fmt.Sprintf("line %d\n\"of\" it\x00 ü", i), nil
			}
			if i > 2 && r.Intn(2) == 0 {
				c.Parents, c.Resume = []engine.ID{engine.ID(i), engine.FinalBase + 3}, engine.ID(i-1)
			}
			if i%2 == 0 {
				c.Usage = engine.Usage{CPU: r.Float64(), Memory: int64(i+1) << 30}
			}
			all = append(all, c)
		}
		rows := rowsOf(space, []engine.Metric{{Name: "accuracy"}}, all...)
		if n > 0 {
			rows.Labels = map[engine.ID]engine.Labels{1: {Names: []string{"good", "one"}, Comment: "mine"}}
		}
		found, _, err := rows.Select(Selection{Sort: []Key{{"accuracy", true}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range [][]int{found, found[:n/2]} {
			checkArrays(t, rows, found)
		}
	}
}

func checkArrays(t *testing.T, rows *Rows, found []int) {
	t.Helper()
	var buf bytes.Buffer
	if err := WriteArrays(&buf, rows.Arrays(found, nil), len(found)); err != nil {
		t.Fatal(err)
	}
	got := readArrays(t, buf.Bytes())
	if len(found) > 40 && len(got) != len(Fields)-1+len(engine.UsageNames)+1+7+1+4*4 {
		t.Errorf("there are %d columns", len(got))
	}
	for name, column := range got {
		if len(column) != len(found) {
			t.Fatalf("%s has %d rows of %d", name, len(column), len(found))
		}
		for k, row := range found {
			want := rows.Value(row, name)
			if option, ok := want.(genome.Map); ok {
				want = option[0].Key
			}
			if list, ok := want.([]any); ok {
				var parts []string
				for _, v := range list {
					if x, ok := v.(float64); ok {
						v = engine.ID(x)
					}
					parts = append(parts, fmt.Sprint(v))
				}
				want = strings.Join(parts, " ")
			}
			if fmt.Sprint(column[k]) != fmt.Sprint(want) && !alike(column[k], want) {
				t.Errorf("row %d: %s is %#v, want %#v", row, name, column[k], want)
			}
		}
	}
	names := []string{"gene:blocks.op.conv.kernel", "id", "accuracy", "status"}
	buf.Reset()
	if err := WriteArrays(&buf, rows.Arrays(found, names), len(found)); err != nil {
		t.Fatal(err)
	}
	if got := readArrays(t, buf.Bytes()); len(got) != len(names) || len(got["id"]) != len(found) {
		t.Errorf("of %v there are %d columns", names, len(got))
	}
	if i := slices.IndexFunc(rows.Arrays(found, nil), func(a Array) bool { return strings.HasPrefix(a.Name, "gene:blocks[1]") }); len(found) > 40 &&
		(i < 0 || !strings.HasPrefix(rows.Arrays(found, nil)[i-1].Name, "gene:blocks[0]")) {
		t.Error("the genes of a list do not follow each other")
	}
}

// alike tells whether two numbers are the same one.
func alike(a, b any) bool {
	number := func(v any) float64 {
		switch v := v.(type) {
		case int64:
			return float64(v)
		case float64:
			return v
		case json.Number:
			x, _ := v.Float64()
			return x
		}
		return math.NaN()
	}
	return number(a) == number(b)
}
