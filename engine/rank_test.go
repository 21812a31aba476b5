package engine

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

var updateRanks = flag.Bool("update-ranks", false, "write the ranked sets that the SDKs are tested with")

// rankCase is a set of candidates with its order, as testdata/rank.json has it.
type rankCase struct {
	Objectives  []Objective  `json:"objectives"`
	Ties        []Objective  `json:"ties"`
	Constraints []Constraint `json:"constraints"`
	Rules       int          `json:"rules"`
	Candidates  []rankRow    `json:"candidates"`
	Order       []ID         `json:"order"`
	Front       int          `json:"front"`    // how many no other one dominates
	Crowding    []string     `json:"crowding"` // in the order, as their shortest decimals
}

type rankRow struct {
	ID      ID     `json:"id"`
	Status  Status `json:"status"`
	Metrics Values `json:"metrics"`
}

func (c *rankCase) ranking() Ranking { return newRanking(c.Objectives, c.Ties, c.Constraints, c.Rules) }

func (c *rankCase) set() (all []*Candidate) {
	for _, r := range c.Candidates {
		all = append(all, &Candidate{Job: Job{ID: r.ID}, Result: Result{Status: r.Status, Metrics: r.Metrics}})
	}
	return all
}

// drawRanks makes sets of all kinds: up to eight objectives, few values so that points
// repeat, sums that differ by rounding only, huge ones, missing metrics, failures,
// constraints, scales, ties.
func drawRanks(n int) []rankCase {
	r := rng.New(5)
	var cases []rankCase
	for i := range n {
		c := rankCase{Rules: []int{2, 2, 2, 2, 1, 0}[i%6]}
		goal := func() Goal { return []Goal{Maximize, Minimize}[r.Intn(2)] }
		names := []string{}
		for k := range 1 + r.Intn(MaxObjectives) {
			o := Objective{Metric: fmt.Sprintf("m%d", k), Goal: goal()}
			if r.Intn(4) == 0 {
				o.Scale = LogScale
			}
			c.Objectives, names = append(c.Objectives, o), append(names, o.Metric)
		}
		for k := range r.Intn(3) {
			o := Objective{Metric: fmt.Sprintf("t%d", k), Goal: goal()}
			c.Ties, names = append(c.Ties, o), append(names, o.Metric)
		}
		if r.Intn(3) == 0 {
			least, most := 0.2, 0.8
			k := Constraint{Metric: "m0", Max: &most}
			if r.Intn(2) == 0 {
				k.Min = &least
			}
			c.Constraints = append(c.Constraints, k)
		}
		if i >= 120 { // soft ones, too
			wish := 0.5
			c.Constraints = append(c.Constraints, Constraint{Metric: "m0", Max: &wish, Weight: 0.3})
			if r.Intn(2) == 0 {
				c.Constraints = append(c.Constraints, Constraint{Metric: names[len(names)-1], Min: new(float64), Weight: 2})
			}
		}
		kinds := 1 + r.Intn(4)
		for id := range 1 + r.Intn(30) {
			row := rankRow{ID: ID(1 + (id*7)%31), Status: OK}
			if r.Intn(12) == 0 {
				row.Status = Failed
			}
			for _, name := range names {
				if r.Intn(40) == 0 {
					continue
				}
				var x float64
				switch r.Intn(kinds) {
				case 0:
					x = float64(r.Intn(5)) / 10
				case 1:
					for range r.Intn(10) {
						x += 0.1
					}
				case 2:
					x = r.Float64()
				case 3:
					x = (r.Float64() - 0.5) * []float64{1, 1e300, math.MaxFloat64, 1e-300}[r.Intn(4)]
				}
				row.Metrics = append(row.Metrics, Value{name, x})
			}
			SortValues(row.Metrics)
			c.Candidates = append(c.Candidates, row)
		}
		cases = append(cases, c)
	}
	return cases
}

// plainly is the order by its definition alone, with the crowding distances.
func plainly(r Ranking, all []*Candidate) (order []ID, front int, crowding []float64) {
	type one struct {
		c      *Candidate
		broken float64
		at     []float64
		ties   []float64
		front  int
		crowd  float64
	}
	var ones []*one
	for _, c := range all {
		x := &one{c: c, broken: math.MaxFloat64}
		lacks := c.Status != OK
		for _, o := range r.Objectives {
			x.at = append(x.at, r.key(r.Worth(o, c.Metrics)))
			lacks = lacks || math.IsInf(x.at[len(x.at)-1], -1)
		}
		for _, o := range r.Ties {
			x.ties = append(x.ties, r.key(r.worth(o, c.Metrics)))
		}
		if lacks {
			x.at = slices.Repeat([]float64{math.Inf(-1)}, len(r.Objectives))
		}
		switch {
		case c.Status == OK:
			x.broken = min(r.Violation(c.Metrics), math.MaxFloat64/2)
		default:
			x.ties = slices.Repeat([]float64{math.Inf(-1)}, len(r.Ties))
		}
		ones = append(ones, x)
	}
	beats := func(a, b *one) bool {
		if a.broken != b.broken {
			return a.broken < b.broken
		}
		for i := range a.at {
			if a.at[i] < b.at[i] {
				return false
			}
		}
		return !slices.Equal(a.at, b.at)
	}
	younger := func(a, b *one) int {
		for i := range a.ties {
			if a.ties[i] != b.ties[i] {
				return cmp.Compare(b.ties[i], a.ties[i])
			}
		}
		return cmp.Compare(a.c.ID, b.c.ID)
	}
	left := slices.Clone(ones)
	for n := 0; len(left) > 0; n++ {
		var these, rest []*one
		for _, x := range left {
			if slices.ContainsFunc(left, func(y *one) bool { return beats(y, x) }) {
				rest = append(rest, x)
			} else {
				x.front, these = n, append(these, x)
			}
		}
		if left = rest; n == 0 {
			front = len(these)
		}
		var points []*one
		for _, x := range these {
			if !slices.ContainsFunc(these, func(y *one) bool { return slices.Equal(x.at, y.at) && younger(y, x) < 0 }) {
				points = append(points, x)
			}
		}
		if len(r.Objectives) < 2 {
			continue
		}
		for i, o := range r.Objectives {
			place := func(x *one) float64 {
				if o.Scale == LogScale && !math.IsInf(x.at[i], 0) {
					y := x.at[i]
					if o.Goal == Minimize {
						return Key(-rng.Log(max(-y, 1e-12)))
					}
					return Key(rng.Log(max(y, 1e-12)))
				}
				return x.at[i]
			}
			slices.SortFunc(points, func(a, b *one) int { return cmp.Or(cmp.Compare(place(a), place(b)), slices.Compare(a.at, b.at)) })
			last := len(points) - 1
			for k, x := range points {
				switch span := place(points[last])/2 - place(points[0])/2; {
				case len(points) < 3:
					x.crowd = math.Inf(1)
				case span == 0:
				case k == 0 || k == last:
					x.crowd = math.Inf(1)
				default:
					x.crowd += (place(points[k+1])/2 - place(points[k-1])/2) / span
				}
			}
		}
		for _, x := range points {
			x.crowd = Key(x.crowd)
		}
	}
	slices.SortFunc(ones, func(a, b *one) int {
		return cmp.Or(cmp.Compare(a.broken, b.broken), cmp.Compare(a.front, b.front), cmp.Compare(b.crowd, a.crowd), younger(a, b))
	})
	for _, x := range ones {
		order, crowding = append(order, x.c.ID), append(crowding, x.crowd)
	}
	return order, front, crowding
}

func idsOf(cs []*Candidate) (ids []ID) {
	for _, c := range cs {
		ids = append(ids, c.ID)
	}
	return ids
}

// The order is that of its definition, however a set came about: at once, one after
// the other, and with others that came and went.
func TestRankByItsDefinition(t *testing.T) {
	t.Parallel()
	r := rng.New(6)
	for i, c := range drawRanks(600) {
		all := c.set()
		want, front, _ := plainly(c.ranking(), all)
		whole := c.ranking().Rank(all...)
		if got := idsOf(whole.List()); !slices.Equal(got, want) || whole.Front() != front || whole.Len() != len(all) {
			t.Fatalf("set %d: at once %v, front %d; want %v, front %d\n%+v", i, got, whole.Front(), want, front, c)
		}
		for n := range len(all) + 2 {
			if got := idsOf(c.ranking().Top(n, all...)); !slices.Equal(got, want[:min(n, len(want))]) {
				t.Fatalf("set %d: the top %d are %v, want %v", i, n, got, want[:min(n, len(want))])
			}
		}
		one := c.ranking().Rank()
		in := map[*Candidate]bool{}
		toggle := func(c *Candidate) {
			if in[c] = !in[c]; in[c] {
				one.Add(c)
			} else if !one.Remove(c) {
				t.Fatalf("set %d: candidate %d cannot be taken out", i, c.ID)
			}
		}
		for range 2 * len(all) {
			toggle(all[r.Intn(len(all))])
			if r.Intn(4) == 0 {
				one.List()
			}
		}
		half := []*Candidate{}
		for _, c := range all {
			if in[c] {
				half = append(half, c)
			}
		}
		wantHalf, frontHalf, _ := plainly(c.ranking(), half)
		if got := idsOf(one.List()); !slices.Equal(got, wantHalf) || one.Front() != frontHalf || one.Len() != len(half) {
			t.Fatalf("set %d: of what came and went %v, want %v\n%+v", i, got, wantHalf, c)
		}
		for _, c := range all {
			if !in[c] {
				one.Add(c)
			}
		}
		if got := idsOf(one.List()); !slices.Equal(got, want) || one.Front() != front {
			t.Fatalf("set %d: one after the other %v, want %v\n%+v", i, got, want, c)
		}
		if one.Remove(&Candidate{Job: Job{ID: 99}}) {
			t.Errorf("set %d: a stranger was taken out", i)
		}
		for _, a := range all {
			for _, b := range all {
				if x, y := c.ranking().Compare(a, b), c.ranking().Compare(b, a); x != -y {
					t.Fatalf("set %d: %d and %d compare as %d and %d", i, a.ID, b.ID, x, y)
				}
			}
		}
	}
}

const rankFile = "../testdata/rank.json"

// The sets that the SDKs are tested with have the order that they should.
func TestRankFile(t *testing.T) {
	t.Parallel()
	if *updateRanks {
		cases := drawRanks(160)
		for i := range cases {
			var crowding []float64
			cases[i].Order, cases[i].Front, crowding = plainly(cases[i].ranking(), cases[i].set())
			for _, x := range crowding {
				cases[i].Crowding = append(cases[i].Crowding, fmt.Sprint(x))
			}
		}
		var b []byte
		for i, c := range cases {
			line, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				b = append(b, ",\n"...)
			}
			b = append(b, line...)
		}
		if err := os.WriteFile(filepath.FromSlash(rankFile), append(append([]byte("[\n"), b...), "\n]\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.FromSlash(rankFile))
	if err != nil {
		t.Fatal(err)
	}
	var cases []rankCase
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) < 100 {
		t.Fatalf("%d sets: %v", len(cases), err)
	}
	for i, c := range cases {
		rank := c.ranking().Rank(c.set()...)
		if got := idsOf(rank.List()); !slices.Equal(got, c.Order) || rank.Front() != c.Front {
			t.Errorf("set %d: %v, recorded %v", i, got, c.Order)
		}
		if len(c.ranking().Objectives) < 2 {
			continue
		}
		var crowding []string
		for _, f := range rank.fronts {
			for _, m := range f.members {
				crowding = append(crowding, fmt.Sprint(m.crowding))
			}
		}
		if !reflect.DeepEqual(crowding, c.Crowding) {
			t.Errorf("set %d: crowding distances %v, recorded %v", i, crowding, c.Crowding)
		}
	}
}

// numbered is the i-th of many genomes, from 1.
func numbered(t testing.TB, i int) genome.Genome {
	t.Helper()
	g, err := numbers.Parse(fmt.Sprintf("x=%d", i))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var numbers = genome.MustParseSpace(`{"x": {"int": [1, 1000000]}}`)

// Leaders are the n best of all that came, of different genomes. Before revision 2 a
// genome that came several times counted as its best.
func TestLeaders(t *testing.T) {
	t.Parallel()
	r := rng.New(7)
	for i, c := range drawRanks(300) {
		plan := &Plan{Objectives: c.Objectives, Ties: c.Ties, Constraints: c.Constraints, Rules: c.Rules}
		l := plan.Leaders(5)
		var all []*Candidate
		for _, x := range c.set() {
			x.Genome, x.Task = numbered(t, int(x.ID)), Train
			if c.Rules < 2 {
				x.Genome = numbered(t, 1+r.Intn(12))
			}
			l.Add(x)
			if x.Status != OK {
				continue
			}
			all = append(all, x)
		}
		want, front, _ := plainly(plan.Ranking(), all)
		several := len(plan.Ranking().Objectives) > 1
		if several {
			want = want[:front]
		}
		var order []ID
		seen := map[genome.Genome]bool{}
		for _, id := range want {
			if x := all[slices.IndexFunc(all, func(x *Candidate) bool { return x.ID == id })]; !seen[x.Genome] {
				seen[x.Genome], order = true, append(order, id)
			}
		}
		best := l.Best()
		if len(best) != min(5, len(order)) {
			t.Fatalf("set %d: %d best of %d", i, len(best), len(order))
		}
		if !several {
			if !slices.Equal(idsOf(best), order[:len(best)]) || len(l.Front()) > 0 {
				t.Errorf("set %d: the best are %v, want %v", i, idsOf(best), order)
			}
			continue
		}
		if got := l.Front(); len(got) != len(order) || len(got) > 0 && got[0] != best[0] {
			t.Errorf("set %d: the front is %v, want %v; the best is %d", i, idsOf(got), order, best[0].ID)
		}
		for _, x := range l.Front() {
			if o := plan.Objectives[0]; (&Ranking{}).worth(o, x.Metrics) > (&Ranking{}).worth(o, best[0].Metrics) || !slices.Contains(want, x.ID) {
				t.Errorf("set %d: %d is better by the first objective than %d, which stands first; on the front are %v", i, x.ID, best[0].ID, want)
			}
		}
		if len(best) == 0 {
			continue
		}
		for k, id := range slices.DeleteFunc(order, func(id ID) bool { return id == best[0].ID })[:len(best)-1] {
			if best[k+1].ID != id {
				t.Errorf("set %d: behind the best is %d, want %d", i, best[k+1].ID, id)
			}
		}
	}
}

// A front that would be too large to be kept loses those who stand closest to others.
func TestLargeFront(t *testing.T) {
	t.Parallel()
	plan := &Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}, {Metric: "b", Goal: Minimize}}, Rules: 2}
	l := plan.Leaders(10)
	add := func(id, i int, again bool) {
		x := float64(i * i) // ever further apart
		l.Add(&Candidate{
			Job:    Job{ID: ID(id), Genome: numbered(t, i+1), Task: Train, Replicate: again},
			Result: Result{Status: OK, Metrics: Values{{"a", x}, {"b", x}}},
		})
	}
	for i := range 2 * maxFront {
		if add(i+1, i, false); l.Part() != (i >= maxFront) {
			t.Fatalf("of a front of %d it is %v that some are missing", i+1, l.Part())
		}
	}
	front := l.Front()
	add(3*maxFront, 2*maxFront-1, true)
	if !l.clone().Part() {
		t.Error("once one was measured again nobody is missing any more")
	}
	if n := len(front); n > maxFront || n < maxFront/2 || l.rank.Len() != n || front[0].ID != 2*maxFront || front[n-1].ID != 1 {
		t.Errorf("of a front of %d stay %d, from %d to %d", 2*maxFront, len(front), front[0].ID, front[len(front)-1].ID)
	}
}

// BenchmarkLeaders is what a candidate costs the front of a history among the last
// tenth of 200,000, by what it costs among the first.
func BenchmarkLeaders(b *testing.B) {
	benchmarkLeaders(b, []int{2, 3, MaxObjectives}, func(_ *Leaders, c *Candidate, r *rng.Rand) {
		for i := range c.Metrics {
			c.Metrics[i].Value = r.Float64()
		}
	})
}

// benchmarkLeaders times candidates with so many objectives each, which measure fills in.
func benchmarkLeaders(b *testing.B, objectives []int, measure func(*Leaders, *Candidate, *rng.Rand)) {
	const n = 200_000
	for _, m := range objectives {
		b.Run(fmt.Sprint(m), func(b *testing.B) {
			for b.Loop() {
				r := rng.New(1)
				plan := &Plan{Rules: 2}
				for k := range m {
					plan.Objectives = append(plan.Objectives, Objective{Metric: fmt.Sprint(k), Goal: Maximize})
				}
				l := plan.Leaders(1)
				var took [10]time.Duration
				for tenth := range took {
					start := time.Now()
					for i := range n / len(took) {
						id := tenth*n/10 + i + 1
						c := &Candidate{Job: Job{ID: ID(id), Genome: numbered(b, id), Task: Train}, Result: Result{Status: OK}}
						for k := range m {
							c.Metrics = append(c.Metrics, Value{Name: fmt.Sprint(k)})
						}
						measure(l, c, r)
						l.Add(c)
					}
					took[tenth] = time.Since(start)
				}
				b.ReportMetric(float64(took[0].Nanoseconds())/n*10, "early-ns")
				b.ReportMetric(float64(took[9].Nanoseconds())/n*10, "late-ns")
				b.ReportMetric(float64(took[9])/float64(took[0]), "late/early")
				b.ReportMetric(float64(l.rank.Len()), "front")
			}
		})
	}
}
