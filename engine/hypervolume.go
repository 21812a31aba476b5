package engine

import (
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Hypervolume is the volume of what the front dominates, up to a reference: larger
// where a front is nearer to the best there is, or wider. Sides are differences of
// metrics; on a logarithmic scale, of natural logarithms. It is exact, but for rounding,
// or an estimate with its error where a front of many objectives is too large (see
// volume). It falls only where candidates that were measured again turn out to be worse;
// what a front had to leave out for its size (see maxFront) counts until then.
// Who breaks a constraint or is not better than the reference in all objectives
// adds nothing. The reference is the plan's or else, for each objective, a tenth of the
// range beyond the worst value of the first measurements of the first 20 genomes that
// were measured at the fidelity. It is false with one objective, and where there is no reference yet.
func (l *Leaders) Hypervolume() (Hypervolume, bool) {
	var out Hypervolume
	at, ok := l.reference.at()
	if !ok || l.volume == nil {
		return out, false
	}
	for i, o := range l.rank.ranking.Objectives {
		x, declared := l.plan.Reference.Get(o.Metric)
		if !declared {
			x = o.value(at[i])
		}
		out.Reference = append(out.Reference, Value{o.Metric, x})
	}
	SortValues(out.Reference)
	out.Volume, out.Error = l.volume.value()
	return out, true
}

// measure begins the volume anew with the front of now, if there is a reference.
func (l *Leaders) measure() {
	l.volume = nil
	if at, ok := l.reference.at(); ok && l.several() {
		l.volume = newVolume(at)
		for _, m := range l.rank.fronts[0].members {
			l.dominates(m)
		}
	}
}

// dominates lets one who comes to the front count for the volume.
func (l *Leaders) dominates(m *member) {
	if l.volume != nil && m.violation == 0 && better(m.place, l.volume.reference) {
		l.volume.add(m.place)
	}
}

// contributing are n of the front that dominate much together: the best by the preferred
// objective, then always the one that adds most to the volume of those chosen (Guerreiro,
// Fonseca & Paquete 2016: Greedy hypervolume subset selection in low dimensions), as long
// as one adds any, then those that stand alone. With one objective they are the best.
func (l *Leaders) contributing() []*Candidate {
	best := l.Best()
	at, ok := l.reference.at()
	if !ok || !l.several() || len(best) < max(1, l.n) {
		return best
	}
	type place struct {
		*Candidate
		at     []float64 // nil: it adds nothing
		adds   float64   // or less, if others were chosen since
		chosen int       // how many were when that was computed
	}
	var chosen []*Candidate
	var volumes [][]float64
	var left []place
	for _, c := range different(slices.Concat(best[:1], l.rank.List()[:l.rank.Front()])) {
		p, m := place{Candidate: c}, l.estimates.member(c)
		if m.violation == 0 && better(m.place, at) {
			p.at, p.adds = m.place, math.MaxFloat64
		}
		left = append(left, p)
	}
	for i := 0; ; {
		p := &left[i]
		if p.at != nil && p.chosen < len(chosen) {
			p.adds, p.chosen = adds(p.at, volumes, at), len(chosen)
		} else {
			if chosen = append(chosen, p.Candidate); len(chosen) == l.n {
				return chosen
			}
			if p.at != nil {
				volumes = append(volumes, p.at)
			}
			left = slices.Delete(left, i, i+1)
		}
		// What a candidate adds shrinks as others are chosen: who leads with what it adds
		// now adds most.
		i = 0
		for k := range left {
			if left[k].adds > left[i].adds {
				i = k
			}
		}
	}
}

// better tells whether a place is better than the reference in all objectives.
func better(place, reference []float64) bool {
	for i, x := range place {
		if !(x > reference[i]) {
			return false
		}
	}
	return true
}

// adds is the volume that a point dominates and others do not, at most the largest
// number.
func adds(p []float64, others [][]float64, reference []float64) float64 {
	var limited [][]float64
	for _, q := range others {
		x := make([]float64, len(p))
		for i := range x {
			x[i] = min(p[i], q[i])
		}
		limited = append(limited, x)
	}
	volume := box(p, reference) - hypervolume(undominated(limited), reference)
	if math.IsNaN(volume) { // two that are too large
		return 0
	}
	return min(max(0, volume), math.MaxFloat64)
}

// reference is what a hypervolume is measured against.
type reference struct {
	declared []float64 // in places; nil: there is none
	worst    []float64 // of the first few
	best     []float64
	n        int
}

// firstFew make the reference where none is declared.
const firstFew = 20

func newReference(r *Ranking, declared Values) reference {
	var out reference
	for _, o := range r.Objectives {
		if x, ok := declared.Get(o.Metric); ok {
			if o.Goal == Minimize {
				x = -x
			}
			out.declared = append(out.declared, r.key(o.place(x)))
		}
	}
	return out
}

// anew is the reference of another fidelity.
func (f *reference) anew() reference { return reference{declared: f.declared} }

// add takes a candidate in, and tells whether the reference moved.
func (f *reference) add(m *member) bool {
	if f.declared != nil || f.n == firstFew || m.Status != OK || slices.Contains(m.at, math.Inf(-1)) {
		return false
	}
	if f.n++; f.n == 1 {
		f.worst, f.best = slices.Clone(m.place), slices.Clone(m.place)
		return true
	}
	f.worst, f.best = slices.Clone(f.worst), slices.Clone(f.best) // others may hold them
	for i, x := range m.place {
		f.worst[i], f.best[i] = min(f.worst[i], x), max(f.best[i], x)
	}
	return true
}

// at is where the reference lies.
func (f *reference) at() ([]float64, bool) {
	if f.declared != nil || f.n == 0 {
		return f.declared, f.declared != nil
	}
	out := make([]float64, len(f.worst))
	for i, x := range f.worst {
		out[i] = Key(max(-math.MaxFloat64, x-(f.best[i]/10-x/10)))
	}
	return out, true
}

// value is the metric whose place on the objective's scale is x.
func (o *Objective) value(x float64) float64 {
	if o.Goal == Minimize {
		x = -x
	}
	if o.Scale == LogScale {
		return min(rng.Exp(x), math.MaxFloat64)
	}
	return x
}

// hypervolume is the volume of what points dominate, up to a reference that all of
// them are better than: exactly, by the algorithm WFG (While, Bradstreet & Barone
// 2012). More is better in each coordinate; the points are reordered.
func hypervolume(points [][]float64, reference []float64) float64 {
	m := len(reference)
	switch {
	case len(points) == 0:
		return 0
	case len(points) == 1 || m == 1:
		best := 0.0
		for _, p := range points {
			best = max(best, box(p, reference))
		}
		return best
	}
	last := m - 1
	if m == 2 {
		slices.SortFunc(points, func(a, b []float64) int { return slices.Compare(b, a) })
		volume, height := 0.0, reference[1]
		for _, p := range points {
			if p[1] > height {
				volume += float64((p[0] - reference[0]) * (p[1] - height))
				height = p[1]
			}
		}
		return volume
	}
	// Each point adds what it dominates, less what those behind it do. They are no
	// worse in the last coordinate, so that one coordinate less has to be looked at.
	slices.SortFunc(points, func(a, b []float64) int {
		for i := last; i >= 0; i-- {
			if a[i] != b[i] {
				if a[i] < b[i] {
					return -1
				}
				return 1
			}
		}
		return 0
	})
	volume := 0.0
	for k, p := range points {
		limited := make([][]float64, 0, len(points)-k-1)
		for _, q := range points[k+1:] {
			x := make([]float64, last)
			for i := range x {
				x[i] = min(p[i], q[i])
			}
			limited = append(limited, x)
		}
		exclusive := box(p[:last], reference[:last]) - hypervolume(undominated(limited), reference[:last])
		volume += float64(exclusive * (p[last] - reference[last]))
	}
	return volume
}

// box is the volume between a point and the reference.
func box(p, reference []float64) float64 {
	volume := 1.0
	for i, x := range p {
		volume *= x - reference[i]
	}
	return volume
}

// undominated drops points that are nowhere better than another one.
func undominated(points [][]float64) [][]float64 {
	var out [][]float64
next:
	for _, p := range points {
		for i := 0; i < len(out); i++ {
			switch below, above := within(p, out[i]), within(out[i], p); {
			case below:
				continue next
			case above:
				out[i] = out[len(out)-1]
				out = out[:len(out)-1]
				i--
			}
		}
		out = append(out, p)
	}
	return out
}

// within tells whether a is nowhere better than b.
func within(a, b []float64) bool {
	for i, x := range a {
		if x > b[i] {
			return false
		}
	}
	return true
}
