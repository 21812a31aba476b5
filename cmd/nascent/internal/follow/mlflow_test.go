package follow

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// MLflow's own client finds a run for each candidate, once, whatever was told twice, in
// the files and behind a server.
func TestMLflowReads(t *testing.T) {
	t.Parallel()
	python := os.Getenv("NASCENT_MLFLOW_PYTHON")
	if python == "" {
		t.Skip("set NASCENT_MLFLOW_PYTHON to a Python with mlflow")
	}
	for _, kind := range []string{"files", "server"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			where := filepath.Join(t.TempDir(), "runs")
			if kind == "server" {
				if exec.Command(python, "-c", "import flask, sqlalchemy").Run() != nil {
					t.Skip("the mlflow of $NASCENT_MLFLOW_PYTHON has no server: install mlflow in place of mlflow-skinny")
				}
				where = startMLflow(t, python)
			}
			dir := t.TempDir()
			if _, err := carryOn(t, t.Context(), dir, 8, nil, &MLflow{URI: where}); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(dir + "/" + FileName); err != nil { // as if the end of the run had been lost
				t.Fatal(err)
			}
			whole := &recorder{past: true}
			if _, err := carryOn(t, t.Context(), dir, 12, nil, &MLflow{URI: where}, whole); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(python, "-W", "ignore", "-c", `
import json, sys
import mlflow
client = mlflow.MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name("s")
print(json.dumps([{"params": r.data.params, "metrics": r.data.metrics, "tags": r.data.tags, "status": r.info.status, "name": r.info.run_name,
    "seconds": (r.info.end_time - r.info.start_time) / 1000}
    for r in client.search_runs([experiment.experiment_id], max_results=1000)]))`, where)
			cmd.Env = append(os.Environ(), "MLFLOW_ALLOW_FILE_STORE=true", "MLFLOW_DISABLE_TELEMETRY=true")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
			}
			var runs []struct {
				Name, Status string
				Params, Tags map[string]string
				Metrics      map[string]float64
			}
			if err := json.Unmarshal(out, &runs); err != nil {
				t.Fatal(err)
			}
			byID := map[string]int{}
			for i, r := range runs {
				if other, twice := byID[r.Tags["nascent.candidate"]]; twice {
					t.Errorf("candidate %s has two runs: %v and %v", r.Tags["nascent.candidate"], runs[other], r)
				}
				byID[r.Tags["nascent.candidate"]] = i
			}
			candidates := 0
			for _, record := range whole.told {
				c := record.Candidate
				if c == nil {
					continue
				}
				candidates++
				i, ok := byID[fmt.Sprint(uint64(c.ID))]
				if !ok {
					t.Errorf("candidate %s has no run", c.ID)
					continue
				}
				r := runs[i]
				want := map[string]float64{"nascent.seconds": c.Seconds}
				if u := used(c.ID); c.Status == engine.OK && c.Reuse == 0 {
					want["nascent.cpu"], want["nascent.memory"] = u.CPU, float64(u.Memory)
					if u.GPUMemory > 0 {
						want["nascent.gpu_memory"] = float64(u.GPUMemory)
					}
				}
				for _, m := range c.Metrics {
					want[m.Name] = m.Value
				}
				x, _ := c.Genome.Gene("x")
				status := map[engine.Status]string{engine.OK: "FINISHED", engine.Failed: "FAILED"}[c.Status]
				if r.Status != status || r.Params["x"] != number(x.(float64)) || r.Tags["nascent.genome"] != c.Genome.Text() || !maps.Equal(r.Metrics, want) {
					t.Errorf("candidate %s is the run %+v, want metrics %v", c.ID, r, want)
				}
			}
			if candidates != len(runs) || candidates < 12 {
				t.Errorf("%d runs of %d candidates", len(runs), candidates)
			}
		})
	}
}

// Of all values of a metric MLflow shows the one of the last step, of several there the
// latest, and of these the largest. That is the result, also where the curve ends better.
func TestMLflowShowsTheResult(t *testing.T) {
	t.Parallel()
	where, whole := t.TempDir(), &recorder{past: true}
	if _, err := carryOn(t, t.Context(), t.TempDir(), 8, nil, &MLflow{URI: where}, whole); err != nil {
		t.Fatal(err)
	}
	shown := map[string]float64{} // by candidate
	files, err := filepath.Glob(filepath.Join(where, "*", "*", "metrics", "accuracy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var last [3]float64 // step, time, value
		for line := range strings.Lines(string(text)) {
			var v [3]float64
			if _, err := fmt.Sscan(line, &v[1], &v[2], &v[0]); err != nil {
				t.Fatal(err)
			}
			if slices.Compare(v[:], last[:]) > 0 {
				last = v
			}
		}
		id, err := os.ReadFile(filepath.Join(file, "..", "..", "tags", "nascent.candidate"))
		if err != nil {
			t.Fatal(err)
		}
		shown[string(id)] = last[2]
	}
	for _, record := range whole.told {
		c := record.Candidate
		if c == nil || c.Status != engine.OK {
			continue
		}
		want, _ := c.Metrics.Get("accuracy")
		if got, ok := shown[fmt.Sprint(uint64(c.ID))]; !ok || got != want {
			t.Errorf("candidate %s is shown with accuracy %v, and has %v", c.ID, got, want)
		}
	}
	if len(shown) < 6 {
		t.Errorf("%d runs have an accuracy", len(shown))
	}
}

// startMLflow starts a server, and waits until it answers.
func startMLflow(t *testing.T, python string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	dir := t.TempDir()
	cmd := exec.Command(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
		"--backend-store-uri", "sqlite:///"+dir+"/runs.db", "--default-artifact-root", dir)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	var heard strings.Builder
	ready := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			heard.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "startup complete") {
				ready <- true
			}
		}
		ready <- false
	}()
	if !<-ready {
		t.Fatalf("the server does not start:\n%s", heard.String())
	}
	return "http://127.0.0.1:" + port
}

// Genes have paths that MLflow takes, and names lead nowhere else.
func TestMLflowNames(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"blocks": {"length": [2, 2], "list": {"conv": {"channels": {"choice": [8]}}}}, "lr": {"float": [0.5, 0.6]}}`)
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, p := range leaves(nil, "", g.Tree()) {
		names = append(names, p.Key)
	}
	if want := []string{"blocks.0.conv.channels", "blocks.1.conv.channels", "lr"}; !slices.Equal(names, want) {
		t.Errorf("parameters: %s", strings.Join(names, ", "))
	}
	dir := t.TempDir()
	f := &mlflowFiles{dir: dir}
	if err := f.write(filepath.Join(dir, "run"), "metrics", "../../a//b/./c", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "run", "metrics", "_", "_", "a", "_", "b", "_", "c")); err != nil {
		t.Error(err)
	}
}
