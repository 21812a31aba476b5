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
	"github.com/nascent-nas/nascent/engine/index"
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
			} else if w.Code != http.StatusNotFound {
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
