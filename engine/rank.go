package engine

import (
	"cmp"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Rank keeps candidates of one fidelity in a total order, best first, while they
// come and go. What was not measured is last. Among the measured go before:
//
//   - the smaller violation of the constraints (Deb 2000); soft ones make the
//     objectives worse instead, see Ranking.Penalty;
//   - the lower front: front 0 are those that no other one dominates, that is to say
//     is at least as good as in every objective and better in one; front 1 those that
//     only front 0 dominates, and so on (Deb et al. 2002). Who lacks an objective is
//     behind all that have them;
//   - within a front who stands alone: the larger crowding distance, over the
//     candidates that differ in an objective. The ends of a front have an infinite
//     one; who repeats another's objectives has none;
//   - who is better by the ties, in their order; the smaller id.
//
// With one objective that is the order of its values, then of the ties, then of age.
// Numbers are compared by their Key.
//
// A change costs about as much as the members of the set, times the objectives; with
// one objective the logarithm of that. A Rank is not safe for concurrent use.
type Rank struct {
	ranking Ranking
	list    []*Candidate // best first; with several objectives only until the next change
	members []*member    // with one objective at most: of list
	fronts  []front      // with several
	n       int
	part    bool // some of the first front were dropped
}

// member is a candidate with the keys that it is compared by.
type member struct {
	*Candidate
	violation float64
	worths    []float64 // by each objective
	at        []float64 // by which they are compared: these, or less where they are uncertain
	place     []float64 // the same, on the scale of each
	ties      []float64
	crowding  float64
}

// front are candidates of which none dominates another, in no order unless sorted.
type front struct {
	members []*member
	sorted  bool
}

// Rank puts candidates in order, each id once. With several objectives n of them cost
// about n times the square root of n.
func (r Ranking) Rank(candidates ...*Candidate) *Rank {
	all := make([]*member, len(candidates))
	for i, c := range candidates {
		all[i] = r.member(c)
	}
	return r.rank(all)
}

// Top are the n best of candidates, in the order of a Rank, which takes less than to rank
// them all.
func (r Ranking) Top(n int, candidates ...*Candidate) []*Candidate {
	all := make([]*member, len(candidates))
	for i, c := range candidates {
		all[i] = r.member(c)
	}
	top := r.top(all, n).List()
	return top[:min(n, len(top))]
}

// rank puts members in order.
func (r Ranking) rank(all []*member) *Rank { return r.top(all, len(all)) }

// top puts members in order, those that have n others on the fronts before left out.
func (r Ranking) top(all []*member, n int) *Rank {
	s := &Rank{ranking: r, n: len(all)}
	// In this order nobody dominates one before.
	slices.SortFunc(all, func(a, b *member) int {
		return cmp.Or(a.worse(b), slices.CompareFunc(b.at, a.at, cmp.Compare[float64]), a.tied(b))
	})
	if len(r.Objectives) < 2 {
		s.members = all
		for _, m := range all {
			s.list = append(s.list, m.Candidate)
		}
		return s
	}
	last := -1 // the front with which there are n, once there are
	for _, m := range all {
		if last >= 0 && dominated(m, s.fronts[last].members) {
			s.n--
			continue
		}
		if k := s.frontOf(m); k < len(s.fronts) {
			s.fronts[k].members = append(s.fronts[k].members, m)
		} else {
			s.fronts = append(s.fronts, front{members: []*member{m}})
		}
		for k, sum := 0, 0; k < len(s.fronts) && n < len(all) && (last < 0 || k < last); k++ {
			if sum += len(s.fronts[k].members); sum >= n {
				last = k
			}
		}
	}
	return s
}

// Sort puts candidates in the order of a Rank.
func (r Ranking) Sort(candidates []*Candidate) {
	copy(candidates, r.Rank(candidates...).List())
}

// Len is how many candidates there are.
func (s *Rank) Len() int { return s.n }

// List are all candidates, best first, until the next change. It is not to be changed.
func (s *Rank) List() []*Candidate {
	if s.list == nil {
		s.list = make([]*Candidate, 0, s.n)
		for i := range s.fronts {
			s.fronts[i].sort()
			for _, m := range s.fronts[i].members {
				s.list = append(s.list, m.Candidate)
			}
		}
	}
	return s.list
}

// Front is how many candidates no other one is better than: the first of List. With
// one objective these are the equals of the best.
func (s *Rank) Front() int {
	if len(s.ranking.Objectives) > 1 {
		if len(s.fronts) == 0 {
			return 0
		}
		return len(s.fronts[0].members)
	}
	n := 0
	for n < s.n && s.members[n].dominates(s.members[0]) == 0 {
		n++
	}
	return n
}

// Fronts are the candidates by fronts, each in order; with one objective those of equal
// value.
func (s *Rank) Fronts() (out [][]*Candidate) {
	list := s.List()
	if len(s.ranking.Objectives) > 1 {
		for _, f := range s.fronts {
			out, list = append(out, list[:len(f.members)]), list[len(f.members):]
		}
		return out
	}
	for i := range list {
		if i == 0 || s.members[i-1].dominates(s.members[i]) != 0 {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], list[i])
	}
	return out
}

// first are the members of the front in no particular order.
func (s *Rank) first() []*Candidate {
	if len(s.ranking.Objectives) < 2 {
		return s.list[:s.Front()]
	}
	var out []*Candidate
	if s.n == 0 {
		return nil
	}
	for _, m := range s.fronts[0].members {
		out = append(out, m.Candidate)
	}
	return out
}

// Add takes a candidate in whose id is new.
func (s *Rank) Add(c *Candidate) { s.add(s.ranking.member(c)) }

func (s *Rank) add(m *member) {
	s.n++
	if len(s.ranking.Objectives) < 2 {
		i, _ := slices.BinarySearchFunc(s.members, m, (*member).order)
		s.members, s.list = slices.Insert(s.members, i, m), slices.Insert(s.list, i, m.Candidate)
		return
	}
	// Efficient update of the fronts (Li, Deb, Zhang & Zhang 2017): whom a newcomer
	// dominates moves on to the next front, and so on.
	s.list = nil
	come := []*member{m}
	for k := s.frontOf(m); ; k++ {
		if k == len(s.fronts) {
			s.fronts = append(s.fronts, front{members: come})
			return
		}
		stay, moved := split(s.fronts[k].members, func(x *member) bool { return !dominated(x, come) })
		if len(stay) == 0 { // all of them move on, and with them all that follow
			s.fronts = slices.Insert(s.fronts, k, front{members: come})
			return
		}
		s.fronts[k] = front{members: append(stay, come...)}
		if come = moved; len(come) == 0 {
			return
		}
	}
}

// Remove takes a candidate out, and tells whether it was in.
func (s *Rank) Remove(c *Candidate) bool {
	m := s.ranking.member(c)
	if len(s.ranking.Objectives) < 2 {
		i, ok := slices.BinarySearchFunc(s.members, m, (*member).order)
		if ok {
			s.members, s.list = slices.Delete(s.members, i, i+1), slices.Delete(s.list, i, i+1)
			s.n--
		}
		return ok
	}
	for k := range s.fronts {
		stay, gone := split(s.fronts[k].members, func(x *member) bool { return x.ID != c.ID })
		if len(gone) == 0 {
			continue
		}
		s.n--
		s.list = nil
		s.close(k, stay, gone)
		return true
	}
	return false
}

// close moves those up whom only members dominated that are gone from front k.
func (s *Rank) close(k int, stay, gone []*member) {
	for {
		s.fronts[k] = front{members: stay}
		if len(stay) == 0 { // all that follow are a front lower
			s.fronts = slices.Delete(s.fronts, k, k+1)
			return
		}
		if k+1 == len(s.fronts) {
			return
		}
		var up []*member
		rest, below := split(s.fronts[k+1].members, func(x *member) bool { return !dominated(x, gone) })
		for _, x := range below {
			if dominated(x, stay) {
				rest = append(rest, x)
			} else {
				up = append(up, x)
			}
		}
		if len(up) == 0 {
			return
		}
		s.fronts[k].members = append(stay, up...)
		k, stay, gone = k+1, rest, up
	}
}

// shorten drops all but the first few, with several objectives of those behind the first
// front: once there are twice as many. Of a first front with more than most members the
// second half goes, and all behind it. So it is seldom put in order.
func (s *Rank) shorten(few, most int) {
	if len(s.ranking.Objectives) < 2 {
		n := min(few, s.n)
		clear(s.members[n:])
		clear(s.list[n:])
		s.members, s.list, s.n = s.members[:n], s.list[:n], n
		return
	}
	if n := len(s.fronts[0].members); n > most {
		s.fronts = s.fronts[:1]
		s.fronts[0].keep(most / 2)
		s.n, s.list, s.part = most/2, nil, true
		return
	}
	behind := s.n - len(s.fronts[0].members)
	if behind <= 2*few {
		return
	}
	for behind > few {
		last := &s.fronts[len(s.fronts)-1]
		if n := len(last.members); behind-n >= few {
			s.fronts, behind = s.fronts[:len(s.fronts)-1], behind-n
			continue
		}
		last.keep(len(last.members) - (behind - few))
		behind = few
	}
	s.n, s.list = len(s.fronts[0].members)+behind, nil
}

// keep drops all but the first n members.
func (f *front) keep(n int) {
	f.sort()
	f.members = f.members[:n:n]
}

// all are the members, those of the first front first.
func (s *Rank) all() []*member {
	if len(s.ranking.Objectives) < 2 {
		return s.members
	}
	out := make([]*member, 0, s.n)
	for _, f := range s.fronts {
		out = append(out, f.members...)
	}
	return out
}

// clone is a Rank of the same candidates, in order already.
func (s *Rank) clone() *Rank {
	again := *s
	again.list = slices.Clone(s.List())
	again.members, again.fronts = slices.Clone(s.members), slices.Clone(s.fronts)
	return &again
}

// frontOf is the first front that has nobody who dominates m. Who is dominated by
// one of a front is dominated by one of each front before.
func (s *Rank) frontOf(m *member) int {
	lo, hi := 0, len(s.fronts)
	for lo < hi {
		if mid := (lo + hi) / 2; dominated(m, s.fronts[mid].members) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// member computes what a candidate is compared by.
func (r *Ranking) member(c *Candidate) *member {
	n := len(r.Objectives)
	worths := make([]float64, n+len(r.Ties))
	for i := range worths {
		worths[i] = math.Inf(-1)
	}
	m := &member{Candidate: c, worths: worths[:n:n], at: worths[:n:n], place: worths[:n:n], ties: worths[n:]}
	if c.Status != OK {
		return m
	}
	m.violation = r.Violation(c.Metrics)
	for i, o := range r.Ties {
		m.ties[i] = r.key(r.worth(o, c.Metrics))
	}
	penalty := r.Penalty(c.Metrics)
	for i, o := range r.Objectives {
		m.at[i] = r.key(penalized(r.worth(o, c.Metrics), penalty))
	}
	if slices.Contains(m.at, math.Inf(-1)) {
		for i := range m.at {
			m.at[i] = math.Inf(-1)
		}
		return m
	}
	for i, o := range r.Objectives {
		if o.Scale == LogScale {
			m.place = slices.Clone(m.place)
			m.place[i] = r.key(o.place(m.at[i]))
		}
	}
	return m
}

// less is the member as it is compared where its worths are uncertain: each less its
// standard error. Where it lies stays the same.
func (m *member) less(r *Ranking, errors []float64) *member {
	out := *m
	out.at = slices.Clone(m.worths)
	for i, x := range out.at {
		if errors[i] > 0 && !math.IsInf(x, 0) {
			out.at[i] = r.key(sum(x, -errors[i]))
		}
	}
	return &out
}

// place is a worth on the objective's scale.
func (o *Objective) place(worth float64) float64 {
	if o.Scale != LogScale {
		return worth
	}
	if o.Goal == Minimize {
		return -rng.Log(max(-worth, leastLog))
	}
	return rng.Log(max(worth, leastLog))
}

// TooSmall tells whether a value of the metric counts as 1e-12 on the objective's scale,
// as all do that are no larger.
func (o Objective) TooSmall(x float64) bool { return o.Scale == LogScale && x <= leastLog }

// leastLog is as what a smaller number counts on a logarithmic scale.
const leastLog = 1e-12

// worse compares what comes before the objectives: positive where the member is
// worse than another.
func (a *member) worse(b *member) int {
	switch {
	case a.Status == OK && b.Status == OK:
		return cmp.Compare(a.violation, b.violation)
	case a.Status == OK:
		return -1
	case b.Status == OK:
		return 1
	}
	return 0
}

// dominates is negative where a dominates b, positive where b dominates a.
func (a *member) dominates(b *member) int {
	if w := a.worse(b); w != 0 {
		return w
	}
	better, worse := false, false
	for i, x := range a.at {
		better, worse = better || x > b.at[i], worse || x < b.at[i]
	}
	switch {
	case better && !worse:
		return -1
	case worse && !better:
		return 1
	}
	return 0
}

// compare is Ranking.Compare.
func (a *member) compare(b *member) int {
	if c := a.dominates(b); c != 0 || !slices.Equal(a.at, b.at) {
		return c
	}
	return slices.Compare(b.ties, a.ties)
}

// dominated tells whether one of all dominates m.
func dominated(m *member, all []*member) bool {
	for _, x := range all {
		if x.dominates(m) < 0 {
			return true
		}
	}
	return false
}

// tied compares by the ties, then by age.
func (a *member) tied(b *member) int {
	return cmp.Or(slices.CompareFunc(b.ties, a.ties, cmp.Compare[float64]), cmp.Compare(a.ID, b.ID))
}

// order is the total order with one objective.
func (a *member) order(b *member) int { return cmp.Or(a.dominates(b), a.tied(b)) }

// sort puts the members in order, those that stand alone first.
func (f *front) sort() {
	if f.sorted {
		return
	}
	f.sorted = true
	slices.SortFunc(f.members, func(a, b *member) int { return cmp.Or(slices.Compare(a.at, b.at), a.tied(b)) })
	var points []*member // the first of each point
	for _, m := range f.members {
		if m.crowding = 0; len(points) == 0 || !slices.Equal(m.at, points[len(points)-1].at) {
			points = append(points, m)
		}
	}
	crowd(points)
	slices.SortFunc(f.members, func(a, b *member) int { return cmp.Or(cmp.Compare(b.crowding, a.crowding), a.tied(b)) })
}

// crowd computes the crowding distances of different points: the sum, over the
// objectives, of the distance between the neighbours on both sides, as a part of that
// between the ends. Halves are subtracted, which no number is too large for.
func crowd(points []*member) {
	if len(points) < 3 {
		for _, m := range points {
			m.crowding = math.Inf(1)
		}
		return
	}
	for i := range points[0].at {
		slices.SortFunc(points, func(a, b *member) int {
			return cmp.Or(cmp.Compare(a.place[i], b.place[i]), slices.Compare(a.at, b.at))
		})
		first, last := points[0], points[len(points)-1]
		span := last.place[i]/2 - first.place[i]/2
		if span == 0 {
			continue
		}
		first.crowding, last.crowding = math.Inf(1), math.Inf(1)
		for k := 1; k < len(points)-1; k++ {
			points[k].crowding += (points[k+1].place[i]/2 - points[k-1].place[i]/2) / span
		}
	}
	for _, m := range points {
		m.crowding = Key(m.crowding)
	}
}

// split parts those for which stays holds from the others.
func split(all []*member, stays func(*member) bool) (stay, others []*member) {
	for _, m := range all {
		if stays(m) {
			stay = append(stay, m)
		} else {
			others = append(others, m)
		}
	}
	return stay, others
}
