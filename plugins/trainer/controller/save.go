package controller

import (
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// The file's metadata say which space its Policy is over.
const (
	formatKey = "nascent"
	format    = "controller 1"
	spaceKey  = "space"
)

// Save writes the weights, and what Adam remembers, to a file at path. Equal
// Policies have equal files.
func (p *Policy) Save(path string) error {
	var out []safetensors.Array[float64]
	for _, part := range p.parts() {
		for _, a := range p.weights.list {
			out = append(out, safetensors.Array[float64]{Name: part.prefix + a.name, Shape: []int{a.rows, a.cols},
				Data: part.data[a.from:a.to]})
		}
	}
	out = append(out, safetensors.Array[float64]{Name: "adam", Shape: []int{3}, Data: []float64{float64(p.steps), p.power1, p.power2}})
	return safetensors.WriteFile(path, out, map[string]string{formatKey: format, spaceKey: p.space.Hash().String()})
}

// Load takes what Save wrote. It refuses a file of another space, or of other
// Options than this Policy's; the Policy is then as before.
func (p *Policy) Load(path string) error {
	arrays, metadata, err := safetensors.ReadFile[float64](path)
	if err != nil {
		return err
	}
	refuse := func(what string) error {
		return fmt.Errorf("%s: is no file of this controller: %s; start anew, or restore the one that belongs to the search", path, what)
	}
	switch {
	case metadata[formatKey] != format:
		return refuse(fmt.Sprintf("it has the format %q, not %q", metadata[formatKey], format))
	case metadata[spaceKey] != p.space.Hash().String():
		return refuse("it belongs to another space")
	case len(arrays) != 3*len(p.weights.list)+1:
		return refuse(fmt.Sprintf("it has %d arrays", len(arrays)))
	}
	for i, part := range p.parts() {
		for k, a := range p.weights.list {
			if x := arrays[i*len(p.weights.list)+k]; x.Name != part.prefix+a.name || !slices.Equal(x.Shape, []int{a.rows, a.cols}) {
				return refuse(fmt.Sprintf("%s has the shape %v where %s with %v is expected", x.Name, x.Shape,
					part.prefix+a.name, []int{a.rows, a.cols}))
			}
		}
	}
	adam := arrays[len(arrays)-1]
	if adam.Name != "adam" || !slices.Equal(adam.Shape, []int{3}) {
		return refuse("it lacks what Adam remembers")
	}
	for i, part := range p.parts() {
		for k, a := range p.weights.list {
			copy(part.data[a.from:a.to], arrays[i*len(p.weights.list)+k].Data)
		}
	}
	p.steps, p.power1, p.power2 = int(adam.Data[0]), adam.Data[1], adam.Data[2]
	return nil
}

// part is the weights or one of Adam's moments.
type part struct {
	prefix string
	data   []float64
}

func (p *Policy) parts() []part {
	return []part{{"", p.weights.data}, {"adam.m.", p.weights.m}, {"adam.v.", p.weights.v}}
}
