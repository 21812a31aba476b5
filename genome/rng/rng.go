// Package rng is Nascent's one source of random numbers.
//
// The generator is xoshiro256** (Blackman & Vigna 2021, "Scrambled linear
// pseudorandom number generators"), its state filled by SplitMix64 (Steele,
// Lea & Flood 2014). Everything drawn from it uses only integer arithmetic and
// the four exact float operations and square root, each rounded on its own, so
// that every machine and every language gives the same bits. docs/random.md
// has the definitions and test vectors.
package rng

import (
	"math"
	"math/bits"
)

// MaxSeed bounds seeds: they stay exact in a float64, and so in JSON.
const MaxSeed = 1 << 53

// Rand is a stream of random numbers. It is not safe for concurrent use.
type Rand struct {
	s    [4]uint64
	seed uint64
}

// New returns the stream of a seed. Equal seeds give equal streams.
func New(seed uint64) *Rand {
	r := &Rand{seed: seed}
	x := seed
	for i := range r.s {
		r.s[i] = splitMix(&x)
	}
	return r
}

// splitMix advances x and returns the next SplitMix64 value.
func splitMix(x *uint64) uint64 {
	*x += 0x9e3779b97f4a7c15
	z := *x
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Derive returns a seed below MaxSeed made from a seed, a label and numbers.
// Different labels or numbers give unrelated seeds.
func Derive(seed uint64, label string, numbers ...uint64) uint64 {
	h := seed
	h = splitMix(&h)
	mix := func(v uint64) {
		h ^= v
		h = splitMix(&h)
	}
	for i := range len(label) {
		mix(uint64(label[i]) + 1)
	}
	mix(0)
	for _, n := range numbers {
		mix(n)
	}
	return h >> 11
}

// Split returns an independent stream named by label. It depends on the seed
// that r was made with, not on what has been drawn from r.
func (r *Rand) Split(label string) *Rand { return New(Derive(r.seed, label)) }

// Uint64 returns 64 random bits.
func (r *Rand) Uint64() uint64 {
	s := &r.s
	out := bits.RotateLeft64(s[1]*5, 7) * 9
	t := s[1] << 17
	s[2] ^= s[0]
	s[3] ^= s[1]
	s[1] ^= s[2]
	s[0] ^= s[3]
	s[2] ^= t
	s[3] = bits.RotateLeft64(s[3], 45)
	return out
}

// Float64 returns a number in [0, 1), a multiple of 2^-53.
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) * 0x1p-53 }

// Bool returns true half of the time.
func (r *Rand) Bool() bool { return r.Uint64()>>63 == 1 }

// Intn returns an unbiased integer in [0, n) (Lemire 2019). It panics for
// n <= 0.
func (r *Rand) Intn(n int) int {
	if n <= 0 {
		panic("rng: Intn needs n > 0")
	}
	bound := uint64(n)
	hi, lo := bits.Mul64(r.Uint64(), bound)
	if lo < bound {
		threshold := -bound % bound
		for lo < threshold {
			hi, lo = bits.Mul64(r.Uint64(), bound)
		}
	}
	return int(hi)
}

// Normal returns a number from the standard normal distribution by the polar
// method (Marsaglia & Bray 1964), one per accepted pair.
func (r *Rand) Normal() float64 {
	for {
		x := 2*r.Float64() - 1
		y := 2*r.Float64() - 1
		s := float64(x*x) + float64(y*y)
		if s > 0 && s < 1 {
			return float64(x * math.Sqrt(float64(-2*Log(s))/s))
		}
	}
}

// Shuffle permutes n elements (Fisher & Yates, from the last to the first).
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.Intn(i+1))
	}
}

// Perm returns a permutation of 0..n-1.
func (r *Rand) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	r.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// Weighted returns an index drawn in proportion to non-negative weights, or -1
// if all are zero.
func (r *Rand) Weighted(weights []float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if !(total > 0) {
		return -1
	}
	x := float64(r.Float64() * total)
	last := -1
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		last = i
		if x < w {
			return i
		}
		x -= w
	}
	return last
}

// ln2 split so that multiplying the high part by a small integer is exact.
const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// Log returns the natural logarithm of a positive finite x, to about one unit
// in the last place, with the same bits everywhere: x = m 2^e with m in
// [sqrt(1/2), sqrt(2)), log m by its series in (m-1)/(m+1).
func Log(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	sum := 0.0
	for k := 23; k >= 3; k -= 2 {
		sum = float64((sum + 1/float64(k)) * z)
	}
	log := 2 * (s + float64(s*sum))
	return float64(float64(e)*ln2Hi) + (log + float64(float64(e)*ln2Lo))
}

// Exp returns e to the power of x with the same bits everywhere: x = k ln 2 + r
// with |r| <= ln2/2, e^r by its series. Beyond about +-745 it is 0 or infinite.
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > 709.8:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	k := math.Floor(float64(x/(ln2Hi+ln2Lo)) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	sum := 0.0
	for n := 18; n >= 1; n-- {
		sum = float64((sum + 1) * r / float64(n))
	}
	return math.Ldexp(1+sum, int(k))
}
