package network

import "fmt"

// Samples says what raw samples a trained network was given, what happened to them
// before it read them, and which classes its answers stand for. The network read
//
//	(float32(v-Offset) - Shift) * Scale
//
// of every value v, where a list has one number for all values of a sample, or one
// for each. Checkpoints have it as JSON in their metadata, under SamplesKey.
type Samples struct {
	Shape   []int     `json:"shape"`             // of one sample
	Columns []string  `json:"columns,omitempty"` // of a table: its features by name
	Classes []string  `json:"classes"`           // by name, in the order of the answers
	Offset  []float64 `json:"offset,omitempty"`  // none: 0, and values are float32 as they come
	Shift   []float32 `json:"shift"`
	Scale   []float32 `json:"scale"`
}

// SamplesKey is the key of the metadata of checkpoints that Samples stand under.
const SamplesKey = "samples"

// Suit checks that a network can have read the samples.
func (s *Samples) Suit(n *Network) error {
	first, last := n.Nodes[0].Shape, n.Nodes[len(n.Nodes)-1].Shape
	values := int(size(first))
	fits := func(length int) bool { return length == 1 || length == values }
	switch {
	case int(size(s.Shape)) != values:
		return fmt.Errorf("its samples have shape %v, but the network reads %v", s.Shape, first)
	case len(s.Classes) != int(size(last)):
		return fmt.Errorf("its samples have %d classes, but the network answers %d", len(s.Classes), int(size(last)))
	case !fits(len(s.Shift)) || len(s.Scale) != len(s.Shift) || s.Offset != nil && len(s.Offset) != len(s.Shift):
		return fmt.Errorf("it standardises with %d, %d and %d numbers, but a sample has %d values",
			len(s.Offset), len(s.Shift), len(s.Scale), values)
	}
	return nil
}
