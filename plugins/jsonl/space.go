package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Protocol is the version of the lines of JSON that docs/exec.md describes.
const Protocol = 1

// Opening is the first line that a strategy gets. Genomes are their texts, here and
// everywhere.
type Opening struct {
	Protocol    int                 `json:"protocol"`
	Serve       string              `json:"serve"` // "strategy"
	Space       json.RawMessage     `json:"space"`
	Rules       int                 `json:"rules,omitempty"` // the revision by which genomes are drawn, varied and compared
	Options     json.RawMessage     `json:"options,omitempty"`
	Objectives  []engine.Objective  `json:"objectives"`
	Ties        []engine.Objective  `json:"ties,omitempty"`
	Constraints []engine.Constraint `json:"constraints,omitempty"`
	Reference   engine.Values       `json:"reference,omitempty"` // of the objectives, where one is declared
	Metrics     []engine.Metric     `json:"metrics,omitempty"`
	Fidelities  []engine.Fidelity   `json:"fidelities"`
	Limits      engine.Limits       `json:"limits"`
	Order       engine.Order        `json:"order"`
	Start       []string            `json:"start,omitempty"`
	Seeded      bool                `json:"seeded,omitempty"` // results at the highest fidelity depend on the job's seed
}

// OpeningOf tells of a search, and the strategy's own options.
func OpeningOf(s engine.Setup, options json.RawMessage) *Opening {
	b := &Opening{
		Protocol: Protocol, Serve: "strategy", Space: s.Space.JSON(), Rules: s.Space.Rules(), Options: options,
		Objectives: s.Objectives, Ties: s.Ties, Constraints: s.Constraints, Reference: s.Reference,
		Metrics: s.Metrics, Fidelities: s.Fidelities, Limits: s.Limits, Order: s.Order, Seeded: s.Seeded,
	}
	for _, g := range s.Start {
		b.Start = append(b.Start, g.Text())
	}
	return b
}

// Question is what a strategy asks of the space.
type Question struct {
	Space   string     `json:"space"` // what is asked: sample, mutate, cross, encode, names, genes or genome
	Genomes []string   `json:"genomes"`
	Seed    uint64     `json:"seed"`
	Genes   genome.Map `json:"genes"`
}

// Answer is what the space says. Error stands alone.
type Answer struct {
	Genomes []string     `json:"genomes,omitempty"`
	Rows    [][]float64  `json:"rows,omitempty"`
	Genes   []genome.Map `json:"genes,omitempty"`
	Names   []string     `json:"names,omitempty"`
	Error   string       `json:"error,omitempty"`
}

// Ask answers the question, as Go strategies are answered.
func (q *Question) Ask(space *genome.Space) *Answer {
	a, err := q.ask(space)
	if err != nil {
		return &Answer{Error: err.Error()}
	}
	return a
}

func (q *Question) ask(space *genome.Space) (*Answer, error) {
	var given []genome.Genome
	for _, text := range q.Genomes {
		g, err := space.Parse(text)
		if err != nil {
			return nil, err
		}
		given = append(given, g)
	}
	many := map[string]int{"sample": 0, "mutate": 1, "cross": 2, "names": 0, "genome": 0}
	if n, ok := many[q.Space]; ok && n != len(given) {
		return nil, fmt.Errorf("%s with %d genomes: give %d", q.Space, len(given), n)
	}
	out := &Answer{}
	var made genome.Genome
	var err error
	if q.Space == "names" || q.Space == "encode" {
		if _, err := space.Columns(); err != nil {
			return nil, err
		}
	}
	switch q.Space {
	case "sample":
		made, err = space.Random(rng.New(q.Seed))
	case "mutate":
		made, err = space.Mutate(given[0], rng.New(q.Seed))
	case "cross":
		made, err = space.Cross(given[0], given[1], rng.New(q.Seed))
	case "genome":
		if made, err = space.FromTree(q.Genes); err == nil {
			err = space.Check(made)
		}
	case "names":
		out.Names = space.EncodingNames()
		return out, nil
	case "encode":
		for _, g := range given {
			out.Rows = append(out.Rows, space.Encode(g))
		}
		return out, nil
	case "genes":
		for _, g := range given {
			out.Genes = append(out.Genes, g.Tree())
		}
		return out, nil
	default:
		err = errors.New("the space answers sample, mutate, cross, encode, names, genes and genome")
	}
	out.Genomes = []string{made.Text()}
	return out, err
}
