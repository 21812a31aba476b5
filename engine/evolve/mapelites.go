package evolve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("mapelites", false, func(Find) engine.Strategy { return &mapElites{} }) }

// mapElites is MAP-Elites (Mouret & Clune: Illuminating search spaces by mapping
// elites, 2015, arXiv 1504.04909). Descriptors, which are metrics parted into bins,
// span a grid; each of its cells keeps the best candidate that fell into it, its
// elite. A parent is any elite, all equally likely, so the search goes on everywhere
// and ends with the best of every kind: of each size, of each latency.
//
// The paper mutates only; so does the default. Who lacks a descriptor's metric falls
// into no cell. A candidate that ties with an elite does not replace it.
//
// A search that it takes over gives it its candidates: each falls into its cell.
type mapElites struct {
	opener      opener
	promotion   Promotion
	promote     *Promoter
	judge       judge
	descriptors []descriptor
	initial     int     // candidates before the first child
	crossover   float64 // share of children with two parents
}

// descriptor parts a metric into len(Edges)+1 bins. A value that equals an edge is in
// the bin above it.
type descriptor struct {
	Metric string    `json:"metric"`
	Edges  []float64 `json:"edges"` // rising
}

// mostCells bounds the grid, and with it the state.
const mostCells = 100_000

type mapElitesState struct {
	First   engine.ID   `json:"first"`   // of its own candidates; 0 before the first turn
	Started int         `json:"started"` // known-good genomes proposed
	Initial int         `json:"initial"` // initial candidates proposed, less those that could not be measured
	Cells   []int       `json:"cells"`   // that have an elite, rising
	Elites  []engine.ID `json:"elites"`  // of those
	Ladder  Ladder      `json:"ladder,omitempty"`
}

// Declare declares the options.
func (s *mapElites) Declare(o *option.Set) {
	o.Value(&s.descriptors, "descriptors", "[]", "a list such as [{metric: parameters, edges: [1000, 3000, 10000]}]",
		"metrics, and the rising edges that part each into bins; every combination of bins is a cell").Said("required")
	o.Int(&s.initial, "initial", 20, 1, 1_000_000,
		"known-good and random candidates before the first child; who cannot be measured is replaced")
	o.Float(&s.crossover, "crossover", 0, 0, 1, "share of children with two parents, which are crossed and then mutated")
	s.promotion.Declare(o, 4, 20).Like("initial")
}

// Open reads the options.
func (s *mapElites) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	if err == nil {
		err = s.check(setup)
	}
	s.opener, s.judge, s.promote = newOpener(setup), newJudge(setup), s.promotion.Promoter(setup)
	return pack(mapElitesState{}), engine.Needs{History: engine.NeedMetrics}, err
}

// check refuses descriptors that span no grid.
func (s *mapElites) check(setup engine.Setup) error {
	const key = "descriptors"
	if len(s.descriptors) == 0 {
		return &engine.Mistake{Key: key, Problem: "there are none",
			Remedy: "write for example [{metric: parameters, edges: [1000, 3000, 10000]}]"}
	}
	cells := 1
	for i, d := range s.descriptors {
		at := fmt.Sprintf("%s[%d]", key, i)
		twin := slices.IndexFunc(s.descriptors[:i], func(other descriptor) bool { return other.Metric == d.Metric })
		m := slices.IndexFunc(setup.Metrics, func(m engine.Metric) bool { return m.Name == d.Metric })
		switch {
		case m < 0:
			var names []string
			for _, m := range setup.Metrics {
				names = append(names, m.Name)
			}
			remedy := "write one of " + strings.Join(names, ", ")
			if near := option.Nearest(d.Metric, names); near != "" {
				remedy = "write " + near
			}
			return &engine.Mistake{Key: at + ".metric", Problem: fmt.Sprintf("no evaluator declares a metric %q", d.Metric), Remedy: remedy}
		case setup.Metrics[m].Measured && !asked(setup, d.Metric):
			return &engine.Mistake{Key: at + ".metric", Problem: d.Metric + " is measured, and no strategy sees what is not journaled",
				Remedy: "make it an objective or a constraint as well"}
		case twin >= 0:
			return &engine.Mistake{Key: at + ".metric", Problem: fmt.Sprintf("%s stands in %s[%d] already", d.Metric, key, twin),
				Remedy: "put all edges there"}
		case len(d.Edges) == 0:
			return &engine.Mistake{Key: at + ".edges", Problem: "there are none",
				Remedy: "write the numbers that part the bins, such as [1000, 3000, 10000]"}
		}
		for k := 1; k < len(d.Edges); k++ {
			if d.Edges[k] <= d.Edges[k-1] {
				return &engine.Mistake{Key: at + ".edges", Problem: fmt.Sprintf("%v follows %v", d.Edges[k], d.Edges[k-1]),
					Remedy: "put them in rising order"}
			}
		}
		if cells *= len(d.Edges) + 1; cells > mostCells {
			return &engine.Mistake{Key: key, Problem: fmt.Sprintf("they span more than %d cells", mostCells), Remedy: "write fewer edges"}
		}
	}
	return nil
}

// asked tells whether an objective or a constraint names a metric.
func asked(setup engine.Setup, metric string) bool {
	return slices.ContainsFunc(setup.Objectives, func(o engine.Objective) bool { return o.Metric == metric }) ||
		slices.ContainsFunc(setup.Constraints, func(c engine.Constraint) bool { return c.Metric == metric })
}

// cell is the place of a candidate in the grid, row by row; false if it has none.
func (s *mapElites) cell(c *engine.Candidate) (cell int, ok bool) {
	for _, d := range s.descriptors {
		x, has := c.Metrics.Get(d.Metric)
		if !has {
			return 0, false
		}
		bin, exact := slices.BinarySearchFunc(d.Edges, x, func(edge, x float64) int { return cmp.Compare(engine.Key(edge), engine.Key(x)) })
		if exact {
			bin++
		}
		cell = cell*(len(d.Edges)+1) + bin
	}
	return cell, true
}

// Step lets the results fall into their cells, and fills the room that there is with
// promotions, initial candidates or children of elites, in this order.
func (s *mapElites) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	var st mapElitesState
	if err := unpack(state, &st); err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
		for _, c := range adopted(turn.History) {
			if err := s.place(&st, c, turn.History); err != nil {
				return engine.Decision{}, err
			}
			st.Started, st.Initial = s.opener.opened(turn), s.initial
		}
		s.promote.Adopt(&st.Ladder, turn.History)
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		switch {
		case c.Fidelity != 0:
		case usable(c):
			if err := s.place(&st, c, turn.History); err != nil {
				return engine.Decision{}, err
			}
		case !c.Foreign(st.First) && (c.Operator == engine.OpRandom || c.Operator == engine.OpStart):
			st.Initial--
		}
	}
	var d engine.Decision
	r := rng.New(turn.Seed)
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		switch {
		case ok:
		case len(st.Elites) == 0 || st.Initial < s.initial || st.Started < len(s.opener.start):
			p = s.opener.next(&st.Started)
			st.Initial++
		default:
			p = s.child(r, st.Elites)
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Keep = pack(st), s.promote.Keep(st.Ladder)
	return d, nil
}

// place makes a candidate the elite of its cell if it is the first there or the best.
func (s *mapElites) place(st *mapElitesState, c *engine.Candidate, h engine.History) error {
	cell, ok := s.cell(c)
	if !ok {
		return nil
	}
	at, taken := slices.BinarySearch(st.Cells, cell)
	if !taken {
		st.Cells, st.Elites = slices.Insert(st.Cells, at, cell), slices.Insert(st.Elites, at, c.ID)
		return nil
	}
	now, err := find(h, st.Elites[at:at+1])
	if err != nil {
		return err
	}
	if s.judge.Rank(now[0], c).List()[0] == c {
		st.Elites[at] = c.ID
	}
	return nil
}

// child proposes offspring of elites.
func (s *mapElites) child(r *rng.Rand, elites []engine.ID) engine.Proposal {
	a := elites[r.Intn(len(elites))]
	if r.Float64() < s.crossover {
		if b := elites[r.Intn(len(elites))]; a != b {
			return engine.Proposal{Operator: engine.OpCrossMutate, Parents: []engine.ID{a, b}}
		}
	}
	return engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{a}}
}
