package genome

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

func TestDeclarationErrorsSayWhereWhatAndHow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ space, want string }{
		{`{"lr": {"float": [0.1, 0.01]}}`, `lr.float: needs [low, high] with low < high, got [0.1, 0.01]; swap them`},
		{`{"n": {"int": [1, 2.5]}}`, `n.int: needs [low, high], two whole numbers of at most 2^53, got [1, 2.5]; write for example int: [1, 8]`},
		{`{"n": {"int": [0, 8], "log": true}}`, `n.int: needs low >= 1 with log: true, got [0, 8]; raise low to 1 or remove log`},
		{`{"n": {"int": [0, 8], "stop": 2}}`, `n.stop: is unknown beside int; besides int it may have step and log; int cannot be the name of a gene`},
		{`{"x": {"float": [0, 0.12345678]}}`, `x.float: needs bounds of at most 6 significant digits between 1e-300 and 1e300, got [0, 0.12345678]; round them`},
		{`{"a": {"choice": []}}`, `a.choice: needs a list of options, got []; write for example choice: [relu, mish]`},
		{`{"a": {"choice": ["x", "y", "x"]}}`, `a.choice[2]: "x" is there twice; remove one; use weights to draw an option more often`},
		{`{"a": {"choice": ["x", null]}}`, `a.choice[1]: nothing is no option; use scalars or {NAME: {its genes}}; quote words like "null"`},
		{`{"a": {"choice": [{"conv": {"int": [1, 2]}}]}}`, `a.choice[0].conv: an option's genes need to be a group; name its genes: {conv: {value: GENE}}`},
		{`{"a": {"choice": ["x", "y"], "weights": [1]}}`, `a.weights: needs a list of 2 numbers, got [1]; write one number for each option`},
		{`{"a": {"list": "bool"}}`, `a: is a list without length; add length: [1, 8], or length: 8`},
		{`{"a": {"list": "bool", "length": [3, 1]}}`, `a.length: needs [low, high] with low <= high, got [3, 1]; swap them`},
		{`{"a": {"list": {"list": "bool", "length": 2000}, "length": 2000}}`, `the largest genome would hold 4e+06 genes, more than 1048576; shorten lists or lower depths`},
		{`{"a": {"use": "b"}}`, `a.use: no definition is named "b"; define it under define:`},
		{`{"define": {"b": {"x": {"use": "b"}}}, "a": {"use": "b"}}`, `define.b.x.use: b uses itself without end; say how often: {use: b, depth: 3}`},
		{`{"define": {"b": {"use": "c"}, "c": {"use": "b"}}, "a": {"use": "b"}}`, `define.c.use: b uses itself without end; say how often: {use: b, depth: 3}`},
		{`{"define": {"b": {"x": {"use": "b"}}}, "a": {"use": "b", "depth": 3}}`, `recursion leaves nothing at depth 0; give one of them a choice or a list that can end`},
		{`{"define": {"b": "bool"}, "a": "bool"}`, `define.b: is never used; use it as {use: b} or remove it`},
		{`{"a": {"from": "b"}}`, `a.from: no gene is named "b"; write the path of a gene through groups from the top, for example act or train.act`},
		{`{"a": {"x": {"from": "a"}}}`, `a.x.from: "a" holds a from of its own; copy the gene itself`},
		{`{"a": {"int": [1, 2], "float": [1, 2]}}`, `a: declares both int and float; keep one; to hold several genes use a group of named ones`},
		{`{"1a": "bool"}`, `1a: "1a" is no name; use letters, digits, _ and -, a letter or _ first`},
		{`{"a": {"cell": {"edges": ["x"]}}}`, `a.cell: has no nodes; add for example nodes: 4`},
		{`{"a": {"cell": {"vertices": ["x"], "nodes": [3, 7], "max_edges": 4}}}`, `a.cell.max_edges: 4 edges cannot join 7 nodes; raise it to 6 or lower nodes to 5`},
		{`{"a": {"cell": {"pairs": ["x", 3], "nodes": 2}}}`, `a.cell.pairs[1]: needs a name of 1 to 200 bytes, got 3; quote numbers and words like "none" or "no" if need be`},
		{`{"limits": {"params": 3}, "a": "bool"}`, `limits.params: is unknown; the limits are parameters, macs and depth`},
		{`{"variation": {"kinds": {"grow": 1}}, "a": "bool"}`, `variation.kinds.grow: is unknown; the kinds are change, insert, delete, swap, duplicate, rewire`},
		{`{"variation": {"weights": {"b.c": 1}}, "a": "bool"}`, `variation.weights.b.c: no gene lies at "b.c"; write the path of a gene without places in lists, for example blocks.channels`},
		{`{}`, `has no genes; declare at least one, for example lr: {float: [1e-4, 1e-1], log: true}`},
		{`[]`, `needs a map of genes, got []; write genes as NAME: GENE, for example lr: {float: [1e-4, 1e-1], log: true}`},
		{`{"limits": {"int": [1, 2]}, "a": "bool"}`, `limits: is no name of a gene at the top: it holds what a network may cost; give the gene another name`},
		{`{"network": {"choice": ["a"]}, "a": "bool"}`, `network: is no name of a gene at the top: it holds what the layers read and answer; give the gene another name`},
		{`{"define": "bool", "a": "bool"}`, `define: is no name of a gene at the top: it holds definitions; give the gene another name`},
		{`{"a": {"x": 1, "x": 2}}`, `a.x: appears twice; keep one of them`},
		{`{"a": `, `ends too early; write one whole JSON value`},
	} {
		_, err := ParseSpaceJSON([]byte(c.space))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n  %v, want\n  %s", c.space, err, c.want)
		}
		var e *Mistake
		if !errors.As(err, &e) {
			t.Errorf("%s: the error is a %T", c.space, err)
		}
	}
}

func TestTextErrorsSayWhereWhatAndHow(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"lr": {"float": [1e-4, 1e-1], "log": true},
		"blocks": {"list": {"channels": {"int": [4, 32], "step": 4}, "act": {"choice": ["relu", {"elu": {"on": "bool"}}]}}, "length": [1, 2]},
		"cell": {"cell": {"vertices": ["c3"], "nodes": [3, 5]}}}`)
	good := "lr=0.01 blocks=[(channels=8 act=elu(on=yes))] cell=|c3~0|+|output~1|"
	for _, c := range []struct{ old, new, want string }{
		{"lr=0.01", "lr=0.5", "lr: 0.5 is outside the range; write a number from 0.0001 to 0.1"},
		{"lr=0.01", "lr=0.012345678", "lr: 0.012345678 has more than 6 significant digits; round it to 0.0123457"},
		{"lr=0.01 ", "", "lr: is missing; add lr=VALUE"},
		{"lr=0.01", "lr=0.01 lr=0.02", "lr: appears twice; keep one of them"},
		{"lr", "rate", `rate: no gene is named "rate"; the genes are lr, blocks, cell`},
		{"channels=8", "channels=9", "blocks[0].channels: 9 lies between the steps; write a number from 4 to 32 in steps of 4"},
		{"elu(on=yes)", "gelu", `blocks[0].act: "gelu" is no option; the options are relu, elu`},
		{"on=yes", "on=1", `blocks[0].act.elu.on: "1" is no boolean; write yes or no`},
		{"[(channels=8 act=elu(on=yes))]", "[]", "blocks: has 0 elements, needs 1 to 2; add elements"},
		{"output~1", "output~0", "cell: has a node that leads nowhere; let every node lie on a path from input to output"},
		{"c3~0", "c5~0", `cell[0]: "c5" is unknown; the names are c3`},
		{"+|output~1|", "+|output~1| x", "x: no gene is named \"x\"; the genes are lr, blocks, cell"},
	} {
		if _, err := s.Parse(good); err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(good, c.old, c.new, 1)
		if _, err := s.Parse(text); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n  %v, want\n  %s", text, err, c.want)
		}
	}
	// White space, order and other ways to write a value do not matter.
	want := mustParse(t, s, good)
	if g := mustParse(t, s, " cell= |c3~0| +|output~1|\n blocks=[ ( act=elu( on=true ) channels=8 ) ]\tlr=1e-2 "); g != want {
		t.Errorf("%q is not %q", g, want)
	}
}

func TestHostileDeclarations(t *testing.T) {
	t.Parallel()
	nested := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	cycle := map[string]any{}
	cycle["a"] = cycle
	laughs := any("bool")
	for range 40 {
		laughs = []any{laughs, laughs}
	}
	var defs Map
	for i := range 30 {
		defs = append(defs, Entry{fmt.Sprint("d", i), Map{{"x", Map{{"use", fmt.Sprint("d", i+1)}}}, {"y", Map{{"use", fmt.Sprint("d", i+1)}}}}})
	}
	defs = append(defs, Entry{"d30", "bool"})
	var branching []any
	for i := range 6 {
		branching = append(branching, Map{{fmt.Sprint("o", i), Map{{"x", Map{{"use", fmt.Sprint("m", i)}}}}}})
	}
	branching = append(branching, "leaf")
	var mutual Map
	for i := range 6 {
		mutual = append(mutual, Entry{fmt.Sprint("m", i), Map{{"choice", branching}}})
	}
	var users Map
	users = append(users, Entry{"define", mutual})
	for i := range 6 {
		users = append(users, Entry{fmt.Sprint("u", i), Map{{"use", fmt.Sprint("m", i)}, {"depth", 100}}})
	}
	for name, tree := range map[string]any{
		"cycle":          cycle,
		"laughs":         Map{{"a", laughs}},
		"doubling":       Map{{"define", defs}, {"a", Map{{"use", "d0"}}}},
		"mutual":         users,
		"huge name":      Map{{strings.Repeat("n", 1e6), "bool"}},
		"huge option":    Map{{"a", Map{{"choice", []any{strings.Repeat("o", 1e6)}}}}},
		"strange value":  Map{{"a", struct{}{}}},
		"strange key":    Map{{"a\n\x00b", "bool"}},
		"huge length":    Map{{"a", Map{{"list", "bool"}, {"length", 1 << 60}}}},
		"huge int":       Map{{"a", Map{{"int", []any{0, uint64(1) << 63}}}}},
		"huge cell":      Map{{"a", Map{{"cell", Map{{"edges", []any{"x"}}, {"nodes", 1 << 40}}}}}},
		"infinite depth": Map{{"define", Map{{"d", Map{{"choice", []any{"x", Map{{"y", Map{{"z", Map{{"use", "d"}}}}}}}}}}}}, {"a", Map{{"use", "d"}, {"depth", 1 << 30}}}},
		"nil":            nil,
	} {
		_, err := ParseSpace(tree)
		var e *Mistake
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		} else if len(e.Error()) > 2000 || strings.Contains(e.Error(), "\n") {
			t.Errorf("%s: an error of %d bytes: %.200q", name, len(e.Error()), e.Error())
		}
	}
	var e *Mistake
	if _, err := ParseSpaceJSON([]byte(nested)); !errors.As(err, &e) {
		t.Errorf("nested: %v", err)
	}
	if _, err := ParseSpaceJSON([]byte(strings.Repeat("[", 1e6))); !errors.As(err, &e) {
		t.Errorf("brackets: %v", err)
	}
}

func TestHostileGenomes(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(everything)
	r := rng.New(3)
	var e *Mistake
	for _, text := range []string{"", "=", "lr", "lr=", strings.Repeat("(", 1e5), "blocks=" + strings.Repeat("[", 1e5), `act="`, "bits=b2",
		"bits=b" + strings.Repeat("0", 1e6), "nodes=|", "nodes=||", "edges=:", "\x00\xff"} {
		if _, err := s.Parse(text); !errors.As(err, &e) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	g, err := s.Random(r)
	if err != nil {
		t.Fatal(err)
	}
	for range 20000 {
		b := []byte(g.Packed())
		for range 1 + r.Intn(3) {
			b[r.Intn(len(b))] = byte(r.Intn(256))
		}
		b = b[:len(b)-r.Intn(2)]
		h, err := s.Unpack(string(b))
		if err == nil {
			if again, err := s.Parse(h.Text()); err != nil || again != h {
				t.Fatalf("%q was accepted, its text is not: %v", b, err)
			}
		} else if !errors.As(err, &e) {
			t.Fatalf("%T: %v", err, err)
		}
	}
	other := MustParseSpace(`{"a": "bool"}`)
	if _, err := other.Mutate(g, r); err == nil {
		t.Error("a genome of another space mutates")
	}
	if err := s.Check(Genome{}); err == nil {
		t.Error("no genome is a genome")
	}
	if _, _, err := s.Carry(Genome{}); err == nil {
		t.Error("no genome is carried over")
	}
	if (Genome{}).Text() != "" || (Genome{}).Tree() != nil {
		t.Error("no genome has a text or a tree")
	}
}

func FuzzParse(f *testing.F) {
	s := MustParseSpace(everything)
	r := rng.New(1)
	for range 5 {
		g, err := s.Random(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(g.Text())
	}
	f.Add(`lr="1e-3" nodes=|"c3"~0|+`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := s.Parse(text)
		if err != nil {
			var e *Mistake
			if !errors.As(err, &e) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if h, err := s.Parse(g.Text()); err != nil || h != g {
			t.Fatalf("%q is read as %q: %v", text, g, err)
		}
		if _, err := s.Unpack(g.Packed()); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseSpaceJSON(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte(`{"a": {"cell": {"pairs": ["x"], "nodes": 2}}, "stack": {"cell": {"use": "d"}}, "define": {"d": {"cell": {"edges": ["x"], "nodes": 2}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSpaceJSON(b)
		if err != nil {
			var e *Mistake
			if !errors.As(err, &e) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%T: %q", err, err)
			}
			return
		}
		again, err := ParseSpaceJSON(s.JSON())
		if err != nil || again.Hash() != s.Hash() {
			t.Fatalf("%s: %v\n%s", s.JSON(), err, again.JSON())
		}
		if s.root.genes > 5000 {
			return
		}
		g, err := s.Random(rng.New(1))
		if err != nil {
			t.Fatal(err)
		}
		if h, err := s.Parse(g.Text()); err != nil || h != g {
			t.Fatalf("%q: %v", g, err)
		}
	})
}

// What is no number is never taken for one.
func TestNumbersAreFinite(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"lr": {"float": [1e-4, 1e-1], "log": true}, "n": {"int": [1, 8]}, "d": {"float": [0, 0.5], "step": 0.05}, "c": {"choice": [1, 2.5]}}`)
	good := map[string]string{"lr": "0.01", "n": "3", "d": "0.1", "c": "1"}
	for _, word := range []string{"nan", "NaN", "-nan", "inf", "+Inf", "-inf", "Infinity", "1e999", "-1e999", "1e400", strings.Repeat("9", 400)} {
		for gene := range good {
			text, tree := "", map[string]any{}
			for _, name := range []string{"lr", "n", "d", "c"} {
				value := good[name]
				if name == gene {
					value = word
				}
				text += name + "=" + value + " "
				tree[name] = value
			}
			if g, err := s.Parse(text); err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), gene+": ") {
				t.Errorf("%s is read as %s: %v", text, g, err)
			}
			g, lines, err := s.Repair(tree)
			if err != nil || s.Check(g) != nil || len(lines) == 0 {
				t.Errorf("%v is repaired to %s: %q %v", tree, g, lines, err)
			}
		}
	}
	for _, text := range []string{`{"a": {"float": [0, 1e999]}}`, `{"a": {"choice": [1e999]}}`, `{"a": {"int": [0, 99999999999999999999]}}`,
		`{"a": {"float": [1e-400, 1]}}`, `{"a": {"choice": [0, -2.5E-999]}}`} {
		if _, err := ParseSpaceJSON([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "a") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Files as some editors write them.
func TestBytesOfDeclarations(t *testing.T) {
	t.Parallel()
	if _, err := ParseSpaceJSON([]byte("\ufeff" + `{"a": "bool"}`)); err != nil {
		t.Errorf("a byte order mark: %v", err)
	}
	for _, text := range []string{"{\"a\": {\"choice\": [\"caf\xe9\", \"th\xe9\"]}}", "{\"\xe9\": \"bool\"}"} {
		if _, err := ParseSpaceJSON([]byte(text)); err == nil || err.Error() != "holds bytes that are no UTF-8 text; save the file as UTF-8" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, tree := range []any{Map{{"a", Map{{"choice", []any{"caf\xe9"}}}}}, Map{{"\xe9", "bool"}}, map[string]any{"a": []string{"\xe9"}}} {
		if _, err := ParseSpace(tree); err == nil || !strings.Contains(err.Error(), "save the file as UTF-8") {
			t.Errorf("%q: %v", tree, err)
		}
	}
}

// Any name that is accepted reads back, beside anything.
func TestEveryNameReadsBack(t *testing.T) {
	t.Parallel()
	names := []string{"+", "-", "+x", "-x", "++", "|", "~", ":", "a b", "é", "日本", "\u200b", "\x7f", "\x01", `"`, `\`, "`", "nan", "Inf", "=", "(", ")", "[", "]", "x=1", " ", "\t", "\n",
		"😀", "\ufffd", "0", "-0", "1.0", "b01", "true", "yes", "null", ":", "a:b", "a~0", "a|b", "input0", "+|", "/", ".", "_"}
	r := rng.New(5)
	for range 400 {
		some := func(n int) []any {
			var out []any
			for range n {
				for {
					name := names[r.Intn(len(names))]
					if !slices.Contains(out, any(name)) {
						out = append(out, name)
						break
					}
				}
			}
			return out
		}
		part := func() any {
			switch r.Intn(6) {
			case 0:
				return Map{{"cell", Map{{"edges", some(1 + r.Intn(3))}, {"nodes", 2 + r.Intn(2)}}}}
			case 1:
				return Map{{"cell", Map{{"vertices", some(1 + r.Intn(3))}, {"nodes", []any{2, 2 + r.Intn(3)}}}}}
			case 2:
				return Map{{"cell", Map{{"pairs", some(1 + r.Intn(3))}, {"nodes", 1 + r.Intn(2)}, {"combine", some(1 + r.Intn(2))}}}}
			case 3:
				return Map{{"list", Map{{"choice", some(2)}}}, {"length", []any{0, 3}}}
			case 4:
				return Map{{"list", Map{{"cell", Map{{"pairs", some(2)}, {"nodes", 1 + r.Intn(2)}, {"combine", some(1 + r.Intn(2))}}}}},
					{"length", []any{0, 3}}}
			}
			return Map{{"choice", append(some(3), Map{{"opt", Map{{"x", Map{{"choice", some(2)}}}}}})}}
		}
		s, err := ParseSpace(Map{{"g", []any{part(), part(), part(), part()}}, {"h", part()}})
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			g, err := s.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			if h, err := s.Parse(g.Text()); err != nil || h != g {
				t.Errorf("%s\n%s reads as %s: %v", s.JSON(), g, h, err)
			}
		}
	}
}
