package controller

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// The kinds of sites: values with conditions and lists of any length; edges
// cells; sources with masks; edges that may or must not be; and all together.
var spaces = map[string]string{
	"values":   `{"lr": {"float": [1e-4, 1e-1], "log": true}, "blocks": {"list": {"k": {"choice": [3, 5, {"pool": {"stride": {"int": [1, 3]}}}]}, "n": {"bool": true}}, "length": [0, 4]}}`,
	"edges":    `{"cell": {"cell": {"edges": ["none", "skip", "c1"], "nodes": 4}}}`,
	"sources":  `{"cell": {"cell": {"pairs": ["c3", "pool"], "nodes": 3, "inputs": 2, "distinct": true, "combine": ["add", "concat"]}}}`,
	"vertices": `{"cell": {"cell": {"vertices": ["c3", "c1"], "nodes": [3, 5], "max_edges": 6}}}`,
	"anchors":  `{"cell": {"cell": {"vertices": ["c3"], "nodes": 4}}}`,
	"mixed":    `{"a": {"bool": true}, "x": {"cell": {"pairs": ["c3", "pool"], "nodes": 2, "inputs": 2}}, "y": {"cell": {"vertices": ["p", "q"], "nodes": [2, 4]}}}`,
}

var shapes = map[string]Options{
	"one layer":  {Hidden: 5, Layers: 1},
	"two layers": {Hidden: 3, Layers: 2},
	"tempered":   {Hidden: 2, Layers: 3, Temperature: 5, Squash: 2.5},
}

func policy(t testing.TB, space string, o Options) *Policy {
	t.Helper()
	p, err := New(genome.MustParseSpace(space), o, 3)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stir makes the weights larger, so that nothing is nearly linear or even.
func stir(p *Policy, by float64) {
	r := rng.New(9)
	for i := range p.weights.data {
		p.weights.data[i] = float64(r.Normal() * by)
	}
}

// draw makes a batch with an advantage for each.
func draw(t testing.TB, p *Policy, n int) ([]Sequence, []float64) {
	t.Helper()
	r := rng.New(17)
	var out []Sequence
	var weights []float64
	for range n {
		s, err := p.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		out, weights = append(out, s), append(weights, r.Normal())
	}
	return out, weights
}

// everything runs f for each space and shape.
func everything(t *testing.T, f func(t *testing.T, p *Policy)) {
	for name, space := range spaces {
		for shape, o := range shapes {
			t.Run(name+"/"+shape, func(t *testing.T) {
				t.Parallel()
				f(t, policy(t, space, o))
			})
		}
	}
}

// The gradient of the whole loss, and so of every Op in it, is the one that
// differences of the loss show.
func TestGradients(t *testing.T) {
	t.Parallel()
	everything(t, func(t *testing.T, p *Policy) {
		stir(p, 0.7)
		batch, advantages := draw(t, p, 4)
		for _, loss := range []Loss{{Entropy: 0.3}, {Entropy: 0.1, Clip: 0.2}} {
			// With a clip, the policy before was another one.
			r := rng.New(5)
			for i := range batch {
				for k := range batch[i].LogProbs {
					batch[i].LogProbs[k] += float64(0.3 * r.Normal())
				}
			}
			if err := p.load(batch, advantages, loss); err != nil {
				t.Fatal(err)
			}
			if err := p.differentiate(); err != nil {
				t.Fatal(err)
			}
			grad := slices.Clone(p.weights.grad)
			for _, a := range p.weights.list {
				var apart, size float64
				for i := a.from; i < a.to; i++ {
					const h = 2e-5
					was := p.weights.data[i]
					at := func(x float64) float64 {
						p.weights.data[i] = x
						if err := p.graph.forward.run(); err != nil {
							t.Fatal(err)
						}
						return float64(*p.graph.loss)
					}
					slope := (at(was+h) - at(was-h)) / (2 * h)
					p.weights.data[i] = was
					apart += (slope - grad[i]) * (slope - grad[i])
					size += grad[i] * grad[i]
				}
				if math.Sqrt(apart) > 1e-6*math.Sqrt(size)+1e-10 {
					t.Errorf("%+v: the gradient of %s is off by %.2g of %.2g", loss, a.name, math.Sqrt(apart), math.Sqrt(size))
				}
				if size == 0 {
					t.Errorf("%+v: the gradient of %s is nothing", loss, a.name)
				}
			}
		}
	})
}

// The graph says of sequences of all lengths what their samples said, to the bit,
// however large it is.
func TestGraphIsWalk(t *testing.T) {
	t.Parallel()
	everything(t, func(t *testing.T, p *Policy) {
		stir(p, 0.5)
		all, advantages := draw(t, p, 9)
		for _, n := range []int{2, 9, 1} {
			batch := all[:n]
			if err := p.load(batch, advantages[:n], Loss{}); err != nil {
				t.Fatal(err)
			}
			if err := p.graph.forward.run(); err != nil {
				t.Fatal(err)
			}
			row, want := 0, 0.0
			for i, s := range batch {
				for k, log := range s.LogProbs {
					if got := p.graph.chosen[2*row]; got != log {
						t.Fatalf("sequence %d, answer %d: %v in the graph, %v when it was drawn", i, k, got, log)
					}
					row++
				}
				want -= advantages[i] * s.LogProb()
			}
			if got := float64(*p.graph.loss); math.Abs(got-want/float64(n)) > 1e-12 {
				t.Errorf("the loss is %v, not %v", got, want/float64(n))
			}
		}
	})
}

// A genome that was drawn is read back as its decisions, with the same
// probabilities.
func TestRecall(t *testing.T) {
	t.Parallel()
	everything(t, func(t *testing.T, p *Policy) {
		stir(p, 0.5)
		batch, _ := draw(t, p, 20)
		for _, s := range batch {
			again, err := p.Sequence(s.Genome)
			if err != nil {
				t.Fatal(err)
			}
			p.Recall(&again)
			if !slices.Equal(again.Answers, s.Answers) || !slices.Equal(again.LogProbs, s.LogProbs) || again.Entropy != s.Entropy {
				t.Fatalf("%s: %v %v, and read back %v %v", s.Genome.Text(), s.Answers, s.LogProbs, again.Answers, again.LogProbs)
			}
		}
	})
}

// Genomes are drawn as often as the stated probabilities say, and the entropy is
// the mean of -log p.
func TestSampling(t *testing.T) {
	t.Parallel()
	for name, space := range map[string]string{
		"sources": `{"c": {"cell": {"pairs": ["a", "b"], "nodes": 2, "inputs": 1}}}`,
		"edges":   `{"c": {"cell": {"vertices": ["a", "b"], "nodes": [2, 4]}}}`,
		"lists":   `{"l": {"list": {"choice": ["a", {"b": {"n": {"int": [1, 2]}}}]}, "length": [1, 3]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, space, Options{Hidden: 4, Layers: 1})
			stir(p, 1)
			const n = 20000
			r := rng.New(2)
			count, logProb := map[string]int{}, map[string]float64{}
			entropy, surprise := 0.0, 0.0
			for range n {
				s, err := p.Sample(r)
				if err != nil {
					t.Fatal(err)
				}
				count[s.Genome.Text()]++
				logProb[s.Genome.Text()] = s.LogProb()
				entropy += s.Entropy / n
				surprise -= s.LogProb() / n
			}
			total := 0.0
			for text, k := range count {
				share := math.Exp(logProb[text])
				total += share
				if off := float64(k) - n*share; math.Abs(off) > 5*math.Sqrt(n*share)+1 {
					t.Errorf("%s was drawn %d times, and %.0f are to be expected", text, k, n*share)
				}
			}
			if len(count) < 5 || total > 1+1e-9 || total < 0.98 {
				t.Errorf("%d genomes have the probability %v", len(count), total)
			}
			if math.Abs(entropy-surprise) > 0.03 {
				t.Errorf("the entropy is %v and -log p %v in the mean", entropy, surprise)
			}
		})
	}
}

// A squash bounds how sure the policy can be, a temperature makes it less so.
func TestTemperature(t *testing.T) {
	t.Parallel()
	entropy := func(o Options) float64 {
		o.Hidden, o.Layers = 8, 1
		p := policy(t, spaces["values"], o)
		stir(p, 3)
		batch, _ := draw(t, p, 50)
		sum := 0.0
		for _, s := range batch {
			sum += s.Entropy / float64(len(s.Answers))
		}
		return sum / 50
	}
	plain, warm, squashed := entropy(Options{}), entropy(Options{Temperature: 5}), entropy(Options{Squash: 0.5})
	if plain > warm-0.2 || plain > squashed-0.2 {
		t.Errorf("entropy %v, at a temperature of 5 %v, squashed to 0.5 %v", plain, warm, squashed)
	}
}

// learn takes some steps, each with a fresh batch.
func learn(t *testing.T, p *Policy, steps int, loss Loss) {
	t.Helper()
	r := rng.New(31)
	for range steps {
		var batch []Sequence
		var advantages []float64
		for range 1 + r.Intn(4) {
			s, err := p.Sample(r)
			if err != nil {
				t.Fatal(err)
			}
			batch, advantages = append(batch, s), append(advantages, r.Normal())
		}
		if _, err := p.Update(batch, advantages, loss); err != nil {
			t.Fatal(err)
		}
	}
}

// A Policy goes on from its file as if it had never stopped, and its file is a
// function of what it learned.
func TestSave(t *testing.T) {
	t.Parallel()
	everything(t, func(t *testing.T, p *Policy) {
		loss := Loss{Entropy: 0.01, Clip: 0.2, Epochs: 2}
		dir := t.TempDir()
		save := func(p *Policy, name string) []byte {
			path := filepath.Join(dir, name)
			if err := p.Save(path); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		learn(t, p, 3, loss)
		first := save(p, "first")
		q, err := New(p.space, p.o, 99)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Load(filepath.Join(dir, "first")); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(save(q, "again"), first) {
			t.Fatal("a file that was loaded is saved differently")
		}
		c := p.Clone()
		learn(t, p, 4, loss)
		learn(t, q, 4, loss)
		learn(t, c, 4, loss)
		warm := save(p, "warm")
		if bytes.Equal(warm, first) {
			t.Error("nothing was learned")
		}
		if !bytes.Equal(save(q, "cold"), warm) {
			t.Error("a policy that was loaded learns otherwise")
		}
		if !bytes.Equal(save(c, "clone"), warm) {
			t.Error("a copy learns otherwise")
		}
	})
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	p := policy(t, spaces["mixed"], Options{Hidden: 4})
	path := filepath.Join(t.TempDir(), "x")
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	for want, q := range map[string]*Policy{
		"belongs to another space": policy(t, spaces["edges"], Options{Hidden: 4}),
		"has the shape [40 4]":     policy(t, spaces["mixed"], Options{Hidden: 5}),
		"it has 37 arrays":         policy(t, spaces["mixed"], Options{Hidden: 4, Layers: 3}),
	} {
		before := slices.Clone(q.weights.data)
		if err := q.Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if !slices.Equal(q.weights.data, before) {
			t.Errorf("%s: yet the weights changed", want)
		}
	}
}

// Both losses find the best of a few genomes.
func TestLearnsBandit(t *testing.T) {
	t.Parallel()
	for name, loss := range map[string]Loss{"policy gradient": {}, "clipped": {Clip: 0.2, Epochs: 4}} {
		for _, space := range []string{"edges", "sources", "vertices"} {
			t.Run(name+"/"+space, func(t *testing.T) {
				t.Parallel()
				p := policy(t, spaces[space], Options{Hidden: 16, Layers: 1, Rate: 0.02})
				r := rng.New(4)
				best, err := p.Sample(r)
				if err != nil {
					t.Fatal(err)
				}
				if p.Recall(&best); best.LogProb() > math.Log(0.1) {
					t.Fatalf("it begins at %v", best.LogProb())
				}
				for range 150 {
					var batch []Sequence
					var rewards []float64
					mean := 0.0
					for range 10 {
						s, err := p.Sample(r)
						if err != nil {
							t.Fatal(err)
						}
						reward := -p.space.Distance(s.Genome, best.Genome)
						batch, rewards = append(batch, s), append(rewards, reward)
						mean += reward / 10
					}
					for i := range rewards {
						rewards[i] -= mean
					}
					if _, err := p.Update(batch, rewards, loss); err != nil {
						t.Fatal(err)
					}
				}
				if p.Recall(&best); best.LogProb() < math.Log(0.5) {
					t.Errorf("the best has the probability %v at the end", math.Exp(best.LogProb()))
				}
			})
		}
	}
}

// A long gradient is shortened before the step.
func TestMaxNorm(t *testing.T) {
	t.Parallel()
	p := policy(t, spaces["edges"], Options{Hidden: 4, Layers: 1, MaxNorm: 1e-3})
	batch, _ := draw(t, p, 1)
	stats, err := p.Update(batch, []float64{100}, Loss{})
	if err != nil {
		t.Fatal(err)
	}
	if norm := math.Sqrt(dot(p.weights.m, p.weights.m)); stats.Norm < 1 || math.Abs(norm-(1-beta1)*1e-3) > 1e-9 {
		t.Errorf("a gradient of %v moved by %v", stats.Norm, norm)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	cell := genome.MustParseSpace(spaces["edges"])
	for want, try := range map[string]func() error{
		"nothing to decide": func() error {
			_, err := New(genome.MustParseSpace(`{"x": {"choice": [1]}}`), Options{}, 1)
			return err
		},
		"hidden units is impossible": func() error { _, err := New(cell, Options{Hidden: -1}, 1); return err },
		"layers is impossible":       func() error { _, err := New(cell, Options{Layers: 9}, 1); return err },
		"temperature of -1":          func() error { _, err := New(cell, Options{Temperature: -1}, 1); return err },
		"numbers from 0":             func() error { _, err := New(cell, Options{Rate: math.NaN()}, 1); return err },
		"0 sequences and 0":          func() error { _, err := policy(t, spaces["edges"], Options{}).Update(nil, nil, Loss{}); return err },
		"not finite": func() error {
			p := policy(t, spaces["edges"], Options{})
			batch, _ := draw(t, p, 1)
			_, err := p.Update(batch, []float64{math.Inf(1)}, Loss{})
			return err
		},
		"call Recall": func() error {
			p := policy(t, spaces["edges"], Options{})
			batch, _ := draw(t, p, 1)
			batch[0].LogProbs = nil
			_, err := p.Update(batch, []float64{1}, Loss{Clip: 0.2})
			return err
		},
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// The exponential, the sigmoid and the hyperbolic tangent are what they should be.
func TestFunctions(t *testing.T) {
	t.Parallel()
	for x := -45.0; x < 45; x += 0.0137 {
		if got, want := exp(min(max(x, -40), 40)), math.Exp(min(max(x, -40), 40)); math.Abs(got-want) > 6e-16*want {
			t.Fatalf("exp %v is %v, want %v", x, got, want)
		}
		if got, want := tanh(x), math.Tanh(x); math.Abs(got-want) > 5e-16 {
			t.Fatalf("tanh %v is %v, want %v", x, got, want)
		}
		if got, want := sigmoid(x), 1/(1+math.Exp(-x)); math.Abs(got-want) > 5e-16 {
			t.Fatalf("sigmoid %v is %v, want %v", x, got, want)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	p := policy(b, `{"c": {"cell": {"edges": ["a", "b", "c", "d", "e"], "nodes": 4}}}`, Options{})
	r := rng.New(1)
	for b.Loop() {
		if _, err := p.Sample(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	p := policy(b, `{"c": {"cell": {"edges": ["a", "b", "c", "d", "e"], "nodes": 4}}}`, Options{})
	batch, advantages := draw(b, p, 10)
	for b.Loop() {
		if _, err := p.Update(batch, advantages, Loss{}); err != nil {
			b.Fatal(err)
		}
	}
}
