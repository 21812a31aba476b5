package bench

import (
	"cmp"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// ranks gives each number its place, 1 for the smallest; equal ones share the mean of
// theirs.
func ranks(xs []float64) []float64 {
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(xs[a], xs[b]) })
	out := make([]float64, len(xs))
	for i := 0; i < len(order); {
		k := i
		for k < len(order) && xs[order[k]] == xs[order[i]] {
			k++
		}
		for _, at := range order[i:k] {
			out[at] = float64(i+k+1) / 2
		}
		i = k
	}
	return out
}

// exactly is up to how many differences the distribution of the signed ranks is
// counted out.
const exactly = 60

// Wilcoxon is the two-sided p value of the signed-rank test (Wilcoxon 1945) that pairs
// differ by nothing. Differences of zero are left out, equal ones share the mean
// of their ranks. Up to 60 differences the distribution is counted out, ties
// included; beyond it is the normal one, corrected for ties. Without differences it
// is 1.
func Wilcoxon(differences []float64) float64 {
	var sizes []float64
	var positive []bool
	for _, d := range differences {
		if d = engine.Key(d); d != 0 && !math.IsNaN(d) {
			sizes, positive = append(sizes, math.Abs(d)), append(positive, d > 0)
		}
	}
	n := len(sizes)
	if n == 0 {
		return 1
	}
	places := ranks(sizes)
	up, down := 0.0, 0.0
	for i, r := range places {
		if positive[i] {
			up += r
		} else {
			down += r
		}
	}
	low := math.Min(up, down)
	if n <= exactly {
		return math.Min(1, 2*shareBelow(places, low))
	}
	size := float64(n)
	spread := size * (size + 1) * (2*size + 1) / 24
	slices.Sort(sizes)
	for i := 0; i < n; {
		k := i
		for k < n && sizes[k] == sizes[i] {
			k++
		}
		t := float64(k - i)
		spread -= (t*t*t - t) / 48
		i = k
	}
	z := (low - size*(size+1)/4) / math.Sqrt(spread)
	return math.Min(1, math.Erfc(-z/math.Sqrt2))
}

// shareBelow is which share of all ways to give the ranks signs makes the positive
// ones sum up to at most low.
func shareBelow(places []float64, low float64) float64 {
	most := 0
	for _, r := range places {
		most += int(2 * r) // whole numbers: a shared rank may end in a half
	}
	ways := make([]float64, most+1) // shares of all ways, by the sum
	ways[0] = 1
	for _, r := range places {
		step := int(2 * r)
		for sum := most; sum >= 0; sum-- {
			ways[sum] /= 2
			if sum >= step {
				ways[sum] += ways[sum-step] / 2
			}
		}
	}
	total := 0.0
	for _, w := range ways[:int(2*low)+1] {
		total += w
	}
	return total
}

// holm corrects p values of one family (Holm 1979): the smallest counts as often as
// there are values, the next once less, and none is smaller than one before it.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	out := make([]float64, len(ps))
	least := 0.0
	for i, at := range order {
		least = math.Max(least, math.Min(1, float64(len(ps)-i)*ps[at]))
		out[at] = least
	}
	return out
}
