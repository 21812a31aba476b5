package onnx_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/onnx"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
)

// interpreter finds a Python that has onnx and onnxruntime, or says that there
// is none.
func interpreter(t *testing.T) string {
	t.Helper()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("NASCENT_ONNX_PYTHON"), os.Getenv("NASCENT_PYTHON"), "python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); name != "" && err == nil &&
			exec.CommandContext(t.Context(), path, "-c", "import numpy, onnx, onnxruntime").Run() == nil {
			return path
		}
	}
	t.Skip("no python3 here can import onnx and onnxruntime: pip install onnx onnxruntime, or name one with $NASCENT_ONNX_PYTHON")
	return ""
}

// TestLikeGorgonia: models pass the checker, and onnxruntime answers as
// Gorgonia does.
func TestLikeGorgonia(t *testing.T) {
	t.Parallel()
	python := interpreter(t)
	folder := t.TempDir()
	const program = "testdata/run.py"
	names, nets := networktest.Random(t, 40)
	expected := make([][]float32, len(nets))
	for i, net := range nets {
		weights, x, logits := gorgonia(t, net, uint64(i))
		expected[i] = logits
		var b bytes.Buffer
		if err := onnx.Write(&b, net, weights, nil, onnx.About{Name: names[i]}); err != nil {
			t.Fatalf("%s: %v", names[i], err)
		}
		write(t, filepath.Join(folder, names[i]+".onnx"), b.Bytes())
		b.Reset()
		if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, names[i]+".x"), b.Bytes())
	}
	if out, err := exec.CommandContext(t.Context(), python, program, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, name := range names {
		b, err := os.ReadFile(filepath.Join(folder, name+".y"))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(expected[i]))
		if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, got); err != nil || len(b) != 4*len(got) {
			t.Fatalf("%s: %d bytes for %d values (%v)", name, len(b), len(got), err)
		}
		var off, size float64
		for j, v := range expected[i] {
			off, size = max(off, math.Abs(float64(got[j])-float64(v))), max(size, math.Abs(float64(v)))
		}
		if !(off <= 1e-5*max(size, 1)) {
			t.Errorf("%s: off by %.2g of %.2g\n%s", name, off, size, nets[i])
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// gorgonia answers weights after one step of training, samples, and logits.
func gorgonia(t *testing.T, net *network.Network, seed uint64) (weights map[string][]float32, x, logits []float32) {
	t.Helper()
	const count = 12
	m, err := nn.Build(net, nn.Options{Batch: count, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	features := 1
	for _, d := range net.Nodes[0].Shape {
		features *= d
	}
	r := rng.New(seed)
	x = make([]float32, count*features)
	for i := range x {
		x[i] = float32(r.Normal())
	}
	y := make([]int32, count)
	for i := range y {
		y[i] = int32(r.Intn(net.Nodes[len(net.Nodes)-1].Shape[0]))
	}
	if _, _, err := m.Train(x, y, 0.1); err != nil {
		t.Fatal(err)
	}
	if logits, err = m.Logits(x); err != nil {
		t.Fatal(err)
	}
	weights = map[string][]float32{}
	for _, s := range m.State() {
		weights[s.Name] = s.Data
	}
	return weights, x, logits
}

// A network of no known form is refused, naming what is wrong.
func TestRefused(t *testing.T) {
	t.Parallel()
	input := network.Node{Name: "input", Op: network.Input, Shape: []int{1, 8}}
	dense := network.Node{Name: "head", Op: network.Dense, Inputs: []int{0}, Shape: []int{2}, Channels: 2, Bias: true}
	full := map[string][]float32{"head.weight": make([]float32, 16), "head.bias": make([]float32, 2)}
	for want, c := range map[string]struct {
		nodes   []network.Node
		weights map[string][]float32
	}{
		"does not begin with an input":       {nil, full},
		`0 values for "head.bias"`:           {[]network.Node{input, dense}, map[string][]float32{"head.weight": full["head.weight"]}},
		`2 values for "head.weight"`:         {[]network.Node{input, dense}, map[string][]float32{"head.weight": full["head.bias"], "head.bias": full["head.bias"]}},
		`layer "odd" (activation)`:           {[]network.Node{input, {Name: "odd", Op: network.Activation, Function: "sine", Inputs: []int{0}, Shape: []int{1, 8}}}, full},
		`layer "odd" (mix): there is no way`: {[]network.Node{input, {Name: "odd", Op: network.Mix, Inputs: []int{0}, Shape: []int{1, 8}}}, full},
	} {
		var b bytes.Buffer
		if err := onnx.Write(&b, &network.Network{Nodes: c.nodes}, c.weights, nil, onnx.About{Name: "x"}); err == nil ||
			!strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("got %v and %d bytes, want an error with %q", err, b.Len(), want)
		}
	}
	if err := onnx.Write(&bytes.Buffer{}, &network.Network{Nodes: []network.Node{input, dense}}, full, nil, onnx.About{Name: "x"}); err != nil {
		t.Error(err)
	}
}
