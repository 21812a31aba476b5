package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// several are measurements of a few genomes, in the order in which they came.
func several(t *testing.T, r *rng.Rand, genomes, n int, metrics ...string) (all []*Candidate) {
	t.Helper()
	for i := range n {
		c := &Candidate{Job: Job{ID: ID(i + 1), Genome: numbered(t, 1+r.Intn(genomes)), Task: Train}, Result: Result{Status: OK}}
		for _, name := range metrics {
			x, _ := c.Genome.Gene("x")
			c.Metrics = append(c.Metrics, Value{name, float64(x.(int64))/20 + float64(0.3*r.Normal())})
		}
		all = append(all, c)
	}
	return all
}

// estimated is a genome's estimate by its definition alone.
type estimated struct {
	first  *Candidate
	values [][]float64 // by metric
}

// plain puts measurements together by genomes, and computes the noise of each metric.
func plain(all []*Candidate, metrics int) (list []*estimated, sd []float64) {
	for _, c := range all {
		i := slices.IndexFunc(list, func(e *estimated) bool { return e.first.Genome == c.Genome })
		if i < 0 {
			i, list = len(list), append(list, &estimated{c, make([][]float64, metrics)})
		}
		for k := range metrics {
			list[i].values[k] = append(list[i].values[k], c.Metrics[k].Value)
		}
	}
	for k := range metrics {
		square, freedom := 0.0, 0.0
		for _, e := range list {
			_, sd := Mean(e.values[k])
			square += sd * sd * float64(len(e.values[k])-1)
			freedom += float64(len(e.values[k]) - 1)
		}
		if freedom > 0 {
			square /= freedom
		}
		sd = append(sd, math.Sqrt(square))
	}
	return list, sd
}

func (e *estimated) bound(k int, sd []float64) float64 {
	mean, _ := Mean(e.values[k])
	return Key(mean - sd[k]/math.Sqrt(float64(len(e.values[k]))))
}

// The best are those with the highest lower bound, whatever came in which order.
func TestBestByEstimates(t *testing.T) {
	t.Parallel()
	r := rng.New(3)
	for round := range 60 {
		l := (&Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}}, Rules: 2}).Leaders(5)
		all := several(t, r, 2+r.Intn(60), 80, "a")
		for i, c := range all {
			l.Add(c)
			list, sd := plain(all[:i+1], 1)
			slices.SortFunc(list, func(x, y *estimated) int {
				return cmp.Or(cmp.Compare(y.bound(0, sd), x.bound(0, sd)), cmp.Compare(x.first.ID, y.first.ID))
			})
			best := l.Best()
			if len(best) != min(5, len(list)) {
				t.Fatalf("%d best of %d genomes", len(best), len(list))
			}
			for k, b := range best {
				mean, _ := Mean(list[k].values[0])
				if b.ID != list[k].first.ID || math.Abs(b.Metrics[0].Value-mean) > 1e-12 {
					t.Fatalf("round %d, after %d: place %d has %d with %v, want %d with %v", round, i+1, k, b.ID, b.Metrics, list[k].first.ID, mean)
				}
			}
		}
	}
}

// A front is of those whose bounds no other one's dominate.
func TestFrontByEstimates(t *testing.T) {
	t.Parallel()
	r := rng.New(4)
	for range 40 {
		l := (&Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}, {Metric: "b", Goal: Maximize}}, Rules: 2}).Leaders(5)
		all := several(t, r, 2+r.Intn(40), 80, "a", "b")
		for _, c := range all {
			l.Add(c)
		}
		list, sd := plain(all, 2)
		var want []ID
		for _, e := range list {
			if !slices.ContainsFunc(list, func(x *estimated) bool {
				a, b := x.bound(0, sd)-e.bound(0, sd), x.bound(1, sd)-e.bound(1, sd)
				return a >= 0 && b >= 0 && a+b > 0
			}) {
				want = append(want, e.first.ID)
			}
		}
		got := idsOf(l.Front())
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("the front is %v, want %v", got, want)
		}
	}
}

// What is known of a genome: the mean, and an interval by the noise of all.
func TestIntervals(t *testing.T) {
	t.Parallel()
	l := (&Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}}, Rules: 2}).Leaders(5)
	add := func(id, g int, x float64) *Candidate {
		c := &Candidate{Job: Job{ID: ID(id), Genome: numbered(t, g), Task: Train}, Result: Result{Status: OK, Metrics: Values{{"a", x}}}}
		l.Add(c)
		return c
	}
	one := add(1, 1, 20)
	if e := l.Estimates(one); len(e) > 0 {
		t.Errorf("of one measurement: %+v", e)
	}
	add(2, 2, 1)
	add(3, 3, 10)
	two := add(4, 2, 3)
	add(5, 3, 12)
	// The variance within is (1+1+1+1)/2, and Student's t of two degrees of freedom 4.3027.
	e := l.Estimates(two)["a"]
	if e.Mean != 2 || e.N != 2 || math.Abs(e.Low-(2-4.3027)) > 5e-5 || math.Abs(e.High-(2+4.3027)) > 5e-5 {
		t.Errorf("of two: %+v", e)
	}
	if e := l.Estimates(one)["a"]; math.Abs(e.High-(20+4.3027*math.Sqrt2)) > 7e-5 || e.N != 1 {
		t.Errorf("of one, the noise known: %+v", e)
	}
	// A difference of two such means may be sqrt 2 as large by chance.
	for gap, apart := range map[float64]bool{6: false, 6.2: true, -6.2: true} {
		if other := (Estimate{Mean: e.Mean + gap, Low: e.Low + gap, High: e.High + gap, Freedom: 2}); e.Apart(other, 1) != apart {
			t.Errorf("means that differ by %v: apart %v", gap, !apart)
		}
	}
	// Of ten comparisons each has to pass what chance exceeds in one case of 200: 14.0890 in place of 4.3027.
	for gap, apart := range map[float64]bool{6.2: false, 19.9: false, 20: true} {
		if other := (Estimate{Mean: e.Mean + gap, Low: e.Low + gap, High: e.High + gap, Freedom: 2}); e.Apart(other, 10) != apart {
			t.Errorf("of ten means those that differ by %v: apart %v", gap, !apart)
		}
	}
	for _, x := range []struct {
		freedom int
		outside float64
		want    float64
	}{
		{1, 0.05, 12.7062}, {2, 0.05, 4.3027}, {3, 0.05, 3.1824}, {10, 0.05, 2.2281}, {15, 0.05, 2.1314}, {16, 0.05, 2.1199}, {30, 0.05, 2.0423},
		{31, 0.05, 2.0395}, {120, 0.05, 1.9799}, {1e6, 0.05, 1.96}, {0, 0.05, 1.96},
		{1, 0.001, 636.6192}, {2, 0.005, 14.0890}, {5, 0.001, 6.8688}, {30, 0.001, 3.6460}, {60, 0.01, 2.6603}, {0, 0.01, 2.5758},
	} {
		if got := student(x.freedom, x.outside); math.Abs(got-x.want) > 6e-5*x.want {
			t.Errorf("t of %d degrees of freedom, outside %v: %v, want %v", x.freedom, x.outside, got, x.want)
		}
	}
}

// Numbers that are too large for their differences leave everything finite.
func TestHugeRepeats(t *testing.T) {
	t.Parallel()
	l := (&Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}}, Rules: 2}).Leaders(2)
	var last *Candidate
	for i, x := range []float64{math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, 1, -1e-300} {
		last = &Candidate{Job: Job{ID: ID(i + 1), Genome: numbered(t, 1+i/3), Task: Train}, Result: Result{Status: OK, Metrics: Values{{"a", x}}}}
		l.Add(last)
	}
	for _, c := range l.Best() {
		if e := l.Estimates(c)["a"]; !isFinite(e.Mean) || !isFinite(e.Low) || !isFinite(e.High) {
			t.Errorf("%d has %+v", c.ID, e)
		}
	}
}

// Who shares a result that turned out to be luck does not stand in its place.
func TestSharedLuck(t *testing.T) {
	t.Parallel()
	l := (&Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}}, Rules: 2}).Leaders(5)
	add := func(id, g int, x float64, reuse ID) {
		l.Add(&Candidate{
			Job:    Job{ID: ID(id), Genome: numbered(t, g), Task: Train, Reuse: reuse},
			Result: Result{Status: OK, Metrics: Values{{"a", x}}},
		})
	}
	add(1, 1, 9, 0)
	add(2, 2, 9, 1) // another genome that is the same network
	add(3, 3, 7, 0)
	add(4, 1, 9, 1) // no measurement of its own
	if got := fmt.Sprint(idsOf(l.Best())); got != "[1 2 3]" {
		t.Errorf("the best are %s", got)
	}
	add(5, 1, 1, 0)
	add(6, 4, 9, 1)
	if got := fmt.Sprint(idsOf(l.Best())); got != "[3 1]" {
		t.Errorf("after the repeat the best are %s", got)
	}
}

// BenchmarkRepeats is what a candidate costs the leaders of a history among the last
// tenth of 200,000, by what it costs among the first, where each tenth one measures who
// leads again.
func BenchmarkRepeats(b *testing.B) {
	benchmarkLeaders(b, []int{1, 2}, func(l *Leaders, c *Candidate, r *rng.Rand) {
		if c.ID%10 == 0 {
			c.Genome = l.Best()[0].Genome
		}
		for i := range c.Metrics {
			c.Metrics[i].Value = float64(0.1 * r.Normal())
		}
	})
}
