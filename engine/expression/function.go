package expression

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome/rng"
)

// function is one that an expression may call.
type function struct {
	args  []string // their names; the last may be repeated where many is set
	many  bool
	apply func(x []float64) float64
}

// functions are all there are. What they compute has the same bits everywhere.
var functions = map[string]*function{
	"abs":     of(math.Abs),
	"ceil":    of(math.Ceil),
	"exp":     of(rng.Exp),
	"floor":   of(math.Floor),
	"ln":      of(log),
	"log":     of(log),
	"log10":   of(log10),
	"log2":    of(log2),
	"round":   of(math.Round), // halves away from zero
	"sigmoid": of(func(x float64) float64 { return 1 / (1 + rng.Exp(-x)) }),
	"sqrt":    of(math.Sqrt),
	"tanh":    of(tanh),
	"pow":     {args: []string{"x", "y"}, apply: power},
	"clip": {args: []string{"x", "low", "high"}, apply: func(x []float64) float64 {
		return math.Min(math.Max(x[0], x[1]), x[2])
	}},
	"max": {args: []string{"x", "y"}, many: true, apply: fold(math.Max)},
	"min": {args: []string{"x", "y"}, many: true, apply: fold(math.Min)},
}

// of is a function of one number.
func of(f func(float64) float64) *function {
	return &function{args: []string{"x"}, apply: func(x []float64) float64 { return f(x[0]) }}
}

// fold is a function of two numbers or more.
func fold(f func(a, b float64) float64) func([]float64) float64 {
	return func(x []float64) float64 {
		all := x[0]
		for _, y := range x[1:] {
			all = f(all, y)
		}
		return all
	}
}

// Functions are the names of all functions.
func Functions() []string { return slices.Sorted(maps.Keys(functions)) }

// usage is how the function is called: "log10(x)".
func (f *function) usage(name string) string {
	args := strings.Join(f.args, ", ")
	if f.many {
		args += ", ..."
	}
	return name + "(" + args + ")"
}

// takes says what is wrong with so many arguments, or "".
func (f *function) takes(name string, n int) string {
	want := fmt.Sprintf("%d arguments", len(f.args))
	switch {
	case n == len(f.args), n > len(f.args) && f.many:
		return ""
	case f.many:
		want = fmt.Sprintf("%d arguments or more", len(f.args))
	case len(f.args) == 1:
		want = "one argument"
	}
	return fmt.Sprintf("%s takes %s and has %d", name, want, n)
}

// operators by how they are written.
var operators = map[string]func(x []float64) float64{
	"+":  func(x []float64) float64 { return x[0] + x[1] },
	"-":  func(x []float64) float64 { return x[0] - x[1] },
	"*":  func(x []float64) float64 { return float64(x[0] * x[1]) },
	"/":  func(x []float64) float64 { return x[0] / x[1] },
	"^":  power,
	"**": power,
}

func minus(x []float64) float64 { return -x[0] }

// log is the natural logarithm of any number.
func log(x float64) float64 {
	switch {
	case x > 0 && !math.IsInf(x, 1):
		return rng.Log(x)
	case x == 0:
		return math.Inf(-1)
	case x < 0:
		return math.NaN()
	}
	return x
}

// log10 is exact for powers of ten that a float64 holds.
func log10(x float64) float64 {
	y := float64(log(x) * (1 / math.Ln10))
	if n := math.Round(y); math.Abs(n) <= 22 && whole(10, n) == x {
		return n
	}
	return y
}

// log2 is exact for powers of two.
func log2(x float64) float64 {
	if m, e := math.Frexp(x); m == 0.5 {
		return float64(e - 1)
	}
	return float64(log(x) * (1 / math.Ln2))
}

// tanh is Lambert's continued fraction where 1 - tanh is large, else by exponentials.
func tanh(x float64) float64 {
	if math.Abs(x) < 1 {
		z, f := float64(x*x), 25.0
		for k := 23.0; k >= 1; k -= 2 {
			f = k + z/f
		}
		return x / f
	}
	y := 1 - 2/(rng.Exp(2*math.Abs(x))+1)
	return math.Copysign(y, x)
}

// most is up to which whole exponent a power is made of products.
const most = 64

// power is x[0] to the power of x[1].
func power(x []float64) float64 {
	base, exponent := x[0], x[1]
	n := math.Round(exponent)
	switch {
	case exponent == 0:
		return 1
	case math.IsNaN(base), math.IsNaN(exponent):
		return math.NaN()
	case n == exponent && math.Abs(n) <= most:
		return whole(base, n)
	case base < 0 && n != exponent:
		return math.NaN()
	case math.Abs(base) == 1 && math.IsInf(exponent, 0):
		return 1
	}
	y := rng.Exp(float64(exponent * log(math.Abs(base))))
	if base < 0 && math.Mod(exponent, 2) != 0 {
		return -y
	}
	return y
}

// whole is x to the power of a whole number.
func whole(x, n float64) float64 {
	y := 1.0
	for k := int(math.Abs(n)); k > 0; k >>= 1 {
		if k&1 == 1 {
			y = float64(y * x)
		}
		x = float64(x * x)
	}
	if n < 0 {
		return 1 / y
	}
	return y
}
