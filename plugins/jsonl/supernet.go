package jsonl

import (
	"encoding/json"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// sharing is what a program needs to know to share weights among the genomes of
// a space of cells.
type sharing struct {
	space *genome.Space
	net   *network.Supernet
}

// share is nil for spaces whose genomes cannot share weights.
func share(s *genome.Space) *sharing {
	if !network.Has(s) {
		return nil
	}
	net, err := network.ReadSupernet(s)
	if err != nil {
		return nil // strategies that need it say why
	}
	return &sharing{s, net}
}

// supernet is the layer graph of all genomes, nil without one.
func (s *sharing) supernet() *network.Supernet {
	if s == nil {
		return nil
	}
	return s.net
}

// paths are the ways through the supernet that a job is about: of its genome, if
// it is to be scored, or of the genomes that its input lists under "paths".
func (s *sharing) paths(j *sdk.Job) ([][][]int, error) {
	if s == nil {
		return nil, nil
	}
	var texts []string
	switch j.Task {
	case engine.Score:
		texts = []string{j.Text}
	case engine.Supernet:
		var input struct {
			Paths []string `json:"paths"`
		}
		if json.Unmarshal(j.Input, &input) == nil {
			texts = input.Paths
		}
	}
	var out [][][]int
	for _, text := range texts {
		g, err := s.space.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("path %s: %w", text, err)
		}
		path, err := s.net.Path(g)
		if err != nil {
			return nil, fmt.Errorf("path %s: %w", text, err)
		}
		out = append(out, path)
	}
	return out, nil
}
