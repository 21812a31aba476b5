package network

import "github.com/nascent-nas/nascent/genome"

// stack{a cell, or normal and reduction; cells, channels, stem, reductions 2, pool
// average}: the published skeleton around the cells of a kind. At each reduction the
// extent halves and the channels double; the stack ends in global pooling, and the
// dense layer to the classes follows unless other layers do.
var _ = layer{name: "stack", read: (*builder).stack}.declare()

func (b *builder) stack(a *args, in int) int {
	if !b.spatial(in) {
		return 0
	}
	normal, reduction, ok := b.stackCells(a)
	if !ok {
		return 0
	}
	skeleton := &normal.kind.stacked
	cells := a.int("cells", skeleton.cells, 1)
	channels := a.int("channels", skeleton.channels, 1)
	reductions := a.int("reductions", 2, 0)
	pool := a.word("pool", "average", "max", "both", "none")
	stem := a.get("stem")
	multiplier := 1
	if skeleton.multiplier > 0 {
		multiplier = a.int("stem_multiplier", skeleton.multiplier, 1)
	}
	a.done()
	if cells <= reductions {
		b.fail("%d cells are too few for %d reductions; use at least %d", cells, reductions, reductions+1)
	}
	if reductions > 16 || b.err != nil {
		b.fail("%d reductions are more than 16", reductions)
		return 0
	}

	n := b.enter("stem")
	switch stem {
	case nil, true, "default":
		in = skeleton.stem(b, in, channels*multiplier)
	case false, "none":
		in = b.projected(normal.kind, in, channels)
	default:
		in = b.sequence(stem, in)
		if b.err == nil && normal.kind.narrow {
			channels = b.channels(in)
		}
	}
	b.leave(n)

	before, reduced := in, false
	for i, stage := 0, 0; i < cells && b.err == nil; i++ {
		c, reduces := normal, stage < reductions && i == (stage+1)*cells/(reductions+1)
		if reduces {
			stage++
			channels *= 2
			m := b.enter("reduction")
			l := b.index(stage)
			if skeleton.reduction == nil {
				c = reduction
			} else {
				in = skeleton.reduction(b, in, channels)
			}
			b.leave(l)
			b.leave(m)
		}
		m := b.enter("cells")
		l := b.index(i)
		before, in = in, b.cell(c.cell, place{before, in, channels, reduces, reduced, c.super})
		b.leave(l)
		b.leave(m)
		reduced = reduces
	}

	if skeleton.end != nil {
		in = skeleton.end(b, in)
	}
	if pool != "none" {
		n = b.enter("pool")
		in = b.global(in, pool)
		b.leave(n)
	}
	b.open = true
	return in
}

// stackCell is a cell that a stack repeats.
type stackCell struct {
	cell
	kind  *cellKind
	super *superCell // all its operations, where a Supernet is made; else nil
}

// stackCells finds the stack's cells among its parameters: every group that is
// a cell. The one called reduction is used at reductions.
func (b *builder) stackCells(a *args) (normal, reduction *stackCell, ok bool) {
	for i := range a.m {
		e := &a.m[i]
		v := unwrap(e.Value)
		if !isCell(v) {
			continue
		}
		a.get(e.Key)
		c := stackCell{}
		if c.cell, c.kind, ok = b.readCell(v.(genome.Map)); !ok {
			return nil, nil, false
		}
		if b.super != nil {
			n := b.enter(e.Key)
			c.super = b.super.cells[string(b.path)]
			b.leave(n)
		}
		switch {
		case e.Key == "reduction" && reduction == nil:
			reduction = &c
		case normal == nil:
			normal = &c
		default:
			b.fail("has another cell %q; it takes one, or normal and reduction", e.Key)
			return nil, nil, false
		}
	}
	switch {
	case normal == nil:
		b.fail("needs a cell")
		return nil, nil, false
	case reduction == nil:
		reduction = normal
	case reduction.kind.stacked.reduction != nil || normal.kind.stacked.reduction != nil:
		b.fail("takes a reduction cell only for cells of pairs")
		return nil, nil, false
	}
	return normal, reduction, true
}

// unwrap takes a cell out of a group that holds nothing else.
func unwrap(v any) any {
	if m, ok := v.(genome.Map); ok && len(m) == 1 && isCell(m[0].Value) {
		return m[0].Value
	}
	return v
}
