package genome

import (
	"slices"
)

// SiteKind says what is decided at a Site.
type SiteKind uint8

// The kinds of sites.
const (
	SiteValue  SiteKind = iota // a value, an option or an operation
	SiteMore                   // whether a list has one more element: no, yes
	SiteSource                 // which of the cell's inputs and earlier nodes a node reads
	SiteEdge                   // whether a node reads an earlier one: no, yes
)

// Site is a place of a declaration at which genomes decide: a gene, or a part
// of a cell. The elements of a list share their sites.
type Site struct {
	Name    string // "blocks[].kernel", "blocks[]?", "cell.edge(0,2)", "cell.node1.input0~"
	Kind    SiteKind
	Options []string // as canonical text has them, two at least; of a source its number

	codes  []uint64             // of the options, where they are not 0, 1, 2, ...
	scaled func(uint64) float64 // then, where a code's value lies from 0 to 1
}

// Decision is one question on the way to a genome.
type Decision struct {
	Site   int    // index into Space.Sites
	Place  int    // the element in the innermost list, or the node in the cell, from 0
	Closed []bool // options that may not be taken here; nil if all may

	// Anchors belong to SiteSource, one for each option, and to SiteEdge, one:
	// the index of the last decision about the node that would be read, -1 if
	// it is an input of the cell (Zoph & Le 2016, section 3.3, "anchor points").
	Anchors []int
}

// How finely numbers are decided: those with more than fineValues values, and
// floats without step, in coarseValues steps from one end to the other.
const (
	fineValues   = 64
	coarseValues = 16
	maxSites     = 1 << 16
)

// Sites lists all places at which genomes of the space decide, in the order of
// the declaration. Genes that have one value only are no sites. It is nil for a
// space with more than 65,536 sites, which recursive definitions can make.
func (s *Space) Sites() []Site {
	s.askOnce.Do(func() {
		q := &inquiry{}
		root := q.of(s.root, "")
		if !q.over {
			s.ask, s.sites = root, q.sites
		}
	})
	return slices.Clone(s.sites)
}

// Decide makes a genome by asking choose for one option after the other, in the
// order in which the decisions of a genome stand: conditional genes only where
// they exist, a list element by element until it is not to have more, a cell
// node by node. Every sequence of open options gives a genome of right form, and
// every such genome is given by one sequence, but for numbers, of which only
// some steps are reached. The genome may lie outside the limits or be no
// network: see Check. choose answers with the index of an open option; the
// Decision is valid until it returns.
func (s *Space) Decide(choose func(Decision) int) (Genome, error) {
	if len(s.Sites()) == 0 {
		return Genome{}, s.undecidable()
	}
	w := &decider{sites: s.sites, choose: choose}
	w.visit(s.ask, 0)
	if w.err != nil {
		return Genome{}, w.err
	}
	return s.finish(w.out), nil
}

// Decisions returns the questions that Decide asks on the way to g, and the
// answers. A number that Decide does not reach is answered by the closest one.
func (s *Space) Decisions(g Genome) ([]Decision, []int, error) {
	if len(s.Sites()) == 0 {
		return nil, nil, s.undecidable()
	}
	codes, err := s.codes(nil, g)
	if err != nil {
		return nil, nil, err
	}
	w := &decider{sites: s.sites, in: codes, replay: true}
	w.visit(s.ask, 0)
	return w.asked, w.answers, w.err
}

func (s *Space) undecidable() error {
	return fault(nil, "give it genes with several values, or lower the depth of recursion",
		"the space has nothing to decide, or more than %d places to decide at", maxSites)
}

// question is a gene of the declaration with the sites that belong to it.
// Unlike genes, questions are not shared: each stands at one path.
type question struct {
	gene  gene
	site  int         // the first of its sites; -1 if it has none
	parts []*question // fields, bodies of options (nil without), or the list's element
}

// inquiry makes the questions of a space.
type inquiry struct {
	sites []Site
	over  bool
}

// add appends a site unless there is nothing to decide, and returns its index.
func (q *inquiry) add(s Site) int {
	if len(s.Options) < 2 || q.over {
		return -1
	}
	if len(q.sites) == maxSites {
		q.over = true
		return -1
	}
	q.sites = append(q.sites, s)
	return len(q.sites) - 1
}

// of makes the question of a gene.
func (q *inquiry) of(g gene, path string) *question {
	if g.about().static || q.over {
		return &question{gene: g, site: -1}
	}
	return g.ask(q, path)
}

var noYes = []string{"no", "yes"}

// code is that of an option.
func (s *Site) code(option int) uint64 {
	if s.codes == nil {
		return uint64(option)
	}
	return s.codes[option]
}

// option is the one closest to a code.
func (s *Site) option(code uint64) int {
	if s.codes == nil {
		return int(code)
	}
	best, at := 2.0, 0
	for k, c := range s.codes {
		if c == code {
			return k
		}
		if d := s.scaled(c) - s.scaled(code); max(d, -d) < best {
			best, at = max(d, -d), k
		}
	}
	return at
}

// decider walks the questions of one genome, asking choose or reading the
// answers from codes.
type decider struct {
	sites   []Site
	choose  func(Decision) int
	replay  bool
	in      []uint64 // the genome that is replayed
	i       int      // read so far
	out     []uint64
	asked   []Decision
	answers []int
	err     error
}

// ask puts one question; known is the answer where one is replayed.
func (w *decider) ask(d Decision, known int) int {
	if w.err != nil {
		return 0
	}
	answer := known
	if !w.replay {
		if answer = w.choose(d); answer < 0 || answer >= len(w.sites[d.Site].Options) || d.Closed != nil && d.Closed[answer] {
			w.err = fault(nil, "answer with an open option", "option %d cannot be chosen at %s", answer, w.sites[d.Site].Name)
			return 0
		}
	}
	w.asked = append(w.asked, d)
	w.answers = append(w.answers, answer)
	return answer
}

// next reads the next code of a replayed genome.
func (w *decider) next() uint64 {
	if !w.replay || w.i >= len(w.in) {
		return 0
	}
	w.i++
	return w.in[w.i-1]
}

func (w *decider) visit(q *question, place int) {
	if !q.gene.about().static && w.err == nil {
		q.gene.decide(w, q, place)
	}
}

// value decides a value of one code, or the code that begins one.
func (w *decider) value(g gene, q *question, place int) uint64 {
	code := w.next()
	if q.site >= 0 {
		s := &w.sites[q.site]
		code = s.code(w.ask(Decision{Site: q.site, Place: place}, s.option(code)))
	} else if !w.replay {
		code = g.first(nil)[0]
	}
	w.out = append(w.out, code)
	return code
}
