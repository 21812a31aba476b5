package killtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/python"
)

// pooling is a file of a user's whose jobs have children.
const pooling = `
import multiprocessing.pool
import time

import nascent


def load(n):
    time.sleep(0.01)
    return n


@nascent.evaluator
def evaluate(job):
    total = 0
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for n in pool.imap(load, range(20)):
            total = 0.9 * total + job.genes["x"] * n
            job.report(accuracy=total)
    return {"accuracy": total}
`

// A search with an evaluator in Python comes to the same, whichever process of the
// chain is killed: the engine, the plugin, the worker or the one that it was forked
// from, or the worker's own children. Nobody is left.
func TestPythonEvaluatorIsKilled(t *testing.T) {
	t.Parallel()
	if path, err := exec.LookPath("python3"); err != nil || python.TooOld(path) != nil {
		t.Skip("there is no python3 of 3.9 or newer here")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"evaluate.py": pooling,
		"search.yaml": `
space: {x: {float: [0, 1]}}
evaluator: {use: ./evaluate.py}
limits: {evaluations: 12}
workers: 2
seed: 3
failures: {attempts: 50, backoff: 1ms, pause_after: 1000}
final: {skip: true}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(t *testing.T, args ...string) *search {
		s := newSearch(t, args...)
		s.what = filepath.Join(dir, "search.yaml")
		return s
	}
	for name, c := range map[string]struct {
		victims []string
		args    []string
	}{
		"started": {[]string{"engine", "plugin", "worker", "child"}, nil},
		"forked":  {[]string{"engine", "plugin", "worker", "child", "grandchild"}, []string{"--set", "evaluator.preload=[multiprocessing.pool]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := begin(t, c.args...)
			began := time.Now()
			whole.finish()
			took := time.Since(began)
			want := whole.digest()

			r := rng.New(rng.Derive(31, name))
			n := -1
			next := func() string { n++; return c.victims[n%len(c.victims)] }
			for kills := 0; kills < len(c.victims); {
				s := begin(t, c.args...)
				kills += s.disturbed(r, took*3/10, took*9/10, next)
				if got := s.digest(); got != want {
					t.Fatalf("killed and resumed, its digest is %s, undisturbed %s", got, want)
				}
				s.ask("check", s.dir)
			}
		})
	}
}
