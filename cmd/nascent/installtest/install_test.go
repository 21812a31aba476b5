package installtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// installed is a directory with what go install makes of cmd, and nothing else.
var installed = sync.OnceValues(func() (string, error) {
	if err := proctest.NeverCached(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "nascent-install-")
	if err != nil {
		return "", err
	}
	return dir, goTool("GOBIN="+dir, "install", "-trimpath", "./cmd/...")
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := installed(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// goTool runs the go command in the module's root.
func goTool(env string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = filepath.Join("..", "..", ".."), append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// user is somebody who has the programs of a directory on the PATH, and nothing else,
// in an empty folder.
type user struct {
	bin, home, folder string
}

func newUser(t *testing.T) *user {
	t.Helper()
	bin, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return &user{bin, t.TempDir(), t.TempDir()}
}

// nascent runs it, and returns both outputs.
func (u *user) nascent(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := u.command(t, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	return out.String(), complaint.String(), err
}

// command is one that is not started yet.
func (u *user) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), filepath.Join(u.bin, "nascent"), args...)
	cmd.Dir, cmd.Env = u.folder, []string{"PATH=" + u.bin, "HOME=" + u.home, "TMPDIR=" + os.TempDir()}
	return cmd
}

// must wants it to succeed.
func (u *user) must(t *testing.T, args ...string) string {
	t.Helper()
	out, complaint, err := u.nascent(t, args...)
	if err != nil {
		t.Fatalf("nascent %s: %v\n%s", strings.Join(args, " "), err, complaint)
	}
	return out
}

func TestTwoPrograms(t *testing.T) {
	t.Parallel()
	bin := newUser(t).bin
	entries, err := os.ReadDir(bin)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if names = append(names, e.Name()); !e.Type().IsRegular() {
			t.Errorf("%s is %s", e.Name(), e.Type())
		}
	}
	if !slices.Equal(names, []string{"nascent", "nascent-plugins"}) {
		t.Errorf("installed are %v", names)
	}
}

// TestExamples runs every example that needs nothing, with little to train; the
// others say what is missing.
func TestExamples(t *testing.T) {
	t.Parallel()
	small := []string{"--set", "fidelities=[{evaluator: train, budget: 1}]", "--set", "final={top: 1, repeats: 1, budget: 1, tests: 1}"}
	for name, args := range map[string][]string{
		"onemax":                  {"onemax", "--evaluations", "60"},
		"mnist1d":                 {"mnist1d", "--evaluations", "2", "--set", "fidelities=[{budget: 1}]", small[2], small[3]},
		"mnist1d-front":           {"mnist1d-front", "--evaluations", "2", "--set", "fidelities=[{budget: 1}]", small[2], small[3]},
		"mnist1d-cells":           append([]string{"mnist1d-cells", "--evaluations", "2"}, small...),
		"mnist1d-cells reinforce": append([]string{"mnist1d-cells", "--evaluations", "2", "--strategy", "reinforce"}, small...),
		"mnist1d-cells qlearning": append([]string{"mnist1d-cells", "--evaluations", "2", "--strategy", "qlearning"}, small...),
		"mnist1d-cells darts":     append([]string{"mnist1d-cells", "--evaluations", "2", "--strategy", "darts", "--set", "strategy.epochs=1"}, small...),
		"mnist1d-cells spos": append([]string{
			"mnist1d-cells", "--evaluations", "5", "--strategy", "spos", "--set", "strategy={use: spos, epochs: 1, epochs_a_job: 1, promote: {eta: 1, after: 0}}",
		}, small...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.must(t, append([]string{"run", "--quiet", "--dir", "out"}, args...)...)
			var status struct {
				State string `json:"state"`
				Spent struct {
					Evaluations int `json:"evaluations"`
				} `json:"spent"`
			}
			text := u.must(t, "status", "out", "--json")
			if err := json.Unmarshal([]byte(text), &status); err != nil || status.State != "finished" || status.Spent.Evaluations < 2 {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
	for name, missing := range map[string]string{
		"darts": "darts.csv.gz", "nasbench101": "nasbench101_subset.csv.gz", "nasbench201": "nasbench201.csv.gz", "fashion-mnist": "python3",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, complaint, err := newUser(t).nascent(t, "run", "--quiet", name)
			if err == nil || strings.Count(complaint, "\n") != 1 || !strings.Contains(complaint, missing) {
				t.Errorf("%v: %s", err, complaint)
			}
		})
	}
	entries, err := os.ReadDir("../examples")
	if err != nil || len(entries) != 8+1 { // and the Go file that embeds them
		t.Errorf("there are other examples than are tried here: %v %v", entries, err)
	}
}

// An upgrade that changes no result refuses no search: here the same source, built
// with other flags.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	whole := newUser(t)
	whole.must(t, "run", "onemax", "--quiet", "--evaluations", "80")
	u.must(t, "run", "onemax", "--quiet", "--evaluations", "40")
	before, err := os.ReadFile(filepath.Join(u.bin, "nascent-plugins"))
	if err != nil {
		t.Fatal(err)
	}
	u.bin = t.TempDir()
	if err := proctest.Shipped(u.bin); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(u.bin, "nascent-plugins"))
	if err != nil || bytes.Equal(before, after) {
		t.Fatal("the program is the same", err)
	}
	u.must(t, "run", "onemax", "--quiet", "--evaluations", "80")
	if a, b := whole.must(t, "digest", "onemax"), u.must(t, "digest", "onemax"); a != b {
		t.Errorf("the digest is %s, of one that was not upgraded %s", b, a)
	}
	_, complaint, err := u.nascent(t, "run", "onemax", "--quiet", "--evaluations", "90", "--set", "evaluator.invalid=0.5")
	if err == nil || !strings.Contains(complaint, "option invalid: 0.5, was not given") {
		t.Errorf("%v: %s", err, complaint)
	}
}

// A search that runs is not broken by an upgrade: what it starts afterwards is the program
// that it began with, also while the new one is half installed.
func TestUpgradeWhileItRuns(t *testing.T) {
	t.Parallel()
	u, whole := newUser(t), newUser(t)
	installed := u.bin
	u.bin = t.TempDir()
	for _, name := range []string{"nascent", "nascent-plugins"} {
		program, err := os.ReadFile(filepath.Join(installed, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(u.bin, name), program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"run", "onemax", "--quiet", "--evaluations", "60", "--set", "evaluator.delay=20ms", "--set", "failures.backoff=1ms"}
	whole.must(t, args...)
	cmd := u.command(t, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	proctest.Until(t, "it measures nothing, or too fast", func() bool {
		out, _, err := u.nascent(t, "list", "onemax", "--limit", "1")
		return err == nil && strings.Contains(out, "ok")
	})
	for _, name := range []string{"nascent", "nascent-plugins"} {
		half := filepath.Join(u.bin, name+".new")
		if err := os.WriteFile(half, []byte("half of a program"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(half, filepath.Join(u.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	killed := 0
	for _, pid := range proctest.Children(cmd.Process.Pid) {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	if killed == 0 {
		t.Error("it had no processes to replace")
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, complaint.Bytes())
	}
	u.bin = installed
	if a, b := whole.must(t, "digest", "onemax"), u.must(t, "digest", "onemax"); a != b {
		t.Errorf("the digest is %s, of one that was not upgraded %s", b, a)
	}
}
