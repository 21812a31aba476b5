package genome

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Repair returns the genome nearest to what a tree describes, and a line for
// everything that had to be changed, none for a valid tree. Values out of range
// move to the nearest one; missing genes take their first value (the low end,
// the first option); what the space does not know is dropped; a cell's dead
// nodes are pruned; a network outside the limits is changed step by step, each
// time to the closest neighbour. The error says why that leads nowhere, or that
// the tree is no tree.
func (s *Space) Repair(tree any) (Genome, []string, error) {
	v, err := normalise(tree)
	if err != nil {
		return Genome{}, nil, err
	}
	m := mender{}
	codes := s.root.mend(&m, v, nil)
	g := s.finish(codes)
	m.contradictions(s.root, v, g.Tree())
	if far, _ := s.violation(g); far > 0 {
		h, err := s.approach(g)
		if err != nil {
			return Genome{}, m.lines, err
		}
		for _, line := range Diff(g, h) {
			m.lines = append(m.lines, line+" (for the limits)")
		}
		g = h
	}
	return g, m.lines, nil
}

// Carry brings a genome of another version of the space into this one, as
// Repair does, with a line for everything that did not fit.
func (s *Space) Carry(old Genome) (Genome, []string, error) {
	if old.IsZero() {
		return Genome{}, nil, fault(nil, "make one with Random or Parse", "is no genome")
	}
	return s.Repair(old.Tree())
}

// Fits brings a genome of another version of the space into this one if all of it has a
// place there: the same genes with the same values. The *Mistake says what does not fit.
// Limits are not looked at; see Check.
func (s *Space) Fits(old Genome) (Genome, error) {
	if old.IsZero() {
		return Genome{}, fault(nil, "make one with Random or Parse", "is no genome")
	}
	return s.FromTree(old.Tree())
}

// How many neighbours one step towards the limits looks at.
const maxLooked = 5000

// approach changes a genome until it lies within the limits: to the valid
// neighbour closest to it if there is one, else to the neighbour that is least
// outside.
func (s *Space) approach(g Genome) (Genome, error) {
	start := g
	far, why := s.violation(g)
	for range maxRepairSteps {
		if far == 0 {
			return g, nil
		}
		var best, next Genome
		closest, least := 2.0, far
		looked := 0
		for h := range s.structural(g, everySite) {
			if looked++; looked > maxLooked {
				break
			}
			f, reason := s.violation(h)
			if f == 0 {
				if d := s.Distance(start, h); d < closest {
					best, closest = h, d
				}
			} else if f < least {
				next, least, why = h, f, reason
			}
		}
		if !best.IsZero() {
			return best, nil
		}
		if next.IsZero() {
			break
		}
		g, far = next, least
	}
	var e *Mistake
	if errors.As(why, &e) && strings.HasPrefix(e.Key, "limits.") {
		return Genome{}, &Mistake{e.Key, "no genome within it was found; " + e.Problem,
			"raise the limit or let the space hold smaller networks"}
	}
	return Genome{}, fmt.Errorf("no genome with a valid network was found; the last one fails: %w", why)
}

// mender reads a tree that need not fit.
type mender struct {
	path  []string
	lines []string
}

func (m *mender) note(format string, args ...any) {
	path := joinPath(m.path)
	if path == "" {
		path = "the genome"
	}
	m.lines = append(m.lines, path+": "+fmt.Sprintf(format, args...))
}

func (m *mender) in(key string, do func()) {
	m.path = append(m.path, key)
	do()
	m.path = m.path[:len(m.path)-1]
}

// show writes the codes from at on as the value of g.
func show(g gene, codes []uint64, at int) string {
	b, _ := g.appendText(nil, codes, at)
	return shorten(string(b))
}

// fresh takes the first value for what is missing or makes no sense.
func (m *mender) fresh(g gene, v any, codes []uint64) []uint64 {
	at := len(codes)
	codes = g.first(codes)
	if v == nil {
		m.note("is missing; took %s", show(g, codes, at))
	} else {
		m.note("%s does not fit; took %s", describe(v), show(g, codes, at))
	}
	return codes
}

// scalarWord writes a scalar as a word of text, strings without quotes.
func scalarWord(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return scalarText(v)
}

// contradictions notes where a tree contradicts what the space has fixed.
func (m *mender) contradictions(g gene, given, full any) {
	if !g.about().static {
		g.contradictions(m, given, full)
	} else if err := g.agree(given, full); err != nil {
		m.in(err.Key, func() { m.note("%s; dropped that", err.Problem) })
	}
}

func (m *mender) each(given, full any, at func(int) gene) {
	x, _ := given.([]any)
	y, _ := full.([]any)
	for k := range min(len(x), len(y)) {
		m.in(strconv.Itoa(k), func() { m.contradictions(at(k), x[k], y[k]) })
	}
}
