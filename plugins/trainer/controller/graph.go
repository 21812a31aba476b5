package controller

import (
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// graph computes the loss of a batch and its gradients. It is made for so many
// rows and logits and takes smaller batches, too; its values beyond them are
// not read, so that its size does not matter to the bits.
type graph struct {
	builder
	hidden, rows, logits int
	batch                *batch
	leaves               map[int]*G.Node // by index into weights.list
	weights              *weights
	chosen               []float64 // by row: the logarithm of the answer's probability, and the entropy
	loss                 *G.F64
	forward, backward    program
}

// building guards Gorgonia's global state, which making a graph touches.
var building sync.Mutex

// fit makes a graph for the present batch, unless there is one that is large enough.
func (p *Policy) fit() error {
	b := &p.batch
	rows, logits := b.rows(), b.logits()
	if g := p.graph; g != nil && g.rows >= rows && g.logits >= logits {
		return nil
	}
	if p.graph != nil { // grow quickly: building takes longer than running
		rows, logits = max(rows, 2*p.graph.rows), max(logits, 2*p.graph.logits)
	}
	g, err := p.build(rows, logits)
	if err == nil {
		p.graph = g
	}
	return err
}

func (p *Policy) build(rows, logits int) (*graph, error) {
	building.Lock()
	defer building.Unlock()
	w := &p.weights
	g := &graph{
		builder: builder{g: G.NewGraph()}, hidden: p.o.Hidden, rows: rows, logits: logits,
		batch: &p.batch, weights: w, leaves: map[int]*G.Node{},
	}
	h := g.embed()
	for l := range p.o.Layers {
		h = g.lstm(l, h)
	}
	var heads, anchors *G.Node
	if w.heads >= 0 {
		heads = g.heads(p, h)
	}
	if w.earlier >= 0 {
		anchors = g.anchors(p, h)
	}
	chosen := g.choose(p, heads, anchors)
	loss := g.cost(chosen)
	if g.fail != nil {
		return nil, g.fail
	}
	done := map[*G.Node]G.Value{}
	var err error
	if g.forward, err = compile(g.g, done, loss); err != nil {
		return nil, err
	}
	g.chosen = done[chosen].(*tensor.Dense).Float64s()
	g.loss = done[loss].(*G.F64)
	var learned G.Nodes
	for i := range w.list {
		learned = append(learned, g.leaves[i])
	}
	grads, err := G.Grad(loss, learned...)
	if err != nil {
		return nil, err
	}
	g.backward, err = compile(g.g, done, grads...)
	return g, err
}

// leaf is the node of an array of weights.
func (g *graph) leaf(i int) *G.Node {
	if g.leaves[i] == nil {
		a := g.weights.list[i]
		g.leaves[i] = G.NewMatrix(g.g, G.Float64, G.WithShape(a.rows, a.cols), G.WithName(a.name),
			G.WithValue(matrix(a.rows, a.cols, g.weights.array(i))))
	}
	return g.leaves[i]
}

// fresh makes an op that fills a matrix of its own, for apply.
func (g *graph) fresh(name string, rows, cols int, run func(y []float64, in [][]float64)) *op {
	y := make([]float64, rows*cols)
	return &op{name: name, out: matrix(rows, cols, y), run: func(in [][]float64) { run(y, in) }}
}

// gradient adds an op that fills the gradient of an array of weights.
func (g *graph) gradient(i int, run func(y []float64, in [][]float64), in ...*G.Node) *G.Node {
	a := g.weights.list[i]
	return g.into("d "+a.name, a.rows, a.cols, g.weights.grad[a.from:a.to:a.to], run, in...)
}
