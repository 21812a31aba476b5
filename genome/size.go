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
		n := sizeOf(s.root, map[gene]magnitude{})
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

// countOf is count of an int64.
func countOf(n int64) magnitude { return count(big.NewInt(n)) }

// sizeOf counts the values of a gene.
func sizeOf(g gene, seen map[gene]magnitude) magnitude {
	if g.about().static {
		return countOf(1)
	}
	m, ok := seen[g]
	if !ok {
		m = g.size(seen)
		seen[g] = m
	}
	return m
}
