package command

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// The page reads a stopped search as it is, with its index and without one, and leaves
// one behind; what it offers to download is what export writes.
func TestServeStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "large")
	largeSearch(t, dir, 300)
	for _, indexed := range []bool{false, true} {
		s, err := serve.New(serve.Config{Dir: dir, Source: &app{}})
		if err != nil {
			t.Fatal(err)
		}
		get := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/searches/large"+path, nil))
			return w
		}
		var sum struct {
			Ready, Live bool
			Rows        int
			Winner      int
			State       struct {
				State       string
				Evaluations int
			}
		}
		for !sum.Ready {
			if w := get(""); w.Code == http.StatusOK {
				if err := json.Unmarshal(w.Body.Bytes(), &sum); err != nil {
					t.Fatal(err)
				}
			} else if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Fatal(w.Body)
			}
		}
		if sum.Live || sum.Rows != 300 || sum.State.Evaluations != 300 || sum.State.State != "finished" || sum.Winner == 0 {
			t.Errorf("with an index: %v: %+v", indexed, sum)
		}
		if _, err := os.Stat(filepath.Join(dir, index.FileName)); err != nil {
			t.Errorf("it leaves no index: %v", err)
		}
		var want strings.Builder
		if status := Main([]string{"export", dir, "12", "--format", "json"}, nil, &want, io.Discard); status != exitOK {
			t.Fatalf("export ends with %d", status)
		}
		if w := get("/export/12/json"); w.Code != http.StatusOK || w.Body.String() != want.String() {
			t.Errorf("the download is %d %s, want %s", w.Code, w.Body, want.String())
		}
		if w := get("/candidate/9999"); w.Code != http.StatusNotFound {
			t.Errorf("an unknown candidate: %d %s", w.Code, w.Body)
		}
	}
}

// A running search is steered from the page over its socket, and a stopped one in its
// ledger: a request that both get is carried out once.
func TestServeSteers(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	dir := filepath.Join(t.TempDir(), "steered")
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	e := &enginetest.Scripted{}
	search, err := engine.New(engine.Config{
		Space: genome.MustParseSpace(enginetest.Numbers), Strategy: strategy, StrategyName: "random", Ledger: led,
		Evaluators: map[string]engine.EvaluatorRef{"e": {Evaluator: e}},
		Limits:     engine.Limits{Evaluations: 50}, Final: engine.Final{Skip: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- search.Run(t.Context()) }()
	at := &target{dir: dir}
	answering, err := (&app{}).serve(at, running(search, led, at), search, led)
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	s, err := serve.New(serve.Config{Dir: dir, Source: &app{}, Tokens: serve.Tokens{Write: token}})
	if err != nil {
		t.Fatal(err)
	}
	steer := func(request string) (status int, rec engine.Receipt) {
		t.Helper()
		r := httptest.NewRequest("POST", "http://localhost/api/searches/steered/steer", strings.NewReader(request))
		r.AddCookie(&http.Cookie{Name: "nascent-token", Value: token})
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &rec); err != nil {
				t.Fatal(err)
			}
		} else if !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
		return w.Code, rec
	}
	const pause = `{"request": "r-1", "pause": {}}`
	status, first := steer(pause)
	if status != http.StatusOK || first.Seq == 0 || search.Status().Paused == nil || search.Status().Paused.By != "page" {
		t.Fatalf("a pause: %d %+v, and the search is %+v", status, first, search.Status().Paused)
	}
	if status, rec := steer(`{"cancel": [` + a.Job.ID.String() + `]}`); status != http.StatusOK || rec.Seq <= first.Seq {
		t.Errorf("what runs is cancelled: %d %+v", status, rec)
	}
	if status, _ := steer(`{"cancel": [9999]}`); status != http.StatusBadRequest {
		t.Errorf("a job that there is not is cancelled: %d", status)
	}
	if status, rec := steer(`{"stop": true}`); status != http.StatusOK {
		t.Errorf("a stop: %d %+v", status, rec)
	}
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	answering.Close()
	if err := led.Close(); err != nil {
		t.Fatal(err)
	}

	if status, again := steer(pause); status != http.StatusOK || again.Seq != first.Seq {
		t.Errorf("the same once more: %d %+v, want %+v", status, again, first)
	}
	if status, rec := steer(`{"resume": true}`); status != http.StatusOK || rec.Seq <= first.Seq {
		t.Errorf("a stopped one is not paused any more: %d %+v", status, rec)
	}
	if status, _ := steer(`{"unban": "x > 3"}`); status != http.StatusBadRequest {
		t.Errorf("what is not banned is unbanned: %d", status)
	}
}
