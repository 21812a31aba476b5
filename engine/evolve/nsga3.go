package evolve

import (
	"context"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("nsga3", true, func(Find) engine.Strategy { return &nsga3{} }) }

// nsga3 is NSGA-III (Deb, Jain: An Evolutionary Many-Objective Optimization Algorithm
// Using Reference-Point-Based Nondominated Sorting Approach, Part I, 2014, IEEE
// Transactions on Evolutionary Computation 18(4)), for three objectives and more, where
// nearly all are on the front and crowding distances tell little: it is nsga2, but for
// who lives on of the last front that finds room. Directions are spread evenly (Das &
// Dennis 1998) over the front's range, and each calls for candidates of its own.
type nsga3 struct{ nsga2 }

// Declare declares the options.
func (s *nsga3) Declare(o *option.Set) { s.nsga2.Declare(o) }

// Open reads the options.
func (s *nsga3) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	state, needs, err := s.nsga2.Open(ctx, setup)
	if m := len(s.judge.Objectives); m > 1 {
		s.leave = niches{s.judge, directions(m, s.size)}.leave
	}
	return state, needs, err
}

// directions are the points of a simplex lattice: all with coordinates that are
// multiples of 1/p and add up to 1, for the largest p that gives at most n of them;
// at least one for each objective.
func directions(m, n int) [][]float64 {
	p := 1
	for lattice(m, p+1) <= n {
		p++
	}
	var out [][]float64
	var fill func(point []float64, left int)
	fill = func(point []float64, left int) {
		if len(point) == m-1 {
			out = append(out, append(slices.Clone(point), float64(left)/float64(p)))
			return
		}
		for k := range left + 1 {
			fill(append(point, float64(k)/float64(p)), left-k)
		}
	}
	fill(nil, p)
	return out
}

// lattice is how many points a simplex lattice has: p+m-1 over p.
func lattice(m, p int) int {
	n := 1
	for i := 1; i < m; i++ {
		n = n * (p + i) / i
	}
	return n
}

// niches chooses who lives on by directions.
type niches struct {
	judge
	directions [][]float64
}

// leave are all but n of the ranked ones. Whole fronts stay, and of the first one that
// has no room for all its members those whose directions call for them.
func (s niches) leave(rank *engine.Rank, n int, r *rng.Rand) []*engine.Candidate {
	var stay, leave []*engine.Candidate
	for _, front := range rank.Fronts() {
		switch room := n - len(stay); {
		case len(leave) > 0 || room == 0:
			leave = append(leave, front...)
		case len(front) <= room:
			stay = append(stay, front...)
		default:
			if places := s.distances(stay, front); places != nil {
				leave = s.uncalled(places, len(stay), room, front, r)
			} else { // they lack objectives
				leave = append(leave, front[room:]...)
			}
		}
	}
	return leave
}

// uncalled are those of a front that no direction calls for. Each time a direction calls
// that has the fewest, and of its candidates the nearest one if it has none yet, else any.
// The first places are of those that stay.
func (s niches) uncalled(places [][]float64, stay, room int, front []*engine.Candidate, r *rng.Rand) (out []*engine.Candidate) {
	count := make([]int, len(s.directions))
	waiting := make([][]int, len(s.directions)) // of the front, by direction
	far := make([]float64, len(front))
	for i, p := range places {
		direction, distance := s.nearest(p)
		if i < stay {
			count[direction]++
			continue
		}
		far[i-stay] = distance
		waiting[direction] = append(waiting[direction], i-stay)
	}
	for range room {
		fewest := math.MaxInt
		var those []int
		for j, c := range count {
			switch {
			case len(waiting[j]) == 0 || c > fewest:
			case c < fewest:
				fewest, those = c, []int{j}
			default:
				those = append(those, j)
			}
		}
		j := those[r.Intn(len(those))]
		at := 0
		if count[j] > 0 {
			at = r.Intn(len(waiting[j]))
		} else {
			for k, i := range waiting[j] {
				if far[i] < far[waiting[j][at]] {
					at = k
				}
			}
		}
		waiting[j] = slices.Delete(waiting[j], at, at+1)
		count[j]++
	}
	for _, those := range waiting {
		for _, i := range those {
			out = append(out, front[i])
		}
	}
	return out
}

// distances says how far candidates are from the best in each objective, as parts of
// the front's range; nil where somebody lacks an objective.
func (s niches) distances(stay, front []*engine.Candidate) [][]float64 {
	all := slices.Concat(stay, front)
	places := make([][]float64, len(all))
	ideal := slices.Repeat([]float64{math.Inf(-1)}, len(s.Objectives))
	for i, c := range all {
		places[i] = s.Place(c)
		for k, x := range places[i] {
			ideal[k] = max(ideal[k], x)
		}
	}
	for _, p := range places {
		for k, x := range p {
			if p[k] = ideal[k]/2 - x/2; math.IsInf(p[k], 0) || math.IsNaN(p[k]) { // halves: no difference is too large
				return nil
			}
		}
	}
	span := s.span(places)
	for _, p := range places {
		for k := range p {
			p[k] /= span[k]
		}
	}
	return places
}

// span is where the plane through the front's ends meets each axis, or else the
// largest distance.
func (s niches) span(places [][]float64) []float64 {
	m := len(s.Objectives)
	ends, worst := make([][]float64, m), make([]float64, m)
	for k := range m {
		least := math.Inf(1)
		for _, p := range places {
			worst[k] = max(worst[k], p[k])
			off := 0.0
			for j, x := range p {
				if j != k {
					x *= 1e6
				}
				off = max(off, x)
			}
			if off < least {
				least, ends[k] = off, p
			}
		}
		if worst[k] == 0 {
			worst[k] = 1
		}
	}
	x := solve(ends)
	for k := range x {
		if meets := 1 / x[k]; !(meets > 1e-9*worst[k] && meets <= worst[k]) {
			return worst
		}
	}
	if x == nil {
		return worst
	}
	for k := range x {
		worst[k] = 1 / x[k]
	}
	return worst
}

// nearest is the direction that a point is nearest to, and how far it is from it.
func (s niches) nearest(p []float64) (direction int, distance float64) {
	distance = math.Inf(1)
	for j, w := range s.directions {
		along, norm := 0.0, 0.0
		for k, x := range p {
			along += float64(x * w[k])
			norm += float64(w[k] * w[k])
		}
		off := 0.0
		for k, x := range p {
			d := x - float64(along/norm*w[k])
			off += float64(d * d)
		}
		if off < distance {
			direction, distance = j, off
		}
	}
	return direction, distance
}

// solve finds x for which every row times x is 1; nil where there is no one such x.
func solve(rows [][]float64) []float64 {
	m := len(rows)
	a := make([][]float64, m)
	for i, row := range rows {
		if row == nil {
			return nil
		}
		a[i] = append(slices.Clone(row), 1)
	}
	for k := range m {
		pivot := k
		for i := k + 1; i < m; i++ {
			if math.Abs(a[i][k]) > math.Abs(a[pivot][k]) {
				pivot = i
			}
		}
		if a[pivot][k] == 0 {
			return nil
		}
		a[k], a[pivot] = a[pivot], a[k]
		for i := range m {
			if i == k {
				continue
			}
			by := a[i][k] / a[k][k]
			for j := k; j <= m; j++ {
				a[i][j] -= float64(by * a[k][j])
			}
		}
	}
	x := make([]float64, m)
	for k := range m {
		x[k] = a[k][m] / a[k][k]
	}
	return x
}
