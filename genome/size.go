package genome

import (
	"math/big"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Numbers with more bits than this are given by their logarithm alone.
const maxSizeBits = 332193 // 100,000 digits

// Size returns how many genomes the space has, before limits. Two inputs of a
// node in a pairs cell are counted in one order.
func (s *Space) Size() Size {
	s.sizeOnce.Do(func() {
		n := s.root.size(map[*gene]magnitude{})
		s.size = Size{Exact: n.exact, Log10: n.log / ln10}
		if n.exact != nil && n.exact.BitLen() <= 53 {
			s.size.Log10 = rng.Log(float64(n.exact.Int64())) / ln10
		}
	})
	size := s.size
	if size.Exact != nil {
		size.Exact = new(big.Int).Set(size.Exact)
	}
	return size
}

const ln10 = 2.302585092994046

// magnitude is a number: exact if known, and its natural logarithm.
type magnitude struct {
	exact *big.Int
	log   float64
}

func count(n *big.Int) magnitude {
	var m big.Float
	exp := new(big.Float).SetInt(n).MantExp(&m)
	f, _ := m.Float64()
	out := magnitude{n, rng.Log(f) + float64(float64(exp)*0.6931471805599453)}
	if n.BitLen() > maxSizeBits {
		out.exact = nil
	}
	return out
}

func (m magnitude) times(n magnitude) magnitude {
	if m.exact != nil && n.exact != nil && m.exact.BitLen()+n.exact.BitLen() <= maxSizeBits+1 {
		return count(new(big.Int).Mul(m.exact, n.exact))
	}
	return magnitude{nil, m.log + n.log}
}

func (m magnitude) plus(n magnitude) magnitude {
	if m.exact != nil && n.exact != nil {
		return count(new(big.Int).Add(m.exact, n.exact))
	}
	if m.log < n.log {
		m, n = n, m
	}
	return magnitude{nil, m.log + rng.Log(1+rng.Exp(n.log-m.log))}
}

func (g *gene) size(seen map[*gene]magnitude) magnitude {
	if m, ok := seen[g]; ok {
		return m
	}
	m := g.countValues(seen)
	seen[g] = m
	return m
}

func (g *gene) countValues(seen map[*gene]magnitude) magnitude {
	one := count(big.NewInt(1))
	if g.static {
		return one
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			one = one.times(f.gene.size(seen))
		}
		return one
	case kindList:
		elem := g.elem.size(seen)
		if elem.exact == nil || elem.log*float64(g.maxLen) > 0.6931*maxSizeBits {
			// The longest lists decide: the sum of a geometric series.
			m := magnitude{nil, elem.log * float64(g.maxLen)}
			if g.minLen < g.maxLen {
				m.log -= rng.Log(1 - rng.Exp(-elem.log))
			}
			return m
		}
		var sum *big.Int
		// Horner: e^min (1 + e (1 + e (...)))
		sum = big.NewInt(1)
		for range g.maxLen - g.minLen {
			sum.Mul(sum, elem.exact)
			sum.Add(sum, big.NewInt(1))
		}
		return count(sum.Mul(sum, new(big.Int).Exp(elem.exact, big.NewInt(int64(g.minLen)), nil)))
	case kindChoice:
		var sum magnitude
		for i, o := range g.options {
			m := one
			if o.body != nil {
				m = o.body.size(seen)
			}
			if i == 0 {
				sum = m
			} else {
				sum = sum.plus(m)
			}
		}
		return sum
	case kindEdges:
		return count(new(big.Int).Exp(big.NewInt(int64(len(g.cell.ops))), big.NewInt(int64(g.cellCodes())), nil))
	case kindVertices:
		g.cell.counts.fill(g)
		return count(g.cell.counts.total)
	case kindPairs:
		c := g.cell
		ops := int64(len(c.ops))
		n := big.NewInt(1)
		for node := range c.nodes {
			sources := int64(c.inputs + node)
			pairs := sources * ops * (sources*ops + 1) / 2
			if c.distinct {
				pairs = sources * (sources - 1) / 2 * ops * ops
			}
			n.Mul(n, big.NewInt(pairs))
			n.Mul(n, big.NewInt(int64(len(c.combine))))
		}
		return count(n)
	}
	if g.continuous() {
		return magnitude{nil, 6 * ln10}
	}
	return count(big.NewInt(g.values()))
}
