package genome

import "slices"

// Diff says for people how b differs from a, a line for each gene:
//
//	lr: 0.01 -> 0.02
//	blocks[2].channels: 8 -> 12
//	blocks[3]: + (channels=8 kernel=3)
//	blocks[4]: - (channels=8 kernel=3)
//
// Elements of lists are named by their places in b, removed ones by those in a.
// Equal genomes give no lines. Genomes of different spaces are compared as
// whole texts.
func Diff(a, b Genome) []string {
	switch {
	case a.IsZero() && b.IsZero():
		return nil
	case a.IsZero():
		return []string{"+ " + b.Text()}
	case b.IsZero():
		return []string{"- " + a.Text()}
	}
	if a.space != b.space && a.space.hash != b.space.hash {
		if x, y := a.Text(), b.Text(); x != y {
			return []string{x + " -> " + y}
		}
		return nil
	}
	d := differ{distance: distance{unpack(nil, a.packed), unpack(nil, b.packed)}}
	d.compare(a.space.root, 0, 0, "")
	return d.lines
}

type differ struct {
	distance
	lines []string
}

func (d *differ) text(g gene, t []uint64, i int) string {
	b, _ := g.appendText(nil, t, i)
	return string(b)
}

// compare writes the differences between the values at i in a and at j in b.
func (d *differ) compare(g gene, i, j int, path string) {
	if !slices.Equal(d.a[i:g.end(d.a, i)], d.b[j:g.end(d.b, j)]) {
		g.diff(d, i, j, path)
	}
}

// whole writes one value and the other.
func (d *differ) whole(g gene, i, j int, path string) {
	d.lines = append(d.lines, path+": "+d.text(g, d.a, i)+" -> "+d.text(g, d.b, j))
}
