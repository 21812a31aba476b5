package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Set is labelled samples as they were read or made.
type Set struct {
	Shape     []int     // of one sample, channels first: [1, 40], [1, 28, 28], [features]
	Classes   int       // labels are 0 <= y < Classes
	X         []float32 // sample after sample
	Y         []int32
	PerColumn bool // features are different quantities, each to be standardised by itself
}

// Len returns the number of samples.
func (s *Set) Len() int { return len(s.Y) }

// Features returns how many numbers one sample has.
func (s *Set) Features() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// hash is the SHA-256 over shape, samples and labels.
func (s *Set) hash() string {
	h := sha256.New()
	buf := make([]byte, 0, 1<<16)
	put := func(v uint32) {
		if buf = binary.LittleEndian.AppendUint32(buf, v); len(buf) >= 1<<16-4 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	for _, d := range s.Shape {
		put(uint32(d))
	}
	put(uint32(s.Classes))
	for _, v := range s.X {
		put(math.Float32bits(v))
	}
	for _, v := range s.Y {
		put(uint32(v))
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

// Part is some samples of a Set, standardised. It is immutable and safe for
// concurrent use.
type Part struct {
	set   *Set
	index []int     // into set, ascending
	shift []float32 // one, or one per feature
	scale []float32
}

// Len returns the number of samples.
func (p *Part) Len() int { return len(p.index) }

// Features returns how many numbers one sample has.
func (p *Part) Features() int { return p.set.Features() }

// Classes returns the number of classes.
func (p *Part) Classes() int { return p.set.Classes }

// Gather copies the samples at the positions which (0 <= each < Len) to the
// front of x and their labels to the front of y.
func (p *Part) Gather(x []float32, y []int32, which []int) {
	f := p.Features()
	for i, w := range which {
		at := p.index[w]
		from, to := p.set.X[at*f:][:f], x[i*f:][:f]
		if len(p.shift) == 1 {
			shift, scale := p.shift[0], p.scale[0]
			for j, v := range from {
				to[j] = (v - shift) * scale
			}
		} else {
			for j, v := range from {
				to[j] = (v - p.shift[j]) * p.scale[j]
			}
		}
		y[i] = p.set.Y[at]
	}
}

// part is the samples of s at index, standardised by the statistics of the
// samples of by at byIndex.
func part(s *Set, index []int, by *Set, byIndex []int) *Part {
	shift, scale := statistics(by, byIndex)
	return &Part{set: s, index: index, shift: shift, scale: scale}
}

// statistics returns what is to be subtracted and multiplied with, so that the
// samples at index have mean 0 and standard deviation 1. What does not vary
// becomes 0.
func statistics(s *Set, index []int) (shift, scale []float32) {
	f, groups := s.Features(), 1
	if s.PerColumn {
		groups = f
	}
	mean, sum := make([]float64, groups), make([]float64, groups)
	n := float64(len(index) * (f / groups))
	each := func(visit func(group int, v float64)) {
		for _, at := range index {
			for j, v := range s.X[at*f:][:f] {
				visit(j%groups, float64(v))
			}
		}
	}
	each(func(g int, v float64) { mean[g] += v })
	for g := range mean {
		mean[g] /= n
	}
	each(func(g int, v float64) { sum[g] += float64((v - mean[g]) * (v - mean[g])) })
	for g := range mean {
		sd := math.Sqrt(sum[g] / n)
		if !(sd > 1e-12*math.Max(1, math.Abs(mean[g]))) {
			sd = 1
		}
		shift = append(shift, float32(mean[g]))
		scale = append(scale, float32(1/sd))
	}
	return shift, scale
}

// divide splits the samples of s in two: take of them, each class in
// proportion, and the rest; both in ascending order.
func divide(s *Set, index []int, take int, seed uint64) (taken, rest []int) {
	order := slices.Clone(index)
	rng.New(seed).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b int) int { return int(s.Y[a]) - int(s.Y[b]) })
	n := len(order)
	for j, at := range order {
		if (j+1)*take/n > j*take/n {
			taken = append(taken, at)
		} else {
			rest = append(rest, at)
		}
	}
	slices.Sort(taken)
	slices.Sort(rest)
	return taken, rest
}

// count returns 0, 1, ..., n-1.
func count(n int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}
