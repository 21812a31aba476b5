package genome

import (
	"fmt"
	"math"
	"testing"
)

// census lists the declarations of numbers that a user may think of: ends and
// steps of one to three digits over many powers of ten, and the corners of what
// is accepted.
func census() []string {
	var out []string
	ends := []float64{-1000, -10, -1, -0.3, 0, 1e-6, 1e-4, 0.001, 0.0125, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 0.9, 0.99, 0.999, 1,
		1.5, 2, 3, 7, 10, 33, 100, 128, 1000, 1024, 12345.6, 1e5, 1e6}
	steps := []float64{0.0001, 0.001, 0.005, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 1.0 / 8, 0.333333, 0.7, 1, 2, 2.5, 3, 7, 10, 64, 100, 333, 1000, 9999}
	for _, lo := range ends {
		for _, hi := range ends {
			if lo >= hi {
				continue
			}
			out = append(out, fmt.Sprintf(`{"float": [%v, %v]}`, lo, hi))
			if lo > 0 {
				out = append(out, fmt.Sprintf(`{"float": [%v, %v], "log": true}`, lo, hi))
			}
			for _, step := range steps {
				if step <= (hi-lo)*(1+1e-9) && step >= max(hi, -lo)*1e-5 {
					out = append(out, fmt.Sprintf(`{"float": [%v, %v], "step": %v}`, lo, hi, step))
					if lo > 0 {
						out = append(out, fmt.Sprintf(`{"float": [%v, %v], "step": %v, "log": true}`, lo, hi, step))
					}
				}
			}
		}
	}
	for _, lo := range []int64{-1 << 53, -1<<53 + 1, -1 << 52, -1000, 0, 1, 7, 1 << 31, 1<<52 + 1, 6883269162645748, 1<<53 - 10} {
		for _, span := range []int64{0, 1, 2, 10, 100, 1 << 20, 1 << 31, 1 << 52, 1 << 53, 1 << 54} {
			for _, step := range []int64{1, 2, 3, 1000, 1 << 40, 1 << 53} {
				if hi := lo + span; hi <= 1<<53 {
					out = append(out, fmt.Sprintf(`{"int": [%d, %d], "step": %d}`, lo, hi, step))
					if lo > 0 {
						out = append(out, fmt.Sprintf(`{"int": [%d, %d], "step": %d, "log": true}`, lo, hi, step))
					}
				}
			}
		}
	}
	return append(out,
		`{"float": [-1e300, 1e300]}`, `{"float": [1e-300, 1e300], "log": true}`, `{"float": [-1e-300, 1e-300]}`, `{"float": [1, 1.00001], "log": true}`,
		`{"choice": [9007199254740992, 9007199254740993, 9223372036854775806, 9223372036854775807, -9223372036854775808, 4503599627370497.5]}`,
		`{"choice": [1e308, -1e308, 5e-324, 1.0000000000000002, 1, 0.1, 0.30000000000000004]}`)
}

// Every declaration of numbers reads back as itself, and so do its values, in
// every form; comparing them gives numbers from 0 to 1.
func TestCensusOfNumbers(t *testing.T) {
	t.Parallel()
	for _, gene := range census() {
		s, err := ParseSpaceJSON([]byte(`{"x": ` + gene + `}`))
		if err != nil {
			t.Errorf("%s is refused: %v", gene, err)
			continue
		}
		again, err := ParseSpaceJSON(s.JSON())
		if err != nil || again.Hash() != s.Hash() {
			t.Errorf("%s is written as %s, which reads as %s: %v", gene, s.JSON(), again.JSON(), err)
			continue
		}
		var codes []uint64
		lo, hi := math.Inf(-1), math.Inf(1)
		switch g := s.root.fields[0].gene.(type) {
		case *choice:
			codes = codesBelow(len(g.options))
		case *number:
			codes = []uint64{g.nearest(g.flo), g.nearest((g.flo + g.fhi) / 2), g.nearest(0), g.nearest(g.fhi)}
			if last := g.count - 1; last >= 0 {
				codes = []uint64{0, uint64(last / 2), uint64(min(last, last/2+1)), uint64(max(last-1, 0)), uint64(last)}
			}
			lo, hi = g.flo, g.fhi
		}
		var before Genome
		for _, code := range codes {
			point := s.finish([]uint64{code})
			if v, ok := point.Tree()[0].Value.(float64); ok && !(v >= lo && v <= hi) {
				t.Errorf("%s: %v lies outside", gene, v)
			}
			if back, err := again.Parse(point.Text()); err != nil || back.Packed() != point.Packed() {
				t.Errorf("%s: %s reads as %s: %v", gene, point, back, err)
			}
			if back, err := s.FromTree(point.Tree()); err != nil || back != point {
				t.Errorf("%s: the tree of %s reads as %s: %v", gene, point, back, err)
			}
			if back, lines, err := s.Repair(point.Tree()); err != nil || back != point || len(lines) > 0 {
				t.Errorf("%s: %s is repaired to %s: %q %v", gene, point, back, lines, err)
			}
			for _, x := range s.Encode(point) {
				if !(x >= 0 && x <= 1) {
					t.Errorf("%s: %s is encoded as %v", gene, point, x)
				}
			}
			if !before.IsZero() {
				if d := s.Distance(before, point); math.IsNaN(d) || (d == 0) != (before == point) || d > 1 {
					t.Errorf("%s: distance %v between %s and %s", gene, d, before, point)
				}
			}
			before = point
		}
	}
}

// Steps are counted, not added: a range over zero holds zero. What was recorded
// before goes on with what it had.
func TestStepsAreCounted(t *testing.T) {
	t.Parallel()
	text := func(s *Space, code uint64) string { return s.finish([]uint64{code}).Text() }
	s := MustParseSpace(`{"x": {"float": [-0.3, 0.3], "step": 0.1}}`)
	old := s.ByRules(0)
	if got := text(s, 3); got != "x=0" {
		t.Error(got)
	}
	if got := text(old, 3); got != "x=5.55112e-17" {
		t.Errorf("by the first rules %s", got)
	}
	old = MustParseSpace(`{"x": {"float": [-0.3, 0], "step": 0.1}}`).ByRules(0)
	again, err := RecordedSpace(old.JSON(), 0)
	if err != nil || again.Hash() != old.Hash() || text(again, 3) != "x=5.55112e-17" {
		t.Errorf("%s is read as %s: %v", old.JSON(), again.JSON(), err)
	}
	if back := again.ByRules(Rules); text(back, 3) != "x=0" || back.Rules() != Rules {
		t.Errorf("by today's rules %s", text(back, 3))
	}
}
