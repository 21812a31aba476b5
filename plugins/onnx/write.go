package onnx

import (
	"fmt"
	"io"

	"github.com/nascent-nas/nascent/genome/network"
)

const (
	irVersion = 10
	opset     = 17
	most      = 2<<30 - 1 // bytes of a protobuf message
)

// About is what a model says of itself.
type About struct {
	Name       string      // of the graph, not empty
	Version    string      // of nascent
	Text       string      // for people
	Properties [][2]string // names, each once, and texts
}

// Write writes a network with weights: the arrays of network.Arrays by their
// names. With samples the model takes raw ones; without, such as its trainer has
// standardised. An error says which array is missing or of another size, which layer
// cannot be written, or that the model is too large for one file (2 GiB).
func Write(w io.Writer, net *network.Network, weights map[string][]float32, samples *network.Samples, about About) error {
	g, err := build(net, weights, samples)
	if err != nil {
		return err
	}
	m := message(nil).int(modelIR, irVersion).text(modelProducer, "nascent").
		text(modelProducerVersion, about.Version).text(modelText, about.Text).
		bytes(modelOpset, message(nil).text(opsetDomain, "").int(opsetVersion, opset))
	for _, p := range about.Properties {
		m = m.bytes(modelProperty, message(nil).text(propertyKey, p[0]).text(propertyValue, p[1]))
	}
	m = m.bytes(modelGraph, g.text(graphName, about.Name))
	if len(m) > most {
		return fmt.Errorf("the network takes %d bytes, and an ONNX file at most %d; export it for PyTorch", len(m), most)
	}
	_, err = w.Write(m)
	return err
}

// graph is a network that is being written.
type graph struct {
	message
	net     *network.Network
	weights map[string][]float32
	used    map[string]bool // names of values
	values  []string        // by node: the name of its value
	err     error           // the first one
}

const (
	inputName  = "input"
	outputName = "logits"
)

func build(net *network.Network, weights map[string][]float32, samples *network.Samples) (message, error) {
	if len(net.Nodes) < 2 || net.Nodes[0].Op != network.Input {
		return nil, fmt.Errorf("the network does not begin with an input, or has no layers")
	}
	last := len(net.Nodes) - 1
	used := map[string]bool{inputName: true, outputName: true}
	g := &graph{net: net, weights: weights, used: used, values: make([]string, len(net.Nodes))}
	arrays, live := net.Arrays(), net.Live()
	for i := range arrays {
		for _, a := range arrays[i].List() {
			g.used[a.Name] = true
		}
	}
	kind := elemFloat
	if g.values[0] = inputName; samples != nil {
		if err := samples.Suit(net); err != nil {
			return nil, err
		}
		kind = g.standardise(samples)
	}
	for i := 1; i <= last; i++ {
		if !live[i] {
			continue
		}
		n := &net.Nodes[i]
		g.values[i] = outputName
		if i < last {
			g.values[i] = g.unique(n.Name)
		}
		if err := g.layer(n, &arrays[i], g.values[i]); err != nil {
			return nil, fmt.Errorf("layer %q (%s): %w", n.Name, n.Op, err)
		}
		if g.err != nil {
			return nil, g.err
		}
	}
	g.message = g.bytes(graphInput, value(inputName, kind, net.Nodes[0].Shape))
	return g.bytes(graphOutput, value(outputName, elemFloat, net.Nodes[last].Shape)), nil
}

// standardise appends what makes raw samples what the network reads. It answers
// the kind of numbers that raw samples have: doubles where float32 is too narrow.
func (g *graph) standardise(s *network.Samples) (kind int) {
	shape := g.net.Nodes[0].Shape
	if len(s.Shift) == 1 {
		shape = nil
	}
	under := func(what string) string { return g.unique(inputName + "/" + what) }
	kind = elemFloat
	x := inputName
	if s.Offset != nil {
		kind = elemDouble
		offset := under("offset")
		g.message = g.bytes(graphInitializer, tensor(offset, elemDouble, shape, doubles(s.Offset)))
		x = g.add("Cast", under("narrow"), []string{g.add("Sub", under("less"), []string{x, offset})}, integer("to", elemFloat))
	}
	x = g.add("Sub", under("centred"), []string{x, g.floats(under("shift"), shape, s.Shift)})
	g.values[0] = g.add("Mul", under("standardised"), []string{x, g.floats(under("scale"), shape, s.Scale)})
	return kind
}

// unique is a name that nothing else has.
func (g *graph) unique(name string) string {
	base := name
	for k := 2; g.used[name] || name == ""; k++ {
		name = fmt.Sprintf("%s#%d", base, k)
	}
	g.used[name] = true
	return name
}

// add appends an operator that makes a value, and returns the value's name.
func (g *graph) add(op, out string, in []string, attributes ...message) string {
	var n message
	for _, name := range in {
		n = n.text(nodeInput, name)
	}
	n = n.text(nodeOutput, out).text(nodeName, out).text(nodeOp, op)
	for _, a := range attributes {
		n = n.bytes(nodeAttribute, a)
	}
	g.message = g.bytes(graphNode, n)
	return out
}

// array appends an array of the network and returns its name.
func (g *graph) array(a *network.Array) string {
	values, ok := g.weights[a.Name]
	if (!ok || len(values) != a.Size()) && g.err == nil {
		g.err = fmt.Errorf("the weights have %d values for %q, but the network needs %d", len(values), a.Name, a.Size())
	}
	return g.floats(a.Name, a.Shape, values)
}

// floats appends a constant under a name that is already unique.
func (g *graph) floats(name string, shape []int, values []float32) string {
	g.message = g.bytes(graphInitializer, tensor(name, elemFloat, shape, floats(values)))
	return name
}

// integers appends a constant list.
func (g *graph) integers(name string, values ...int) string {
	name = g.unique(name)
	g.message = g.bytes(graphInitializer, tensor(name, elemInt64, []int{len(values)}, integers(values)))
	return name
}
