package torch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/genome/rng"
)

// command is a call of the command line, with a Python that has PyTorch; where
// there is none the test is skipped.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	needTorch(t)
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(folder, "nascent"), args...)
	cmd.Env = append(os.Environ(), "NASCENT_CACHE="+filepath.Join(folder, "cache"))
	return cmd
}

// TestSearchesWithSharedWeights runs whole searches in which this evaluator
// trains the shared weights as well as the candidates: once undisturbed, and once
// interrupted and resumed, to the same digest.
func TestSearchesWithSharedWeights(t *testing.T) {
	t.Parallel()
	python := needTorch(t)
	// Two workers are two processes, and each takes a second to import PyTorch: those of
	// gradients have one, which is all that they need until there are cells to train.
	for _, c := range []struct{ name, strategy, evaluations, workers string }{
		{"darts", `{use: darts, epochs: 4}`, "8", "1"},
		{"gdas", `{use: gdas, epochs: 4, epochs_a_job: 2}`, "6", "1"},
		{"enas", `{use: enas, epochs: 2, epochs_a_job: 1, paths: 10, updates: 1, batch: 4, finalists: 6, hidden: 8}`, "20", "2"},
		{"spos", `{use: spos, epochs: 3, epochs_a_job: 1, search: {use: aging, population: 5, sample: 2}, promote: {eta: 5, after: 10}}`, "50", "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run := func(args ...string) string {
				t.Helper()
				out, err := command(t, args...).CombinedOutput()
				if err != nil {
					t.Fatalf("nascent %s: %v\n%s", strings.Join(args, " "), err, out)
				}
				return strings.TrimSpace(string(out))
			}
			search := func(dir string) []string {
				return []string{"run", "mnist1d-cells", "--dir", dir, "--seed", "3", "--workers", c.workers, "--strategy", c.strategy,
					"--set", fmt.Sprintf("evaluators={train: {use: torch, python: %s, data: {samples: 400, validation: 100, test: 100}}}", python),
					"--set", "fidelities=[{evaluator: train, budget: 1}]", "--set", "limits={evaluations: " + c.evaluations + "}",
					"--set", "final={top: 1, repeats: 1, budget: 1, tests: 1}", "--set", "baselines=[]"}
			}
			whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
			if out := run(search(whole)...); !strings.Contains(out, "reaches accuracy") {
				t.Errorf("the search ends with\n%s", out)
			}
			run("replay", whole)
			first := command(t, search(parts)...)
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

// exported is a candidate as two files, and what it was measured with.
type exported struct {
	Program string          `json:"program"` // in Python
	Data    json.RawMessage `json:"data"`
	Part    string          `json:"part"` // of the data: search or final

	name, model string
	metrics     map[string]float64
}

// TestExportedAccuracy: a candidate that is exported has, on raw samples, the accuracy
// and the loss that it was measured with, on validation data and on test data, whoever
// has trained it: for PyTorch as a program of its own, and as an ONNX model.
func TestExportedAccuracy(t *testing.T) {
	t.Parallel()
	python := needTorch(t)
	hours, pictures := hoursAndPictures(t)
	folder := t.TempDir()
	var mu sync.Mutex
	var all []exported
	t.Run("searches", func(t *testing.T) {
		for _, c := range []struct{ name, data, network, layers string }{
			{"mnist1d", `{"source": "mnist1d", "samples": 500, "validation": 100, "test": 200}`, "{input: [1, 40], classes: 10}", "c: {conv: {channels: {int: [4, 8]}, stride: 2, act: relu}}"},
			{"csv", `{"source": "csv", "files": ["` + hours + `"]}`, "{input: [2], classes: 3}", "h: {dense: {units: {int: [8, 16]}, act: relu}}"},
			{"images", `{"source": "images", "files": ["` + pictures + `"]}`, "{input: [1, 4, 4], classes: 2}", "c: {conv: {channels: {int: [4, 8]}, act: relu}}"},
		} {
			for _, use := range []string{"torch", "gorgonia"} {
				if c.name == "images" && (use == "gorgonia" || exec.Command(python, "-c", "import PIL").Run() != nil) {
					continue // which reads none
				}
				name := c.name + " " + use
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					options := "use: " + use + ", batch: 16, learning_rate: 0.02, data: " + c.data
					if use == "torch" {
						options += ", python: " + python
					}
					text := "space:\n  network: " + c.network + "\n  " + c.layers + "\n  head: {pool: average}\nevaluator: {" + options +
						"}\nfidelities: [{budget: 4}]\n" +
						"strategy: random\nlimits: {evaluations: 2}\nfinal: {top: 1, repeats: 1, tests: 1, budget: 4}\n"
					if c.name == "csv" {
						text = strings.Replace(text, "  head: {pool: average}\n", "", 1)
					}
					list := export(t, filepath.Join(folder, strings.ReplaceAll(name, " ", "-")), text)
					mu.Lock()
					defer mu.Unlock()
					for _, e := range list {
						e.name, e.Data = name+", "+e.Part, json.RawMessage(c.data)
						all = append(all, e)
					}
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	var measured []struct{ Metrics map[string]float64 }
	text, err := json.Marshal(all)
	if err == nil {
		err = json.Unmarshal([]byte(runPython(t, "testdata/exported.py", string(text))), &measured)
	}
	if err != nil || len(measured) != len(all) {
		t.Fatal(len(measured), err)
	}
	for i, e := range all {
		for name, v := range measured[i].Metrics {
			if w, ok := e.metrics[name]; !ok || math.Abs(v-w) > 1e-5*max(1, math.Abs(w)) {
				t.Errorf("%s: exported it has the %s %v, it was measured with %v", e.name, name, v, e.metrics)
			}
		}
	}
	onnx := havingONNX()
	if onnx == "" {
		t.Log("ONNX models are not run: no python3 here can import numpy and onnxruntime; name one that can with $NASCENT_ONNX_PYTHON")
		return
	}
	args := []string{"testdata/exported_onnx.py"}
	for _, e := range all {
		args = append(args, e.model, e.Program)
	}
	said, err := exec.Command(onnx, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var accuracies []float64
	if err := json.Unmarshal(said, &accuracies); err != nil || len(accuracies) != len(all) {
		t.Fatalf("%v\n%s", err, said)
	}
	for i, e := range all {
		name := map[string]string{"search": "accuracy", "final": "test_accuracy"}[e.Part]
		if v := accuracies[i]; math.Abs(v-e.metrics[name]) > 1e-6 {
			t.Errorf("%s: the ONNX model has the %s %v, it was measured with %v", e.name, name, v, e.metrics)
		}
	}
}

// export runs a search in a folder and exports its best candidate and the one that it
// has tested.
func export(t *testing.T, folder, search string) (list []exported) {
	t.Helper()
	file, dir := filepath.Join(folder, "search.yaml"), filepath.Join(folder, "out")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(file, []byte(search), 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, "run", file, "--dir", dir, "--workers", "1").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for id, part := range map[string]string{"best": "search", "f2": "final"} {
		e := exported{Program: filepath.Join(folder, id+".py"), Part: part, model: filepath.Join(folder, id+".onnx")}
		for _, file := range []string{e.Program, e.model} {
			if out, err := command(t, "export", dir, id, "-o", file).CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%s: %v\n%s", id, err, out)
			}
		}
		shown, err := command(t, "show", dir, id, "--json").Output()
		if err != nil {
			t.Fatal(err)
		}
		var candidate struct{ Metrics map[string]float64 }
		if err := json.Unmarshal(shown, &candidate); err != nil {
			t.Fatalf("%v\n%s", err, shown)
		}
		e.metrics = candidate.Metrics
		list = append(list, e)
	}
	return list
}

// havingONNX is a Python with onnxruntime; "" if there is none.
func havingONNX() string {
	for _, name := range []string{os.Getenv("NASCENT_ONNX_PYTHON"), "python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); name != "" && err == nil && exec.Command(path, "-c", "import numpy, onnxruntime").Run() == nil {
			return path
		}
	}
	return ""
}

// hoursAndPictures are the paths of a CSV file whose class is told by the hours of
// large numbers, and of a folder of pictures of 16 bits.
func hoursAndPictures(t *testing.T) (table, folder string) {
	t.Helper()
	r := rng.New(1)
	text := "hour,noise,label\n"
	for i := range 240 {
		text += fmt.Sprintf("%d,%.3f,%s\n", 2024010100+i%24, r.Normal(), []string{"early", "midday", "late"}[i%24/8])
	}
	dir := t.TempDir()
	table, folder = filepath.Join(dir, "hours.csv"), filepath.Join(dir, "pictures")
	if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 80 {
		picture := image.NewGray16(image.Rect(0, 0, 4, 4))
		for j := range 16 {
			picture.SetGray16(j%4, j/4, color.Gray16{Y: uint16(20000*(i%2) + r.Intn(30000))})
		}
		path := filepath.Join(folder, []string{"cat", "dog"}[i%2], fmt.Sprintf("%d.png", i))
		var b bytes.Buffer
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), png.Encode(&b, picture), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return table, folder
}

// TestFashion runs the example that evolves networks on Fashion-MNIST, cut down
// to seconds.
func TestFashion(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/share/datasets/fashion-mnist"); err != nil {
		t.Skip("there is no Fashion-MNIST here; install Debian's dataset-fashion-mnist")
	}
	python := needTorch(t)
	cmd := command(t, "run", "fashion-mnist", "--dir", filepath.Join(t.TempDir(), "out"), "--workers", "1", "--set", "evaluator.python="+python,
		"--set", "evaluator.data.samples=400", "--set", "evaluator.data.validation=100", "--set", "evaluator.data.test=100",
		"--set", "fidelities=[{budget: 1}, {budget: 2}]", "--set", "strategy={use: aging, population: 3, sample: 2, promote: {eta: 3, after: 3}}",
		"--set", "limits={evaluations: 5}", "--set", "final={top: 1, repeats: 1, budget: 1, tests: 1}")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, words := range []string{"5 evaluations: 5 ok", "Hand-made CNN, trained by the same code, reaches", "trains on 300 samples and",
		"The test data was looked at 2 times"} {
		if !strings.Contains(string(out), words) {
			t.Errorf("its report does not say %q:\n%s", words, out)
		}
	}
}

// TestMissingDataset: a search whose files of Debian's data sets are missing is
// refused in one line that names the package.
func TestMissingDataset(t *testing.T) {
	t.Parallel()
	python := needTorch(t)
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
	out, err := command(t, "run", file, "--dir", filepath.Join(dir, "out")).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("it ends with %v, not with exit status 2", err)
	}
	if strings.Count(string(out), "\n") != 1 || !strings.HasSuffix(string(out), "apt-get install dataset-no-such-clothes\n") {
		t.Errorf("it says\n%s", out)
	}
}
