package host

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// hostToBeKilled is a host in a process of its own: it runs a job whose
// process has children that stay, says who they are, and waits for its end.
func hostToBeKilled() {
	var p Plugin
	if err := json.Unmarshal([]byte(os.Getenv("NASCENT_TEST_HOST")), &p); err != nil {
		panic(err)
	}
	s, _, err := Evaluator(p, Options{SearchID: "killed"}).Open(context.Background(), engine.EvaluatorSetup{Space: space, Workers: 1, Files: engine.Memory()})
	if err != nil {
		panic(err)
	}
	g, err := space.Parse("do=fork x=1")
	if err != nil {
		panic(err)
	}
	if err := s.Submit(engine.Assignment{Job: &engine.Job{ID: 1, Genome: g}, Attempt: 1}); err != nil {
		panic(err)
	}
	for e := range s.Events() {
		if e.Kind == engine.Finished {
			fmt.Printf("%s\n%s\n", e.Result.Output, guardian.socketDir())
		}
	}
}

func TestHostKilled(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(testPlugin)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "NASCENT_TEST_HOST="+string(b), "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	in := bufio.NewReader(out)
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir = strings.TrimSpace(dir)
	var pids []int
	if err := json.Unmarshal([]byte(line), &pids); err != nil || len(pids) != 3 {
		t.Fatal(line, err)
	}
	for _, pid := range pids {
		if _, alive := startTime(pid); !alive {
			t.Fatalf("process %d is not even there", pid)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the sockets' directory: %v %v", info, err)
	}
	if n := reap("killed"); n != 0 {
		t.Errorf("reaped %d processes of a living host", n)
	}
	syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
	proctest.Gone(t, pids...)
	proctest.Removed(t, dir)
}

func TestReap(t *testing.T) {
	t.Parallel()
	// What a host left behind that had no guard.
	cmd := exec.Command("sleep", "3600")
	cmd.Env = []string{"NASCENT_SEARCH=reaped", "NASCENT_HOST=1-1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startCommand(cmd); err != nil {
		t.Fatal(err)
	}
	began, ok := startTime(cmd.Process.Pid)
	if !ok {
		t.Fatal("no start time")
	}
	if reap("another") != 0 || reap("") != 0 || reapProcess(cmd.Process.Pid, began+1) {
		t.Error("reaped what is another's")
	}
	segment := fmt.Sprintf("/dev/shm/torch_%d_test", cmd.Process.Pid) // as PyTorch names shared memory
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		t.Skip("there is no /dev/shm here")
	}
	if err := os.WriteFile(segment, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := reap("reaped"); n != 1 {
		t.Errorf("reaped %d", n)
	}
	if _, err := os.Stat(segment); err == nil {
		t.Error("its shared memory stays")
		os.Remove(segment)
	}
	cmd.Wait()

	left := filepath.Join(socketBases()[0], "nascent-1-1-7")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	reap("")
	if _, err := os.Stat(left); err == nil {
		t.Error("a dead host's sockets stay")
		os.Remove(left)
	}

	cmd = exec.Command("sleep", "3600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startCommand(cmd); err != nil {
		t.Fatal(err)
	}
	began, _ = startTime(cmd.Process.Pid)
	if !reapProcess(cmd.Process.Pid, began) {
		t.Error("did not reap the journaled process")
	}
	cmd.Wait()
}

// Not in parallel: the guard is one for all.
func TestGuardIsReplaced(t *testing.T) {
	r := open(t, testPlugin, options(t), 1, `{}`)
	wantOK(t, r.run("ok"))
	pid := func() int {
		guardian.mu.Lock()
		defer guardian.mu.Unlock()
		if guardian.cmd == nil {
			return 0
		}
		return guardian.cmd.Process.Pid
	}
	first := pid()
	syscall.Kill(first, syscall.SIGKILL)
	proctest.Until(t, "nobody guards", func() bool { second := pid(); return second != 0 && second != first })
	r.run("crash") // which the new guard is told
	wantOK(t, r.run("ok"))
}
