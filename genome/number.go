package genome

import (
	"fmt"
	"math"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declares("int", []string{"step", "log"}, (*declarer).integer)
	declares("float", []string{"step", "log"}, (*declarer).float)
}

// number is an integer or a float in a range. Its code is the index of the
// value, and of a float without step its decimal.
type number struct {
	values         // count is 0 for a float without step
	whole          bool
	flo, fhi       float64
	log            bool
	curved         bool    // log, and wide enough for it to make a difference
	llo, lspan     float64 // logarithm of the low bound and of high/low
	lo, hi, step   int64   // of an integer
	fstep, shownHi float64 // of a float: 0 without step; the high end as it is declared
	grid           *grid   // of a float with step; nil: its steps are added
}

func newNumber(path []string, whole bool) *number {
	g := &number{whole: whole}
	g.path, g.self = path, g
	return g
}

func (d *declarer) integer(v any, m Map, path []string, _ int) (gene, *Mistake) {
	at := child(path, "int")
	lo, hi, ok := pair(v, whole)
	if !ok {
		return nil, fault(at, "write for example int: [1, 8]", "needs [low, high], two whole numbers of at most 2^53, got %s", describe(v))
	}
	if lo > hi {
		return nil, fault(at, "swap them", "needs [low, high] with low <= high, got %s", describe(v))
	}
	g := newNumber(path, true)
	g.step = 1
	if s, ok := m.Get("step"); ok {
		if g.step, ok = whole(s); !ok || g.step < 1 {
			return nil, fault(child(path, "step"), "write for example step: 2", "needs a whole number of at least 1, got %s", describe(s))
		}
	}
	var err *Mistake
	if g.log, err = truth(m, "log", path); err != nil {
		return nil, err
	}
	if g.log && lo < 1 {
		return nil, fault(at, "raise low to 1 or remove log", "needs low >= 1 with log: true, got %s", describe(v))
	}
	g.lo, g.count = lo, (hi-lo)/g.step+1
	g.hi = lo + (g.count-1)*g.step
	g.flo, g.fhi = float64(g.lo), float64(g.hi)
	g.measureRange()
	g.sig = fmt.Sprint("int", g.lo, g.hi, g.step, g.log)
	return g, nil
}

func (d *declarer) float(v any, m Map, path []string, _ int) (gene, *Mistake) {
	at := child(path, "float")
	lo, hi, ok := pair(v, real)
	if !ok {
		return nil, fault(at, "write for example float: [1e-4, 1e-1]", "needs [low, high], two numbers, got %s", describe(v))
	}
	switch {
	case lo > hi:
		return nil, fault(at, "swap them", "needs [low, high] with low < high, got %s", describe(v))
	case lo == hi:
		return nil, fault(at, "widen the range, or write the number itself for a constant",
			"needs [low, high] with low < high, got %s", describe(v))
	}
	for _, x := range []float64{lo, hi} {
		if roundSix(x).value() != x || x != 0 && (x < 1e-300 && x > -1e-300 || x > 1e300 || x < -1e300) {
			return nil, fault(at, "round them",
				"needs bounds of at most 6 significant digits between 1e-300 and 1e300, got %s", describe(v))
		}
	}
	g := newNumber(path, false)
	g.flo, g.fhi, g.shownHi = lo+0, hi+0, hi+0
	var err *Mistake
	if g.log, err = truth(m, "log", path); err != nil {
		return nil, err
	}
	if g.log && lo <= 0 {
		return nil, fault(at, "raise low or remove log", "needs low > 0 with log: true, got %s", describe(v))
	}
	if s, ok := m.Get("step"); ok {
		p := child(path, "step")
		wrong := fault(p, "write for example step: 0.1", "needs a number above 0 and at most high - low, got %s", describe(s))
		step, ok := real(s)
		if !ok || !(step > 0) || step > 2*float64(hi-lo) {
			return nil, wrong
		}
		most := max(lo, -lo, hi, -hi)
		if roundSix(step).value() != step || step < float64(most*1e-5) {
			return nil, fault(p, "use a larger or rounder step, or none",
				"%s is too fine for values of 6 significant digits up to %s", describe(s), describe(most))
		}
		g.fstep = step
		if g.countSteps(d.rules); g.count < 2 {
			return nil, wrong
		}
	}
	g.measureRange()
	g.sig = fmt.Sprint("float", g.flo, g.fhi, g.fstep, g.log)
	return g, nil
}

func (g *number) declared() any {
	var m Map
	if g.whole {
		m = Map{{"int", []any{g.lo, g.hi}}}
		if g.step != 1 {
			m = append(m, Entry{"step", g.step})
		}
	} else {
		m = Map{{"float", []any{g.flo, g.shownHi}}}
		if g.fstep != 0 {
			m = append(m, Entry{"step", g.fstep})
		}
	}
	if g.log {
		m = append(m, Entry{"log", true})
	}
	return m
}

// continuous tells a float without step.
func (g *number) continuous() bool { return g.count == 0 }

// measureRange remembers the logarithms that scaling needs.
func (g *number) measureRange() {
	if g.log {
		g.llo = rng.Log(g.flo)
		g.lspan = rng.Log(g.fhi) - g.llo
		g.curved = g.lspan > 1e-9 // else logarithms cannot tell its values apart
	}
}

// value returns the number that a code stands for.
func (g *number) value(code uint64) float64 {
	switch {
	case g.whole:
		return float64(g.lo + int64(code)*g.step)
	case g.count > 0:
		return g.gridFloat(int64(code))
	}
	return decimal(code).value()
}

// nearest returns the code of the value nearest to x, within the range.
func (g *number) nearest(x float64) uint64 {
	x = min(max(x, g.flo), g.fhi)
	if g.continuous() {
		// Rounding cannot leave the range: its ends have six digits too.
		return uint64(roundSix(x))
	}
	step := g.fstep
	if g.whole {
		step = float64(g.step)
	}
	i := int64(math.Floor((x-g.flo)/step + 0.5))
	return uint64(min(max(i, 0), g.count-1))
}

// scaled returns where a value lies in its range, from 0 to 1.
func (g *number) scaled(code uint64) float64 {
	x := g.value(code)
	switch {
	case g.fhi == g.flo, x == g.flo:
		return 0
	case x == g.fhi:
		return 1
	case g.curved:
		return min(max((rng.Log(x)-g.llo)/g.lspan, 0), 1)
	}
	return min(max((x-g.flo)/(g.fhi-g.flo), 0), 1)
}

func (g *number) size(map[gene]magnitude) magnitude {
	if g.continuous() {
		return magnitude{nil, 6 * ln10}
	}
	return countOf(g.count)
}

func (g *number) check(t []uint64, i int) (int, *Mistake) {
	if !g.continuous() {
		return g.values.check(t, i)
	}
	if i >= len(t) {
		return i, endsEarly()
	}
	d := decimal(t[i])
	if v := d.value(); !d.whole() || v < g.flo || v > g.fhi {
		return i, damaged("the packed float %v lies outside %v to %v", v, g.flo, g.fhi)
	}
	return i + 1, nil
}

func (g *number) sample(codes []uint64, r *rng.Rand) []uint64 { return append(codes, g.draw(r)) }

// draw returns a random value, uniform over the range or over its logarithm.
func (g *number) draw(r *rng.Rand) uint64 {
	if g.curved {
		if g.whole {
			// Every integer stands for the stretch of half a step around it.
			half := float64(g.step) / 2
			lo := rng.Log(max(g.flo-half, 0.5))
			span := rng.Log(g.fhi+half) - lo
			return g.nearest(rng.Exp(lo + float64(r.Float64()*span)))
		}
		return g.nearest(rng.Exp(g.llo + float64(r.Float64()*g.lspan)))
	}
	if g.continuous() {
		return g.nearest(g.flo + float64(r.Float64()*(g.fhi-g.flo)))
	}
	return uint64(r.Intn(int(g.count)))
}

func (g *number) first(codes []uint64) []uint64 {
	if g.continuous() {
		return append(codes, uint64(roundSix(g.flo)))
	}
	return append(codes, 0)
}

func (g *number) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	if g.whole {
		return strconv.AppendInt(b, g.lo+int64(t[i])*g.step, 10), i + 1
	}
	return appendFloat(b, g.value(t[i])), i + 1
}

func (g *number) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	word, err := p.valueWord()
	if err != nil {
		return nil, err
	}
	v, e := numberOf(word)
	if e != nil {
		return nil, fault(nil, g.remedy(), "%s", e.Problem)
	}
	return g.read(v, codes)
}

func (g *number) tree(b *treeBuilder, i int) (any, int) {
	if g.whole {
		return g.lo + int64(b.codes[i])*g.step, i + 1
	}
	return g.value(b.codes[i]), i + 1
}

func (g *number) read(v any, codes []uint64) ([]uint64, *Mistake) {
	code, err := g.code(v)
	return append(codes, code), err
}

// remedy says which numbers the gene takes.
func (g *number) remedy() string {
	s := "write a number from " + describe(g.flo) + " to " + describe(g.fhi)
	switch {
	case g.whole && g.step > 1:
		s += " in steps of " + strconv.FormatInt(g.step, 10)
	case g.fstep != 0:
		s += " in steps of " + describe(g.fstep)
	}
	return s
}

// code returns the code of a number.
func (g *number) code(v any) (uint64, *Mistake) {
	x, ok := real(v)
	if !ok {
		return 0, fault(nil, g.remedy(), "%s is no number", describe(v))
	}
	if x < g.flo || x > g.fhi {
		return 0, fault(nil, g.remedy(), "%s is outside the range", describe(v))
	}
	if g.whole {
		n, ok := whole(v)
		if !ok {
			return 0, fault(nil, g.remedy(), "%s is no whole number", describe(v))
		}
		if (n-g.lo)%g.step != 0 {
			return 0, fault(nil, g.remedy(), "%s lies between the steps", describe(v))
		}
		return uint64((n - g.lo) / g.step), nil
	}
	code := g.nearest(x)
	if g.value(code) != x {
		if g.fstep != 0 {
			return 0, fault(nil, g.remedy(), "%s lies between the steps", describe(v))
		}
		return 0, fault(nil, "round it to "+describe(g.value(code)), "%s has more than 6 significant digits", describe(v))
	}
	return code, nil
}

func (g *number) mend(m *mender, v any, codes []uint64) []uint64 {
	x, ok := real(v)
	if s, isText := v.(string); isText {
		n, err := numberOf(s)
		if x, ok = real(n); err != nil {
			ok = false
		}
	}
	if !ok {
		return m.fresh(g, v, codes)
	}
	code, off := g.code(v)
	if off != nil {
		code = g.nearest(x)
	}
	codes = append(codes, code)
	took := g.value(code)
	if _, isText := v.(string); isText {
		m.note("%s is no number; took %s", describe(v), describe(took))
	} else if took != x {
		m.note("%s does not fit; took the nearest, %s", describe(v), describe(took))
	}
	return codes
}

func (g *number) mutate(m *mutant, _ int, x site, r *rng.Rand) {
	m.codes[x.at] = g.near(m.codes[x.at], r)
}

// near draws another value. With log: the old one times exp N(0, 0.6).
// Otherwise one time in ten any value, else the old one plus a normal step with
// a sixth of the range as its deviation.
func (g *number) near(old uint64, r *rng.Rand) uint64 {
	if !g.continuous() && g.count <= 4 {
		return (old + 1 + uint64(r.Intn(int(g.count-1)))) % uint64(g.count)
	}
	x := g.value(old)
	for range 20 {
		var code uint64
		switch {
		case g.curved:
			code = g.nearest(float64(x * rng.Exp(float64(0.6*r.Normal()))))
		case r.Intn(10) == 0:
			code = g.draw(r)
		default:
			code = g.nearest(x + float64(r.Normal()*float64((g.fhi-g.flo)/6)))
		}
		if code != old {
			return code
		}
	}
	// The steps are too coarse for the draw, or the old value is at an end:
	// the value next to it.
	if g.continuous() {
		return g.nearest(g.flo + float64(0.5*(g.fhi-g.flo)))
	}
	if old+1 < uint64(g.count) && (old == 0 || r.Bool()) {
		return old + 1
	}
	return old - 1
}

func (g *number) alternatives(m *mutant, _ int, x site, emit func(edit) bool) bool {
	return emitCodes(g.others(m.codes[x.at]), x.at, emit)
}

// others lists the neighbouring values: all of a few, else some steps away.
func (g *number) others(old uint64) []uint64 {
	var out []uint64
	switch {
	case g.continuous():
		x := g.value(old)
		if g.curved {
			for _, f := range []float64{1.1, 1.5, 3} {
				out = append(out, g.nearest(x/f), g.nearest(float64(x*f)))
			}
		} else {
			for _, f := range []float64{0.01, 0.05, 0.2} {
				d := float64(f * (g.fhi - g.flo))
				out = append(out, g.nearest(x-d), g.nearest(x+d))
			}
		}
		return append(out, g.nearest(g.flo), g.nearest(g.fhi))
	case g.count <= maxListed:
		for code := range uint64(g.count) {
			out = append(out, code)
		}
		return out
	}
	last := uint64(g.count - 1)
	for d := uint64(1); d <= last; d *= 2 {
		if d <= old {
			out = append(out, old-d)
		}
		if old+d <= last {
			out = append(out, old+d)
		}
	}
	return append(out, 0, last)
}

func (g *number) samples() [][]uint64 {
	if g.continuous() || g.count > maxListed {
		return g.leaf.samples()
	}
	var out [][]uint64
	for code := range uint64(g.count) {
		out = append(out, []uint64{code})
	}
	return out
}

func (g *number) between(d *distance, i, j int) (far, weight float64) {
	if d.a[i] == d.b[j] {
		return 0, 1
	}
	x, y := g.scaled(d.a[i]), g.scaled(d.b[j])
	return max(x-y, y-x, 1e-9), 1
}

func (g *number) encode(e *encoder, i int, path string) {
	v := 0.0
	if e.there(i) {
		v = g.scaled(e.codes[i])
	}
	e.put(v, func() string { return path })
}

// ask makes a site of all values, or of some from one end to the other.
func (g *number) ask(q *inquiry, path string) *question {
	s := Site{Name: path}
	n := g.count
	if n == 0 || n > fineValues {
		for k := range coarseValues {
			part := float64(k) / (coarseValues - 1)
			x := g.flo + float64(part*(g.fhi-g.flo))
			if g.curved {
				x = rng.Exp(g.llo + float64(part*g.lspan))
			}
			if c := g.nearest(x); len(s.codes) == 0 || c != s.codes[len(s.codes)-1] {
				s.codes = append(s.codes, c)
			}
		}
		s.scaled = g.scaled
		n = int64(len(s.codes))
	}
	for k := range n {
		text, _ := g.appendText(nil, []uint64{s.code(int(k))}, 0)
		s.Options = append(s.Options, string(text))
	}
	return &question{gene: g, site: q.add(s)}
}
