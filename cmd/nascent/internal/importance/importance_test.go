package importance

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// find is the effect of one gene.
func find(t *testing.T, all []Effect, gene string) Effect {
	t.Helper()
	i := slices.IndexFunc(all, func(e Effect) bool { return e.Gene == gene })
	if i < 0 {
		t.Fatalf("there is no %s in %+v", gene, all)
	}
	return all[i]
}

func effect(g *Gene, best []bool) Effect {
	c := count(g)
	return c.effect(best)
}

// Of pure noise hardly anything stands out, in no more searches than said; what decides
// does, even when little is known.
func TestChance(t *testing.T) {
	t.Parallel()
	const searches = 200
	for _, n := range []int{20, 300} {
		r := rand.New(rand.NewPCG(5, uint64(n)))
		noisy := 0
		for range searches {
			genes := []Gene{{Name: "x"}, {Name: "flag"}, {Name: "kernels"}, {Name: "rare"}}
			scores := make([]float64, n)
			for i := range n {
				genes[0].Number(r.Float64())
				genes[1].Text([]string{"no", "yes"}[r.IntN(2)])
				for range 1 + r.IntN(4) {
					genes[2].Number(float64(3 + 2*r.IntN(3)))
				}
				if r.IntN(4) == 0 {
					genes[3].Number(r.Float64())
				}
				for k := range genes {
					genes[k].Next()
				}
				scores[i] = r.NormFloat64()
			}
			best := Best(scores, 0.1)
			p := Population{rows: make([]int, n), genes: countAll(genes)}
			s := Study{Best: max(1, n/10), Genes: effects(p.genes, best)}
			p.Weigh(&s)
			if slices.ContainsFunc(s.Genes, func(e Effect) bool { return e.Chance <= Beyond }) {
				noisy++
			}
			again := Study{Best: s.Best, Genes: effects(p.genes, best)}
			(&Population{rows: p.rows, genes: p.genes}).Weigh(&again)
			if !slices.Equal(s.Genes, again.Genes) {
				t.Fatalf("%+v, and again %+v", s.Genes, again.Genes)
			}
		}
		if noisy > 20 { // 10 are expected; 21 or more come in one of 1,000 such tests
			t.Errorf("%d candidates: something stands out in %d of %d searches of noise", n, noisy, searches)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	decides, idle := Gene{Name: "decides"}, Gene{Name: "idle"}
	scores := make([]float64, 100)
	for i := range scores {
		scores[i] = r.Float64()
		decides.Number(scores[i])
		idle.Number(r.Float64())
		decides.Next()
		idle.Next()
	}
	p := Population{rows: make([]int, 100), genes: countAll([]Gene{idle, decides})}
	s := Study{Best: 10, Genes: effects(p.genes, Best(scores, 0.1))}
	p.Weigh(&s)
	if e := find(t, s.Genes, "decides"); e.Chance > 0.01 {
		t.Errorf("%+v", e)
	}
	if e := find(t, s.Genes, "idle"); e.Chance <= Beyond {
		t.Errorf("%+v", e)
	}
}

// What decides alone has the divergence that its densities have: of the best tenth,
// which lies in a tenth of the range, (1-g)/g = 9. What does not matter has none.
func TestKnownDensities(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	const n = 20_000
	decides, half, nothing := Gene{Name: "decides"}, Gene{Name: "half"}, Gene{Name: "nothing"}
	scores, yes := make([]float64, n), make([]float64, n)
	for i := range n {
		x, y, z := r.Float64(), r.IntN(2), r.Float64()
		decides.Number(x)
		half.Text([]string{"no", "yes"}[y])
		nothing.Number(z)
		decides.Next()
		half.Next()
		nothing.Next()
		scores[i], yes[i] = -x, float64(y)
	}
	all := Of([]Gene{nothing, half, decides}, Best(scores, 0.1))
	if e := all[0]; e.Gene != "decides" || math.Abs(e.Divergence-9) > 0.05 || e.Importance < 0.999 || e.Active != 1 || e.Among != 1 {
		t.Errorf("%+v", e)
	}
	for _, gene := range []string{"nothing", "half"} {
		if e := find(t, all, gene); e.Divergence > 0.01 {
			t.Errorf("%+v", e)
		}
	}
	// Of the best half only one of two values is left: q = 1/2, p = 1.
	if e := Of([]Gene{half, nothing}, Best(yes, 0.3))[0]; e.Gene != "half" || math.Abs(e.Divergence-1) > 0.03 || e.Favoured != "yes" {
		t.Errorf("%+v", e)
	}
}

// The divergence of counts is Pearson's chi-square of the two-way table, computed here
// in another way, by the size of the best; what is taken off is its mean over all
// choices of the best, which is counted out.
func TestChiSquare(t *testing.T) {
	t.Parallel()
	values := []string{"a", "a", "b", "c", "b", "a", "c"}
	g := Gene{Name: "g"}
	for _, v := range values {
		g.Text(v)
		g.Next()
	}
	const m = 3
	n := len(values)
	pearson := func(best []bool) float64 {
		counts := map[string][2]float64{}
		for i, v := range values {
			c := counts[v]
			c[map[bool]int{false: 0, true: 1}[best[i]]]++
			counts[v] = c
		}
		chi := 0.0 // of the cells of the best alone
		for _, c := range counts {
			expected := (c[0] + c[1]) * m / float64(n)
			chi += (c[1] - expected) * (c[1] - expected) / expected
		}
		return chi / m
	}
	mean, choices := 0.0, 0.0
	var all [][]bool
	for set := range 1 << n {
		best, k := make([]bool, n), 0
		for i := range n {
			if best[i] = set>>i&1 == 1; best[i] {
				k++
			}
		}
		if k == m {
			all = append(all, best)
			mean += pearson(best)
			choices++
		}
	}
	mean /= choices
	for _, best := range all {
		want := max(0, pearson(best)-mean)
		if e := effect(&g, best); math.Abs(e.Divergence-want) > 1e-12 {
			t.Errorf("%v: %v, want %v", best, e.Divergence, want)
		}
	}
}

// A gene that only some have is judged among these, and counts by how many of the best
// have it; elements of a list count as one candidate together.
func TestConditionalGenes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	op, rate, idle, kernels := Gene{Name: "op"}, Gene{Name: "op.conv.rate"}, Gene{Name: "op.pool.kind"}, Gene{Name: "blocks.kernel"}
	never := Gene{Name: "never"}
	const n = 8000
	scores := make([]float64, n)
	for i := range n {
		conv, x := r.IntN(2) == 0, r.Float64()
		if conv {
			op.Text("conv")
			rate.Number(x)
			scores[i] = 1 + x
		} else {
			op.Text("pool")
			idle.Text([]string{"max", "mean"}[r.IntN(2)])
			scores[i] = r.Float64()
		}
		kernels.Number(3)
		if r.IntN(10) == 0 {
			kernels.Number(7)
			scores[i] = 3
		} else {
			for range r.IntN(5) {
				kernels.Number(3)
			}
		}
		for _, g := range []*Gene{&op, &rate, &idle, &kernels, &never} {
			g.Next()
		}
	}
	all := Of([]Gene{op, rate, idle, kernels}, Best(scores, 0.2))
	if e := find(t, all, "op.pool.kind"); e.Importance > 0.01 || math.Abs(e.Active-0.5) > 0.02 {
		t.Errorf("%+v", e)
	}
	if e := find(t, all, "op.conv.rate"); e.Divergence < 1 || e.Importance < 0.3 || math.Abs(e.Active-0.5) > 0.02 {
		t.Errorf("%+v", e)
	}
	e := find(t, all, "blocks.kernel")
	if q := 0.05; math.Abs(e.Of-q) > 0.01 || math.Abs(e.Among-0.25) > 0.03 || e.Favoured != "7" { // half of the elements of a tenth; of half of the best
		t.Errorf("%+v", e)
	}
	sum := 0.0
	for _, e := range all {
		sum += e.Importance
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("the sum is %v", sum)
	}
	for _, e := range Of([]Gene{never}, Best(scores, 0.2)) {
		if e.Divergence != 0 || e.Importance != 0 {
			t.Errorf("%+v", e)
		}
	}
}

// A gene that a tenth of the best have counts a tenth, however much it means to these.
func TestRareGenes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	rare, common := Gene{Name: "rare"}, Gene{Name: "common"}
	scores := make([]float64, 20_000)
	for i := range scores {
		x, y := r.Float64(), r.Float64()
		scores[i] = y
		if common.Number(y); r.IntN(10) == 0 {
			rare.Number(x)
			scores[i] = x
		}
		rare.Next()
		common.Next()
	}
	// Of ten cells the rare one has all of its best in one, the common one 91 % of its.
	all := Of([]Gene{rare, common}, Best(scores, 0.1))
	if e := find(t, all, "rare"); math.Abs(e.Divergence-9) > 0.3 || math.Abs(e.Importance-0.9/(0.9+7.29)) > 0.02 {
		t.Errorf("%+v", e)
	}
	if e := find(t, all, "common"); math.Abs(e.Divergence-7.29) > 0.3 {
		t.Errorf("%+v", e)
	}
}

// It does not matter in how many parts a gene was gathered.
func TestAppend(t *testing.T) {
	t.Parallel()
	whole, parts := Gene{Name: "g"}, [3]Gene{{Name: "g"}, {Name: "g"}, {Name: "g"}}
	var best []bool
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 300 {
		for range r.IntN(3) {
			x := r.IntN(30)
			for _, g := range []*Gene{&whole, &parts[i/100]} {
				if x == 0 {
					g.Text("auto")
				} else {
					g.Number(float64(x))
				}
			}
		}
		whole.Next()
		parts[i/100].Next()
		best = append(best, r.IntN(5) == 0)
	}
	parts[0].Append(&parts[1])
	parts[0].Append(&parts[2])
	if got, want := effect(&parts[0], best), effect(&whole, best); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Many numbers are divided into cells with about as many values each, whatever their scale.
func TestDivide(t *testing.T) {
	t.Parallel()
	var g Gene
	for i := range 1000 {
		g.Number(math.Exp(float64(i*7%1000) / 50))
	}
	sizes := func() (counts []int) {
		cells, names := g.divide()
		counts = make([]int, len(names))
		for _, code := range g.codes {
			counts[cells[code]]++
		}
		return counts
	}
	if got := sizes(); len(got) != Cells || slices.Min(got) != 100 || slices.Max(got) != 100 {
		t.Errorf("%v", got)
	}
	for range 5000 {
		g.Number(1)
	}
	g.Text("auto")
	if got := sizes(); len(got) < 3 || len(got) > Cells+1 || got[0] != 5001 || got[len(got)-1] != 1 || slices.Min(got) == 0 {
		t.Errorf("%v", got)
	}
}
