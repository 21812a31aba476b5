package genome

// FromTree returns the genome that a tree describes. It is strict: a gene that
// is unknown, missing or out of range is an *Mistake with its path. Constants and
// copies may be missing; where they are present they must agree.
func (s *Space) FromTree(tree any) (Genome, error) {
	v, err := normalise(tree)
	if err != nil {
		return Genome{}, err
	}
	codes, err := s.root.read(v, nil)
	if err != nil {
		return Genome{}, err
	}
	g := s.finish(codes)
	if err := s.root.agree(v, g.Tree()); err != nil {
		return Genome{}, err
	}
	return g, nil
}

// sameScalar compares values as a person does: 3 equals 3.0, "3" does not.
func sameScalar(a, b any) bool {
	a, b = plainNumber(a), plainNumber(b)
	switch a.(type) {
	case string, bool, int64, float64:
		return a == b
	}
	return false
}

// plainNumber makes an int64 of a float64 that is one, and leaves the rest.
func plainNumber(v any) any {
	const most = 1 << 63
	if f, ok := v.(float64); ok && f >= -most && f < most && f == float64(int64(f)) {
		return int64(f)
	}
	return v
}
