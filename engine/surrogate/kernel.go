package surrogate

import "math"

// The parts of a Kernel: each is a kernel over one view of a genome.
const (
	byGenes = iota
	byWords
	byNumbers
	parts
)

// kernel says how alike two Points are: a weighted sum of one kernel for each view of
// a genome that the space has. One kernel over all of them has to find all alike that
// it calls alike; a sum learns from whichever view tells something.
type kernel struct {
	weights [parts]float64 // 0: the space has no such view
	scales  []float64      // of each gene: how much a difference in it matters
	words   float64        // length of the share of words that are not in common
	numbers float64        // length of the mean difference of numbers
	levels  float64        // how much one step between levels matters
	noise   float64        // variance of measuring

	low, span []float64 // of each number
	columns   []float64 // scale of each column of genes
}

// row is a Point as the kernel reads it.
type row struct {
	*Point
	level   float64
	genes   []float64
	numbers []float64
}

func (k *kernel) row(p *Point, level int) row {
	r := row{Point: p, level: float64(level), genes: make([]float64, len(p.genes)), numbers: k.ranged(p)}
	for c, x := range p.genes {
		r.genes[c] = float64(x * k.columns[c])
	}
	return r
}

// ranged are a Point's numbers by their ranges; 0 where it has none.
func (k *kernel) ranged(p *Point) []float64 {
	out := make([]float64, len(k.low))
	for c, x := range p.numbers {
		if c < len(out) {
			out[c] = float64((x - k.low[c]) * k.span[c])
		}
	}
	return out
}

// between is the covariance of two rows whose words are so unlike.
func (k *kernel) between(a, b *row, unlike float64) float64 {
	sum := 0.0
	if w := k.weights[byGenes]; w > 0 {
		sum += float64(w * matern(apart(a.genes, b.genes)))
	}
	if w := k.weights[byWords]; w > 0 {
		sum += float64(w * exp(-unlike/k.words))
	}
	if w := k.weights[byNumbers]; w > 0 {
		sum += float64(w * exp(-apart(a.numbers, b.numbers)/k.numbers))
	}
	if a.level != b.level {
		sum = float64(sum * exp(-math.Abs(a.level-b.level)*k.levels))
	}
	return sum
}

// variance is the covariance of a row with itself.
func (k *kernel) variance() float64 {
	sum := 0.0
	for _, w := range k.weights {
		sum += w
	}
	return sum
}

// apart is the squared distance.
func apart(a, b []float64) float64 {
	b = b[:len(a)]
	s0, s1 := 0.0, 0.0
	i := 0
	for ; i+1 < len(a); i += 2 {
		d, e := a[i]-b[i], a[i+1]-b[i+1]
		s0 += float64(d * d)
		s1 += float64(e * e)
	}
	if i < len(a) {
		d := a[i] - b[i]
		s0 += float64(d * d)
	}
	return s0 + s1
}

const rootFive = 2.23606797749979

// matern is the Matern kernel of order 5/2 of a squared distance: values change
// smoothly, but not as smoothly as with a Gaussian.
func matern(square float64) float64 {
	s := float64(rootFive * math.Sqrt(square))
	return float64((1 + s + float64(s*s)/3) * exp(-s))
}
