package genome

// FitsWith is Fits for a space with genes that the old genome lacks: they have the values
// that was names, by paths as of [Space.Path]. What the old genome has stays as it is.
func (s *Space) FitsWith(old Genome, was Map) (Genome, error) {
	if len(was) == 0 || old.IsZero() {
		return s.Fits(old)
	}
	var tree any = old.Tree()
	for _, e := range was {
		if way, ok := steps(e.Key); ok {
			tree = supply(tree, way, e.Value)
		}
	}
	return s.FromTree(tree)
}

// supply puts a value at the end of a path wherever a tree has what leads there, and
// nothing there. A name in a path leads to that of every element of a list.
func supply(v any, way []step, value any) any {
	next, last := way[0], len(way) == 1
	switch x := v.(type) {
	case []any:
		for i := range x {
			switch {
			case next.name != "":
				x[i] = supply(x[i], way, value)
			case next.place == i && !last:
				x[i] = supply(x[i], way[1:], value)
			}
		}
	case Map:
		for i := range x {
			if x[i].Key == next.name {
				if !last {
					x[i].Value = supply(x[i].Value, way[1:], value)
				}
				return x
			}
		}
		if last && next.name != "" {
			return append(x, Entry{next.name, value})
		}
	case string: // an option that had no genes
		if x == next.name && !last {
			return Map{{x, supply(Map{}, way[1:], value)}}
		}
	}
	return v
}

// Takes tells whether a gene that a path leads to may have a value, a tree.
func (s *Space) Takes(path string, value any) error {
	v, err := normalise(value)
	if err != nil {
		return err
	}
	p, ok := s.Path(path)
	if !ok || len(p.genes) == 0 {
		return fault(nil, "name a gene of the space", "no gene of the space is called so")
	}
	var refused *Mistake
	for _, g := range p.genes {
		_, err := g.read(v, nil)
		if err == nil {
			return nil
		}
		refused = err
	}
	return refused
}
