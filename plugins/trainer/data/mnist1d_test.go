package data

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/nascent-nas/nascent/genome/benchdata"
)

func TestMNIST1D(t *testing.T) {
	t.Parallel()
	a := mnist1d(1003, 7, "train")
	counts := make([]int, digits)
	for _, y := range a.Y {
		counts[y]++
	}
	if !slices.Equal(counts, []int{101, 101, 101, 100, 100, 100, 100, 100, 100, 100}) {
		t.Errorf("classes are not balanced: %v", counts)
	}
	if slices.IsSorted(a.Y) {
		t.Error("the samples are not shuffled")
	}
	if b := mnist1d(1003, 7, "train"); !slices.Equal(a.X, b.X) || !slices.Equal(a.Y, b.Y) {
		t.Error("equal seeds give different samples")
	}
	for name, b := range map[string]*Set{"seed": mnist1d(1003, 8, "train"), "stream": mnist1d(1003, 7, "test")} {
		if slices.Equal(a.X[:40], b.X[:40]) {
			t.Errorf("another %s gives the same samples", name)
		}
		// Independent sets share no sample: their nearest neighbours are apart.
		if d := closest(a, b); d < 0.01 {
			t.Errorf("another %s gives a sample at distance %v", name, d)
		}
	}
}

// TestMNIST1DVector fixes the first numbers: they may never change, or old
// searches could not be repeated.
func TestMNIST1DVector(t *testing.T) {
	t.Parallel()
	s := mnist1d(100, 1, "train")
	const want = "9d61bf1c6f47aa5e1aae289955f298a53ec071edb2cd9338d34e46bee1e4b9ec"
	if got := s.hash(); got != want {
		t.Errorf("the samples hash to %s", got)
	}
}

func closest(a, b *Set) float64 {
	best := math.Inf(1)
	for i := range min(200, a.Len()) {
		for j := range min(200, b.Len()) {
			best = min(best, distance(a.X[i*40:][:40], b.X[j*40:][:40]))
		}
	}
	return best
}

func distance(a, b []float32) float64 {
	sum := float32(0)
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return float64(sum)
}

// canonical reads the published sample.
func canonical(t *testing.T) (train, test *Set) {
	t.Helper()
	_, rows := benchdata.Table(t, "mnist1d.csv.gz")
	train = &Set{Shape: []int{1, 40}, Classes: digitNames}
	test = &Set{Shape: []int{1, 40}, Classes: digitNames}
	for _, row := range rows {
		s := train
		if row[0] == "test" {
			s = test
		}
		y, _ := strconv.Atoi(row[1])
		s.Y = append(s.Y, int32(y))
		for _, field := range row[2:] {
			v, _ := strconv.ParseFloat(field, 32)
			s.X = append(s.X, float32(v))
		}
	}
	return train, test
}

// standardised returns a copy with mean 0 and standard deviation 1.
func standardised(s *Set) *Set {
	p := part(s, count(s.Len()), s, count(s.Len()))
	out := &Set{Shape: s.Shape, Classes: s.Classes, X: make([]float32, len(s.X)), Y: make([]int32, s.Len())}
	p.Gather(out.X, out.Y, count(s.Len()))
	return out
}

// TestMNIST1DLikePublished compares what is made here with the published
// sample: moments at every position, overall and within each class, and how
// hard it is for two simple classifiers.
func TestMNIST1DLikePublished(t *testing.T) {
	t.Parallel()
	train, test := canonical(t)
	made := standardised(mnist1d(5000, 1, "train"))
	own := func(from, to int) *Set {
		return &Set{Shape: made.Shape, Classes: made.Classes, X: made.X[from*40 : to*40], Y: made.Y[from:to]}
	}
	ownTrain, ownTest := own(0, 4000), own(4000, 5000)

	for name, keep := range map[string]func(y int32) bool{
		"all": func(int32) bool { return true }, "class 0": func(y int32) bool { return y == 0 },
		"class 3": func(y int32) bool { return y == 3 }, "class 7": func(y int32) bool { return y == 7 },
	} {
		for at := range 40 {
			am, as, ak, an := positionMoments(train, at, keep)
			bm, bs, bk, bn := positionMoments(ownTrain, at, keep)
			// Five standard errors of each statistic.
			if limit := 5 * math.Sqrt(as*as/an+bs*bs/bn); math.Abs(am-bm) > limit {
				t.Errorf("%s, position %d: mean %.3f, published %.3f, limit %.3f", name, at, bm, am, limit)
			}
			if limit := 5 * as * math.Sqrt((ak-1)/4/an+(bk-1)/4/bn); math.Abs(as-bs) > limit {
				t.Errorf("%s, position %d: standard deviation %.3f, published %.3f, limit %.3f", name, at, bs, as, limit)
			}
		}
	}
	// Neighbouring positions are alike to the same degree.
	for lag := 1; lag <= 4; lag++ {
		if a, b := correlation(train, lag), correlation(ownTrain, lag); math.Abs(a-b) > 0.03 {
			t.Errorf("correlation at distance %d is %.3f, published %.3f", lag, b, a)
		}
	}
	within := func(what string, a, b, limit float64) {
		t.Logf("%s: %.3f, published sample %.3f", what, b, a)
		if math.Abs(a-b) > limit {
			t.Errorf("%s: %.3f, published sample %.3f", what, b, a)
		}
	}
	within("accuracy of one nearest neighbour", neighbour(train, test), neighbour(ownTrain, ownTest), 0.07)
	within("accuracy of the nearest class mean", nearestMean(train, test), nearestMean(ownTrain, ownTest), 0.07)
}

// positionMoments are mean, standard deviation, kurtosis and count.
func positionMoments(s *Set, at int, keep func(int32) bool) (mean, sd, kurtosis, n float64) {
	var x []float64
	for i, y := range s.Y {
		if keep(y) {
			x = append(x, float64(s.X[i*40+at]))
		}
	}
	mean, sd = moments(x)
	for _, v := range x {
		kurtosis += math.Pow((v-mean)/sd, 4) / float64(len(x))
	}
	return mean, sd, kurtosis, float64(len(x))
}

func correlation(s *Set, lag int) float64 {
	var xy, xx, yy float64
	for i := range s.Y {
		row := s.X[i*40:][:40]
		for j := range 40 - lag {
			a, b := float64(row[j]), float64(row[j+lag])
			xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
		}
	}
	return xy / math.Sqrt(xx*yy)
}

func neighbour(train, test *Set) float64 {
	right := 0
	for i, y := range test.Y {
		best, label := math.Inf(1), int32(-1)
		for j := range train.Y {
			if d := distance(test.X[i*40:][:40], train.X[j*40:][:40]); d < best {
				best, label = d, train.Y[j]
			}
		}
		if label == y {
			right++
		}
	}
	return float64(right) / float64(test.Len())
}

func nearestMean(train, test *Set) float64 {
	means, counts := make([]float32, 400), make([]float32, 10)
	for i, y := range train.Y {
		counts[y]++
		for j, v := range train.X[i*40:][:40] {
			means[int(y)*40+j] += v
		}
	}
	for i := range means {
		means[i] /= counts[i/40]
	}
	right := 0
	for i, y := range test.Y {
		best, label := math.Inf(1), int32(-1)
		for c := range int32(10) {
			if d := distance(test.X[i*40:][:40], means[c*40:][:40]); d < best {
				best, label = d, c
			}
		}
		if label == y {
			right++
		}
	}
	return float64(right) / float64(test.Len())
}
