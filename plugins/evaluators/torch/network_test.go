package torch

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/torch"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// TestLikeGorgonia: the same network with the same weights answers the same
// logits and gradients, and comes to the same statistics, in torch (float64,
// alone and as one of several copies) and in Gorgonia, in float32 and float64.
// Some gradients are 0 but for rounding.
func TestLikeGorgonia(t *testing.T) {
	t.Parallel()
	needTorch(t)
	t.Run("float32", func(t *testing.T) {
		t.Parallel()
		likeGorgonia(t, 20, nn.Build, func(off, size float64) bool { return off <= 1e-4*size+5e-6 })
	})
	t.Run("float64", func(t *testing.T) {
		t.Parallel()
		likeGorgonia(t, 40, nn.BuildWide, func(off, size float64) bool { return off <= 1e-9*size+1e-12 })
	})
}

// build makes a model in Gorgonia.
type build[E kernel.Float] func(*network.Network, nn.Options) (*nn.ModelOf[E], error)

// likeGorgonia compares n networks of each space; near judges the largest
// difference in an array by its largest value.
func likeGorgonia[E kernel.Float](t *testing.T, n int, b build[E], near func(off, size float64) bool) {
	folder := t.TempDir()
	names, nets := networktest.Random(t, n)
	expected := map[string]map[string][]E{}
	for i, net := range nets {
		expected[names[i]] = gorgonia(t, b, net, uint64(i), filepath.Join(folder, names[i]+".case"))
	}
	runPython(t, "testdata/oracle.py", folder)
	compared := 0
	for i, name := range names {
		tensors, _, err := safetensors.ReadFile[float64](filepath.Join(folder, name+".case.out"))
		if err != nil {
			t.Fatal(err)
		}
		drops := slices.ContainsFunc(nets[i].Nodes, func(n network.Node) bool { return n.Op == network.Dropout && n.Rate > 0 })
		for _, got := range tensors {
			if got.Name == "counts" {
				if int64(got.Data[0]) != nets[i].Parameters() || int64(got.Data[1]) != nets[i].Macs() {
					t.Errorf("%s: %v parameters and multiply-adds, want %d and %d", name, got.Data, nets[i].Parameters(), nets[i].Macs())
				}
				continue
			}
			if drops && got.Name != "logits" {
				continue // what is dropped differs
			}
			want, ok := expected[name][strings.TrimPrefix(got.Name, "fused/")]
			if !ok || len(want) != len(got.Data) {
				t.Errorf("%s: %s is nothing that Gorgonia knows in this size", name, got.Name)
				continue
			}
			compared++
			if off, size := distance(got.Data, want); !near(off, size) {
				t.Errorf("%s: %s is off by %.2g of %.2g\n%s", name, got.Name, off, size, nets[i])
			}
		}
	}
	if compared < 20*len(names) {
		t.Errorf("only %d arrays were compared", compared)
	}
}

// distance returns the largest difference, and the largest value.
func distance[E kernel.Float](got []float64, want []E) (off, size float64) {
	for i, v := range want {
		d := math.Abs(got[i] - float64(v))
		if math.IsNaN(d) {
			return math.Inf(1), 0
		}
		off, size = max(off, d), max(size, math.Abs(float64(v)))
	}
	return off, size
}

// gorgonia takes one step of rate 0 and answers what it came to by the names
// of testdata/oracle.py; what that needs is written to a file.
func gorgonia[E kernel.Float](t *testing.T, b build[E], net *network.Network, seed uint64, path string) map[string][]E {
	t.Helper()
	const count = 12
	// The first moment of the first step is the gradient.
	m, err := b(net, nn.Options{Batch: count, Seed: seed, Optimizer: "sgd", Momentum: 0.9, LabelSmoothing: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	r := rng.New(seed)
	before := m.State()
	for _, s := range before {
		if s.Name == "step" || strings.HasPrefix(s.Name, "optimizer.") || strings.Contains(s.Name, ".running_") {
			continue
		}
		for i := range s.Data { // moves scales and shifts off 1 and 0
			s.Data[i] += E(0.05 * r.Normal())
		}
	}
	if err := m.Load(before); err != nil {
		t.Fatal(err)
	}
	features := 1
	for _, d := range net.Nodes[0].Shape {
		features *= d
	}
	x, y := make([]E, count*features), make([]int32, count)
	labels := make([]E, count)
	for i := range x {
		x[i] = E(r.Normal())
	}
	for i := range y {
		y[i] = int32(r.Intn(net.Nodes[len(net.Nodes)-1].Shape[0]))
		labels[i] = E(y[i])
	}
	loss, _, err := m.Train(x, y, 0)
	if err != nil {
		t.Fatal(err)
	}
	after := m.State()
	logits, err := m.Logits(x)
	if err != nil {
		t.Fatal(err)
	}
	given := []safetensors.Array[E]{
		{Name: "x", Shape: append([]int{count}, net.Nodes[0].Shape...), Data: x},
		{Name: "y", Shape: []int{count}, Data: labels},
	}
	want := map[string][]E{"loss": {E(loss)}, "logits": logits}
	for i, s := range after {
		if name, moment := strings.CutPrefix(s.Name, "optimizer.m/"); moment {
			want["gradient/"+name] = s.Data
			continue
		}
		want["after/"+s.Name] = s.Data
		given = append(given, safetensors.Array[E]{Name: "before/" + s.Name, Shape: s.Shape, Data: before[i].Data},
			safetensors.Array[E]{Name: "after/" + s.Name, Shape: s.Shape, Data: s.Data})
	}
	text, err := json.Marshal(net)
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.WriteFile(path, given, map[string]string{"network": string(text)}); err != nil {
		t.Fatal(err)
	}
	return want
}

// TestStandalone: a file of its own answers what Gorgonia does with the weights
// beside it, without the package that it was made of.
func TestStandalone(t *testing.T) {
	t.Parallel()
	needTorch(t)
	folder := t.TempDir()
	names, nets := networktest.Random(t, 10)
	expected := make([][]float32, len(nets))
	for i, net := range nets {
		path := filepath.Join(folder, names[i])
		expected[i] = gorgonia(t, nn.Build, net, uint64(i), path+".case")["logits"]
		given, _, err := safetensors.ReadFile[float32](path + ".case")
		if err != nil {
			t.Fatal(err)
		}
		var weights []safetensors.Tensor
		for _, tensor := range given {
			if name, ok := strings.CutPrefix(tensor.Name, "after/"); ok {
				weights = append(weights, safetensors.Tensor{Name: name, Shape: tensor.Shape, Data: tensor.Data})
			}
		}
		if err := safetensors.WriteFile(path+".safetensors", weights, nil); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		about := torch.About{Title: `A "title" with \ in it`, Genome: "x=1", Weights: "Any.", Beside: names[i] + ".safetensors"}
		if err := torch.Write(&text, net, about); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".py", text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runPython(t, "testdata/standalone.py", folder)
	for i, name := range names {
		tensors, _, err := safetensors.ReadFile[float32](filepath.Join(folder, name+".out"))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, len(expected[i]))
		if len(tensors[0].Data) != len(got) {
			t.Fatalf("%s: %d logits, want %d", name, len(tensors[0].Data), len(got))
		}
		for j, v := range tensors[0].Data {
			got[j] = float64(v)
		}
		if off, size := distance(got, expected[i]); off > 1e-4*size {
			t.Errorf("%s is off by %.2g of %.2g\n%s", name, off, size, nets[i])
		}
	}
}
