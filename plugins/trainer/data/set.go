package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Set is labelled samples as they were read or made.
type Set struct {
	Shape   []int     // of one sample, channels first: [1, 40], [1, 28, 28], [features]
	Classes []string  // by name; labels are 0 <= y < len(Classes)
	Columns []string  // of a table: its features by name, each to be standardised by itself
	X       []float32 // sample after sample, each value less its offset
	Y       []int32
	Offset  []float64 // of all values, or one for each column; nil: none
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

// hash is the SHA-256 over shape, number of classes, samples, labels and offsets.
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
	put(uint32(len(s.Classes)))
	for _, v := range s.X {
		put(math.Float32bits(v))
	}
	for _, v := range s.Y {
		put(uint32(v))
	}
	for _, v := range s.Offset {
		bits := math.Float64bits(v)
		put(uint32(bits))
		put(uint32(bits >> 32))
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

// Shape returns the shape of one sample.
func (p *Part) Shape() []int { return p.set.Shape }

// Classes returns the number of classes.
func (p *Part) Classes() int { return len(p.set.Classes) }

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

// Samples says how the samples of the part come to be what Gather answers.
func (p *Part) Samples() network.Samples {
	s := p.set
	return network.Samples{Shape: s.Shape, Columns: s.Columns, Classes: s.Classes, Offset: s.Offset, Shift: p.shift, Scale: p.scale}
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
	f, groups := s.Features(), s.groups()
	mean, sum := make([]float64, groups), make([]float64, groups)
	low, high := slices.Repeat([]float32{math.MaxFloat32}, groups), slices.Repeat([]float32{-math.MaxFloat32}, groups)
	n := float64(len(index) * (f / groups))
	each := func(visit func(group int, v float32)) {
		for _, at := range index {
			for j, v := range s.X[at*f:][:f] {
				visit(j%groups, v)
			}
		}
	}
	each(func(g int, v float32) {
		mean[g] += float64(v)
		low[g], high[g] = min(low[g], v), max(high[g], v)
	})
	for g := range mean {
		mean[g] /= n
	}
	each(func(g int, v float32) { sum[g] += float64((float64(v) - mean[g]) * (float64(v) - mean[g])) })
	for g := range mean {
		sd := math.Sqrt(sum[g] / n)
		if low[g] == high[g] {
			mean[g], sd = float64(low[g]), 1
		}
		shift = append(shift, float32(mean[g]))
		scale = append(scale, float32(1/sd))
	}
	return shift, scale
}

// groups is how many statistics there are: one for each column of a table, else
// one for all values.
func (s *Set) groups() int { return max(1, len(s.Columns)) }

// Reads is nil where a network with this input can read samples of a shape: equal
// ones, or either of them a plain list of numbers (but for extents of 1).
func Reads(input, shape []int) error {
	plain := func(shape []int) (values int, list bool) {
		values = 1
		longer := 0
		for _, d := range shape {
			if values *= d; d != 1 {
				longer++
			}
		}
		return values, longer < 2
	}
	wanted, list := plain(input)
	given, listed := plain(shape)
	if wanted == given && (list || listed) || slices.Equal(input, shape) {
		return nil
	}
	remedy := "set it so"
	if n := len(shape); n > 1 && n == len(input) && input[0] == shape[n-1] && slices.Equal(input[1:], shape[:n-1]) {
		remedy = "set data.layout to channels_last"
	}
	return fmt.Errorf("is %v, but a sample of the data has shape %v: %s", input, shape, remedy)
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
