package host

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// What a job takes while it runs is that of its process and of those below it; nothing is
// known of one that shares its process, is not there, or has ended.
func TestUsageOfARunningJob(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	meter := r.session.(engine.Meter)
	id := r.submit("forkhang")
	e := r.until(id, engine.Progress)
	if u := meter.Usage(id, 1); u.Memory < 1<<20 || u.CPU < 0 || u.GPUMemory != 0 && cards.program == "" {
		t.Errorf("it takes %+v", u)
	}
	pids := map[int]bool{}
	for _, p := range below(r.session.(*session).workers[0].link.process.pid()) {
		pids[p.pid] = true
	}
	for _, v := range e.Point.Metrics {
		if !pids[int(v.Value)] {
			t.Errorf("process %v is not among %v", v, pids)
		}
	}
	for _, k := range []key{{id, 2}, {id + 1, 1}} {
		if u := meter.Usage(k.id, k.attempt); u != (engine.Usage{}) {
			t.Errorf("%v takes %+v", k, u)
		}
	}
	r.session.Kill(id, 1)
	r.answersTo(id)
	if u := meter.Usage(id, 1); u != (engine.Usage{}) {
		t.Errorf("after its end it takes %+v", u)
	}

	several := open(t, testPlugin, options(t), 2, `{"slots": 2}`)
	id = several.submit("wait")
	several.until(id, engine.Begun)
	if u := several.session.(engine.Meter).Usage(id, 1); u != (engine.Usage{}) {
		t.Errorf("one of several takes %+v", u)
	}
}

// Processors are counted in the children, too, running and ended.
func TestProcessorsBelow(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "sh -c 'while :; do :; done' & wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Wait() })
	defer cmd.Process.Kill()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		all, cpu := below(cmd.Process.Pid), 0.0
		for _, p := range all {
			cpu += p.cpu
		}
		if len(all) == 2 && cpu >= 0.05 && all[1].memory > 0 {
			if child, err := os.FindProcess(all[1].pid); err == nil {
				child.Kill()
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", all)
		}
	}
}

func TestMemoryOfGPUs(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "nvidia-smi")
	const text = "#!/bin/sh\n[ \"$*\" = '--query-compute-apps=pid,used_memory --format=csv,noheader,nounits' ] || exit 1\n" +
		"printf '12, 300\\n13, [N/A]\\n12, 100\\n'\n"
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	g := gpus{program: program}
	if got, want := g.ask(), map[int]int64{12: 400 << 20}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for deadline := time.Now().Add(patience); len(g.memory()) != 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never answers")
		}
	}
	if none := (&gpus{program: filepath.Join(t.TempDir(), "none")}); none.memory() != nil {
		t.Error("what is not there answers")
	}
}
