package engine

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// stage is where a job stands. It is read beside the loop, by Histories.
type stage struct{ v atomic.Uint32 }

const (
	waiting  uint32 = iota // committed or about to be; not on board of an evaluator
	running                // submitted
	decided                // has a result that no turn has consumed
	consumed               // part of History
)

func (s *stage) is(v uint32) bool { return s.v.Load() == v }
func (s *stage) set(v uint32)     { s.v.Store(v) }

// entry is what the search knows of one job. Once it is consumed it never
// changes again, so that a History may be read beside the loop.
type entry struct {
	Candidate        // Metrics and Seconds without measured ones; Curve and Output only until committed
	measured  Values // what was left out of Metrics
	seconds   float64
	turn      uint64
	repeat    int // see Archive.repeats
	stage     stage
	key       genome.Hash // see duplicateKey; zero until it is asked for

	try *try // while it has no result
}

// try is what is known of the attempts at a job that has no result yet.
type try struct {
	attempt  int // number of the newest
	counted  int // how many count
	reason   string
	saved    []FileRef // progress kept for the next
	alone    bool      // the next must be alone in its process
	returned int       // times in a row that it came back uncounted
	ending   bool      // it was asked to end
	late     bool      // its deadline has passed
	begun    time.Time // zero until the evaluator said so
	point    Point     // last progress
	cancel   func()    // of the timer of its deadline
	on       *seat     // where it runs
}

// book is the search's memory: every job, by id, and the order in which
// results were consumed.
type book struct {
	search []*entry // index id-1
	final  []*entry // index id-FinalBase-1

	history  [2][]ID  // consumed ids of each part, in order
	tally    tally    // over consumed jobs of the search
	best     []*entry // at the highest fidelity reached, best first, of different genomes
	keys     map[duplicateKey]ID
	again    map[repeatKey]int // jobs that measure the same thing as another; those of keys are not counted
	better   func(a, b *Candidate) int
	measured func(metric string) bool // hidden from strategies
	exact    bool                     // seconds are exact
}

// duplicateKey is equal for jobs that would measure the same thing.
type duplicateKey struct {
	network  genome.Hash
	fidelity int
	inherit  ID
}

// duplicateKey is the entry's. Reading its network takes longer than all else that
// a turn does for a job, so it is done once.
func (e *entry) duplicateKey() duplicateKey {
	if e.key.IsZero() {
		e.key = network.Key(e.Genome)
	}
	return duplicateKey{e.key, e.Fidelity, e.Inherit}
}

// repeatKey is under which repeated measurements are counted.
type repeatKey struct {
	duplicateKey
	pass ID // of the final strategy; 0: of the search
}

// tally counts consumed jobs by what came of them.
type tally struct{ ok, invalid, failed, reused, supernet, score int }

func newBook(objectives []Objective, constraints []Constraint) *book {
	return &book{
		keys:   map[duplicateKey]ID{},
		again:  map[repeatKey]int{},
		better: func(a, b *Candidate) int { return Compare(objectives, constraints, a, b) },
	}
}

// take moves a decided entry into History.
func (b *book) take(e *entry) {
	i := partIndex(partOf(e.ID))
	e.Curve, e.Output = nil, nil // the ledger has them
	b.history[i] = append(b.history[i], e.ID)
	e.stage.set(consumed)
	if i != 0 {
		return
	}
	switch e.Status {
	case OK:
		b.tally.ok++
		b.rank(e)
	case Invalid:
		b.tally.invalid++
	case Failed:
		b.tally.failed++
	}
	if e.Reuse != 0 {
		b.tally.reused++
	}
	switch e.Task {
	case Supernet:
		b.tally.supernet++
	case Score:
		b.tally.score++
	}
}

// shown is how many of the best are kept at hand.
const shown = 10

// rank puts a consumed candidate among the best if it belongs there. Stopped
// ones are not compared with full ones, shared weights not with trained ones,
// and only the highest fidelity reached counts.
func (b *book) rank(e *entry) {
	if e.Stopped || e.Task != Train {
		return
	}
	if len(b.best) > 0 {
		if top := b.best[0].Fidelity; e.Fidelity < top {
			return
		} else if e.Fidelity > top {
			b.best = nil
		}
	}
	order := func(x, y *entry) int {
		if c := b.better(&x.Candidate, &y.Candidate); c != 0 {
			return c
		}
		return cmp.Compare(x.ID, y.ID)
	}
	best := slices.Clone(b.best) // a reader may hold the old one
	if i := slices.IndexFunc(best, func(x *entry) bool { return x.Genome == e.Genome }); i >= 0 {
		if order(best[i], e) <= 0 {
			return
		}
		best = slices.Delete(best, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(best, e, order)
	if i == shown {
		return
	}
	best = slices.Insert(best, i, e)
	b.best = best[:min(shown, len(best))]
}

func (b *book) list(p Part) *[]*entry {
	if p == PartFinal {
		return &b.final
	}
	return &b.search
}

func partOf(id ID) Part {
	if id > FinalBase {
		return PartFinal
	}
	return PartSearch
}

// get returns the entry of id, or nil.
func (b *book) get(id ID) *entry {
	list, i := b.search, id-1
	if id > FinalBase {
		list, i = b.final, id-FinalBase-1
	}
	if i >= ID(len(list)) {
		return nil
	}
	return list[i]
}

// files lists what a job left behind: its own files, or those of the job whose
// result it shares.
func (b *book) files(id ID) []FileRef {
	e := b.get(id)
	if e != nil && e.Reuse != 0 {
		e = b.get(e.Reuse)
	}
	if e == nil {
		return nil
	}
	return e.Files
}

// nextID is the id that the part's next job gets.
func (b *book) nextID(p Part) ID {
	if p == PartFinal {
		return FinalBase + ID(len(b.final)) + 1
	}
	return ID(len(b.search)) + 1
}

func (b *book) add(e *entry) error {
	p := partOf(e.ID)
	if want := b.nextID(p); e.ID != want {
		return fmt.Errorf("%w: job %s stands where job %s should", ErrDamaged, e.ID, want)
	}
	list := b.list(p)
	*list = append(*list, e)
	return nil
}

// settle gives the entry its result, with measured numbers set apart.
func (b *book) settle(e *entry, r ResultRecord) {
	e.Result, e.Attempts, e.Fingerprint = r.Result, r.Attempts, r.Fingerprint
	e.seconds = r.Seconds
	e.Metrics, e.measured = b.split(r.Metrics)
	if !b.exact {
		e.Seconds = 0
	}
	e.stage.set(decided)
	e.try = nil
}

// split parts exact metrics from measured ones.
func (b *book) split(all Values) (exact, measured Values) {
	if !slices.ContainsFunc(all, func(v Value) bool { return b.measured(v.Name) }) {
		return all, nil
	}
	for _, v := range all {
		if b.measured(v.Name) {
			measured = append(measured, v)
		} else {
			exact = append(exact, v)
		}
	}
	return exact, measured
}

// exactCurve is a curve without measured numbers.
func (b *book) exactCurve(points []Point) []Point {
	out := make([]Point, len(points))
	for i, p := range points {
		exact, _ := b.split(p.Metrics)
		out[i] = Point{Step: p.Step, Metrics: exact}
	}
	return out
}

// full is the entry's candidate with all metrics, for people.
func (e *entry) full() Candidate {
	c := e.Candidate
	c.Seconds = e.seconds
	if len(e.measured) > 0 {
		c.Metrics = slices.Concat(c.Metrics, e.measured)
		SortValues(c.Metrics)
	}
	return c
}

// SortValues puts values in the order of their names.
func SortValues(vs Values) {
	slices.SortFunc(vs, func(a, b Value) int { return cmp.Compare(a.Name, b.Name) })
}

// view is a History over what was consumed when it was made.
type view struct {
	search, final []*entry
	parts         [2][]ID
	whole         func(ID) (ResultRecord, error)
	exact         func([]Point) []Point
}

// view freezes the History: of the search alone, or with the final's jobs
// behind it.
func (b *book) view(withFinal bool, whole func(ID) (ResultRecord, error)) *view {
	v := &view{search: b.search, whole: whole, exact: b.exactCurve}
	v.parts[0] = b.history[0]
	if withFinal {
		v.final, v.parts[1] = b.final, b.history[1]
	}
	return v
}

func (v *view) Len() int { return len(v.parts[0]) + len(v.parts[1]) }

func (v *view) At(i int) *Candidate {
	if n := len(v.parts[0]); i >= n {
		return &v.final[v.parts[1][i-n]-FinalBase-1].Candidate
	}
	return &v.search[v.parts[0][i]-1].Candidate
}

func (v *view) Get(id ID) (*Candidate, bool) {
	list, i := v.search, id-1
	if id > FinalBase {
		list, i = v.final, id-FinalBase-1
	}
	if i >= ID(len(list)) || !list[i].stage.is(consumed) {
		return nil, false
	}
	return &list[i].Candidate, true
}

func (v *view) Curve(id ID) ([]Point, error) {
	r, err := v.whole(id)
	return v.exact(r.Curve), err
}

func (v *view) Output(id ID) ([]byte, error) {
	r, err := v.whole(id)
	return r.Output, err
}
