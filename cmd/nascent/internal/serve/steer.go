package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
)

// steer changes a search by the same request that its socket takes, and answers with the
// receipt. The guard has seen that whoever asks may.
func (s *Server) steer(w http.ResponseWriter, r *http.Request) {
	x, err := s.search(r.PathValue("name"))
	if err != nil {
		fail(w, err)
		return
	}
	req, err := socket.ReadRequest(r.Body)
	if err != nil {
		fail(w, err)
		return
	}
	req.By = cmp.Or(req.By, "page")
	rec, err := x.steer(r.Context(), req)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(rec)
}

// steer changes the search.
func (x *search) steer(ctx context.Context, r engine.Request) (engine.Receipt, error) {
	rec, err := x.source.Steer(ctx, x.dir, r)
	if err == nil && !r.DryRun {
		x.brief.Lock()
		clear(x.answers)
		x.brief.Unlock()
		x.refresh(ctx) // so that whoever asked sees it; what cannot be read now is read later
	}
	return rec, err
}

// declare has a search declare what the body says: a text as /declared gives it.
func (s *Server) declare(w http.ResponseWriter, r *http.Request) {
	x, err := s.search(r.PathValue("name"))
	if err != nil {
		fail(w, err)
		return
	}
	q := r.URL.Query()
	req := engine.Request{ID: q.Get("request"), By: "page", DryRun: q.Get("dry") != ""}
	if at := q.Get("at_turn"); at != "" {
		if req.AtTurn, err = strconv.ParseUint(at, 10, 63); err != nil {
			fail(w, fmt.Errorf("%.40q is no turn", at))
			return
		}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, config.MaxSize+1))
	if err == nil {
		req.Takeover, err = config.Declared("declared", text)
	}
	if err != nil {
		fail(w, err)
		return
	}
	rec, err := x.steer(r.Context(), req)
	if err != nil {
		fail(w, err)
		return
	}
	rec.Says = clip(rec.Says, mostSaid)
	respond(w, rec)
}

// declaration is what a search declares, as somebody writes it.
type declaration struct {
	Text string `json:"text,omitempty"`
	Long bool   `json:"long,omitempty"` // it is too long for an answer
}

// declared answers /declared.
func (s *search) declared(url.Values) (any, error) {
	text, err := config.DeclaredText(&s.archive.Plan)
	if err != nil || inJSON(string(text)) > maxAnswer-1000 {
		return &declaration{Long: err == nil}, err
	}
	return &declaration{Text: string(text)}, nil
}

const (
	mostImport = 64 << 20 // bytes of a file
	mostSaid   = 8000     // of what came of it
)

// bring lets a search know results from a file, as `nascent import` does: that is the body, and
// its name tells of which kind it is.
func (s *Server) bring(w http.ResponseWriter, r *http.Request) {
	x, err := s.search(r.PathValue("name"))
	if err != nil {
		fail(w, err)
		return
	}
	dir, err := os.MkdirTemp("", "nascent-import-")
	if err != nil {
		fail(w, err)
		return
	}
	defer os.RemoveAll(dir)
	q := r.URL.Query()
	name := safeName(filepath.Base(q.Get("name")))
	if strings.Trim(name, "._") == "" {
		name = "results.csv"
	}
	path := filepath.Join(dir, name[max(0, len(name)-200):]) // the end of a name tells the kind
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = io.Copy(f, http.MaxBytesReader(w, r.Body, mostImport))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		fail(w, err)
		return
	}
	args := []string{"import", x.dir, path, "--by", "page"}
	if q.Get("request") != "" {
		args = append(args, "--request="+q.Get("request"))
	}
	if q.Get("at_turn") != "" {
		args = append(args, "--at-turn="+q.Get("at_turn"))
	}
	if q.Get("dry") != "" {
		args = append(args, "--dry-run")
	}
	for _, m := range q["map"] {
		args = append(args, "--map="+m)
	}
	var said strings.Builder
	if err := s.config.Source.Run(r.Context(), &said, args...); err != nil {
		fail(w, err)
		return
	}
	x.brief.Lock()
	clear(x.answers)
	x.brief.Unlock()
	x.refresh(r.Context()) // so that whoever asked sees it; what cannot be read now is read later
	lines := strings.Split(clip(said.String(), mostSaid), "\n")
	respond(w, map[string]any{"text": slices.DeleteFunc(lines, func(line string) bool { return line == "" })})
}

// mostEvents is how many events are listed.
const mostEvents = 100

// timeline answers /timeline: the newest of what happened to the search, the last first.
func (s *search) timeline(url.Values) (any, error) {
	type timeline struct {
		Events []engine.Occurrence `json:"events"`
		Total  int                 `json:"total"`
	}
	all, err := engine.Timeline(s.record)
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(all[max(0, len(all)-mostEvents):])
	slices.Reverse(newest)
	for i := range newest {
		e := &newest[i]
		e.Text, e.By, e.Request = clip(e.Text, 450), clip(e.By, 60), clip(e.Request, 60)
	}
	return &timeline{append([]engine.Occurrence{}, fit(newest, 56_000)...), len(all)}, nil
}
