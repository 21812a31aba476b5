package genome

import (
	"strconv"
)

// decimal is a float of at most six significant digits, mantissa times a power
// of ten, as genomes store it: mantissa<<12 | (exponent+1024)<<1 | sign, with
// no zero at the end of the mantissa. One value has one decimal.
type decimal uint64

const decimalBias = 1024

var powers = [23]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// roundSix rounds to six significant digits, the nearest.
func roundSix(v float64) decimal {
	if v == 0 {
		return decimal(decimalBias << 1)
	}
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], v, 'e', 5, 64) // -d.ddddde-xx
	var d decimal
	if s[0] == '-' {
		d, s = 1, s[1:]
	}
	m := uint64(s[0] - '0')
	for _, c := range s[2:7] {
		m = m*10 + uint64(c-'0')
	}
	exp := 0
	for _, c := range s[9:] {
		exp = exp*10 + int(c-'0')
	}
	if s[8] == '-' {
		exp = -exp
	}
	exp -= 5
	for m%10 == 0 {
		m /= 10
		exp++
	}
	return decimal(m<<12|uint64(exp+decimalBias)<<1) | d
}

// value returns the float64 nearest to the decimal.
func (d decimal) value() float64 {
	m, exp := float64(d>>12), int(d>>1&0x7ff)-decimalBias
	switch {
	case m == 0:
		return 0
	case exp >= 0 && exp < len(powers):
		m *= powers[exp] // both exact, so rounded once
	case exp < 0 && -exp < len(powers):
		m /= powers[-exp]
	default:
		m, _ = strconv.ParseFloat(strconv.FormatUint(uint64(d>>12), 10)+"e"+strconv.Itoa(exp), 64)
	}
	if d&1 == 1 {
		return -m
	}
	return m
}

// whole tells whether the bits are a decimal as roundSix writes it.
func (d decimal) whole() bool {
	m, exp := uint64(d>>12), int(d>>1&0x7ff)-decimalBias
	if m == 0 {
		return d == decimalBias<<1
	}
	return m < 1e6 && m%10 != 0 && exp > -330 && exp < 309
}

// parts returns the mantissa, with its sign, and the exponent.
func (d decimal) parts() (m int64, exp int) {
	m = int64(d >> 12)
	if d&1 == 1 {
		m = -m
	}
	return m, int(d>>1&0x7ff) - decimalBias
}

// grid counts the values of a float with a step: low and step in units of a
// power of ten, so that no step adds an error of its own.
type grid struct {
	lo, step int64
	exp      int
}

// gridOf returns nil where low is so much finer than the step that the units do
// not fit; adding is exact enough there, because nothing cancels.
func gridOf(lo, step float64) *grid {
	m, exp := roundSix(lo).parts()
	n, fine := roundSix(step).parts()
	if m == 0 {
		exp = fine
	}
	if fine-exp > 7 {
		return nil
	}
	for ; exp > fine; exp-- { // a step has at most five digits less than the ends
		m *= 10
	}
	for ; fine > exp; fine-- {
		n *= 10
	}
	return &grid{m, n, exp}
}

// at returns value i, rounded to six digits.
func (q *grid) at(i int64) float64 {
	n, exp, sign := q.lo+i*q.step, q.exp, decimal(0)
	if n < 0 {
		n, sign = -n, 1
	}
	unit := int64(1)
	for n/unit >= 1e6 {
		unit *= 10
		exp++
	}
	rest := n % unit
	n /= unit
	if rest > unit-rest || rest == unit-rest && n%2 == 1 {
		n++
	}
	if n == 0 {
		return 0
	}
	for ; n%10 == 0; n /= 10 {
		exp++
	}
	return (decimal(n)<<12 | decimal(exp+decimalBias)<<1 | sign).value()
}

// gridFloat returns value i of a float with a step.
func (g *number) gridFloat(i int64) float64 {
	if g.grid != nil {
		return g.grid.at(i)
	}
	return roundSix(g.flo + float64(float64(i)*g.fstep)).value()
}

// countSteps finds how many values a float with a step has, and makes the last
// of them its high end. The end as declared is chosen so that it is counted
// again alike.
func (g *number) countSteps(rules int) {
	if rules >= 1 {
		g.grid = gridOf(g.flo, g.fstep)
	}
	until := func(hi float64) int64 {
		last := int64((hi-g.flo)/g.fstep + 1e-6)
		for rules >= 1 && last > 0 && g.gridFloat(last) > hi {
			last--
		}
		return last
	}
	last := until(g.fhi)
	g.count, g.fhi = last+1, g.gridFloat(last)
	g.shownHi = g.fhi
	if rules >= 1 && until(g.shownHi) != last { // rounded down: the next number of six digits
		m, exp := roundSix(g.fhi).parts()
		for ; m != 0 && m < 1e5 && m > -1e5; exp-- {
			m *= 10
		}
		g.shownHi, _ = strconv.ParseFloat(strconv.FormatInt(m+1, 10)+"e"+strconv.Itoa(exp), 64)
	}
}
