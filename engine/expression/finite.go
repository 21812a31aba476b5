package expression

import (
	"math"

	"github.com/nascent-nas/nascent/genome/rng"
)

// NeverFinite tells whether an expression is no finite number whatever its metrics are:
// it is tried with a few thousand values of all sizes, equal ones and its own numbers
// among them.
func (e *Expression) NeverFinite() bool {
	values := []float64{0, 1, -1, 0.5, 2, 10, 100, 1e-6, 1e6}
	var collect func(n *node)
	collect = func(n *node) {
		if n.sort == literal {
			values = append(values, n.number)
		}
		for i := range n.args {
			collect(&n.args[i])
		}
	}
	collect(&e.root)
	r := rng.New(1)
	draw := func() float64 {
		switch r.Intn(3) {
		case 0:
			return values[r.Intn(len(values))]
		case 1:
			return r.Float64()
		}
		x := math.Pow(10, float64(20*r.Float64())-10)
		if r.Bool() {
			x = -x
		}
		return x
	}
	const tries = 5000
	for range tries {
		at := map[string]float64{}
		same := r.Intn(4) == 0
		x := draw()
		for _, m := range e.metrics {
			if !same {
				x = draw()
			}
			at[m.text] = x
		}
		if y := e.Value(func(name string) float64 { return at[name] }); !math.IsNaN(y) && !math.IsInf(y, 0) {
			return false
		}
	}
	return true
}
