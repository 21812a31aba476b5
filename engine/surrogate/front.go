package surrogate

import (
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Front is what is to be improved upon where there are several objectives: the volume
// that its members dominate, up to a reference. More is better in each coordinate.
// The volume is exact while what no member dominates falls into few boxes, as it always
// does with two objectives; else it is what is found in some directions from the
// reference (Deng & Zhang 2019).
type Front struct {
	reference []float64
	edges     [][]float64 // of each coordinate, rising: the reference, and where the members lie
	boxes     [][]side    // of what no member dominates
	rays      []ray       // instead of boxes
}

// ray is a direction from the reference, and how far along it the members reach.
type ray struct {
	along []float64
	reach float64
}

const (
	mostBoxes = 4000
	rays      = 64
)

// side is where a box begins and ends, as edges of a coordinate; after the last one it
// does not end.
type side struct{ low, high int }

// NewFront makes one of points, wherever they lie.
func NewFront(points [][]float64, reference []float64) *Front {
	f := &Front{reference: reference, edges: make([][]float64, len(reference))}
	var members [][]float64
	for _, p := range Undominated(points) {
		inside := true
		for j, x := range p {
			inside = inside && x > reference[j]
		}
		if inside {
			members = append(members, p)
		}
	}
	boxes := 1
	for range len(reference) - 2 {
		if boxes *= len(members) + 1; boxes*(len(members)+1) > mostBoxes {
			f.cast(members)
			return f
		}
	}
	for j, x := range reference {
		f.edges[j] = append(f.edges[j], x)
		for _, p := range members {
			f.edges[j] = append(f.edges[j], p[j])
		}
		slices.Sort(f.edges[j])
		f.edges[j] = slices.Compact(f.edges[j])
	}
	at := make([][]int, len(members))
	for i, p := range members {
		for j, x := range p {
			k, _ := slices.BinarySearch(f.edges[j], x)
			at[i] = append(at[i], k)
		}
	}
	f.cut(at, len(reference)-1, nil)
	return f
}

// Undominated are the points that no other one reaches, each once.
func Undominated(points [][]float64) (out [][]float64) {
	for _, p := range points {
		if !slices.ContainsFunc(out, func(q []float64) bool { return reaches(q, p) }) {
			out = append(slices.DeleteFunc(out, func(q []float64) bool { return reaches(p, q) }), p)
		}
	}
	return out
}

// reaches tells whether p is nowhere worse than q.
func reaches(p, q []float64) bool {
	for j, x := range p {
		if x < q[j] {
			return false
		}
	}
	return true
}

// cut cuts what no member dominates into boxes, in the coordinates up to one: the sides
// in those beyond it are given. Between two edges of that coordinate it is what those
// members do not dominate that reach beyond.
func (f *Front) cut(members [][]int, coordinate int, sides []side) {
	if coordinate == 0 {
		most := 0
		for _, p := range members {
			most = max(most, p[0])
		}
		sides = append(slices.Clone(sides), side{most, len(f.edges[0])})
		slices.Reverse(sides)
		f.boxes = append(f.boxes, sides)
		return
	}
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b []int) int { return a[coordinate] - b[coordinate] })
	low := 0
	for len(members) > 0 {
		high := members[0][coordinate]
		if high > low {
			f.cut(members, coordinate-1, append(slices.Clone(sides), side{low, high}))
		}
		low, members = high, members[1:]
	}
	f.cut(nil, coordinate-1, append(slices.Clone(sides), side{low, len(f.edges[coordinate])}))
}

// Improvement is the logarithm of how much the volume is expected to grow by a point
// whose coordinates are independent normal numbers (Emmerich, Giannakoglou & Naujoks
// 2006): of each box, the product of how far the point is expected to reach into it.
func (f *Front) Improvement(means, sds []float64) float64 {
	if f.rays != nil {
		return rng.Log(max(f.lengthen(means, sds), 1e-300))
	}
	var room [128]float64
	reach := room[:0]
	for j, edges := range f.edges {
		for _, x := range edges {
			reach = append(reach, float64(sds[j]*excess((means[j]-x)/sds[j])))
		}
		reach = append(reach, 0)
	}
	total := 0.0
	for _, b := range f.boxes {
		volume, at := 1.0, 0
		for j, s := range b {
			volume = float64(volume * max(reach[at+s.low]-reach[at+s.high], 0))
			at += len(f.edges[j]) + 1
		}
		total += volume
	}
	return rng.Log(max(total, 1e-300))
}

// cast casts rays evenly over the directions, as wide as the members lie.
func (f *Front) cast(members [][]float64) {
	r := rng.New(1) // always the same
	for range rays {
		x := ray{along: make([]float64, len(f.reference))}
		square := 0.0
		for j := range x.along {
			x.along[j] = max(math.Abs(r.Normal()), 1e-3)
			square += float64(x.along[j] * x.along[j])
		}
		for j := range x.along {
			wide := 0.0
			for _, p := range members {
				wide = max(wide, p[j]-f.reference[j])
			}
			if wide == 0 {
				wide = 1
			}
			x.along[j] = float64(x.along[j]*wide) / math.Sqrt(square)
		}
		for _, p := range members {
			x.reach = max(x.reach, f.upTo(p, nil, 0, x.along))
		}
		f.rays = append(f.rays, x)
	}
}

// upTo is how far along a ray a point reaches that many deviations beyond p.
func (f *Front) upTo(p, sds []float64, many float64, along []float64) float64 {
	t := math.Inf(1)
	for j, x := range p {
		if sds != nil {
			x += float64(many * sds[j])
		}
		t = min(t, (x-f.reference[j])/along[j])
	}
	return t
}

// lengthen is the volume that a point is expected to add, but for a factor: the mean
// over the rays of the power that its reach grows by. The probability that it reaches
// beyond t is the product of those of the coordinates, and is integrated by Gauss and
// Legendre's rule.
func (f *Front) lengthen(means, sds []float64) float64 {
	const far = 5 // deviations
	total := 0.0
	for i := range f.rays {
		x := &f.rays[i]
		high := f.upTo(means, sds, far, x.along)
		if high <= x.reach {
			continue
		}
		for k, node := range legendreAt {
			t := x.reach + float64((high-x.reach)*node)
			p := float64(legendreWeights[k] * (high - x.reach))
			for j, a := range x.along {
				p = float64(p * below((means[j]-f.reference[j]-float64(t*a))/sds[j]))
				if j > 0 {
					p = float64(p * t)
				}
			}
			total += p
		}
	}
	return total
}

// The nodes and weights of Gauss and Legendre between 0 and 1.
var (
	legendreAt = [6]float64{0.03376524289842399, 0.16939530676686775, 0.3806904069584016, 0.6193095930415985,
		0.8306046932331322, 0.966234757101576}
	legendreWeights = [6]float64{0.08566224618958517, 0.1803807865240693, 0.2339569672863455, 0.2339569672863455,
		0.1803807865240693, 0.08566224618958517}
)

// excess is how much a standard normal number that z is added to is expected to exceed
// 0: density(z) + z Below(z), from a table of it and its slope.
func excess(z float64) float64 {
	switch {
	case !(z > -tableEnd):
		return 0
	case z >= tableEnd:
		return z
	}
	return table.at(z, excessAt)
}

// below is Below from the table.
func below(z float64) float64 {
	switch {
	case !(z > -tableEnd):
		return 0
	case z >= tableEnd:
		return 1
	}
	return float64(table.at(z, belowAt) * tableSteps)
}

// normals are values of two functions of the normal distribution, and their slopes.
type normals [2*tableEnd*tableSteps + 1][3]float64

// What a row of normals holds: each is the slope of the one before.
const (
	excessAt = iota
	belowAt
)

const (
	tableEnd   = 9
	tableSteps = 32 // between 0 and 1
)

var table = func() (t normals) {
	for k := range t {
		z := float64(float64(k)/tableSteps) - tableEnd
		t[k] = [3]float64{density(z) + float64(z*Below(z)), Below(z) / tableSteps, density(z) / (tableSteps * tableSteps)}
	}
	return t
}()

// at interpolates by the cubic that has the values and slopes on both sides (Hermite).
func (n *normals) at(z float64, what int) float64 {
	x := float64((z + tableEnd) * tableSteps)
	k := int(x)
	t := x - float64(k)
	a, b := &n[k], &n[k+1]
	up, from, to := b[what]-a[what], a[what+1], b[what+1]
	bend := float64(3*up) - float64(2*from) - to
	twist := from + to - float64(2*up)
	return a[what] + float64(t*(from+float64(t*(bend+float64(t*twist)))))
}
