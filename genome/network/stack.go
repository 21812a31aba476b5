package network

import "github.com/nascent-nas/nascent/genome"

// stackLayer: stack{a cell, or normal and reduction; cells, channels, stem,
// reductions 2, pool average}: the published skeletons around the three kinds
// of cells. At each reduction the extent halves and the channels double; the
// stack ends in global pooling, and the dense layer to the classes follows
// unless other layers do.
//
//   - edges (NAS-Bench-201): stem convolution of 16 channels and norm; 15 cells
//     in three stages; a residual block of stride 2 between stages; norm, relu.
//   - vertices (NAS-Bench-101): stem convolution of 128 channels, norm, relu; 9
//     cells in three stages; a max pool of 2 between stages.
//   - pairs (DARTS): stem convolution of three times 16 channels and norm; 8
//     cells, of which those at 1/3 and 2/3 are reduction cells.
func (b *builder) stackLayer(v any, in int) int {
	var a args
	a.take(b, v, "")
	if !b.spatial(in) {
		return 0
	}
	normal, reduction, ok := b.stackCells(&a)
	if !ok {
		return 0
	}
	cells, channels := 8, 16
	switch {
	case normal.edges != nil:
		cells = 15
	case normal.vertices != nil:
		cells, channels = 9, 128
	}
	cells = a.int("cells", cells, 1)
	channels = a.int("channels", channels, 1)
	reductions := a.int("reductions", 2, 0)
	pool := a.word("pool", "average", "max", "both", "none")
	stem := a.get("stem")
	multiplier := 3
	if normal.pairs != nil {
		multiplier = a.int("stem_multiplier", 3, 1)
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
		width := channels
		if normal.pairs != nil {
			width *= multiplier
		}
		f := filterOf(width, 3, 1)
		if normal.vertices != nil {
			in = b.convNormRelu(in, f)
		} else {
			in = b.under("conv", func() int { return b.conv(in, f) })
			in = b.under("norm", func() int { return b.norm(in) })
		}
	case false, "none":
		if normal.edges != nil && b.channels(in) != channels {
			in = b.under("project", func() int { return b.reluConvNorm(in, filterOf(channels, 1, 1)) })
		}
	default:
		in = b.sequence(stem, in)
		if b.err == nil && normal.edges != nil {
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
			switch {
			case normal.edges != nil:
				in = b.residualReduction(in, channels)
			case normal.vertices != nil:
				in = b.pool(in, MaxPool, both(2), both(2), pair{})
			default:
				c = reduction
			}
			b.leave(l)
			b.leave(m)
		}
		m := b.enter("cells")
		l := b.index(i)
		before, in = in, b.cell(c, before, in, channels, reduces, reduced)
		b.leave(l)
		b.leave(m)
		reduced = reduces
	}

	if normal.edges != nil {
		in = b.under("norm", func() int { return b.norm(in) })
		in = b.under("relu", func() int { return b.act(in, "relu") })
	}
	if pool != "none" {
		n = b.enter("pool")
		in = b.global(in, pool)
		b.leave(n)
	}
	b.open = true
	return in
}

// stackCells finds the stack's cells among its parameters: every group that is
// a cell. The one called reduction is used at reductions.
func (b *builder) stackCells(a *args) (normal, reduction *cell, ok bool) {
	for i := range a.m {
		e := &a.m[i]
		v := unwrap(e.Value)
		if !isCell(v) {
			continue
		}
		a.get(e.Key)
		c, ok := b.readCell(v.(genome.Map))
		if !ok {
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
	case reduction.pairs == nil || normal.pairs == nil:
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

// residualReduction is the block between the stages of NAS-Bench-201: two
// convolutions, the first of stride 2, beside an average pool and a convolution
// of kernel 1.
func (b *builder) residualReduction(in, channels int) int {
	if !b.even(in) {
		return 0
	}
	x := b.under("first", func() int { return b.reluConvNorm(in, filterOf(channels, 3, 2)) })
	x = b.under("second", func() int { return b.reluConvNorm(x, filterOf(channels, 3, 1)) })
	y := b.under("shortcut.pool", func() int { return b.pool(in, AvgPool, both(2), both(2), pair{}) })
	y = b.under("shortcut.conv", func() int { return b.conv(y, filterOf(channels, 1, 1)) })
	return b.under("add", func() int { return b.sum([]int{y, x}) })
}
