package surrogate

import (
	"math"
	"reflect"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

const (
	edgeCell = `{"arch": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}}`
	mixed    = `{"lr": {"float": [1e-4, 1e-1], "log": true}, "optimizer": {"choice": ["sgd", {"adam": {"beta": {"float": [0.5, 0.999]}}}]}, "blocks": {"list": {"width": {"int": [4, 32], "step": 4}}, "length": [1, 5]}}`
)

func near(a, b, relative float64) bool {
	return a == b || math.Abs(a-b) <= relative*math.Max(math.Abs(a), math.Abs(b))
}

func TestNormal(t *testing.T) {
	t.Parallel()
	for x := 0.0; x > -600; x -= 0.0137 {
		if !near(exp(x), math.Exp(x), 1e-14) {
			t.Fatalf("exp(%v) is %v, want %v", x, exp(x), math.Exp(x))
		}
	}
	if exp(0) != 1 || exp(math.Inf(-1)) != 0 || exp(-1e9) != 0 {
		t.Errorf("exp at the ends: %v, %v, %v", exp(0), exp(math.Inf(-1)), exp(-1e9))
	}
	for z := -8.0; z <= 8; z += 0.01 {
		if want := 0.5 * math.Erfc(-z/math.Sqrt2); !near(Below(z), want, 1e-12) {
			t.Fatalf("Below(%v) is %v, want %v", z, Below(z), want)
		}
		phi := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
		want := math.Log(0.7 * (phi + z*0.5*math.Erfc(-z/math.Sqrt2)))
		if z > -3 && !near(Improvement(0.7*z+2, 0.7, 2), want, 1e-9) {
			t.Fatalf("Improvement at %v is %v, want %v", z, Improvement(0.7*z+2, 0.7, 2), want)
		}
	}
	last := math.Inf(-1)
	for z := -200.0; z < 5; z += 0.05 { // far below the best, too, more is better
		if x := Improvement(z, 1, 0); !(x > last) {
			t.Fatalf("Improvement falls at %v: %v after %v", z, x, last)
		} else {
			last = x
		}
	}
}

// points draws genomes of a space.
func points(t testing.TB, r *reader, n int, seed uint64) (out []*Point) {
	t.Helper()
	draw := rng.New(seed)
	for range n {
		g, err := r.space.Random(draw)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r.Read(g))
	}
	return out
}

// fitted is a fitter of random values.
func fitted(t testing.TB, space string, n int) (*fitter, []float64) {
	f := newFitter(newReader(genome.MustParseSpace(space)))
	r := rng.New(3)
	var values []float64
	for i, p := range points(t, f.r, n, 5) {
		f.add(p, i%2)
		values = append(values, r.Normal())
	}
	f.compare()
	f.begin()
	return f, values
}

func TestSlopeIsThatOfTheLikelihood(t *testing.T) {
	t.Parallel()
	for _, space := range []string{edgeCell, mixed} {
		f, values := fitted(t, space, 12)
		_, slope := f.evaluate(values)
		for i, s := range slope {
			const h = 1e-5
			at := f.at[i]
			f.at[i] = at + h
			up, _ := f.evaluate(values)
			f.at[i] = at - h
			down, _ := f.evaluate(values)
			f.at[i] = at
			if want := (up - down) / (2 * h); math.Abs(s-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("slope %d of %d is %v, want %v", i, len(slope), s, want)
			}
		}
	}
}

// A posterior by its definition: with the inverse of the matrix of covariances.
func TestPosterior(t *testing.T) {
	t.Parallel()
	f, values := fitted(t, edgeCell, 9)
	m := NewModel(f.r.space, 2, 1, 300, 0)
	m.processes = []*process{newProcess(f.kernel())}
	for i, x := range f.points {
		m.add(x, f.levels[i])
	}
	p := m.processes[0]
	inverse := p.factor.inverse()
	at := func(i, j int) float64 { return inverse[max(i, j)][min(i, j)] }
	others := points(t, f.r, 6, 8)
	posterior := &Posterior{model: m, weights: [][]float64{p.weigh(values)}}
	for i, g := range posterior.Guess(others, 0) {
		row := p.kernel.row(others[i], 0)
		near := p.covariances(&row, p.unlike(others[i], nil), nil)
		mean, variance := 0.0, p.kernel.variance()
		for i, x := range near {
			for j, y := range near {
				mean += x * at(i, j) * values[j]
				variance -= x * at(i, j) * y
			}
		}
		if got := posterior.Variance(&g, 0); math.Abs(g.Means[0]-mean) > 1e-9 || math.Abs(got-variance) > 1e-9 {
			t.Errorf("point %d: mean %v and variance %v, want %v and %v", i, g.Means[0], got, mean, variance)
		}
	}
	// What is believed changes no mean, and later guesses agree with earlier ones that
	// follow.
	early := posterior.Guess(others, 0)
	posterior.Believe(others[0], 0)
	late := posterior.Guess(others, 0)
	for i := range early {
		posterior.Follow(&early[i])
		a, b := posterior.Variance(&early[i], 0), posterior.Variance(&late[i], 0)
		if math.Abs(a-b) > 1e-12 || early[i].Means[0] != late[i].Means[0] {
			t.Errorf("point %d: %v and %v after a belief", i, early[i].Means, late[i].Means)
		}
	}
	if v := posterior.Variance(&early[0], 0); v > 0.1 {
		t.Errorf("after it is believed, the variance of a point is %v", v)
	}
}

// Whoever begins in the middle predicts the same bits as who saw it all.
func TestColdStart(t *testing.T) {
	t.Parallel()
	for _, space := range []string{edgeCell, mixed} {
		s := genome.MustParseSpace(space)
		r, values := rng.New(1), rng.New(2)
		warm := NewModel(s, 2, 1, 40, 5)
		var genomes []genome.Genome
		var worths [][]float64
		for n := range 130 {
			g, err := s.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			genomes, worths = append(genomes, g), append(worths, []float64{values.Normal(), values.Float64()})
			warm.Observe(g, n%2, worths[n])
			if n%3 == 0 {
				warm.Posterior().Believe(warm.Point(g), 0)
			}
			if n%13 != 7 {
				continue
			}
			cold := NewModel(s, 2, 1, 40, 5)
			for i, g := range genomes {
				cold.Observe(g, i%2, worths[i])
			}
			a, b := warm.Posterior(), cold.Posterior()
			if !reflect.DeepEqual(a.Rows, b.Rows) {
				t.Fatalf("after %d observations a cold start differs", n+1)
			}
			x, y := a.Guess([]*Point{warm.Point(genomes[0])}, 1)[0], b.Guess([]*Point{cold.Point(genomes[0])}, 1)[0]
			if a.Variance(&x, 0) != b.Variance(&y, 0) || !reflect.DeepEqual(x.Means, y.Means) {
				t.Fatalf("after %d observations a cold start predicts %v, not %v", n+1, y.Means, x.Means)
			}
			if len(a.Rows) > 40+turnover {
				t.Fatalf("%d observations are looked at", len(a.Rows))
			}
		}
	}
}

// Cells that are the same but for names, dead branches and useless edges are one.
func TestKeysAndWords(t *testing.T) {
	t.Parallel()
	s := genome.MustParseSpace(edgeCell)
	r := newReader(s)
	read := func(text string) *Point {
		g, err := s.Parse("arch=" + text)
		if err != nil {
			t.Fatal(err)
		}
		return r.Read(g)
	}
	a := read("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|")
	b := read("|none~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_1x1~1|skip_connect~2|")
	c := read("|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|")
	if a.Key != b.Key || a.words.unlike(&b.words) != 0 {
		t.Errorf("one convolution on another way is %v unlike", a.words.unlike(&b.words))
	}
	if a.Key == c.Key || a.words.unlike(&c.words) == 0 {
		t.Error("a convolution of another kernel is the same")
	}
	nothing := read("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
	if got := nothing.words.unlike(&a.words); got != 1 {
		t.Errorf("a cell of zeros is %v unlike one with a layer", got)
	}
	ids := map[int32]string{}
	for w, id := range r.ids {
		ids[id] = w
	}
	var words []string
	for _, w := range a.words.of {
		words = append(words, ids[w.id])
	}
	if want := []string{"conv3", "in conv3", "conv3 out", "in conv3 out", "in>conv3", "conv3>out"}; !sameWords(words, want) {
		t.Errorf("the words of one convolution are %q, want %q", words, want)
	}
}

func sameWords(a, b []string) bool {
	count := map[string]int{}
	for _, w := range a {
		count[w]++
	}
	for _, w := range b {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// It learns: what it predicts of others goes with what they are worth.
func TestModelLearns(t *testing.T) {
	t.Parallel()
	s := genome.MustParseSpace(edgeCell)
	m := NewModel(s, 1, 1, 300, 30)
	r := rng.New(4)
	worth := func(p *Point) float64 { // convolutions of kernel 3 are good
		n := 0.0
		for _, w := range p.words.of {
			if w.id == m.reader.ids["conv3"] {
				n = w.n
			}
		}
		return n
	}
	var others []*Point
	for i := range 80 {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		if p := m.Point(g); i < 40 {
			m.Observe(g, 0, []float64{worth(p)})
		} else {
			others = append(others, p)
		}
	}
	up := 0
	guesses := m.Posterior().Guess(others, 0)
	for i, a := range guesses {
		for j, b := range guesses[:i] {
			if d := worth(others[i]) - worth(others[j]); d*(a.Means[0]-b.Means[0]) > 0 {
				up++
			} else if d != 0 {
				up--
			}
		}
	}
	if up < 300 {
		t.Errorf("of 780 pairs %d more are in the right order than in the wrong one", up)
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	s := newScale([]float64{1, 2, 3, 4, 5, -1e9, math.Inf(-1)}, math.Inf(1))
	if s.Of(-1e9) != s.Of(-1e6) || !(s.Of(1) < s.Of(2)) || !(s.Of(-1e9) < s.Of(1)) || s.Of(math.Inf(-1)) != s.Of(-1e9) {
		t.Errorf("values on the scale: %v %v %v %v", s.Of(-1e9), s.Of(-1e6), s.Of(1), s.Of(2))
	}
	if s := newScale([]float64{2, 2, 2}, math.Inf(1)); s.Of(2) != 0 || s.Of(3) != 1 {
		t.Errorf("equal values: %v %v", s.Of(2), s.Of(3))
	}
	if s := newScale(nil, math.Inf(1)); s.Of(3) != 3 {
		t.Errorf("no values: %v", s.Of(3))
	}
}

// Values of whatever size are told apart alike, and to the bit where sizes differ by a
// power of two.
func TestScaleOfAnySize(t *testing.T) {
	t.Parallel()
	values, later := []float64{3, -1, 4, 1.5, -9, 2.6, -5.3}, []float64{2, 1, -7.5}
	scales := func(unit float64) (Scale, Scale) {
		below := newScale(within(values, 1/unit), math.Inf(1))
		high := newScale(within(later, 1/unit), math.Inf(1))
		return below, high.above(within(later, 1/unit), within(values[:3], 1/unit), below)
	}
	low, high := scales(1)
	for _, e := range []int{-1000, -600, -200, 1, 200, 600, 1019} {
		unit := math.Ldexp(1, e)
		l, h := scales(unit)
		for _, x := range values {
			if l.Of(x*unit) != low.Of(x) {
				t.Errorf("%g times 2^%d is %g on the scale, not %g", x, e, l.Of(x*unit), low.Of(x))
			}
			if h.Of(x*unit) != high.Of(x) {
				t.Errorf("%g times 2^%d is %g at the level above, not %g", x, e, h.Of(x*unit), high.Of(x))
			}
		}
	}
	if s := newScale([]float64{-math.MaxFloat64, math.MaxFloat64}, math.Inf(1)); s.Of(math.MaxFloat64) != 1 || s.Of(-math.MaxFloat64) != -1 {
		t.Errorf("the ends of all numbers are at %g and %g", s.Of(-math.MaxFloat64), s.Of(math.MaxFloat64))
	}
}

// Who is best in some direction promises as much as anybody, though it is behind in each
// objective; who is nowhere best promises less.
func TestPromiseOfSeveralObjectives(t *testing.T) {
	t.Parallel()
	s := genome.MustParseSpace(mixed)
	m, r := NewModel(s, 1, 2, 40, 20), rng.New(3)
	for _, values := range [][]float64{{10, 0}, {9, 9}, {0, 10}, {8, 8}, {7, 7.5}, {7.5, 7}} {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		m.Observe(g, 0, values)
	}
	for i, x := range m.promise(6) {
		if best := i < 3; (x == 0) != best || x > 0 {
			t.Errorf("observation %d promises %g", i, x)
		}
	}
}

// Of many observations those are looked at that are good in any direction of the
// objectives, and how bad they are in others is told apart.
func TestSeveralObjectives(t *testing.T) {
	t.Parallel()
	s := genome.MustParseSpace(mixed)
	m := NewModel(s, 1, 2, 40, 20)
	r := rng.New(6)
	const ends = 3 // of the front: good in one objective, beyond doubt bad in the other
	for i := range 300 {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		a, b := r.Normal(), 4*s.Encode(g)[0]
		if i < ends {
			a, b = 5+float64(i), -100*float64(i+1)
		}
		m.Observe(g, 0, []float64{a, b})
	}
	p := m.Posterior()
	if p.Rows[0].Index != 0 || p.Rows[1].Index != 1 || p.Rows[2].Index != 2 {
		t.Errorf("the ends of the front are not looked at: %v", p.Rows[:3])
	}
	if scale := p.Scale(1, 0); scale.Of(-300) >= scale.Of(-200) || scale.Of(-301) != scale.Of(-300) {
		t.Errorf("the ends of the front are at %v and %v", scale.Of(-300), scale.Of(-200))
	}
	if m.kernels[0].noise == m.kernels[1].noise {
		t.Error("both objectives have the same kernel")
	}
	g := p.Guess([]*Point{m.Point(m.rows[0].genome)}, 0)[0]
	if p.Variance(&g, 0) == p.Variance(&g, 1) || len(g.Means) != 2 {
		t.Errorf("both objectives have a variance of %v", p.Variance(&g, 0))
	}
}
