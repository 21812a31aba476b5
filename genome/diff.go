package genome

import (
	"slices"
	"strconv"
)

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

func (d *differ) text(g *gene, t []uint64, i int) string {
	b, _ := g.appendText(nil, t, i)
	return string(b)
}

func (d *differ) compare(g *gene, i, j int, path string) {
	if g.static {
		return
	}
	if slices.Equal(d.a[i:g.stretch(d.a, i)], d.b[j:g.stretch(d.b, j)]) {
		return
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			inner := path + "." + f.name
			if g.tuple {
				inner = path + "[" + f.name + "]"
			} else if path == "" {
				inner = f.name
			}
			d.compare(f.gene, i, j, inner)
			i, j = f.gene.stretch(d.a, i), f.gene.stretch(d.b, j)
		}
		return
	case kindList:
		if g.plainBits() {
			break
		}
		_, atA := g.starts(d.a, i)
		_, atB := g.starts(d.b, j)
		_, steps := d.align(g, i, j, true)
		for _, p := range steps {
			switch {
			case p.i < 0:
				d.lines = append(d.lines, path+"["+strconv.Itoa(p.j)+"]: + "+d.text(g.elem, d.b, atB[p.j]))
			case p.j < 0:
				d.lines = append(d.lines, path+"["+strconv.Itoa(p.i)+"]: - "+d.text(g.elem, d.a, atA[p.i]))
			default:
				d.compare(g.elem, atA[p.i], atB[p.j], path+"["+strconv.Itoa(p.j)+"]")
			}
		}
		return
	case kindChoice:
		if o := g.options[d.a[i]]; d.a[i] == d.b[j] && o.body != nil {
			d.compare(o.body, i+1, j+1, path+"."+o.value.(string))
			return
		}
	}
	d.lines = append(d.lines, path+": "+d.text(g, d.a, i)+" -> "+d.text(g, d.b, j))
}
