package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nascent is the command line, with the strategies that share weights and this
// evaluator beside it.
func nascentBeside(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	for name, source := range map[string]string{"nascent": "../../../cmd/nascent", "nascent-strategy-supernet": "../../strategies/supernet"} {
		if out, err := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, name), source).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, name := range []string{"nascent-evaluator-torch", driver} {
		if err := os.Symlink(filepath.Join(folder, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"darts", "gdas", "enas", "spos"} {
		if err := os.Symlink("nascent-strategy-supernet", filepath.Join(dir, "nascent-strategy-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "nascent")
}

// TestSearchesWithSharedWeights runs whole searches in which this evaluator
// trains the shared weights as well as the candidates: once undisturbed, and once
// interrupted and resumed, to the same digest.
func TestSearchesWithSharedWeights(t *testing.T) {
	t.Parallel()
	python, reason := interpreter()
	if python == "" {
		t.Skip(reason)
	}
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	nascent := nascentBeside(t, folder)
	for _, c := range []struct{ name, strategy, evaluations string }{
		{"darts", `{use: darts, epochs: 4}`, "8"},
		{"gdas", `{use: gdas, epochs: 4, epochs_a_job: 2}`, "6"},
		{"enas", `{use: enas, epochs: 2, epochs_a_job: 1, paths: 10, updates: 1, batch: 4, finalists: 6, hidden: 8}`, "20"},
		{"spos", `{use: spos, epochs: 3, epochs_a_job: 1, search: {use: aging, population: 5, sample: 2}, promote: {eta: 5, after: 10}}`, "50"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run := func(args ...string) string {
				t.Helper()
				cmd := exec.Command(nascent, args...)
				cmd.Env = append(os.Environ(), "NASCENT_CACHE="+filepath.Join(folder, "cache"))
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("nascent %s: %v\n%s", strings.Join(args, " "), err, out)
				}
				return strings.TrimSpace(string(out))
			}
			search := func(dir string) []string {
				return []string{"run", "mnist1d-cells", "--dir", dir, "--seed", "3", "--strategy", c.strategy,
					"--set", fmt.Sprintf("evaluators={train: {use: torch, python: %s, data: {samples: 400, validation: 100, test: 100}}}", python),
					"--set", "fidelities=[{evaluator: train, budget: 1}]", "--set", "limits={evaluations: " + c.evaluations + "}",
					"--set", "final={top: 1, repeats: 1, budget: 1, tests: 1}", "--set", "baselines=[]"}
			}
			whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
			if out := run(search(whole)...); !strings.Contains(out, "reaches accuracy") {
				t.Errorf("the search ends with\n%s", out)
			}
			run("replay", whole)
			first := exec.Command(nascent, search(parts)...)
			first.Env = append(os.Environ(), "NASCENT_CACHE="+filepath.Join(folder, "cache"))
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(2*time.Second, func() { first.Process.Signal(os.Interrupt) })
			first.Wait() // wherever it was then
			run(search(parts)...)
			if got, want := run("digest", parts), run("digest", whole); got != want {
				t.Errorf("interrupted and resumed, its digest is %s, undisturbed %s", got, want)
			}
		})
	}
}

// TestMissingDataset: a search whose files of Debian's data sets are missing is
// refused in one line that names the package.
func TestMissingDataset(t *testing.T) {
	t.Parallel()
	python, reason := interpreter()
	if python == "" {
		t.Skip(reason)
	}
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "clothes.yaml")
	text := `space:
  network: {input: [1, 28, 28], classes: 10}
  lr: {float: [1e-3, 1e-1]}
evaluator:
  use: torch
  python: ` + python + `
  data:
    source: idx
    files: [/usr/share/datasets/no-such-clothes/images.gz, /usr/share/datasets/no-such-clothes/labels.gz]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nascentBeside(t, folder), "run", file, "--dir", filepath.Join(dir, "out"))
	cmd.Env = append(os.Environ(), "NASCENT_CACHE="+filepath.Join(folder, "cache"))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("it ends with %v, not with exit status 2", err)
	}
	if strings.Count(string(out), "\n") != 1 || !strings.HasSuffix(string(out), "apt-get install dataset-no-such-clothes\n") {
		t.Errorf("it says\n%s", out)
	}
}
