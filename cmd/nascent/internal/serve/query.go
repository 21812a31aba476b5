package serve

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// query is a question about a search, about a candidate where id is not 0. The search's mu
// is held.
type query func(s *search, ctx context.Context, id engine.ID, q url.Values) (any, error)

// queries are all of them, by what follows a search's name in their address.
var queries = map[string]query{
	"":            of((*search).summary),
	"/progress":   of((*search).progress),
	"/scatter":    of((*search).scatter),
	"/table":      of((*search).table),
	"/report":     of((*search).report),
	"/importance": of((*search).importance),
	"/parallel":   of((*search).parallel),
	"/timeline":   of((*search).timeline),
	"/declared":   of((*search).declared),
	"/failures":   of((*search).failures),
	"/curves":     func(s *search, ctx context.Context, _ engine.ID, q url.Values) (any, error) { return s.curves(ctx, q) },
	"/log":        of((*search).log),
	"/candidate/{id}": func(s *search, ctx context.Context, id engine.ID, _ url.Values) (any, error) {
		return s.candidate(ctx, id)
	},
	"/lineage/{id}": func(s *search, _ context.Context, id engine.ID, _ url.Values) (any, error) { return s.lineage(id) },
}

// taken are the parameters of addresses: of each what it may be, "" for any text.
var taken = map[string]map[string]string{
	"/progress": {"measure": "hypervolume"},
	"/scatter":  {"x": "", "y": "", "where": "", "logx": "0 1", "logy": "0 1", "of": "all"},
	"/table":    {"where": "", "sort": "", "columns": "", "offset": number0},
	"/parallel": {"where": "", "columns": ""},
	"/log":      {"file": "", "find": "", "about": ""},

	"/api/searches": {"find": "", "offset": number0},
	"/api/compare":  {"search": "", "metric": ""},
	"/api/events":   {"search": ""},
	"/steer":        {},
	"/declare":      {"request": "", "at_turn": number0, "dry": "1"},
	"/import":       {"name": "", "request": "", "at_turn": number0, "dry": "1", "map": ""},
}

// number0 says that a parameter is a whole number, 0 or more.
const number0 = "0 1 2 ..."

// asks tells whether an address takes these parameters, so that a slip is not passed over.
func asks(question string, q url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		may, ok := taken[question][name]
		if !ok {
			if all := slices.Sorted(maps.Keys(taken[question])); len(all) > 0 {
				return fmt.Errorf("%s: there is no such parameter; there are %s", clip(name, 40), strings.Join(all, ", "))
			}
			return fmt.Errorf("%s: this takes no parameters", clip(name, 40))
		}
		for _, value := range q[name] {
			_, err := strconv.ParseUint(value, 10, 63)
			if fits := may == "" || value == "" || may == number0 && err == nil || slices.Contains(strings.Fields(may), value); !fits {
				return fmt.Errorf("%s: %q is none of %s", name, clip(value, 40), strings.ReplaceAll(may, " ", ", "))
			}
		}
	}
	return nil
}

func of(f func(*search, url.Values) (any, error)) query {
	return func(s *search, _ context.Context, _ engine.ID, q url.Values) (any, error) { return f(s, q) }
}

// answer is what a query was told.
type answer struct {
	text []byte
	of   uint64 // the search's version or, where clocks are not told of, its revision
	took time.Duration
	at   time.Time
}

// holds tells whether the answer is the newest.
func (a *answer) holds(now uint64) bool { return a != nil && a.of == now }

// pays is when to find the answer anew, where something has changed.
func (a *answer) pays() (at time.Time) {
	if a != nil && a.took > quick {
		at = a.at.Add(sparing * a.took)
	}
	return at
}

// owe has whoever looks be told at a time that something has changed. s.brief is held.
func (s *search) owe(at time.Time) {
	if at.After(s.owed) {
		s.owed = at
	}
}

const (
	// mostAnswers is how many are kept of a search.
	mostAnswers = 200

	// What takes longer than quick is found anew only after sparing times as long, so that a
	// page that shows a large search leaves the machine to it.
	quick   = 50 * time.Millisecond
	sparing = 9
)

// ticking are the queries that are told of clocks and of jobs that run.
var ticking = map[string]bool{"": true, "/log": true}

// now is which version of an answer would be the newest. s.brief is held.
func (s *search) now(ticks bool) uint64 {
	if ticks {
		return s.version
	}
	return s.revision
}

// answer is what a question of queries is told as JSON, and of which version of the search. Whoever is
// patient may be told what held a moment ago, where it takes long to find that out anew, and
// is told when it pays.
func (s *search) answer(ctx context.Context, question, id string, at *url.URL, patient bool) (text []byte, version uint64, err error) {
	if err := asks(question, at.Query()); err != nil {
		return nil, 0, err
	}
	var about engine.ID
	if id != "" {
		if about, err = engine.ParseID(id); err != nil {
			return nil, 0, err
		}
	}
	uri, ticks := at.RequestURI(), ticking[question]
	known := func() *answer {
		s.brief.Lock()
		defer s.brief.Unlock()
		a := s.answers[uri]
		if a.holds(s.now(ticks)) {
			return a
		}
		if pays := a.pays(); patient && time.Now().Before(pays) {
			s.owe(pays)
			return a
		}
		return nil
	}
	if a := known(); a != nil {
		return a.text, a.of, nil
	}
	s.fetch(ctx, question, about)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.archive == nil {
		return nil, 0, orElse(s.wrong(), errReading)
	}
	if a := known(); a != nil { // somebody else asked
		return a.text, a.of, nil
	}
	s.brief.Lock()
	a := &answer{of: s.now(ticks), at: time.Now()}
	s.brief.Unlock()
	v, err := queries[question](s, ctx, about, at.Query())
	if err != nil {
		return nil, a.of, err
	}
	a.text, err = inAnswer(v)
	if err == nil && len(a.text) > maxAnswer {
		err = fmt.Errorf("%w (%d bytes)", errTooLong, len(a.text))
	}
	if err != nil {
		return nil, a.of, err
	}
	a.took = time.Since(a.at)
	s.brief.Lock()
	defer s.brief.Unlock()
	if len(s.answers) >= mostAnswers {
		clear(s.answers)
	}
	s.answers[uri] = a
	return a.text, a.of, nil
}

// settle has answers that are owed be asked for again, once that pays.
func (s *search) settle() {
	s.brief.Lock()
	defer s.brief.Unlock()
	if !s.owed.IsZero() && time.Now().After(s.owed) {
		s.owed = time.Time{}
		s.version++
	}
}

// One is a search that is looked at from within this process, by the questions that a
// page asks a Server. Several goroutines may use it at once.
type One struct{ search *search }

// Open makes a One of the search in dir. It reads nothing before Refresh.
func Open(dir string, from Source) *One {
	name := filepath.Base(dir)
	if whole, err := filepath.Abs(dir); err == nil {
		name = filepath.Base(whole)
	}
	return &One{newSearch(name, dir, from)}
}

// Refresh reads what is new: all that there is at first, of which some may be asked already
// while it reads.
func (o *One) Refresh(ctx context.Context) error { return o.search.refresh(ctx) }

// Version grows with every change. Answers of one version are equal.
func (o *One) Version() uint64 {
	o.search.brief.Lock()
	defer o.search.brief.Unlock()
	return o.search.version
}

// Ask answers what docs/serve.md has under /api/searches/NAME: "/table?offset=50".
func (o *One) Ask(ctx context.Context, address string) ([]byte, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	question, id := at.Path, ""
	if queries[question] == nil {
		question, id = path.Dir(at.Path)+"/{id}", path.Base(at.Path)
	}
	if queries[question] == nil {
		return nil, &notFound{"there is no " + clip(at.Path, 200)}
	}
	text, _, err := o.search.answer(ctx, question, id, at, false)
	return text, err
}

// Steer changes the search, whether it runs or not, and sees what that changed.
func (o *One) Steer(ctx context.Context, r engine.Request) (engine.Receipt, error) {
	return o.search.steer(ctx, r)
}
