package evolve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// An inner strategy is one that another one searches with: the option search names it.

// searcher is an inner strategy as the options name it: a name, a path, or a group
// {use: NAME, option: value}.
type searcher struct {
	use     string
	options json.RawMessage
}

// UnmarshalJSON reads a name or a group.
func (s *searcher) UnmarshalJSON(b []byte) error {
	*s = searcher{options: json.RawMessage("{}")}
	if json.Unmarshal(b, &s.use) == nil {
		return nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil || all == nil {
		return &genome.Mistake{Problem: string(b) + " is neither a strategy's name nor {use: name, option: value}"}
	}
	if json.Unmarshal(all["use"], &s.use) != nil {
		return &genome.Mistake{Problem: "say which strategy", Remedy: "write {use: aging}"}
	}
	delete(all, "use")
	var err error
	s.options, err = json.Marshal(all)
	return err
}

// has tells whether an option of the inner strategy is given.
func (s *searcher) has(option string) bool {
	var all map[string]json.RawMessage
	return json.Unmarshal(s.options, &all) == nil && all[option] != nil
}

// alone refuses the built-in strategy called name as the inner one, and as one that this
// searches with in turn: the ids of candidates do not bear being shifted twice by it.
func (s *searcher) alone(name, problem, remedy string) error {
	if s.use == name {
		return &genome.Mistake{Problem: problem, Remedy: remedy}
	}
	if slices.Contains(Inner(s.use, s.options), name) {
		return &genome.Mistake{Problem: fmt.Sprintf("%s searches with %s, and %s", s.use, name, problem), Remedy: remedy}
	}
	return nil
}

// open opens the strategy that the options name at a key in the search that it is to
// see. It may not train shared weights. What it needs of the history goes into needs.
func (s *searcher) open(ctx context.Context, inner engine.Strategy, key string, seen engine.Setup,
	needs *engine.Needs) ([]byte, engine.Needs, error) {
	seen.Options = s.options
	state, wants, err := inner.Open(ctx, seen)
	switch {
	case err != nil:
		return nil, wants, option.Within(key, err)
	case len(wants.Tasks) > 0:
		return nil, wants, &genome.Mistake{Key: key, Problem: s.use + " trains shared weights itself", Remedy: "use it as the strategy"}
	case wants.History == engine.NeedAll:
		needs.History = engine.NeedAll
	}
	return state, wants, nil
}

// searchers are one or several inner strategies.
type searchers []searcher

// UnmarshalJSON reads one, or a list.
func (s *searchers) UnmarshalJSON(b []byte) error {
	*s = make(searchers, 1)
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte{'['}) {
		return (*s)[0].UnmarshalJSON(b)
	}
	many := (*[]searcher)(s)
	if err := option.Decode(b, many); err != nil {
		return err
	}
	if len(*s) == 0 {
		return &genome.Mistake{Problem: "there are none", Remedy: "write aging, or [aging, genetic]"}
	}
	return nil
}

// key is where the options name a strategy, counted from 0.
func (s searchers) key(i int) string {
	if len(s) == 1 {
		return "search"
	}
	return fmt.Sprintf("search[%d]", i)
}

// SearchesWith tells whether the strategy called name is one of those built in that
// search with others, which their option search names.
func SearchesWith(name string) bool {
	return slices.Contains([]string{ashaName, islandsName, repeatsName, sposName}, name)
}

// Inner lists the strategies that the options of a built-in strategy name to search
// with, by name or path, and those that these name in turn.
func Inner(name string, options json.RawMessage) (uses []string) {
	var o struct {
		Search searchers `json:"search"`
	}
	if !SearchesWith(name) || json.Unmarshal(options, &o) != nil {
		return nil
	}
	for _, s := range o.Search {
		uses = append(append(uses, s.use), Inner(s.use, s.options)...)
	}
	return uses
}

// shift is how the ids of its own candidates change as an inner strategy sees them, where
// it sees others as well: those have smaller ids then than its first, which marks them
// as foreign.
type shift struct {
	by    engine.ID // what is added
	first engine.ID // of its own candidates, as everybody else sees it
}

// of is the id of an own candidate as the inner strategy sees it.
func (s shift) of(id engine.ID) engine.ID { return id + s.by }

// global is an id as everybody else sees it. Others may be large as well, where strategies
// search with strategies that search with others.
func (s shift) global(id engine.ID) engine.ID {
	if id >= s.of(s.first) {
		return id - s.by
	}
	return id
}

func (s shift) globals(ids []engine.ID) []engine.ID {
	var out []engine.ID
	for _, id := range ids {
		out = append(out, s.global(id))
	}
	return out
}

// as is an own candidate as the inner strategy sees it; local says how it sees an
// earlier one's id.
func (s shift) as(c *engine.Candidate, local func(engine.ID) engine.ID) *engine.Candidate {
	out := *c
	out.ID = s.of(c.ID)
	out.Resume, out.Inherit, out.Reuse = local(c.Resume), local(c.Inherit), local(c.Reuse)
	out.Parents = locals(c.Parents, local)
	return &out
}

func locals(ids []engine.ID, local func(engine.ID) engine.ID) []engine.ID {
	out := make([]engine.ID, len(ids))
	for i, id := range ids {
		out[i] = local(id)
	}
	return out
}

// closeAll ends the processes of strategies that have one.
func closeAll(ctx context.Context, strategies ...engine.Strategy) (err error) {
	for _, s := range strategies {
		if closer, ok := s.(interface{ Close(context.Context) error }); ok {
			err = errors.Join(err, closer.Close(ctx))
		}
	}
	return err
}
