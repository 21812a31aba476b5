package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/plugins/host"
)

// TestDevices: the processes of a search see one GPU each, in turns, and one that
// takes another's place sees the other's.
func TestDevices(t *testing.T) {
	needPython(t)
	t.Setenv(visible, "4,5,6,7")
	p, err := host.Find(host.KindEvaluator, filepath.Join("testdata", "sees.py"), plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	e := host.Evaluator(p, host.Options{LogDir: t.TempDir(), SearchID: t.Name()})
	files := enginetest.Memory(t)
	const workers = 5
	meet := t.TempDir()
	s, _, err := e.Open(t.Context(), engine.EvaluatorSetup{Space: troubles, Workers: workers, Files: files,
		Options: json.RawMessage(fmt.Sprintf(`{"devices": [0, 1, 3], "meet": %q, "of": %d}`, meet, workers))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		s.Close(t.Context())
		for range s.Events() {
		}
	}()
	job := func(id engine.ID, do string) {
		t.Helper()
		g, err := troubles.Parse("do=" + do)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Submit(engine.Assignment{Job: &engine.Job{ID: id, Genome: g, Seed: 1, Budget: 1}, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(n int) (devices []int) {
		t.Helper()
		for ev := range s.Events() {
			if ev.Kind == engine.Begun {
				continue
			}
			if ev.Kind != engine.Finished || ev.Result.Status != engine.OK {
				t.Fatalf("%+v %+v", ev, ev.Result)
			}
			device, _ := ev.Result.Metrics.Get("device")
			if devices = append(devices, int(device)); len(devices) == n {
				break
			}
		}
		slices.Sort(devices)
		return devices
	}
	for i := range engine.ID(workers) {
		job(i+1, "good")
	}
	want := []int{4, 4, 5, 5, 7}
	if got := seen(workers); !slices.Equal(got, want) {
		t.Errorf("the processes see %v, want %v", got, want)
	}
	for i := range engine.ID(workers) {
		job(i+11, "crash")
	}
	for range workers {
		for ev := range s.Events() {
			if ev.Kind == engine.Finished {
				t.Fatalf("%+v", ev.Result)
			}
			if ev.Kind == engine.Returned { // by one that was about to go
				job(ev.ID, "crash")
			}
			if ev.Kind == engine.Lost {
				break
			}
		}
	}
	met, err := filepath.Glob(filepath.Join(meet, "*"))
	for _, path := range met { // all have to meet once more
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range engine.ID(workers) {
		job(i+21, "good")
	}
	if got := seen(workers); !slices.Equal(got, want) {
		t.Errorf("after all were replaced they see %v, want %v", got, want)
	}
}

// TestSee: what a process sees follows from the list and its place.
func TestSee(t *testing.T) {
	for _, c := range []struct {
		given, devices string
		place          int
		want           string // or a part of the refusal
	}{
		{"", `[0, 1, 2, 3]`, 2, "2"},
		{"", `[0, 1, 2, 3]`, 6, "2"},
		{"", `["GPU-8a", 1]`, 0, "GPU-8a"},
		{"2,3", `[1]`, 9, "3"},
		{"GPU-8a,GPU-8b", `["GPU-8b", 0]`, 0, "GPU-8b"},
		{"GPU-8a,GPU-8b", `["GPU-8b", 0]`, 1, "GPU-8a"},
		{"2,3", `[2]`, 0, "count from 0 to 1"},
		{"2,3", `["GPU-8a"]`, 0, "name one of these"},
	} {
		t.Setenv(visible, c.given)
		var devices []device
		if err := json.Unmarshal([]byte(c.devices), &devices); err != nil {
			t.Fatal(err)
		}
		env, err := see([]string{"A=b"}, devices, c.place)
		if err != nil {
			var option *engine.Mistake
			if !errors.As(err, &option) || option.Key != "devices" || !strings.Contains(option.Problem, c.want) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if got := env[len(env)-1]; got != visible+"="+c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for _, bad := range []string{`[-1]`, `["0,1"]`, `[""]`, `[true]`} {
		if err := json.Unmarshal([]byte(bad), new([]device)); err == nil || !strings.Contains(err.Error(), "is no GPU") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
