package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"

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
	"/failures":   of((*search).failures),
	"/log":        of((*search).log),
	"/candidate/{id}": func(s *search, ctx context.Context, id engine.ID, _ url.Values) (any, error) {
		return s.candidate(ctx, id)
	},
	"/lineage/{id}": func(s *search, _ context.Context, id engine.ID, _ url.Values) (any, error) { return s.lineage(id) },
}

func of(f func(*search, url.Values) (any, error)) query {
	return func(s *search, _ context.Context, _ engine.ID, q url.Values) (any, error) { return f(s, q) }
}

// answer is what a query is told as JSON, and of which version of the search: the same text
// for as long as nothing changes.
func (s *search) answer(ctx context.Context, f query, id string, at *url.URL) (text []byte, version uint64, err error) {
	var about engine.ID
	if id != "" {
		if about, err = engine.ParseID(id); err != nil {
			return nil, 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.archive == nil {
		return nil, s.version, orElse(s.err, &notFound{"the search is still being read; ask again"})
	}
	if known, ok := s.answers[at.RequestURI()]; ok {
		return known, s.version, nil
	}
	v, err := f(s, ctx, about, at.Query())
	if err != nil {
		return nil, s.version, err
	}
	text, err = json.Marshal(v)
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("%w (%d bytes)", errTooLong, len(text))
	}
	if err != nil {
		return nil, s.version, err
	}
	if len(s.answers) < 200 {
		s.answers[at.RequestURI()] = text
	}
	return text, s.version, nil
}

// One is a search that is looked at from within this process, by the questions that a
// page asks a Server. Several goroutines may use it at once.
type One struct{ search *search }

// Open makes a One of the search in dir. It reads nothing before Refresh.
func Open(dir string, from Source) *One { return &One{newSearch(path.Base(dir), dir, from)} }

// Refresh reads what is new: all that there is at first, of which some may be asked already
// while it reads.
func (o *One) Refresh(ctx context.Context) error { return o.search.refresh(ctx) }

// Version grows with every change. Answers of one version are equal.
func (o *One) Version() uint64 {
	o.search.mu.Lock()
	defer o.search.mu.Unlock()
	return o.search.version
}

// Ask answers what docs/serve.md has under /api/searches/NAME: "/table?offset=50".
func (o *One) Ask(ctx context.Context, address string) ([]byte, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	id := ""
	f, ok := queries[at.Path]
	if !ok {
		id = path.Base(at.Path)
		f, ok = queries[path.Dir(at.Path)+"/{id}"]
	}
	if !ok {
		return nil, &notFound{"there is no " + clip(at.Path, 200)}
	}
	text, _, err := o.search.answer(ctx, f, id, at)
	return text, err
}

// Steer changes the search, whether it runs or not, and sees what that changed.
func (o *One) Steer(ctx context.Context, r engine.Request) (engine.Receipt, error) {
	return o.search.steer(ctx, r)
}
