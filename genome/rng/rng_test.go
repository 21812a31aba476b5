package rng

import (
	"math"
	"testing"
)

func TestSameSeedSameStream(t *testing.T) {
	t.Parallel()
	a, b := New(7), New(7)
	for range 1000 {
		if a.Uint64() != b.Uint64() {
			t.Fatal("streams of one seed differ")
		}
	}
	if New(7).Split("x").Uint64() == New(7).Split("y").Uint64() {
		t.Fatal("streams of two labels agree")
	}
}

func TestIntnIsUniform(t *testing.T) {
	t.Parallel()
	r, counts := New(1), make([]int, 7)
	const n = 70000
	for range n {
		counts[r.Intn(7)]++
	}
	for i, c := range counts {
		if math.Abs(float64(c)-n/7) > 5*math.Sqrt(n/7) {
			t.Errorf("%d drawn %d times of %d", i, c, n)
		}
	}
}

func TestNormalMoments(t *testing.T) {
	t.Parallel()
	r := New(2)
	var sum, sq, fourth float64
	const n = 200000
	for range n {
		x := r.Normal()
		sum += x
		sq += x * x
		fourth += x * x * x * x
	}
	if m := sum / n; math.Abs(m) > 0.01 {
		t.Errorf("mean %v", m)
	}
	if v := sq / n; math.Abs(v-1) > 0.02 {
		t.Errorf("variance %v", v)
	}
	if k := fourth / n; math.Abs(k-3) > 0.15 {
		t.Errorf("fourth moment %v", k)
	}
}

func TestLogAndExp(t *testing.T) {
	t.Parallel()
	r := New(3)
	for range 20000 {
		x := math.Ldexp(r.Float64()+1e-9, r.Intn(200)-100)
		if got, want := Log(x), math.Log(x); math.Abs(got-want) > 4e-16*math.Max(1, math.Abs(want)) {
			t.Fatalf("Log(%v) = %v, want %v", x, got, want)
		}
		y := (r.Float64() - 0.5) * 1400
		if got, want := Exp(y), math.Exp(y); math.Abs(got-want) > 4e-15*want {
			t.Fatalf("Exp(%v) = %v, want %v", y, got, want)
		}
	}
}

func TestWeighted(t *testing.T) {
	t.Parallel()
	r := New(4)
	if r.Weighted([]float64{0, 0}) != -1 {
		t.Error("nothing to draw from, yet drawn")
	}
	counts := [3]int{}
	for range 30000 {
		counts[r.Weighted([]float64{1, 0, 2})]++
	}
	if counts[1] != 0 || math.Abs(float64(counts[0])-10000) > 400 {
		t.Errorf("drawn %v of weights 1:0:2", counts)
	}
}

// Vectors that docs/random.md publishes for other languages.
func TestVectors(t *testing.T) {
	t.Parallel()
	r := New(42)
	got := []uint64{r.Uint64(), r.Uint64(), r.Uint64()}
	want := []uint64{1546998764402558742, 6990951692964543102, 12544586762248559009}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("number %d of seed 42 is %d, want %d", i, got[i], want[i])
		}
	}
	if s := Derive(42, "job", 1); s != deriveVector {
		t.Errorf("Derive(42, job, 1) = %d, want %d", s, uint64(deriveVector))
	}
	if x := New(42).Normal(); x != normalVector {
		t.Errorf("first normal of seed 42 is %v, want %v", x, normalVector)
	}
}

const (
	deriveVector = 3349977079485995
	normalVector = -0.7262191382447857
)
