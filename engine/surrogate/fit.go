package surrogate

import (
	"math"

	"github.com/nascent-nas/nascent/genome/rng"
)

// fitter chooses a Kernel by the likelihood of values, and by what is likely before
// there are any: all genes matter alike, and so do the views of a genome.
type fitter struct {
	r      *reader
	points []*Point
	levels []int

	// Parameters are logarithms. Before anything is known, each is normal with this
	// mean and standard deviation.
	at, middle, width            []float64
	weights                      [parts]int // their indexes; -1: the space has no such view
	grams, numbers, steps, noise int
	scales                       int // of the first of changing

	// Of each pair of different points, (1,0), (2,0), (2,1), ...:
	changing []int       // the genes that are not the same everywhere
	genes    [][]float64 // squared differences in each of them
	unlike   []float64   // shares of words that are not in common
	far      []float64   // squared distances of the numbers
	between  []float64   // levels
	low      []float64
	span     []float64
}

func newFitter(r *reader) *fitter { return &fitter{r: r} }

func (f *fitter) add(p *Point, level int) {
	f.points, f.levels = append(f.points, p), append(f.levels, level)
}

// fit chooses by the values of the points, which were compared, in so many rounds of Rprop (Riedmiller &
// Braun 1993): each parameter has a step of its own, longer while its slope keeps its
// sign.
func (f *fitter) fit(values []float64, rounds int) *kernel {
	f.begin()
	best, at := math.Inf(-1), f.at
	step, last := make([]float64, len(f.at)), make([]float64, len(f.at))
	for i := range step {
		step[i] = 0.2
	}
	for range rounds {
		value, slope := f.evaluate(values)
		if value > best {
			best, at = value, append([]float64(nil), f.at...)
		}
		for i, s := range slope {
			switch {
			case s*last[i] > 0:
				step[i] = min(1.3*step[i], 0.8)
			case s*last[i] < 0:
				step[i], s = 0.5*step[i], 0
			}
			if last[i] = s; s > 0 {
				f.at[i] += step[i]
			} else if s < 0 {
				f.at[i] -= step[i]
			}
		}
	}
	f.at = at
	return f.kernel()
}

// compare sets the points against each other.
func (f *fitter) compare() {
	n := len(f.points)
	pairs := n * (n - 1) / 2
	f.low, f.span = ranges(f.points)
	all := make([][]float64, len(f.r.genes))
	for g := range all {
		all[g] = make([]float64, pairs)
	}
	f.unlike, f.far, f.between = make([]float64, pairs), make([]float64, pairs), make([]float64, pairs)
	changes := make([]bool, len(all))
	numbers := make([][]float64, n)
	for i, p := range f.points {
		numbers[i] = (&kernel{low: f.low, span: f.span}).ranged(p)
	}
	k := 0
	for i, p := range f.points {
		for j, q := range f.points[:i] {
			for c, g := range f.r.geneOf {
				if d := p.genes[c] - q.genes[c]; d != 0 {
					all[g][k] += float64(f.r.share[c] * float64(d*d))
					changes[g] = true
				}
			}
			f.unlike[k] = p.words.unlike(&q.words)
			f.far[k] = apart(numbers[i], numbers[j])
			f.between[k] = math.Abs(float64(f.levels[i] - f.levels[j]))
			k++
		}
	}
	for g, ds := range all {
		if changes[g] {
			f.changing, f.genes = append(f.changing, g), append(f.genes, ds)
		}
	}
}

// begin sets the parameters to what is likely.
func (f *fitter) begin() {
	has := [parts]bool{byGenes: len(f.r.genes) > 0, byNumbers: len(f.low) > 0}
	for _, p := range f.points {
		has[byWords] = has[byWords] || len(p.words.of) > 0
	}
	f.at, f.middle, f.width = nil, nil, nil
	views := 0.0
	for _, h := range has {
		if h {
			views++
		}
	}
	for i, h := range has {
		if f.weights[i] = -1; h {
			f.weights[i] = f.likely(1/views, 1)
		}
	}
	f.noise = f.likely(1e-4, 3)
	f.grams, f.numbers = f.likely(0.6, 0.7), f.likely(0.6, 0.7)
	f.steps = f.likely(0.2, 1)
	f.scales = len(f.at)
	for range f.changing {
		f.likely(likelyScale(len(f.r.genes)), 1)
	}
}

// likely adds a parameter.
func (f *fitter) likely(value, width float64) int {
	l := rng.Log(value)
	f.at, f.middle, f.width = append(f.at, l), append(f.middle, l), append(f.width, width)
	return len(f.at) - 1
}

// likelyScale is the scale of one gene among n, before anything is known.
func likelyScale(n int) float64 { return 1 / math.Sqrt(0.6*float64(max(n, 1))) }

// ranges are the least of each number, and what its range is to be multiplied by so
// that no squared distance is above 1.
func ranges(points []*Point) (low, span []float64) {
	var high []float64
	for _, p := range points {
		if len(low) == 0 {
			low, high = append(low, p.numbers...), append(high, p.numbers...)
		}
		for c, x := range p.numbers {
			if c < len(low) {
				low[c], high[c] = min(low[c], x), max(high[c], x)
			}
		}
	}
	for c := range low {
		s := 0.0
		if high[c] > low[c] {
			s = 1 / (high[c] - low[c]) / math.Sqrt(float64(len(low)))
		}
		span = append(span, s)
	}
	return low, span
}

// kernel is that of the parameters as they are.
func (f *fitter) kernel() *kernel {
	value := func(i int) float64 { return rng.Exp(f.at[i]) }
	k := &kernel{noise: value(f.noise), words: value(f.grams), numbers: value(f.numbers), levels: value(f.steps), low: f.low, span: f.span}
	for i, at := range f.weights {
		if at >= 0 {
			k.weights[i] = value(at)
		}
	}
	k.scales = make([]float64, len(f.r.genes))
	for g := range k.scales {
		k.scales[g] = likelyScale(len(k.scales))
	}
	for i, g := range f.changing {
		k.scales[g] = value(f.scales + i)
	}
	k.columns = make([]float64, len(f.r.geneOf))
	for c, g := range f.r.geneOf {
		k.columns[c] = k.scales[g] * math.Sqrt(f.r.share[c])
	}
	return k
}

// evaluate is the logarithm of how likely values and parameters are, and its slope
// along each parameter (Rasmussen & Williams 2006, section 5.4).
func (f *fitter) evaluate(values []float64) (total float64, slope []float64) {
	slope = make([]float64, len(f.at))
	for i, x := range f.at {
		z := (x - f.middle[i]) / f.width[i]
		total -= float64(0.5 * z * z)
		slope[i] = -z / f.width[i]
	}
	k := f.kernel()
	terms, squares := f.terms(k)
	matrix := f.matrix(k, terms)
	alpha := append([]float64(nil), values...)
	matrix.solve(alpha)
	for i, x := range alpha {
		total -= float64(0.5*x*x) + rng.Log(matrix.rows[i][i])
	}
	matrix.solveBack(alpha)

	// The slope along a parameter is half the sum, over the matrix, of pull times what
	// the parameter does to it. Each pair stands there twice.
	inverse := matrix.inverse()
	pull := make([]float64, 0, len(f.between))
	trace := 0.0
	for i, x := range alpha {
		for j, y := range alpha[:i] {
			pull = append(pull, float64(x*y)-inverse[i][j])
		}
		trace += float64(0.5 * (float64(x*x) - inverse[i][i]))
	}
	slope[f.noise] += float64(k.noise * trace)
	for i, at := range f.weights {
		if at >= 0 {
			slope[at] += float64(k.weights[i]*trace) + dot(pull, terms[i])
		}
	}
	along := func(t, d []float64, rate float64) (s float64) {
		for p, x := range t {
			s += float64(pull[p] * x * d[p])
		}
		return float64(s * rate)
	}
	for i, t := range terms {
		slope[f.steps] -= along(t, f.between, k.levels)
		switch {
		case t == nil:
		case i == byWords:
			slope[f.grams] += along(t, f.unlike, 1/k.words)
		case i == byNumbers:
			slope[f.numbers] += along(t, f.far, 1/k.numbers)
		case i == byGenes:
			for p, square := range squares {
				s := float64(rootFive * math.Sqrt(square))
				squares[p] = float64(pull[p]*k.weights[byGenes]*(-5.0/3)*(1+s)*exp(-s)) * f.step(k, p)
			}
			for g, ds := range f.genes {
				s := k.scales[f.changing[g]]
				slope[f.scales+g] += float64(s * s * dot(squares, ds))
			}
		}
	}
	return total, slope
}

// terms are what each view adds to the covariance of each pair, and the squared
// distances of their genes.
func (f *fitter) terms(k *kernel) (terms [parts][]float64, squares []float64) {
	squares = make([]float64, len(f.between))
	for i, ds := range f.genes {
		s := k.scales[f.changing[i]]
		s *= s
		for p, d := range ds {
			squares[p] += float64(s * d)
		}
	}
	for i, at := range f.weights {
		if at < 0 {
			continue
		}
		t := make([]float64, len(f.between))
		w := k.weights[i]
		for p := range t {
			switch i {
			case byGenes:
				t[p] = w * matern(squares[p])
			case byWords:
				t[p] = w * exp(-f.unlike[p]/k.words)
			case byNumbers:
				t[p] = w * exp(-f.far[p]/k.numbers)
			}
			t[p] *= f.step(k, p)
		}
		terms[i] = t
	}
	return terms, squares
}

// step is the share of a pair's covariance that its levels leave.
func (f *fitter) step(k *kernel, p int) float64 {
	if f.between[p] == 0 {
		return 1
	}
	return exp(-f.between[p] * k.levels)
}

// matrix factors the covariances of all points.
func (f *fitter) matrix(k *kernel, terms [parts][]float64) *factor {
	var out factor
	covariances := make([]float64, len(f.points))
	variance := k.variance() + k.noise
	p := 0
	for i := range f.points {
		for j := range i {
			sum := 0.0
			for _, t := range terms {
				if t != nil {
					sum += t[p]
				}
			}
			covariances[j] = sum
			p++
		}
		out.add(covariances, variance)
	}
	return &out
}
