package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

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
	if err == nil {
		x.brief.Lock()
		clear(x.answers)
		x.brief.Unlock()
		x.refresh(ctx) // so that whoever asked sees it; what cannot be read now is read later
	}
	return rec, err
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
		e.Text, e.By, e.Request = clip(e.Text, 300), clip(e.By, 60), clip(e.Request, 60)
	}
	return &timeline{append([]engine.Occurrence{}, newest...), len(all)}, nil
}
