package qlearning

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// paper is the paper's space for CIFAR-10, with fewer numbers of filters. Its
// networks end where the list does.
const paper = `{"network": {"input": [3, 32, 32], "classes": 10}, "layers": {"list": {"choice": [
	{"conv": {"channels": {"choice": [64, 128]}, "kernel": {"choice": [1, 3, 5]}, "act": "relu"}},
	{"pool": {"kernel": {"choice": [2, 3, 5]}, "stride": 2}},
	{"dense": {"units": {"choice": [512, 256, 128]}, "act": "relu"}},
	"global_pool"]}, "length": [1, 12]}}`

// fixture is a space with a strategy's options.
func fixture(t *testing.T, space, options string) (*places, func() walk) {
	t.Helper()
	o, err := readOptions(json.RawMessage(options))
	if err != nil {
		t.Fatal(err)
	}
	p := newPlaces(genome.MustParseSpace(space))
	begin, _, err := states(p, o.state, o.legal)
	if err != nil {
		t.Fatal(err)
	}
	return p, begin
}

// after takes decisions, given as the texts of options, and returns the first
// question that they do not answer: its site, its open options, and all of it.
func after(t *testing.T, p *places, begin func() walk, decisions string) (site, open string, q question) {
	t.Helper()
	rest := strings.Fields(decisions)
	w := begin()
	done := false
	_, err := p.space.Decide(func(d genome.Decision) int {
		ask := w.ask(d)
		options := p.sites[d.Site].Options
		if done {
			return firstOpen(d)
		}
		if len(rest) == 0 {
			done = true
			site, q = p.sites[d.Site].Name, ask
			var list []string
			for k, o := range options {
				if ask.open(k) {
					list = append(list, o)
				}
			}
			open = strings.Join(list, " ")
			return firstOpen(d)
		}
		k := slices.Index(options, rest[0])
		if k < 0 {
			t.Fatalf("%s is no option of %s", rest[0], p.sites[d.Site].Name)
		}
		if !ask.open(k) {
			t.Fatalf("%s is closed at %s after %q", rest[0], p.sites[d.Site].Name, decisions)
		}
		rest = rest[1:]
		w.take(k)
		return k
	})
	if err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Fatalf("%q decides everything", decisions)
	}
	return site, open, q
}

// Section 4.2 of the paper.
func TestLegalTransitions(t *testing.T) {
	t.Parallel()
	const (
		to16 = "conv 64 3 yes pool 2 "
		to8  = to16 + "yes " + to16
		to4  = to8 + "yes " + to16
		to2  = to4 + "yes " + to16
	)
	for _, c := range []struct{ options, decisions, site, open string }{
		// From the input: no pool, no dense layer over 32 positions.
		{`{}`, "", "layers[]", "conv global_pool"},
		{`{"initial_pooling": true}`, "", "layers[]", "conv pool global_pool"},
		{`{"dense_from": 32}`, "", "layers[]", "conv dense global_pool"},
		// The end is always open, and so is any other type after a convolution.
		{`{}`, "conv 64 3", "layers[]?", "no yes"},
		{`{}`, "conv 64 3 yes", "layers[]", "conv pool global_pool"},
		{`{}`, "conv 64 3 yes conv 128", "layers[].conv.kernel", "1 3 5"},
		// No pool after a pool.
		{`{}`, to16 + "yes", "layers[]", "conv global_pool"},
		{`{"repeated_pooling": true}`, to16 + "yes", "layers[]", "conv pool global_pool"},
		// Receptive fields fit the bins [8, inf), [4, 8), [1, 4).
		{`{}`, to8 + "yes conv 64", "layers[].conv.kernel", "1 3 5"},
		{`{}`, to4 + "yes conv 64", "layers[].conv.kernel", "1 3"},
		{`{}`, to4 + "yes conv 64 3 yes pool", "layers[].pool.kernel", "2 3"},
		{`{}`, to2 + "yes conv 64", "layers[].conv.kernel", "1"},
		{`{}`, to2 + "yes conv 64 1 yes", "layers[]", "conv dense global_pool"},
		{`{"bins": [6, 2]}`, to4 + "yes conv 64", "layers[].conv.kernel", "1"},
		// A dense layer only over the smaller bins; then nothing but dense
		// layers, two at most, and none wider than the one before.
		{`{}`, to8 + "yes", "layers[]", "conv global_pool"},
		{`{}`, to4 + "yes", "layers[]", "conv dense global_pool"},
		{`{}`, to4 + "yes dense 256", "layers[]?", "no yes"},
		{`{}`, to4 + "yes dense 256 yes", "layers[]", "dense"},
		{`{}`, to4 + "yes dense 256 yes dense", "layers[].dense.units", "256 128"},
		{`{"growing_dense": true}`, to4 + "yes dense 256 yes dense", "layers[].dense.units", "512 256 128"},
		{`{}`, to4 + "yes dense 256 yes dense 128", "layers[]?", "no"},
		{`{"max_dense": 3}`, to4 + "yes dense 256 yes dense 128 yes", "layers[]", "dense"},
		{`{"max_dense": 0}`, to4 + "yes", "layers[]", "conv global_pool"},
		// Global pooling is the end.
		{`{}`, "conv 64 3 yes global_pool", "layers[]?", "no"},
	} {
		p, begin := fixture(t, paper, c.options)
		if site, open, _ := after(t, p, begin, c.decisions); site != c.site || open != c.open {
			t.Errorf("%s after %q: %s has %s open, want %s: %s", c.options, c.decisions, site, open, c.site, c.open)
		}
	}
}

// A state has the layer before with its parameters, the depth, the bin of the
// representation size and the dense layers in a row, and nothing else.
func TestLayerStates(t *testing.T) {
	t.Parallel()
	p, begin := fixture(t, paper, `{"initial_pooling": true, "repeated_pooling": true}`)
	state := func(decisions string) uint64 { _, _, q := after(t, p, begin, decisions); return q.state }
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"conv 64 3 yes conv 128 3", "conv 128 5 yes conv 128 3", true},                                        // the layer before that is forgotten
		{"conv 64 3 yes conv 128 3", "conv 64 3 yes conv 64 3", false},                                         // its parameters
		{"conv 64 3 yes conv 128 3", "conv 128 3", false},                                                      // its depth
		{"conv 64 3 yes conv 128", "conv 64 3 yes conv 64", false},                                             // what was decided of the next one
		{"pool 2 yes pool 2 yes conv 64 3", "conv 64 3 yes conv 64 3 yes conv 64 3", true},                     // 8 positions or 32: one bin
		{"pool 2 yes pool 2 yes pool 2 yes conv 64 3", "pool 2 yes pool 2 yes conv 64 3 yes conv 64 3", false}, // 4 or 8
		{"pool 2 yes pool 2 yes pool 2 yes dense 128 yes dense 128", "pool 2 yes pool 2 yes pool 2 yes pool 2 yes dense 128", false},
	} {
		if (state(c.a) == state(c.b)) != c.equal {
			t.Errorf("states after %q and %q: equal is %v, want %v", c.a, c.b, !c.equal, c.equal)
		}
	}
}

// Of layers with many parameters only the type is in the state, and genes around
// the layers are no part of it.
func TestLargeLayers(t *testing.T) {
	t.Parallel()
	p, begin := fixture(t, `{"network": {"input": [1, 40], "classes": 10}, "lr": {"choice": [1, 2]},
		"blocks": {"list": {"block": {"channels": {"choice": [4, 8, 12, 16, 20, 24, 28, 32]}, "kernel": {"choice": [3, 5, 7]},
		"pool": {"choice": ["none", "max"]}, "norm": {"bool": true}}}, "length": [1, 6]}, "head": {"dropout": {"choice": [0, 0.5]}}}`, `{}`)
	state := func(decisions string) (string, uint64) {
		site, _, q := after(t, p, begin, decisions)
		return site, q.state
	}
	site, a := state("1 4 3 none no yes")
	if _, b := state("2 32 7 none yes yes"); site != "blocks[].block.channels" || a != b {
		t.Errorf("the state at %s depends on the block before, or on genes before the blocks", site)
	}
	_, a = state("1 4 3 max no yes 4 3 max no yes 4 3 max no yes")
	if _, b := state("1 4 3 none no yes 4 3 none no yes 4 3 max no yes"); a == b {
		t.Error("the state does not depend on the representation size")
	}
	site, a = state("1 4 3 max no no")
	if _, b := state("1 4 3 none no no"); site != "head.dropout" || a != b {
		t.Errorf("the state at %s depends on more than the last layer's type, depth and size", site)
	}
	if _, b := state("1 4 3 none no yes 4 3 none no no"); a == b {
		t.Error("the state behind the layers does not depend on their number")
	}
	// Four pools of width 2 leave two positions: a kernel of 3 does not fit it.
	if site, open, _ := after(t, p, begin, "1"+strings.Repeat(" 4 3 max no yes", 3)+" 4 3 max no"); site != "blocks[]?" || open != "no" {
		t.Errorf("behind a representation of 2 positions %s has %s open, want no", site, open)
	}
}

// An action of the agent is a whole layer: epsilon is tossed for once in each,
// and a random layer is any of its variants with equal probability.
func TestRandomLayers(t *testing.T) {
	t.Parallel()
	p, begin := fixture(t, paper, `{"initial_pooling": true}`)
	_, _, q := after(t, p, begin, "conv 64 3 yes")
	if want := []float64{6, 3, 3, 1}; !slices.Equal(q.weights, want) || q.action {
		t.Errorf("types of layers are drawn by %v, and action is %v; want %v and no action of its own", q.weights, q.action, want)
	}
	_, _, q = after(t, p, begin, "conv 64 3 yes conv 64 3")
	if want := []float64{1, 10}; !slices.Equal(q.weights, want) || !q.action {
		t.Errorf("one more layer is drawn by %v, and action is %v; want %v and an action", q.weights, q.action, want)
	}
	// Without learning the lengths of random networks are even.
	a := newAgent(&problem{space: p.space, begin: begin})
	r := rng.New(3)
	lengths := map[int]int{}
	for range 3000 {
		g, err := a.draw(1, r)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := g.Tree().Get("layers")
		lengths[len(list.([]any))]++
	}
	// Global pooling and two dense layers end some early: the longest are rarer.
	if lengths[1] < 250 || lengths[12] == 0 {
		t.Errorf("random networks have the lengths %v", lengths)
	}
}
