package follow

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nascent-nas/nascent/engine"
)

// What a job took of the machine is told beside its metrics, as far as it is known.
func TestScalarsOfUsage(t *testing.T) {
	t.Parallel()
	c := &engine.Candidate{Result: engine.Result{Status: engine.OK, Usage: engine.Usage{CPU: 1.5, GPUMemory: 2}}}
	text := string(scalars(&Record{Number: 1, Candidate: c}))
	for name, want := range map[string]bool{"usage/cpu": true, "usage/gpu_memory": true, "usage/memory": false} {
		if strings.Contains(text, name) != want {
			t.Errorf("%s is told: %v, want %v", name, !want, want)
		}
	}
}

// Each file begins by saying from which step on what older ones hold is void.
func TestTensorBoardVoidsWhatWasToldBefore(t *testing.T) {
	t.Parallel()
	dir, logs := t.TempDir(), t.TempDir()
	carryOn(t, t.Context(), dir, 8, nil, &TensorBoard{Dir: logs})
	told, err := readTold(dir)
	if err != nil {
		t.Fatal(err)
	}
	last, _ := told.get("tensorboard " + logs)
	carryOn(t, t.Context(), dir, 12, nil, &TensorBoard{Dir: logs})
	files, err := filepath.Glob(filepath.Join(logs, "s", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v: %v", files, err)
	}
	slices.Sort(files)
	for i, want := range []uint64{1, last + 1} {
		b, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		b = b[16+binary.LittleEndian.Uint64(b):] // what is behind the version
		e := b[12+9:]                            // and behind the time
		if number, kind, n := protowire.ConsumeTag(e); number != 2 || kind != protowire.VarintType {
			t.Fatalf("file %d: its second event has field %d", i, number)
		} else if step, _ := protowire.ConsumeVarint(e[n:]); step != want {
			t.Errorf("file %d begins at step %d, want %d", i, step, want)
		}
	}
}

// TensorBoard itself reads what is written for it: each record's values once, whatever
// was told twice, with the best so far.
func TestTensorBoardReads(t *testing.T) {
	t.Parallel()
	python := os.Getenv("NASCENT_TENSORBOARD_PYTHON")
	if python == "" {
		t.Skip("set NASCENT_TENSORBOARD_PYTHON to a Python with tensorboard")
	}
	dir, logs := t.TempDir(), t.TempDir()
	carryOn(t, t.Context(), dir, 20, nil, &TensorBoard{Dir: logs})
	if err := os.Remove(dir + "/" + FileName); err != nil { // as if the end of the run had been lost: all is told again
		t.Fatal(err)
	}
	whole := &recorder{past: true}
	if _, err := carryOn(t, t.Context(), dir, 40, nil, &TensorBoard{Dir: logs}, whole); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-W", "ignore", "-c", `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))`, logs+"/s")
	cmd.Env = append(os.Environ(), "TF_CPP_MIN_LOG_LEVEL=3")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	var got map[string][][2]float64
	if err := json.Unmarshal([]byte(strings.TrimSpace(string(out))), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string][][2]float64{}
	add := func(tag string, number uint64, x float64) {
		want[tag] = append(want[tag], [2]float64{float64(number), float64(float32(x))})
	}
	for _, r := range whole.told {
		if r.Candidate == nil || r.Candidate.Status != engine.OK {
			continue
		}
		for _, m := range r.Candidate.Metrics {
			add(string(r.Candidate.Phase)+"/"+m.Name, r.Number, m.Value)
		}
		for _, name := range engine.UsageNames {
			if x, known := r.Candidate.Usage.Get(name); known {
				add("usage/"+name, r.Number, x)
			}
		}
		if r.Leads {
			for _, m := range r.Best.Metrics {
				add("best/"+m.Name, r.Number, m.Value)
			}
		}
	}
	if len(got) != len(want) || len(want["search/accuracy"]) < 30 || len(want["best/cost"]) < 2 {
		t.Errorf("%d tags, want %d", len(got), len(want))
	}
	for tag, values := range want {
		if len(got[tag]) != len(values) {
			t.Errorf("%s: %d values, want %d", tag, len(got[tag]), len(values))
			continue
		}
		for i, v := range values {
			if got[tag][i] != v {
				t.Errorf("%s: %v, want %v", tag, got[tag][i], v)
			}
		}
	}
}
