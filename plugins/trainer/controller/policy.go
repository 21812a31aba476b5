package controller

import (
	"fmt"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Options say what a Policy is and how it learns. Zero stands for the default
// where one is given.
type Options struct {
	Hidden int // units of each layer, and size of the embeddings; default 35
	Layers int // of the LSTM, one upon the other; default 2

	// Logits are divided by Temperature; default 1. With Squash they are then
	// bounded to it: Squash tanh(logit / Temperature), as ENAS does with 2.5 or
	// 1.1. Default 0, which bounds nothing.
	Temperature float64
	Squash      float64

	Rate    float64 // Adam's learning rate; default 6e-4
	MaxNorm float64 // longer gradients are shortened to it; default 0, which shortens none
}

// The rest of Adam (Kingma & Ba 2014), and of the initial weights, which are
// uniform from -reach to reach (Zoph & Le 2016, section 4.1).
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
	reach   = 0.08
)

// mostOptions bounds the options of all sites together, and with them the
// weights.
const mostOptions = 1 << 14

// Policy is a distribution over the genomes of a Space. It is not safe for
// concurrent use; different Policies are independent of each other.
type Policy struct {
	space *genome.Space
	sites []genome.Site
	o     Options

	option []int // by site: row of its first option among the embeddings of options
	head   []int // by site: row of its first option among the heads; -1 where anchors answer

	weights weights
	steps   int     // of Adam, so far
	power1  float64 // beta1 to the power of steps
	power2  float64

	batch batch  // that is learned from, scratch
	graph *graph // as large as the largest batch so far
	walk  *walk  // of one sequence, scratch
}

// array is one of a Policy's arrays: part of the one slice that holds them all.
type array struct {
	name       string
	rows, cols int
	from, to   int
}

// weights are what is learned. Arrays lie one after the other.
type weights struct {
	list             []array
	data, grad, m, v []float64 // m and v: Adam's moments

	options, sites              int // embeddings, indices into list; row 0 of options is for "nothing before"
	kernel, bias                []int
	heads, headBias             int // -1 where every site has anchors
	earlier, now, score, inputs int // of the anchors; -1 where no site has them
}

// New makes a Policy whose weights depend on the seed. It refuses a space that
// has nothing to decide, or too much.
func New(space *genome.Space, o Options, seed uint64) (*Policy, error) {
	if o.Hidden == 0 {
		o.Hidden = 35
	}
	if o.Layers == 0 {
		o.Layers = 2
	}
	if o.Temperature == 0 {
		o.Temperature = 1
	}
	if o.Rate == 0 {
		o.Rate = 6e-4
	}
	switch {
	case o.Hidden < 0 || o.Hidden > 512:
		return nil, fmt.Errorf("a controller of %d hidden units is impossible: choose 1 to 512", o.Hidden)
	case o.Layers < 0 || o.Layers > 4:
		return nil, fmt.Errorf("a controller of %d layers is impossible: choose 1 to 4", o.Layers)
	case !(o.Temperature > 0) || math.IsInf(o.Temperature, 0):
		return nil, fmt.Errorf("a temperature of %v is impossible: choose a number above 0", o.Temperature)
	case !(o.Squash >= 0) || math.IsInf(o.Squash, 0), !(o.Rate >= 0) || math.IsInf(o.Rate, 0), !(o.MaxNorm >= 0):
		return nil, fmt.Errorf("squash %v, rate %v and norm %v have to be numbers from 0", o.Squash, o.Rate, o.MaxNorm)
	}
	p := &Policy{space: space, sites: space.Sites(), o: o, power1: 1, power2: 1}
	if len(p.sites) == 0 {
		return nil, fmt.Errorf("a controller has nothing to decide in this space, or too many places to decide at: give it " +
			"genes with several values, or lower the depth of recursion")
	}
	options, heads, inputs := 1, 0, 0
	for _, s := range p.sites {
		p.option = append(p.option, options)
		options += len(s.Options)
		if options > mostOptions {
			return nil, fmt.Errorf("the space has more than %d options, too many for a controller: declare fewer, "+
				"or numbers with larger steps", mostOptions)
		}
		switch s.Kind {
		case genome.SiteSource, genome.SiteEdge:
			p.head = append(p.head, -1)
			inputs = max(inputs, len(s.Options))
		default:
			p.head = append(p.head, heads)
			heads += len(s.Options)
		}
	}
	p.weights.arrange(options, len(p.sites), heads, inputs, o)
	p.start(rng.New(seed).Split("controller"))
	p.walk = newWalk(p)
	return p, nil
}

// arrange lays the arrays out.
func (w *weights) arrange(options, sites, heads, inputs int, o Options) {
	size := 0
	add := func(name string, rows, cols int) int {
		w.list = append(w.list, array{name, rows, cols, size, size + rows*cols})
		size += rows * cols
		return len(w.list) - 1
	}
	n := o.Hidden
	w.options = add("embedding.options", options, n)
	w.sites = add("embedding.sites", sites, n)
	for l := range o.Layers {
		w.kernel = append(w.kernel, add(fmt.Sprintf("lstm%d.weight", l), 2*n, 4*n))
		w.bias = append(w.bias, add(fmt.Sprintf("lstm%d.bias", l), 1, 4*n))
	}
	w.heads, w.headBias, w.earlier, w.now, w.score, w.inputs = -1, -1, -1, -1, -1, -1
	if heads > 0 {
		w.heads = add("heads.weight", heads, n)
		w.headBias = add("heads.bias", heads, 1)
	}
	if inputs > 0 {
		w.earlier = add("anchors.earlier", n, n)
		w.now = add("anchors.now", n, n)
		w.score = add("anchors.score", 1, n)
		w.inputs = add("anchors.inputs", inputs, n)
	}
	w.data, w.grad, w.m, w.v = make([]float64, size), make([]float64, size), make([]float64, size), make([]float64, size)
}

// start draws the weights.
func (p *Policy) start(r *rng.Rand) {
	for _, a := range p.weights.list {
		// One stream for each array: adding a layer leaves the others alone.
		s := r.Split(a.name)
		for i := a.from; i < a.to; i++ {
			p.weights.data[i] = float64((2*s.Float64() - 1) * reach)
		}
	}
}

// array returns the values of an array.
func (w *weights) array(i int) []float64 {
	a := &w.list[i]
	return w.data[a.from:a.to:a.to]
}

// Clone returns an independent copy.
func (p *Policy) Clone() *Policy {
	c := *p
	c.weights.data, c.weights.grad = slices.Clone(p.weights.data), make([]float64, len(p.weights.grad))
	c.weights.m, c.weights.v = slices.Clone(p.weights.m), slices.Clone(p.weights.v)
	c.batch, c.graph, c.walk = batch{}, nil, newWalk(&c)
	return &c
}
