package jsonl

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/plugins/host"
)

// ofHost is trouble.py in the processes of a search: host, this plugin, worker.
func ofHost(t *testing.T) engine.Evaluator {
	t.Helper()
	p, err := host.Find(host.KindEvaluator, "testdata/trouble.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	return host.Evaluator(p, host.Options{LogDir: t.TempDir(), SearchID: t.Name()})
}

// Whichever process is killed, its descendants go with it and the next job runs.
func TestKilledInTheChain(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := openRig(t, ofHost(t), `{}`)
	for victim, name := range []string{"plugin", "worker"} {
		e := r.answer(r.submit("descendants"))
		chain := pids(t, string(e.Result.Output))
		if err := syscall.Kill(chain[victim], syscall.SIGKILL); err != nil {
			t.Fatalf("the %s: %v", name, err)
		}
		proctest.Gone(t, chain[victim:]...)
		// A job that meets the death on its way is lost, and tried again.
		for tries := 0; ; tries++ {
			if e := r.answer(r.submit("good")); e.Kind == engine.Finished && e.Result.Status == engine.OK {
				break
			} else if tries == 3 {
				t.Fatalf("after the death of the %s: %+v", name, e)
			}
		}
	}
}

// Temporary files go with the process that made them, or with its plugin.
func TestTemporaryFiles(t *testing.T) {
	t.Parallel()
	needPython(t)
	if len(os.TempDir()) > 25 {
		t.Skip("$TMPDIR is too long for sockets: temporary files are made there")
	}
	for _, options := range []string{`{}`, `{"preload": ["heavy", "tempfile"]}`} {
		r := openRig(t, ofHost(t), options)
		leave := func() string {
			t.Helper()
			e := r.answer(r.submit("leaves_file"))
			if e.Kind != engine.Finished || e.Result.Status != engine.OK {
				t.Fatalf("%+v %+v", e, e.Result)
			}
			path := string(e.Result.Output)
			if _, err := os.Stat(path); err != nil {
				t.Fatal(err)
			}
			return path
		}
		path := leave()
		r.answer(r.submit("crash"))
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: %s is left over from a worker that crashed", options, path)
		}
		path = leave()
		r.session.Close(t.Context())
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: %s is left over from a search that ended", options, path)
		}
	}
}

// A killed host leaves nobody, not even children of a worker that cannot hear
// anything because a C call holds the interpreter's lock.
func TestKilledHost(t *testing.T) {
	t.Parallel()
	needPython(t)
	p, err := host.Find(host.KindEvaluator, "testdata/trouble.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NASCENT_TEST_CHAIN="+string(b), "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	chain := pids(t, line)
	segment := fmt.Sprintf("/dev/shm/torch_%d_test", chain[2]) // as PyTorch names shared memory
	if os.WriteFile(segment, nil, 0o600) != nil {
		segment = "" // there is no /dev/shm here
	}
	syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
	proctest.Gone(t, chain...)
	proctest.Removed(t, segment)
}

// hostToBeKilled runs a job that forks, says who is there, and begins one that
// holds the interpreter's lock.
func hostToBeKilled(plugin string) error {
	var p host.Plugin
	if err := json.Unmarshal([]byte(plugin), &p); err != nil {
		return err
	}
	s, _, err := host.Evaluator(p, host.Options{SearchID: "killed"}).Open(context.Background(),
		engine.EvaluatorSetup{Space: troubles, Workers: 1, Options: json.RawMessage(`{}`), Files: engine.Memory()})
	if err != nil {
		return err
	}
	submit := func(id engine.ID, do string) error {
		g, err := troubles.Parse("do=" + do)
		if err != nil {
			return err
		}
		return s.Submit(engine.Assignment{Job: &engine.Job{ID: id, Genome: g, Budget: 1}, Attempt: 1})
	}
	if err := submit(1, "descendants"); err != nil {
		return err
	}
	var chain []byte
	for e := range s.Events() {
		switch {
		case e.Kind == engine.Finished:
			chain = e.Result.Output
			if err := submit(2, "gil"); err != nil {
				return err
			}
		case e.ID == 2 && e.Kind == engine.Progress:
			fmt.Printf("%s\n", chain)
		}
	}
	return nil
}

// A worker that dies with several jobs on board ends its plugin, so that each is
// tried again alone.
func TestCrashOfSeveral(t *testing.T) {
	t.Parallel()
	needPython(t)
	p, err := host.Find(host.KindEvaluator, "testdata/crowd.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	r := openRig(t, host.Evaluator(p, host.Options{LogDir: t.TempDir(), SearchID: t.Name()}), `{}`)
	a, b := r.submit("sleep"), r.submit("crash")
	lost := map[engine.ID]engine.Event{}
	for timeout := time.After(unheard); len(lost) < 2; {
		select {
		case e := <-r.session.Events():
			if e.Kind == engine.Lost {
				lost[e.ID] = e
			}
		case <-timeout:
			t.Fatalf("lost are only %v", lost)
		}
	}
	for _, id := range []engine.ID{a, b} {
		if e := lost[id]; e.Alone || !strings.Contains(e.Reason, "crowd.py ended with exit status 3") {
			t.Errorf("%+v", e)
		}
	}
	if e := r.answer(r.submit("good")); e.Kind != engine.Finished || e.Result.Status != engine.OK {
		t.Errorf("%+v", e)
	}
}
