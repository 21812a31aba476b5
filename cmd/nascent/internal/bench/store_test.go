package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nascent-nas/nascent/engine"
)

// What is kept is read again by the next process, whatever a crash cut short.
func TestStoreOutlivesProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench", StoreName)
	x := 0.5
	want := map[Key]Outcome{}
	for seed := range int64(4) {
		s, err := OpenStore(path)
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() != len(want) {
			t.Errorf("%d outcomes, want %d", s.Len(), len(want))
		}
		k := Key{"aging", seed}
		if _, ok := s.Get(k); ok {
			t.Errorf("seed %d is there before it was put", seed)
		}
		o := Outcome{Search: "x", Metric: "accuracy", Goal: engine.Maximize, Digest: "d",
			Trace: Trace{Spent: Cost{3, float64(seed)}, Steps: []Step{{At: Cost{1, 2}, Value: 0.25}}}, Test: &x, Report: map[string]float64{"r": 2}}
		if err := s.Put(k, o); err != nil {
			t.Fatal(err)
		}
		want[k] = o
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if seed == 3 { // the last one ended as it should
			break
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(`{"of":"aging","seed":99,"outco`)
		f.Close()
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.HasPrefix(text, []byte("\n")) || bytes.Contains(text, []byte("\n\n")) || !bytes.HasSuffix(text, []byte("}\n")) {
		t.Errorf("there are empty lines, or the last one has no end: %v\n%s", err, text)
	}
	s, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	got := map[Key]Outcome{}
	for k := range want {
		got[k], _ = s.Get(k)
	}
	if diff := cmp.Diff(want, got); diff != "" || s.Len() != len(want) {
		t.Errorf("%d outcomes, -want +got:\n%s", s.Len(), diff)
	}
}
