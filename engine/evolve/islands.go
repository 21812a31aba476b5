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

// islandsName is what the strategy is called.
const islandsName = "islands"

func init() {
	register(islandsName, false, func(find Find) engine.Strategy { return &islands{find: find} })
}

// islands is the island model (Tanese 1989; Cohoon, Hegde, Martin & Richards 1987):
// several searches side by side that rarely meet, so that one good candidate does not
// take all of them over. Each is made by an inner strategy of any kind, which sees the
// candidates of its island alone (see islandView). Of every so many results of an
// island the best migrate to the next one, in a ring.
//
// The room that a turn offers goes to the islands that have proposed least.
// Known-good genomes are dealt out among the islands. A search that islands take over
// gives each of them all of its candidates; what is imported or added is shown to all, too.
type islands struct {
	find       Find
	judge      judge
	count      int
	every      int // results of an island between two migrations
	migrants   int // of each
	with       searchers
	strategies []engine.Strategy // by island
	views      []*islandView
}

type islandsState struct {
	First   engine.ID     `json:"first"` // of its own candidates; 0 before the first turn
	Islands []islandState `json:"islands"`
}

// islandState is what is remembered of one island.
type islandState struct {
	Inner    []byte      `json:"inner"`             // state of its strategy
	Begun    bool        `json:"begun,omitempty"`   // that has had its first turn
	Done     bool        `json:"done,omitempty"`    // and is done
	Sent     int         `json:"sent"`              // jobs proposed
	Recent   []engine.ID `json:"recent,omitempty"`  // results since the last migration
	Arrivals []arrival   `json:"arrived,omitempty"` // of migrants, in their order

	Files []engine.FileRef `json:"files,omitempty"` // that its strategy named
	Keep  []engine.ID      `json:"keep,omitempty"`  // candidates whose files it keeps
}

// arrival is when a candidate of another island came.
type arrival struct {
	ID engine.ID `json:"id"`
	At int       `json:"at"` // behind so many candidates of the History
}

// islandTag marks the candidates of an island. Behind it and a slash stands what its
// strategy marks them by.
func islandTag(i int) string { return fmt.Sprintf("island %d", i+1) }

// marked tells whether a tag is of an island, and the rest of it.
func marked(tag, island string) (rest string, ok bool) {
	if tag == island {
		return "", true
	}
	return strings.CutPrefix(tag, island+"/")
}

// Declare declares the options.
func (s *islands) Declare(o *option.Set) {
	o.Int(&s.count, "islands", 4, 1, 100, "how many there are")
	o.Value(&s.with, "search", `"aging"`, "a name, a path, {use: NAME, option: value}, or a list of these",
		"the strategies that search on the islands, one after the other and from the first again")
	o.Int(&s.every, "every", 25, 1, 100_000, "results of an island from one migration to the next")
	o.Int(&s.migrants, "migrants", 1, 0, 1000, "how many of those results migrate, the best; 0: none").AtMost("every")
}

// Open reads the options and opens a strategy for each island.
func (s *islands) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics}
	if err := option.Read(setup.Options, s.Declare); err != nil {
		return nil, needs, err
	}
	s.judge, s.strategies, s.views = newJudge(setup), nil, nil
	var st islandsState
	for i := range s.count {
		with, key := s.with[i%len(s.with)], s.with.key(i%len(s.with))
		if err := with.alone(islandsName, "islands have no islands", "raise islands instead"); err != nil {
			return nil, needs, option.Within(key, err)
		}
		inner, err := s.find(with.use)
		if err != nil {
			return nil, needs, option.Within(key, err)
		}
		s.strategies, s.views = append(s.strategies, inner), append(s.views, &islandView{tag: islandTag(i)})
		seen := setup
		seen.Order, seen.Start = engine.Arrival, nil
		for k := i; k < len(setup.Start); k += s.count {
			seen.Start = append(seen.Start, setup.Start[k])
		}
		packed, wants, err := with.open(ctx, inner, key, seen, &needs)
		if err != nil {
			return nil, needs, err
		}
		needs.Remark = cmp.Or(needs.Remark, wants.Remark)
		st.Islands = append(st.Islands, islandState{Inner: packed})
	}
	return pack(st), needs, nil
}

// Close ends the processes of the inner strategies.
func (s *islands) Close(ctx context.Context) error { return closeAll(ctx, s.strategies...) }

// Step deals the results out to the islands, lets the best of each migrate where that
// is due, and lets the islands fill the room that there is.
func (s *islands) Step(ctx context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st islandsState
	if err := unpack(packed, &st); err != nil {
		return d, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
	}
	s.follow(&st, turn.History)
	results, err := s.deal(&st, turn)
	if err != nil {
		return d, err
	}
	s.follow(&st, turn.History) // who has just come
	room := s.share(&st, turn.Want)
	for i := range st.Islands {
		l := &st.Islands[i]
		if !l.Done && (!l.Begun || len(results[i]) > 0 || room[i] > 0) {
			if err := s.stepIsland(ctx, i, &st, results[i], room[i], turn, &d); err != nil {
				return d, err
			}
		}
		d.Files, d.Keep = append(d.Files, l.Files...), append(d.Keep, l.Keep...)
	}
	d.Done = !slices.ContainsFunc(st.Islands, func(l islandState) bool { return !l.Done })
	d.State = pack(st)
	return d, nil
}

// follow lets the islands see what the History has gained, and who came.
func (s *islands) follow(st *islandsState, h engine.History) {
	for i, v := range s.views {
		v.follow(h, st.First, st.Islands[i].Arrivals)
	}
}

// deal lists the results of a turn by islands: those of its own jobs, those of jobs
// that were under way when the islands took the search over, and migrants.
func (s *islands) deal(st *islandsState, turn engine.Turn) ([][]engine.Candidate, error) {
	results := make([][]engine.Candidate, len(st.Islands))
	for k := range turn.Results {
		c := &turn.Results[k]
		for i := range st.Islands {
			l := &st.Islands[i]
			if !s.views[i].shows(c) {
				continue
			}
			if !c.Foreign(st.First) {
				l.Recent = append(l.Recent, c.ID)
			}
			results[i] = append(results[i], *s.views[i].as(c))
		}
	}
	for i := range st.Islands {
		l := &st.Islands[i]
		if len(l.Recent) < s.every {
			continue
		}
		recent, err := find(turn.History, l.Recent)
		if err != nil {
			return nil, err
		}
		l.Recent = nil
		recent = slices.DeleteFunc(recent, func(c *engine.Candidate) bool { return !usable(c) || c.Fidelity != 0 })
		next := (i + 1) % len(st.Islands)
		if next == i {
			continue
		}
		ranked := s.judge.Rank(recent...).List()
		for _, c := range ranked[:min(s.migrants, len(ranked))] {
			st.Islands[next].Arrivals = append(st.Islands[next].Arrivals, arrival{c.ID, turn.History.Len()})
			results[next] = append(results[next], *s.views[next].as(c))
		}
	}
	return results, nil
}

// share divides the room of a turn: each place goes to the island that has proposed
// least.
func (s *islands) share(st *islandsState, want int) []int {
	room := make([]int, len(st.Islands))
	for range want {
		least := -1
		for i, l := range st.Islands {
			if !l.Done && (least < 0 || l.Sent+room[i] < st.Islands[least].Sent+room[least]) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		room[least]++
	}
	return room
}

// stepIsland lets the strategy of an island take a turn, and adds what it decides.
func (s *islands) stepIsland(ctx context.Context, i int, st *islandsState, results []engine.Candidate, room int, turn engine.Turn,
	d *engine.Decision) error {
	l, own, seen := &st.Islands[i], islander(st.First), turn
	seen.Seed = rng.Derive(turn.Seed, "island", uint64(i)) >> 11
	seen.FirstID, seen.Want = own.of(turn.FirstID)+engine.ID(len(d.Proposals)), room
	seen.History, seen.Results, seen.Files = s.views[i], results, l.Files
	if !l.Begun { // it finds them in the History
		seen.Results = nil
	}
	decided, err := s.strategies[i].Step(ctx, l.Inner, seen)
	if err != nil {
		return fmt.Errorf("%s: %w", islandTag(i), err)
	}
	if len(decided.Proposals) > room {
		return fmt.Errorf("%s: its strategy proposes %d jobs where there is room for %d", islandTag(i), len(decided.Proposals), room)
	}
	l.Inner, l.Begun, l.Done, l.Files, l.Keep = decided.State, true, decided.Done, decided.Files, own.globals(decided.Keep)
	l.Sent += len(decided.Proposals)
	for _, p := range decided.Proposals {
		if p.Tag != "" {
			p.Tag = "/" + p.Tag
		}
		p.Tag, p.Resume, p.Inherit, p.Parents = islandTag(i)+p.Tag, own.global(p.Resume), own.global(p.Inherit), own.globals(p.Parents)
		d.Proposals = append(d.Proposals, p)
	}
	if d.Note == "" && decided.Note != "" {
		d.Note = islandTag(i) + ": " + decided.Note
	}
	return nil
}

// islander is the shift of the islands' own candidates, from the first on.
func islander(first engine.ID) shift { return shift{engine.FinalBase / 2, first} }

// islandView is the History as the strategy of an island sees it: its own candidates,
// those from before the islands, and migrants, each where it came. It grows with the
// History and is otherwise a function of it and of the arrivals.
type islandView struct {
	engine.History
	tag   string
	first engine.ID // of the candidates of islands

	read, arrived int               // candidates of the History, and arrivals, that were taken in
	last          *engine.Candidate // of the History
	rows          []*engine.Candidate
	byID          map[engine.ID]*engine.Candidate
}

// follow takes in what the History has gained. What was read of another History, or by
// islands that began elsewhere in it, is forgotten.
func (v *islandView) follow(h engine.History, first engine.ID, arrivals []arrival) {
	if v.byID == nil || v.first != first || v.read > h.Len() || v.arrived > len(arrivals) || v.read > 0 && h.At(v.read-1) != v.last {
		*v = islandView{tag: v.tag, byID: map[engine.ID]*engine.Candidate{}}
	}
	v.History, v.first = h, first
	for {
		if v.arrived < len(arrivals) && arrivals[v.arrived].At == v.read {
			if c, ok := h.Get(arrivals[v.arrived].ID); ok {
				v.show(c)
			}
			v.arrived++
			continue
		}
		if v.read == h.Len() {
			return
		}
		v.last = h.At(v.read)
		if v.shows(v.last) {
			v.show(v.as(v.last))
		}
		v.read++
	}
}

// shows tells whether a candidate is of the island, or of nobody's proposal. What
// was measured again for the whole search belongs to the island that it came from.
func (v *islandView) shows(c *engine.Candidate) bool {
	_, own := marked(c.Tag, v.tag)
	return own || c.Foreign(v.first) && (c.Operator != engine.OpRepeat || !strings.HasPrefix(c.Tag, "island "))
}

func (v *islandView) show(c *engine.Candidate) {
	v.rows = append(v.rows, c)
	v.byID[c.ID] = c
}

// as is a candidate as the island's strategy sees it.
func (v *islandView) as(c *engine.Candidate) *engine.Candidate {
	tag, own := marked(c.Tag, v.tag)
	if !own || c.Foreign(v.first) {
		return c
	}
	out := islander(v.first).as(c, v.local)
	out.Tag = tag
	return out
}

// local is the id of an earlier candidate as the island's strategy sees it.
func (v *islandView) local(id engine.ID) engine.ID {
	own := islander(v.first).of(id)
	if _, ok := v.byID[own]; ok {
		return own
	}
	return id
}

// Len implements engine.History.
func (v *islandView) Len() int { return len(v.rows) }

// At implements engine.History.
func (v *islandView) At(i int) *engine.Candidate { return v.rows[i] }

// Get implements engine.History.
func (v *islandView) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := v.byID[id]
	return c, ok
}

// Curve implements engine.History.
func (v *islandView) Curve(id engine.ID) ([]engine.Point, error) {
	return v.History.Curve(islander(v.first).global(id))
}

// Output implements engine.History.
func (v *islandView) Output(id engine.ID) ([]byte, error) {
	return v.History.Output(islander(v.first).global(id))
}
