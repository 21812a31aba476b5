package genome

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

var record = flag.Bool("record", false, "write testdata/recorded.txt anew: only for what is to differ, see TestRecorded")

const recordedFile = "testdata/recorded.txt"

// recordedSpaces are spaces of every kind: those of the tests beside this one,
// and many that are put together at random.
func recordedSpaces(t *testing.T) (names []string, spaces []*Space) {
	add := func(name string, s *Space, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		names, spaces = append(names, name), append(spaces, s.ByRules(0))
	}
	s, err := ParseSpaceJSON([]byte(everything))
	add("everything", s, err)
	for i, limits := range []string{`{"parameters": 2000, "depth": 6}`, `{"parameters": 9, "macs": 800}`} {
		add(fmt.Sprint("chain", i), chainSpace(t, limits), nil)
	}
	for _, file := range []string{"mutate", "cross"} {
		text, err := os.ReadFile("testdata/" + file + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			if json, ok := strings.CutPrefix(line, "space: "); ok {
				s, err := ParseSpaceJSON([]byte(json))
				add(fmt.Sprint(file, n), s, err)
				n++
			}
		}
	}
	for i, json := range []string{
		`{"variation": {"changes": [1, 2, 3], "kinds": {"insert": 1, "rewire": 2, "change": 0.5}, "cross": {"subtree": 1, "homologous": 0.5}, "weights": {"b": 0, "c": 4, "l.o.x": 3}},
			"b": "bool", "c": {"cell": {"vertices": ["x", "y"], "nodes": [2, 6], "max_edges": 9}}, "l": {"list": {"o": {"choice": ["n", {"x": {"k": {"int": [1, 400]}}}]}}, "length": [0, 4]}}`,
		`{"c": {"cell": {"vertices": ["a", "b"], "nodes": [5, 5], "max_edges": 5}}, "d": {"cell": {"vertices": ["a"], "nodes": [2, 7], "max_edges": 7}}}`,
		`{"c": {"cell": {"pairs": ["a", "b"], "nodes": 3, "inputs": 1}}, "d": {"cell": {"pairs": ["a"], "nodes": 2, "inputs": 3, "distinct": true, "combine": ["x", "y"]}}}`,
		`{"c": {"choice": ["x", "y", {"z": {"k": "bool"}}, 3, 0.5, true], "weights": [0, 1, 2, 0, 1, 1]}, "o": {"choice": [1, 2, 3, 4, 5, 6, {"w": {"a": {"float": [1, 2]}}}], "ordered": true}}`,
		`{"define": {"p": {"choice": ["leaf", {"one": {"in": {"use": "q"}}}, {"two": {"a": {"use": "p"}, "b": {"use": "p"}}}]}, "q": {"list": {"use": "p"}, "length": [0, 2]}},
			"x": {"use": "p", "depth": 2}, "y": {"list": {"use": "p", "depth": 1}, "length": [1, 2]}}`,
		`{"n": {"int": [-1000000, 1000000]}, "s": {"int": [3, 1000], "step": 7}, "g": {"int": [1, 1000000], "log": true}, "t": {"int": [2, 900], "step": 3, "log": true},
			"f": {"float": [-3, 1e6]}, "h": {"float": [1e-9, 1e9], "log": true}, "u": {"float": [0.05, 3], "step": 0.01}, "v": {"float": [-2, 2], "step": 0.25}}`,
		`{"w": {"list": {"list": "bool", "length": [0, 3]}, "length": [0, 3]},
			"f": {"list": {"choice": ["a", {"b": {"l": {"list": {"int": [0, 9]}, "length": [1, 2]}}}]}, "length": 3}, "t": [["bool", {"a": "bool"}], 3]}`,
	} {
		s, err := ParseSpaceJSON([]byte(json))
		add(fmt.Sprint("chosen", i), s, err)
	}
	r := rng.New(20)
	for i := range 60 {
		tree := Map{}
		for k := range 1 + r.Intn(3) {
			tree = append(tree, Entry{fmt.Sprintf("g%d", k), drawnGene(r, 0)})
		}
		if r.Intn(3) == 0 {
			tree = append(tree, Entry{"copy", Map{{"from", "g0"}}})
		}
		s, err := ParseSpace(tree)
		add(fmt.Sprint("drawn", i), s, err)
	}
	return names, spaces
}

// drawnGene draws a declaration without leaning on a library: it stays as it is.
func drawnGene(r *rng.Rand, depth int) any {
	most := 13
	if depth >= 2 {
		most = 6
	}
	switch r.Intn(most) {
	case 0:
		lo := r.Intn(40) - 10
		return Map{{"int", []any{lo, lo + r.Intn(300)}}, {"step", 1 + r.Intn(3)}, {"log", lo > 0 && r.Bool()}}
	case 1:
		if r.Bool() {
			return Map{{"float", []any{1e-4, 0.3}}, {"log", true}}
		}
		return Map{{"float", []any{-1.5, r.Intn(9)}}}
	case 2:
		return Map{{"float", []any{0, 2}}, {"step", []any{0.25, 0.1, 0.01}[r.Intn(3)]}}
	case 3:
		return "bool"
	case 4:
		ops := []any{"relu", 3, 0.001, true, "odd name~|", "x/y"}
		return Map{{"choice", ops[:1+r.Intn(len(ops))]}, {"ordered", r.Bool()}}
	case 5:
		return r.Intn(10)
	case 6:
		m := Map{}
		for i := range 1 + r.Intn(3) {
			m = append(m, Entry{fmt.Sprintf("f%d", i), drawnGene(r, depth+1)})
		}
		return m
	case 7:
		lo := r.Intn(3)
		return Map{{"list", drawnGene(r, depth+1)}, {"length", []any{lo, lo + 1 + r.Intn(3)}}}
	case 8:
		return Map{{"choice", []any{"none", Map{{"a", Map{{"x", drawnGene(r, depth+1)}}}},
			Map{{"b", Map{{"x", Map{{"int", []any{1, 5}}}}, {"y", drawnGene(r, depth+1)}}}}}}}
	case 9:
		return []any{drawnGene(r, depth+1), drawnGene(r, depth+1)}
	case 10:
		return Map{{"cell", Map{{"edges", []any{"none", "skip", "conv 3"}[:1+r.Intn(3)]}, {"nodes", 2 + r.Intn(3)}}}}
	case 11:
		hi := 2 + r.Intn(5)
		return Map{{"cell", Map{{"vertices", []any{"c3", "c1"}[:1+r.Intn(2)]}, {"nodes", []any{2 + r.Intn(hi-1), hi}},
			{"max_edges", hi - 1 + r.Intn(hi*(hi-1)/2-hi+2)}, {"channels", 8}}}}
	}
	return Map{{"cell", Map{{"pairs", []any{"sep", "+dil"}[:1+r.Intn(2)]}, {"nodes", 1 + r.Intn(3)},
		{"distinct", r.Bool()}, {"combine", []any{"add", "concat"}[:1+r.Intn(2)]}}}}
}

// recorder sums up what one space does, operation by operation.
type recorder struct {
	names []string
	sums  map[string][]byte
}

func (r *recorder) add(op string, values ...any) {
	if _, known := r.sums[op]; !known {
		r.names = append(r.names, op)
	}
	b := r.sums[op]
	for _, v := range values {
		switch v := v.(type) {
		case []float64:
			for _, x := range v {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
			}
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		default:
			b = fmt.Appendf(b, "%v\n", v)
		}
	}
	if len(b) > 1<<16 {
		h := hashOf(b)
		b = h[:]
	}
	r.sums[op] = b
}

func (r *recorder) String() string {
	var b strings.Builder
	for _, op := range r.names {
		h := hashOf(r.sums[op])
		fmt.Fprintf(&b, " %s=%x", op, h[:5])
	}
	return b.String()
}

func describeSpace(s *Space) string {
	out := &recorder{sums: map[string][]byte{}}
	out.add("declaration", string(s.JSON()), s.Hash(), s.Size().String(), s.Size().Log10)
	out.add("columns", strings.Join(s.EncodingNames(), "\n"))
	for _, site := range s.Sites() {
		out.add("sites", site.Name, site.Kind, strings.Join(site.Options, "\n"))
	}
	r := rng.New(7)
	var all []Genome
	keep := func(op string, g Genome, err error) {
		out.add(op, err == nil, g.Text())
		if err == nil {
			all = append(all, g)
		}
	}
	for range 6 {
		g, err := s.Random(r)
		keep("random", g, err)
	}
	for i := range 18 {
		g, err := s.Mutate(all[r.Intn(len(all))], r)
		keep("mutate", g, err)
		if i%2 == 0 {
			g, err := s.Cross(all[r.Intn(len(all))], all[r.Intn(len(all))], r)
			keep("cross", g, err)
		}
	}
	out.add("stream", r.Uint64())
	for i, g := range all {
		tree, err := g.Tree().MarshalJSON()
		out.add("forms", string(tree), err, g.Hash(), []byte(g.Packed()), []byte(g.Form()))
		out.add("encode", s.Encode(g))
		other := all[(i*7+3)%len(all)]
		out.add("distance", s.Distance(g, other))
		out.add("diff", strings.Join(Diff(g, other), "\n"))
		// Trees that do not fit: keys and values of somebody else's.
		var torn Map
		if err := torn.UnmarshalJSON(tree); err == nil {
			alien, _ := ParseSpace(Map{{"g0", drawnGene(r, 0)}, {"g1", drawnGene(r, 1)}})
			if h, err := alien.Random(r); err == nil {
				for _, e := range h.Tree() {
					if k := r.Intn(len(torn) + 1); k < len(torn) {
						torn[k].Value = e.Value
					}
				}
			}
			h, lines, err := s.Repair(torn)
			out.add("repair", h.Text(), strings.Join(lines, "\n"), err)
			h, err = s.FromTree(torn)
			out.add("read", h.Text(), err)
		}
		// Texts and packed forms with something wrong.
		text := []byte(g.Text())
		packed := []byte(g.Packed())
		for range 4 {
			if len(text) > 0 {
				k := r.Intn(len(text))
				broken := string(text[:k]) + " (|+~=0]a1"[r.Intn(10):][:1] + string(text[k+r.Intn(2):])
				if !strings.Contains(broken, "| +") { // where a cell ends has been made clear since
					h, err := s.Parse(broken)
					out.add("parse", h.Text(), err)
				}
			}
			if len(packed) > 0 {
				k := r.Intn(len(packed))
				broken := append(append([]byte(nil), packed[:k]...), byte(r.Intn(4)))
				h, err := s.Unpack(string(append(broken, packed[k+r.Intn(2):]...)))
				out.add("unpack", h.Text(), err)
			}
		}
		if len(s.Sites()) > 0 && i < 8 {
			asked, answers, err := s.Decisions(g)
			out.add("decisions", asked, answers, err)
			h, err := s.Decide(func(d Decision) int {
				for {
					if k := r.Intn(len(s.sites[d.Site].Options)); d.Closed == nil || !d.Closed[k] {
						return k
					}
				}
			})
			out.add("decide", h.Text(), err)
		}
		if i < 3 {
			n := 0
			for h := range s.Neighbours(g) {
				out.add("neighbours", h.Text())
				if n++; n == 150 {
					break
				}
			}
		}
	}
	return out.String()
}

// byLatest sums up what a space does by today's revision of the rules.
func byLatest(s *Space) string {
	h := hashOf([]byte(describeSpace(s.ByRules(Rules))))
	return fmt.Sprintf("today=%x", h[:5])
}

// Spaces draw, vary, write, read and compare genomes as they did when the file
// was written, by the rules of that day, bit for bit: recorded searches depend
// on it. A line says for a space and each operation what came of it, summed up, and at
// its end what comes of all of them by the revision of today.
func TestRecorded(t *testing.T) {
	t.Parallel()
	names, spaces := recordedSpaces(t)
	if *record {
		var b strings.Builder
		for i, s := range spaces {
			fmt.Fprintf(&b, "%s:%s %s\n", names[i], describeSpace(s), byLatest(s))
		}
		if err := os.WriteFile(recordedFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(recordedFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(names) {
		t.Fatalf("%d spaces are recorded, there are %d", len(lines), len(names))
	}
	for i, s := range spaces {
		t.Run(names[i], func(t *testing.T) {
			t.Parallel()
			want := strings.Fields(lines[i])
			got := strings.Fields(names[i] + ":" + describeSpace(s) + " " + byLatest(s))
			for k := range max(len(want), len(got)) {
				if k >= len(want) || k >= len(got) || want[k] != got[k] {
					t.Fatalf("%s differs\n got %s\nwant %s\n%s", strings.SplitN(append(got, want...)[min(k, len(got)-1)], "=", 2)[0], got, want, s.JSON())
				}
			}
		})
	}
}
