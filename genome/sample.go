package genome

import (
	"github.com/nascent-nas/nascent/genome/rng"
)

// How often Random draws before it repairs the closest draw, and how many steps
// repair may take.
const (
	maxDraws       = 1000
	maxRepairSteps = 200
)

// Random draws a genome, each gene uniformly: integers and floats over their
// range (over its logarithm with log), options by their weights, lengths of
// lists, operations of edges cells; of a pairs cell every node's unordered pair
// of inputs, of a vertices cell every valid cell of any size alike. Draws
// outside the limits are repeated, at most 1000 times; then the closest one is
// repaired. The error names the limit that stands in the way. With a Pool every
// member is equally likely.
func (s *Space) Random(r *rng.Rand) (Genome, error) {
	var buf [128]uint64
	var best Genome
	least := 0.0
	if s.pool != nil {
		return s.pool.draw(r), nil
	}
	for i := range maxDraws {
		g := s.finish(s.root.sample(buf[:0], r))
		far, _ := s.violation(g)
		if far == 0 {
			return g, nil
		}
		if i == 0 || far < least {
			best, least = g, far
		}
	}
	g, err := s.approach(best)
	if err != nil {
		return Genome{}, err
	}
	return g, nil
}

// sample appends a random value.
func (g *gene) sample(codes []uint64, r *rng.Rand) []uint64 {
	if g.static {
		return codes
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			codes = f.gene.sample(codes, r)
		}
		return codes
	case kindList:
		n := g.minLen + r.Intn(g.maxLen-g.minLen+1)
		if g.minLen != g.maxLen {
			codes = append(codes, uint64(n))
		}
		for range n {
			codes = g.elem.sample(codes, r)
		}
		return codes
	case kindChoice:
		i := g.drawOption(r, -1)
		codes = append(codes, uint64(i))
		if body := g.options[i].body; body != nil {
			codes = body.sample(codes, r)
		}
		return codes
	case kindEdges, kindVertices, kindPairs:
		return g.sampleCell(codes, r)
	}
	return append(codes, g.draw(r))
}

// draw returns a random value of an int, a float or a bool.
func (g *gene) draw(r *rng.Rand) uint64 {
	if g.kind == kindBool {
		return r.Uint64() >> 63
	}
	if g.curved {
		if g.kind == kindInt {
			// Every integer stands for the stretch of half a step around it.
			half := float64(g.step) / 2
			lo := rng.Log(max(float64(g.lo)-half, 0.5))
			span := rng.Log(float64(g.hi)+half) - lo
			return g.nearest(rng.Exp(lo + float64(r.Float64()*span)))
		}
		return g.nearest(rng.Exp(g.llo + float64(r.Float64()*g.lspan)))
	}
	if g.continuous() {
		return g.nearest(g.flo + float64(r.Float64()*(g.fhi-g.flo)))
	}
	return uint64(r.Intn(int(g.count)))
}

// drawOption draws an option by weight, never the one at index except. If only
// weights of zero are left, those options are alike.
func (g *gene) drawOption(r *rng.Rand, except int) int {
	n := len(g.options)
	if !g.weighted {
		if except < 0 {
			return r.Intn(n)
		}
		if i := r.Intn(n - 1); i < except {
			return i
		} else {
			return i + 1
		}
	}
	var buf [32]float64
	weights := buf[:0]
	for i, o := range g.options {
		if i == except {
			o.weight = 0
		}
		weights = append(weights, o.weight)
	}
	if i := r.Weighted(weights); i >= 0 {
		return i
	}
	for i := range weights {
		weights[i] = 1
	}
	if except >= 0 {
		weights[except] = 0
	}
	return r.Weighted(weights)
}

// first appends the first value: the low end, the first option, the shortest
// list, a chain of first operations.
func (g *gene) first(codes []uint64) []uint64 {
	if g.static {
		return codes
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			codes = f.gene.first(codes)
		}
		return codes
	case kindList:
		if g.minLen != g.maxLen {
			codes = append(codes, uint64(g.minLen))
		}
		for range g.minLen {
			codes = g.elem.first(codes)
		}
		return codes
	case kindChoice:
		codes = append(codes, 0)
		if body := g.options[0].body; body != nil {
			codes = body.first(codes)
		}
		return codes
	case kindEdges:
		return append(codes, make([]uint64, g.cellCodes())...)
	case kindVertices:
		codes = append(codes, uint64(g.minLen))
		codes = append(codes, make([]uint64, g.minLen-2)...)
		for v := 1; v < g.minLen; v++ {
			codes = append(codes, 1<<(v-1))
		}
		return codes
	case kindPairs:
		for range g.cell.nodes {
			if len(g.cell.combine) > 1 {
				codes = append(codes, 0)
			}
			if g.cell.inputs > 1 || g.cell.distinct {
				codes = append(codes, 1, 0, 0, 0)
			} else {
				codes = append(codes, 0, 0, 0, 0)
			}
		}
		return codes
	case kindFloat:
		if g.continuous() {
			return append(codes, uint64(roundSix(g.flo)))
		}
	}
	return append(codes, 0)
}
