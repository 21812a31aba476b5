package qlearning

import (
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// walk follows the decisions of one genome, in order, and says what the agent
// sees of each.
type walk interface {
	ask(genome.Decision) question
	take(option int)
}

// places is what is known of the sites of a space.
type places struct {
	space *genome.Space
	sites []genome.Site
	units []string    // of each site the list that it belongs to, "blocks[]"; "" outside of lists
	ends  map[int]int // of the site that asks for one more element: the most there may be
}

func newPlaces(space *genome.Space) *places {
	p := &places{space: space, sites: space.Sites(), ends: map[int]int{}}
	for _, s := range p.sites {
		unit := ""
		if i := strings.LastIndex(s.Name, "[]"); i >= 0 {
			unit = s.Name[:i+2]
		}
		p.units = append(p.units, unit)
	}
	p.measure()
	return p
}

// measure finds the ends of lists, by making all of them as long as they get.
// Lists that stand in later options of a choice are not seen.
func (p *places) measure() {
	if len(p.sites) == 0 {
		return
	}
	// Every sequence of open options gives a genome.
	_, _ = p.space.Decide(func(d genome.Decision) int {
		if p.sites[d.Site].Kind == genome.SiteMore {
			p.ends[d.Site] = max(p.ends[d.Site], d.Place+1)
			return 1
		}
		return firstOpen(d)
	})
}

func firstOpen(d genome.Decision) int {
	for k, closed := range d.Closed {
		if !closed {
			return k
		}
	}
	return 0
}

// weights lets a random list have any of the lengths that it still may with
// equal probability, as random genomes do. Elsewhere options are alike.
func (p *places) weights(d genome.Decision) []float64 {
	if p.sites[d.Site].Kind != genome.SiteMore || p.ends[d.Site] <= d.Place {
		return nil
	}
	return []float64{1, float64(p.ends[d.Site] - d.Place)}
}

// element follows in which element of which list decisions stand.
type element struct {
	*places
	last  int // site; -1 before the first decision
	unit  string
	index map[string]int // of the newest element of each list
}

func newElement(p *places) element { return element{places: p, last: -1, index: map[string]int{}} }

// move goes on to a decision, and tells whether it is the first one of an
// element, or the first one before or after a list. Within an element sites
// follow one another in their order.
func (e *element) move(d genome.Decision) bool {
	unit := e.units[d.Site]
	fresh := e.last < 0 || unit != e.unit || d.Site <= e.last
	switch {
	case e.sites[d.Site].Kind == genome.SiteMore:
		e.index[unit] = d.Place
	case !strings.HasPrefix(e.unit, unit) || e.last < 0: // into the list
		e.index[unit] = 0
	case d.Site <= e.last && unit != "":
		e.index[unit]++
	}
	e.last, e.unit = d.Site, unit
	return fresh
}

// hash tells sequences of numbers and texts apart, by 64 bits (SplitMix64's
// mixing after every number).
type hash uint64

func (h hash) with(numbers ...int) hash {
	for _, n := range numbers {
		x := uint64(h) ^ uint64(n)
		x += 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		h = hash(x ^ x>>31)
	}
	return h
}

func (h hash) text(s string) hash {
	for i := range len(s) {
		h = h.with(int(s[i]))
	}
	return h.with(len(s))
}

// recall sees what was decided so far: in the whole genome, or in the innermost
// list element and at which place that stands.
type recall struct {
	element
	whole bool
	seen  hash
	site  int
}

func (w *recall) ask(d genome.Decision) question {
	if fresh := w.move(d); fresh && !w.whole {
		w.seen = hash(0).text(w.unit).with(w.index[w.unit])
	}
	w.site = d.Site
	return question{
		state: uint64(w.seen.with(d.Site)), options: len(w.sites[d.Site].Options), closed: d.Closed,
		weights: w.weights(d), action: true,
	}
}

func (w *recall) take(option int) { w.seen = w.seen.with(w.site, option) }
