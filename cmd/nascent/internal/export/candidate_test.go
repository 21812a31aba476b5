package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/examples"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// TestExamples: any candidate of every example, and its baselines, can be
// written in every format, but for those of a space without layers.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, name := range examples.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, m := range models(t, name, 5) {
				w, remark := m.Weights(t.TempDir())
				if remark == "" {
					t.Error("the weights pretend to be trained")
				}
				for format, write := range map[string]func(*bytes.Buffer) error{
					"dot":         func(b *bytes.Buffer) error { return m.WriteDot(b) },
					"mermaid":     func(b *bytes.Buffer) error { return m.WriteMermaid(b) },
					"onnx":        func(b *bytes.Buffer) error { return m.WriteONNX(b, w) },
					"pytorch":     func(b *bytes.Buffer) error { return m.WritePyTorch(b, w, "net.safetensors") },
					"safetensors": func(b *bytes.Buffer) error { return m.WriteSafetensors(b, w) },
				} {
					var b bytes.Buffer
					if err := write(&b); err != nil || b.Len() < 200 {
						t.Errorf("%s: %v and %d bytes", format, err, b.Len())
					}
					if format == "pytorch" && i == 0 {
						parses(t, b.String())
					}
				}
			}
		})
	}
}

// TestSamples: what a checkpoint says of its samples is in every format; where it says
// nothing a remark tells, and what does not suit the network is refused.
func TestSamples(t *testing.T) {
	t.Parallel()
	m := models(t, "mnist1d", 1)[0]
	dir := t.TempDir()
	weights := func(metadata map[string]string) (*Weights, string) {
		var tensors []safetensors.Tensor
		for _, arrays := range m.Network.Arrays() {
			for _, a := range arrays.List() {
				tensors = append(tensors, safetensors.Tensor{Name: a.Name, Shape: a.Shape, Data: a.Initial(1)})
			}
		}
		if err := safetensors.WriteFile(filepath.Join(dir, "checkpoint"), tensors, metadata); err != nil {
			t.Fatal(err)
		}
		m.Checkpoint = "checkpoint"
		return m.Weights(dir)
	}
	const said = `{"shape":[1,40],"classes":["nought","b","c","d","e","f","g","h","i","j"],"offset":[2e9],"shift":[1.5],"scale":[0.25]}`
	w, remark := weights(map[string]string{"samples": said})
	if remark != "" || w.Samples == nil {
		t.Fatal(remark)
	}
	for format, write := range map[string]func(*bytes.Buffer) error{
		"onnx":        func(b *bytes.Buffer) error { return m.WriteONNX(b, w) },
		"pytorch":     func(b *bytes.Buffer) error { return m.WritePyTorch(b, w, "net.safetensors") },
		"safetensors": func(b *bytes.Buffer) error { return m.WriteSafetensors(b, w) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(b.String(), "nought") {
			t.Errorf("%s does not name the classes (%v)", format, err)
		}
	}
	if w, remark := weights(nil); w.Samples != nil || !strings.Contains(remark, "older nascent") || strings.Contains(remark, "fresh weights") {
		t.Errorf("an older checkpoint: %q", remark)
	}
	for wrong, why := range map[string]string{
		strings.Replace(said, "[1.5]", "[1,2]", 1):  "standardises with 1, 2 and 1 numbers",
		strings.Replace(said, `"nought",`, "", 1):   "9 classes",
		strings.Replace(said, "[1,40]", "[41]", 1):  "shape [41]",
		strings.Replace(said, "[1.5]", `"half"`, 1): "does not say how",
	} {
		if _, remark := weights(map[string]string{"samples": wrong}); !strings.Contains(remark, why) || !strings.Contains(remark, "fresh weights") {
			t.Errorf("%s: %q does not say %q", wrong, remark, why)
		}
	}
}

// TestExportsAnswer: of every example with layers two candidates and the baselines run
// as exported for PyTorch, pass onnx.checker as exported for ONNX, and answer the
// same in both.
func TestExportsAnswer(t *testing.T) {
	t.Parallel()
	torch := having(t, "torch", "NASCENT_PYTHON")
	onnx := having(t, "numpy, onnx, onnxruntime", "NASCENT_ONNX_PYTHON")
	if torch == "" && onnx == "" {
		t.Skip("no python3 here can import torch, or onnx and onnxruntime; name those that can with $NASCENT_PYTHON and $NASCENT_ONNX_PYTHON")
	}
	folder, made := t.TempDir(), 0
	for _, name := range examples.Names() {
		for i, m := range models(t, name, 2) {
			w, _ := m.Weights(t.TempDir())
			file := strings.ReplaceAll(fmt.Sprintf("%s_%d", name, i), "-", "_")
			for end, write := range map[string]func(*bytes.Buffer) error{
				".py":          func(b *bytes.Buffer) error { return m.WritePyTorch(b, w, file+".safetensors") },
				".safetensors": func(b *bytes.Buffer) error { return m.WriteSafetensors(b, w) },
				".onnx":        func(b *bytes.Buffer) error { return m.WriteONNX(b, w) },
			} {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, file+end), b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			made++
		}
	}
	if made < 5 {
		t.Fatalf("only %d models", made)
	}
	for _, c := range []struct{ python, program string }{{torch, "testdata/torch_run.py"}, {onnx, "testdata/onnx_run.py"}} {
		if c.python == "" {
			t.Logf("%s was not run: there is no Python for it here", c.program)
			continue
		}
		out, err := exec.CommandContext(t.Context(), c.python, c.program, folder).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.program, err, out)
		}
		t.Logf("%s", out)
	}
}

// having is a Python that can import some modules; "" if there is none.
func having(t *testing.T, modules, variable string) string {
	t.Helper()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv(variable), "python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); name != "" && err == nil && exec.CommandContext(t.Context(), path, "-c", "import "+modules).Run() == nil {
			return path
		}
	}
	return ""
}

// models are random candidates of an example, and its baselines. There are none
// without layers.
func models(t *testing.T, example string, random uint64) (out []*Model) {
	t.Helper()
	text, _ := examples.Text(example)
	doc, err := config.Parse(example, t.TempDir(), text)
	if err != nil {
		t.Fatal(err)
	}
	search, err := doc.Read()
	if err != nil {
		t.Fatal(err)
	}
	var genomes []genome.Genome
	for seed := range random {
		g, err := search.Engine.Space.Random(rng.New(seed))
		if err != nil {
			t.Fatal(err)
		}
		genomes = append(genomes, g)
	}
	for _, b := range search.Engine.Final.Baselines {
		genomes = append(genomes, b.Genome)
	}
	for _, g := range genomes {
		net, err := (&engine.Job{Genome: g}).Network()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(described{Search: example, Network: net, NoNetwork: "its space has no layers"})
		if err != nil {
			t.Fatal(err)
		}
		m, err := Read(text)
		if net == nil {
			if err == nil || !strings.Contains(err.Error(), "its space has no layers; use --format json") {
				t.Errorf("got %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// parses wants a text to be Python, if there is one.
func parses(t *testing.T, text string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
