package serve

import (
	"context"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// standing is where a search stands, as a list of searches has it.
type standing struct {
	Name        string          `json:"name"`
	State       engine.RunState `json:"state,omitempty"` // empty while it is read
	Live        bool            `json:"live"`
	Paused      bool            `json:"paused,omitempty"`
	Evaluations int             `json:"evaluations"`
	Limit       int             `json:"limit,omitempty"`
	Failed      int             `json:"failed,omitempty"`
	Objective   string          `json:"objective,omitempty"`
	Best        string          `json:"best,omitempty"`
	Winner      engine.ID       `json:"winner,omitempty"`
	Strategy    string          `json:"strategy,omitempty"`
	Branched    string          `json:"branched,omitempty"` // from what
	Wall        number          `json:"wall"`
	Left        number          `json:"left,omitempty"` // seconds that it will take yet, where that is known
	Error       string          `json:"error,omitempty"`
	Version     uint64          `json:"version"`
}

// listed is where the search stands. s.mu is held.
func (s *search) listed() *standing {
	st, goal := s.view.Status(), s.view.Objective()
	o := &standing{
		Name: s.name, State: st.State, Live: s.state.Live, Evaluations: st.Evaluations, Limit: st.Limits.Evaluations, Failed: st.Failed,
		Objective: clip(goal.Metric, 60), Strategy: clip(st.Strategy, 40), Wall: number(st.Wall), Winner: s.winner(),
	}
	if st.Branched != nil {
		o.Branched = clip("branched "+show.OriginsText(st.Branched), 100)
	}
	o.Paused = st.Paused != nil
	if _, left := show.Progress(st, show.Pace(st)); o.Live && !o.Paused && !math.IsNaN(left) {
		o.Left = number(max(0, left))
	}
	if row, ok := s.rows.Find(o.Winner); ok {
		if values := s.rows.Metric(goal.Metric); values != nil {
			o.Best = spoken(goal.Metric, values[row])
		}
	}
	return o
}

// stood is where the search was when it was read last.
func (s *search) stood() standing {
	s.brief.Lock()
	defer s.brief.Unlock()
	out := standing{Name: s.name}
	if s.standing != nil {
		out = *s.standing
	}
	if out.Version = s.version; s.err != nil {
		out.Error = clip(s.err.Error(), 100)
	}
	return out
}

// forget lets go of all but where the search stands.
func (s *search) forget() {
	if !s.reading.TryLock() { // somebody reads it again
		return
	}
	defer s.reading.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.record, s.archive, s.rows, s.view, s.columns, s.course, s.details = nil, nil, nil, nil, nil, nil, nil, nil
	s.events, s.stands, s.state = 0, false, State{}
	s.brief.Lock()
	defer s.brief.Unlock()
	clear(s.answers)
}

// look reads the search for a list, unless it is known where it stands.
func (s *search) look(ctx context.Context) {
	s.brief.Lock()
	known := s.standing != nil && !s.standing.Live && s.err == nil && s.stamp == stampOf(s.dir)
	s.brief.Unlock()
	if !known && s.claim(time.Second) {
		s.read(ctx)
	}
}

const (
	// pageSearches is how many searches are listed at once.
	pageSearches = 50

	// lookers is how many searches are read at once for a list.
	lookers = 4
)

// overview answers /api/searches[?find=][&offset=]: the searches and where they stand.
func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Folder   string     `json:"folder"`
		Single   bool       `json:"single"` // the directory is a search's own
		Writes   bool       `json:"writes"` // who asks may change something
		Total    int        `json:"total"`  // searches of which the name has what is to be found
		Offset   int        `json:"offset"`
		Searches []standing `json:"searches"`
	}{Folder: clip(filepath.Base(s.config.Dir), 200), Single: isSearch(s.config.Dir), Writes: brings(r, s.config.Tokens.Write), Searches: []standing{}}
	names := slices.Clone(s.list())
	if find := r.FormValue("find"); find != "" {
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(strings.ToLower(name), strings.ToLower(find)) })
	}
	answer.Total = len(names)
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	answer.Offset = max(0, min(offset, len(names)))
	names = names[answer.Offset:]

	var all []*search
	for _, name := range names[:min(len(names), pageSearches)] {
		if x, err := s.search(name); err == nil {
			all = append(all, x)
		}
	}
	s.lookAt(r.Context(), all)
	room := maxAnswer - 2000
	for _, x := range all {
		one := x.stood()
		text, _ := inAnswer(one)
		if room -= len(text) + 1; room < 0 { // names may be long: the others are on the next page
			break
		}
		answer.Searches = append(answer.Searches, one)
	}
	respond(w, answer)
}

// lookAt reads searches for a list, and returns when that is done or there is something to be
// seen already.
func (s *Server) lookAt(ctx context.Context, all []*search) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wait sync.WaitGroup
		next := make(chan *search)
		for range lookers {
			wait.Go(func() {
				for x := range next {
					x.look(context.WithoutCancel(ctx))
				}
			})
		}
		for _, x := range all {
			next <- x
		}
		close(next)
		wait.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(300 * time.Millisecond):
	}
}

// respond answers with JSON of at most maxAnswer bytes.
func respond(w http.ResponseWriter, v any) {
	text, err := inAnswer(v)
	if err == nil && len(text) > maxAnswer {
		err = errTooLong
	}
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(text)
}
