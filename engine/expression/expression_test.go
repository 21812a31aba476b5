package expression_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
)

var metrics = map[string]float64{"accuracy": 0.9, "parameters": 1000, "x": -3, "y": 0.25, "val/acc": 0.5, "exp": 7}

func get(name string) float64 { return metrics[name] }

func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"1":                                      1,
		" 0.5e1 ":                                5,
		".5":                                     0.5,
		"1 + 2*3":                                7,
		"(1 + 2)*3":                              9,
		"8/2/2":                                  2,
		"8 - 2 - 2":                              4,
		"-2^2":                                   -4,
		"2^3^2":                                  512,
		"2**-1":                                  0.5,
		"--2":                                    2,
		"- -2 + +1":                              3,
		"-x^2":                                   -9,
		"2^-x":                                   8,
		"accuracy - 0.02*log10(parameters)":      0.9 - 0.06,
		`metric("val/acc") + metric('accuracy')`: 1.4,
		"exp + exp(0)":                           8,
		"max(1, 2, y)":                           2,
		"min(1, 2, y)":                           0.25,
		"clip(x, 0, 1)":                          0,
		"clip(7, 0, 1)":                          1,
		"abs(x)":                                 3,
		"floor(2.5) + ceil(2.5) + round(2.5)":    8,
		"sqrt(parameters*10)":                    100,
		"log2(8)":                                3,
		"log10(1e22)":                            22,
		"log10(1e-3)":                            -3,
		"pow(x, 3)":                              -27,
		"pow(-2, 65)":                            -0x1p65,
		"0^0":                                    1,
		"sigmoid(0)":                             0.5,
		"ln(1) + log(1)":                         0,
	} {
		e, err := expression.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Value(get); math.Abs(got-want) > 1e-14*math.Abs(want) {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
		if e.String() != text {
			t.Errorf("%q became %q", text, e)
		}
	}
}

func TestWhatIsNotFinite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"1/0": math.Inf(1), "log(0)": math.Inf(-1), "log10(0)": math.Inf(-1), "log2(0)": math.Inf(-1), "exp(1000)": math.Inf(1), "0^-1": math.Inf(1),
		"log(x)": math.NaN(), "log2(x)": math.NaN(), "sqrt(x)": math.NaN(), "x^0.5": math.NaN(), "0/0": math.NaN(), "max(1, 0/0)": math.NaN(),
		"log(1/0)": math.Inf(1), "tanh(1/0)": 1, "tanh(-1/0)": -1, "sigmoid(-1/0)": 0, "exp(-1000)": 0,
	} {
		e, err := expression.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := e.Value(get); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

// A mistake says where it is, what it is and what was meant.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                 "position 1: the expression is empty; write one over metrics, such as accuracy - 0.02*log10(parameters)",
		"accuracy - 0.02*lg10(parameters)": "position 17: there is no function lg10; did you mean log10?",
		"accuracy - quux(parameters)":      "position 12: there is no function quux; there are abs, ceil, clip",
		"accuracy - np.log10(parameters)":  "position 12: there is no function np.log10; write log10",
		"accuracy - log10(parameters":      "position 17: a parenthesis opens and does not close; write ) behind what it holds",
		"(accuracy - log10(parameters)":    "position 1: a parenthesis opens",
		"accuracy)":                        "position 9: a parenthesis closes that was not opened; remove it",
		"accuracy - ":                      "position 12: something is missing after -",
		"log10()":                          "position 1: log10 takes one argument and has 0; write log10(x)",
		"1 + log10(x, 10)":                 "position 5: log10 takes one argument and has 2; write log10(x)",
		"max(x)":                           "position 1: max takes 2 arguments or more and has 1; write max(x, y, ...)",
		"()":                               "position 2: there is nothing between the parentheses",
		"2x":                               "position 1: 2x is no number; to multiply write 2*x",
		"2 x":                              "position 3: an operator is missing between 2 and x; to multiply write *",
		"log10 x":                          "position 7: log10 is a function and needs parentheses; write log10(x)",
		"0,02*x":                           "position 2: a comma stands where no arguments are; write decimals with a point: 0.02",
		"1.2.3":                            "position 1: 1.2.3 is no number; write it like 0.02 or 1e-3",
		"0x10":                             "position 1: 0x10 is no number",
		"val.acc":                          `position 1: val.acc has a dot; write metric("val.acc")`,
		`"val/acc" - 1`:                    `position 1: "val/acc" is a text; write metric("val/acc")`,
		"metric(accuracy)":                 `position 8: metric takes a name in quotation marks; write metric("val/acc")`,
		`metric("accuracy`:                 "position 8: a quotation mark opens and does not close",
		"accuracy − x":                     `position 10: '−' is no operator; write -`,
		"é":                                `position 1: 'é' is no operator; there are + - * / ^ and parentheses`,
		"x > 1":                            `position 3: '>' is no operator; there are`,
		"x * / y":                          "position 5: / stands where a value should",
		"max(x,, y)":                       "position 7: , stands where a value should",
		strings.Repeat("(", 1001):          "position 1: it has 1001 bytes; an expression has at most 1000",
		"x\xff":                            "position 1: it is no text",
	} {
		_, err := expression.Parse(text)
		var m *genome.Mistake
		if !errors.As(err, &m) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	known := []string{"accuracy", "parameters", "val/acc", "val-loss"}
	for text, want := range map[string]string{
		"accurcy + 1":          `position 1: there is no metric "accurcy"; did you mean accuracy?`,
		"accuracy + val/acc":   `position 12: there is no metric "val"; write metric("val/acc")`,
		"2 * val-loss":         `position 5: there is no metric "val"; write metric("val-loss")`,
		`metric("val/ac")`:     `position 8: there is no metric "val/ac"; did you mean metric("val/acc")?`,
		"parameters + 3*log10": `position 16: there is no metric "log10"; it is a function: write log10(x)`,
		"seconds":              `position 1: there is no metric "seconds"; there are accuracy, parameters, metric("val/acc"), metric("val-loss")`,
	} {
		e, err := expression.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Check(known); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	e, err := expression.Parse(`accuracy - log10(parameters) + metric("val/acc")*accuracy`)
	if err != nil || e.Check(known) != nil {
		t.Fatal(err, e.Check(known))
	}
	if got := e.Metrics(); !slices.Equal(got, []string{"accuracy", "parameters", "val/acc"}) {
		t.Errorf("it names %v", got)
	}
}

// operation is one that a text may apply, and what Go's own functions say that it is.
type operation struct {
	text  string // with %[1]s and %[2]s for its operands
	value func(x, y float64) float64
}

func of(f func(float64) float64) func(x, y float64) float64 {
	return func(x, _ float64) float64 { return f(x) }
}

var (
	// Of positive numbers that differ in their last bits these make positive numbers that do.
	gentle = []operation{
		{"(%[1]s + %[2]s)", func(x, y float64) float64 { return x + y }},
		{"%[1]s*%[2]s", func(x, y float64) float64 { return x * y }},
		{"%[1]s/(%[2]s)", func(x, y float64) float64 { return x / y }},
		{"max(%[1]s, %[2]s)", math.Max},
		{"min(%[1]s, %[2]s, 1e3)", func(x, y float64) float64 { return min(x, y, 1e3) }},
		{"clip(%[1]s, 0.01, 100)", func(x, _ float64) float64 { return max(0.01, min(x, 100)) }},
		{"(%[1]s)^2.5", func(x, _ float64) float64 { return math.Pow(x, 2.5) }},
		{"(%[1]s)**-3", func(x, _ float64) float64 { return math.Pow(x, -3) }},
		{"sqrt(%[1]s)", of(math.Sqrt)},
		{"tanh(%[1]s)", of(math.Tanh)},
		{"abs(-(%[1]s))", of(math.Abs)},
		{"log2(2 + %[1]s)", func(x, _ float64) float64 { return math.Log2(2 + x) }},
		{"sigmoid(%[1]s)", of(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })},
	}
	harsh = append([]operation{
		{"%[1]s - %[2]s", func(x, y float64) float64 { return x - y }},
		{"(%[1]s)^(%[2]s)", math.Pow},
		{"pow(%[1]s, %[2]s)", math.Pow},
		{"pow(-%[1]s, round(%[2]s))", func(x, y float64) float64 { return math.Pow(-x, math.Round(y)) }},
		{"exp(%[1]s)", of(math.Exp)},
		{"exp(-%[1]s)", of(func(x float64) float64 { return math.Exp(-x) })},
		{"log(%[1]s)", of(math.Log)},
		{"ln(%[1]s)", of(math.Log)},
		{"log10(%[1]s)", of(math.Log10)},
		{"log2(%[1]s)", of(math.Log2)},
		{"tanh(-%[1]s)", of(func(x float64) float64 { return math.Tanh(-x) })},
		{"log(-%[1]s)", of(func(x float64) float64 { return math.Log(-x) })},
		{"floor(%[1]s)", of(math.Floor)},
		{"ceil(%[1]s)", of(math.Ceil)},
		{"round(%[1]s)", of(math.Round)},
	}, gentle...)
)

// drawn is a random expression, and what it comes to by Go's own functions.
func drawn(r *rand.Rand, all []operation, depth int) (text string, value float64) {
	if depth == 0 {
		if r.IntN(3) == 0 {
			name := []string{"accuracy", "parameters", "y"}[r.IntN(3)]
			return name, metrics[name]
		}
		text := fmt.Sprintf("%.3g", math.Exp(8*r.Float64()-4))
		x, _ := strconv.ParseFloat(text, 64)
		return text, x
	}
	a, x := drawn(r, all, depth-1)
	b, y := drawn(r, all, r.IntN(depth))
	o := all[r.IntN(len(all))]
	return fmt.Sprintf(o.text+"%[3]s", a, b, ""), o.value(x, y)
}

// One operation gives what Go's own functions do, but for the last bits; so do many
// where small errors stay small.
func TestEqualsMath(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 40_000 {
		text, want := drawn(r, harsh, 1)
		if r.IntN(2) == 0 {
			text, want = drawn(r, gentle, 4)
		}
		if len(text) > expression.MaxLength || want != 0 && math.Abs(want) < 1e-290 {
			continue // too little for all its digits
		}
		e, err := expression.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := e.Value(get)
		if same := got == want || math.IsNaN(got) && math.IsNaN(want); !same && !(math.Abs(got-want) <= 1e-12*math.Abs(want)) {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

// Decisions depend on these bits.
func TestGolden(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"accuracy - 0.02*log10(parameters)":  0x3feae147ae147ae2,
		"0.1*x + 0.2*y*accuracy + 0.3*x*y":   0xbfdeb851eb851eb9,
		"log(accuracy)*sqrt(2) - exp(y)*0.7": 0xbff0c3def81cbb5b,
		"tanh(0.3) + tanh(3)*sigmoid(y)":     0x3feb39021b27f58d,
		"log2(accuracy) * accuracy^2.5":      0xbfbde6e26130699e,
		"accuracy*(parameters/700)^-0.07":    0x3fec17001d6d76ec,
		"1.1^50 - pow(accuracy, 1000)":       0x405d5903bbcbf5cb,
	} {
		e, err := expression.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := math.Float64bits(e.Value(get)); got != want {
			t.Errorf("%q: %#x,", text, got)
		}
	}
}

func TestNothingIsFused(t *testing.T) {
	t.Parallel()
	proctest.NothingFused(t)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "accuracy - 0.02*log10(parameters)", `metric("val/acc")^2`, "((1)", "max(1,,2)", "-+-x**-.5e-3", "np.log(é)", "'", "1e", "2x", "\x00", "max(", "metric(",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := expression.Parse(text)
		if err != nil {
			var m *genome.Mistake
			if !errors.As(err, &m) || m.Problem == "" || m.Remedy == "" {
				t.Fatalf("%q: %v says not what to do", text, err)
			}
			return
		}
		asked := map[string]bool{}
		x := e.Value(func(name string) float64 { asked[name] = true; return 0.5 })
		if y := e.Value(func(string) float64 { return 0.5 }); math.Float64bits(x) != math.Float64bits(y) {
			t.Fatalf("%q is %v and %v", text, x, y)
		}
		for _, name := range e.Metrics() {
			if !asked[name] {
				t.Fatalf("%q never asks for %q", text, name)
			}
		}
		if len(asked) != len(e.Metrics()) || e.Check(e.Metrics()) != nil {
			t.Fatalf("%q asks for %v and names %v", text, asked, e.Metrics())
		}
		if e.Check(nil) == nil && len(asked) > 0 {
			t.Fatalf("%q knows all of %v", text, asked)
		}
	})
}
