package nn

import (
	"math"
	"strconv"
	"testing"

	"github.com/nascent-nas/nascent/genome/benchdata"
	"github.com/nascent-nas/nascent/genome/rng"
)

// mnist1d reads the canonical MNIST-1D.
func mnist1d(t *testing.T) (x, testX []float32, y, testY []int32) {
	t.Helper()
	_, rows := benchdata.Table(t, "mnist1d.csv.gz")
	for _, row := range rows {
		label, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		toX, toY := &x, &y
		if row[0] == "test" {
			toX, toY = &testX, &testY
		}
		*toY = append(*toY, int32(label))
		for _, cell := range row[2:] {
			v, err := strconv.ParseFloat(cell, 32)
			if err != nil {
				t.Fatal(err)
			}
			*toX = append(*toX, float32(v))
		}
	}
	return x, testX, y, testY
}

// TestLearnsMNIST1D trains the base network for ten epochs of the canonical
// training set, as the published figures were got: about 98 % on test data.
func TestLearnsMNIST1D(t *testing.T) {
	t.Parallel()
	x, testX, y, testY := mnist1d(t)
	m := mustBuild(t, base(), Options{Batch: 100, Seed: 1, WeightDecay: 0.1})
	const epochs, batch = 10, 100
	r := rng.New(1)
	order := r.Perm(len(y))
	bx, by := make([]float32, batch*40), make([]int32, batch)
	for step := range epochs * len(y) / batch {
		at := step * batch % len(y)
		if at == 0 {
			r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for j, i := range order[at : at+batch] {
			copy(bx[j*40:], x[i*40:(i+1)*40])
			by[j] = y[i]
		}
		rate := 0.01 * (1 + math.Cos(math.Pi*float64(step)/float64(epochs*len(y)/batch))) / 2
		if _, _, err := m.Train(bx, by, float32(rate)); err != nil {
			t.Fatal(err)
		}
	}
	_, correct, err := m.Eval(testX, testY)
	if err != nil {
		t.Fatal(err)
	}
	accuracy := float64(correct) / float64(len(testY))
	t.Logf("test accuracy %.3f", accuracy)
	if accuracy < 0.95 {
		t.Errorf("test accuracy %.3f, expected about 0.98", accuracy)
	}
}
