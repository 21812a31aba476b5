package enginetest

import (
	"bytes"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// The spaces of the Strategy suite: plain numbers, conditionals, lists, and the
// three kinds of cells.
const (
	Numbers      = `{"x": {"float": [-5, 5]}, "y": {"float": [1e-4, 1e-1], "log": true}, "n": {"int": [0, 100]}, "b": {"bool": true}}`
	Conditionals = `{"lr": {"float": [1e-4, 1e-1], "log": true},
		"optimizer": {"choice": ["sgd", {"adam": {"beta": {"float": [0.5, 0.999]}}},
		{"momentum": {"m": {"float": [0, 1]}, "nesterov": {"bool": true}}}]}, "size": {"choice": [8, 16, 32], "ordered": true}}`
	Lists      = `{"blocks": {"list": {"width": {"int": [4, 32], "step": 4}, "kind": {"choice": ["a", "b", "c"]}}, "length": [1, 5]}, "bits": {"list": {"bool": true}, "length": 12}}`
	EdgeCell   = `{"ops": {"cell": {"edges": ["none", "skip", "c1", "c3", "pool"], "nodes": 4}}}`
	VertexCell = `{"ops": {"cell": {"vertices": ["c3", "c1", "pool"], "nodes": [3, 7], "max_edges": 9}}}`
	PairCell   = `{"ops": {"cell": {"pairs": ["sep3", "sep5", "skip", "pool"], "nodes": 4, "inputs": 2}}}`
)

// versions are spaces that a search of the engine may go on with: one that holds all others,
// a part of the one that it begins with, and that.
var versions = map[string][]string{
	Numbers: {
		`{"x": {"float": [-5, 9]}, "n": {"int": [0, 200]}, "y": {"float": [1e-5, 1e-1], "log": true}, "b": {"bool": true}}`,
		`{"x": {"float": [-5, 2]}, "y": {"float": [1e-4, 1e-1], "log": true}, "n": {"int": [0, 70]}, "b": {"bool": true}}`,
		Numbers,
	},
	Conditionals: {
		`{"lr": {"float": [1e-4, 1e-1], "log": true},
		"optimizer": {"choice": ["sgd", {"adam": {"beta": {"float": [0.5, 0.999]}}}, "rmsprop",
		{"momentum": {"m": {"float": [0, 1]}, "nesterov": {"bool": true}}}]}, "size": {"choice": [8, 16, 32, 64], "ordered": true}}`,
		`{"lr": {"float": [1e-3, 1e-1], "log": true}, "optimizer": {"choice": ["sgd", {"adam": {"beta": {"float": [0.5, 0.999]}}}]},
		"size": {"choice": [8, 16, 32], "ordered": true}}`,
		Conditionals,
	},
}

// problem is one made-up search that a strategy is driven through.
type problem struct {
	name       string
	space      string
	order      engine.Order
	land       Landscape
	fidelities int // default 1
	start      int // known-good genomes
	turns      int
	mute       int  // until this turn nothing can be measured
	before     int  // jobs of another strategy that was at work before
	steered    bool // somebody steers it, at any time
	engine     bool // also as a search of the engine; strict order only, for what arrives together is a matter of time
	setup      func(*engine.Setup)
	remote     bool // also between two searches where that starts processes
}

func problems(turns int) []problem {
	noisy := Landscape{Seed: 1, Noise: 0.02, Points: 4}
	faulty := Landscape{Seed: 2, Noise: 0.02, Invalid: 0.2, Failed: 0.2}
	limit := 6000.0
	return []problem{
		{name: "numbers", space: Numbers, order: engine.Strict, land: noisy, turns: 2 * turns, remote: true},
		{name: "numbers in arrival order", space: Numbers, order: engine.Arrival, land: noisy, turns: turns},
		{name: "conditionals with failures, steered", space: Conditionals, order: engine.Strict, land: faulty,
			steered: true, engine: true, turns: turns},
		{name: "conditionals with failures in arrival order", space: Conditionals, order: engine.Arrival, land: faulty, turns: turns},
		{name: "lists from known-good genomes, steered", space: Lists, order: engine.Strict, land: noisy, start: 3,
			steered: true, turns: turns},
		{name: "edge cells with three fidelities", space: EdgeCell, order: engine.Strict, land: noisy, fidelities: 3,
			turns: 4 * turns, remote: true},
		{name: "vertex cells with three fidelities in arrival order, steered", space: VertexCell,
			order: engine.Arrival, land: faulty,
			fidelities: 3, start: 2, steered: true, turns: 2 * turns},
		{name: "taking over from another strategy, steered", space: Conditionals, order: engine.Strict, land: faulty,
			before: 20, steered: true, turns: turns},
		{name: "taking over in arrival order", space: EdgeCell, order: engine.Arrival, land: noisy, before: 9, turns: turns},
		{name: "pair cells", space: PairCell, order: engine.Strict, land: noisy, turns: turns},
		{name: "all invalid", space: Lists, order: engine.Strict, land: Landscape{Invalid: 1}, turns: turns},
		{name: "all failed for a while", space: EdgeCell, order: engine.Arrival, land: noisy, mute: turns / 2, start: 1, turns: turns},
		{name: "constraints and two objectives, steered", space: Numbers, order: engine.Strict, land: noisy, steered: true, engine: true, turns: turns,
			setup: func(s *engine.Setup) {
				s.Objectives = []engine.Objective{{Metric: "loss", Goal: engine.Minimize}, {Metric: "parameters", Goal: engine.Minimize}}
				s.Constraints = []engine.Constraint{{Metric: "parameters", Max: &limit}}
				s.Reference = engine.Values{{Name: "loss", Value: 0.8}, {Name: "parameters", Value: 7000}}
			}},
	}
}

// versions are those of a problem's space, none if the strategy was given another one, with
// the space that holds all of them: what a job comes to does not depend on which is searched.
func (s *search) versions(t T) (all []string, whole *genome.Space) {
	t.Helper()
	all = versions[s.problem.space]
	if len(all) == 0 || !bytes.Equal(parsed(t, s.problem.space).JSON(), s.setup.Space.JSON()) {
		return nil, s.setup.Space
	}
	return all, parsed(t, all[0])
}

func parsed(t T, space string) *genome.Space {
	t.Helper()
	s, err := genome.ParseSpaceJSON([]byte(space))
	if err != nil {
		t.Fatalf("the space of the suite cannot be read: %v", err)
	}
	return s
}

// open makes the problem's setup.
func (p problem) open(t T) engine.Setup {
	t.Helper()
	space := parsed(t, p.space)
	s := engine.Setup{
		Space:      space,
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Metrics:    p.land.Metrics(),
		Order:      p.order,
		Seeded:     true,
	}
	for i := range max(1, p.fidelities) {
		s.Fidelities = append(s.Fidelities, engine.Fidelity{Evaluator: "landscape", Budget: float64(int(1) << (2 * i))})
	}
	for i := range p.start {
		g, err := space.Random(newRand("start", uint64(i)))
		if err != nil {
			t.Fatalf("no genome of the suite's space: %v", err)
		}
		s.Start = append(s.Start, g)
	}
	if p.setup != nil {
		p.setup(&s)
	}
	return s
}
