package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// exponential returns s and m with e^x = s + s*m, and so e^x - 1 = s*m + (s-1)
// without cancellation. x is kept within -87 and 88, so that nothing
// overflows; what is no number stays so.
//
// x = n ln 2 + r; s = 2^n; m = e^r - 1 by Taylor's series of degree 7, good
// for 24 bits with |r| <= ln 2 / 2.
func (s isa) exponential(x reg.VecVirtual) (power, m reg.VecVirtual) {
	r, n := s.vec(), s.vec()
	VMOVUPS(constant(88), r)
	VMINPS(x, r, r)
	VMOVUPS(constant(-87), n)
	VMAXPS(r, n, r)
	VMULPS(constant(math.Log2E), r, n)
	power = s.vec()
	VCVTPS2DQ(n, power)
	VCVTDQ2PS(power, n)
	// ln 2 in two pieces: n times the first is exact.
	VFNMADD231PS(constant(0.693359375), n, r)
	VFNMADD231PS(constant(math.Ln2-0.693359375), n, r)
	if s.wide() {
		VPADDD(bits(127), power, power)
	} else {
		VPADDD(bits(127), power, power)
	}
	VPSLLD(Imm(23), power, power)
	m = s.load(constant(1.0 / 5040))
	for _, c := range []float64{1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1} {
		VFMADD213PS(constant(c), r, m)
	}
	VMULPS(r, m, m)
	return power, m
}

// exp returns e^x.
func (s isa) exp(x reg.VecVirtual) reg.VecVirtual {
	power, m := s.exponential(x)
	VFMADD213PS(power, power, m)
	return m
}

// logistic returns 1/(1+e^-x).
func (s isa) logistic(x reg.VecVirtual) reg.VecVirtual {
	minus := s.zero()
	VSUBPS(x, minus, minus)
	e := s.exp(minus)
	one := s.load(constant(1))
	VADDPS(one, e, e)
	VDIVPS(e, one, one)
	return one
}

// rest returns 1-x.
func (s isa) rest(x reg.VecVirtual) reg.VecVirtual {
	v := s.load(constant(1))
	VSUBPS(x, v, v)
	return v
}

func (s isa) activations() {
	s.text("exponential", "func(y, x []float32)")
	s.flat("y", []string{"y", "x"}, func(m func(string) Mem) {
		VMOVUPS(s.exp(s.load(m("x"))), m("y"))
	})
	activation := func(name string, f func(x reg.VecVirtual) (y, d reg.VecVirtual)) {
		s.text(name, "func(y, d, x []float32)")
		s.flat("y", []string{"y", "d", "x"}, func(m func(string) Mem) {
			y, d := f(s.load(m("x")))
			VMOVUPS(y, m("y"))
			VMOVUPS(d, m("d"))
		})
	}
	activation("sigmoid", func(x reg.VecVirtual) (y, d reg.VecVirtual) {
		y = s.logistic(x)
		d = s.rest(y)
		VMULPS(y, d, d)
		return y, d
	})
	activation("tanh", func(x reg.VecVirtual) (y, d reg.VecVirtual) {
		// With m = e^2x - 1: m / (m + 2).
		twice := s.vec()
		VADDPS(x, x, twice)
		power, m := s.exponential(twice)
		VMULPS(power, m, m)
		VSUBPS(constant(1), power, power)
		VADDPS(power, m, m)
		y = s.vec()
		VADDPS(constant(2), m, y)
		VDIVPS(y, m, y)
		d = s.load(constant(1))
		VFNMADD231PS(y, y, d)
		return y, d
	})
	activation("swish", func(x reg.VecVirtual) (y, d reg.VecVirtual) {
		d = s.logistic(x)
		y = s.vec()
		VMULPS(x, d, y)
		VFMADD231PS(s.rest(d), y, d)
		return y, d
	})
	activation("elu", func(x reg.VecVirtual) (y, d reg.VecVirtual) {
		power, m := s.exponential(x)
		e, less := s.vec(), s.vec()
		VMOVAPS(m, e)
		VFMADD213PS(power, power, e)
		VMOVAPS(power, less)
		VSUBPS(constant(1), less, less)
		VFMADD213PS(less, power, m)
		none, one := s.zero(), s.load(constant(1))
		return s.choose(greater, x, none, x, m), s.choose(greater, x, none, one, e)
	})
	activation("mish", func(x reg.VecVirtual) (y, d reg.VecVirtual) {
		// With e = e^x and n = e(e+2): tanh(softplus(x)) = n/(n+2), which
		// is 1 from 20 on, and its derivative 4e(1+e)/(n+2)^2.
		low := s.load(constant(20))
		VMINPS(x, low, low)
		e := s.exp(low)
		n, slope := s.vec(), s.vec()
		VADDPS(constant(2), e, n)
		VMULPS(e, n, n)
		VADDPS(constant(1), e, slope)
		VMULPS(e, slope, slope)
		VMULPS(constant(4), slope, slope)
		t, share := s.vec(), s.load(constant(1))
		VADDPS(constant(2), n, t)
		VDIVPS(t, share, share)
		VMULPS(share, slope, slope)
		VMULPS(share, slope, slope)
		d, y = s.vec(), s.vec()
		VMULPS(share, n, d)
		VMULPS(x, d, y)
		VFMADD231PS(x, slope, d)
		return y, d
	})
	activation("gelu", func(x reg.VecVirtual) (y, d reg.VecVirtual) {
		// The normal distribution function by Abramowitz & Stegun 7.1.26,
		// good for 1e-7.
		z, minus := s.vec(), s.vec()
		VANDPS(bits(0x7fffffff), x, z)
		VMULPS(constant(0.3275911/math.Sqrt2), z, z)
		VADDPS(constant(1), z, z)
		t := s.load(constant(1))
		VDIVPS(z, t, t)
		VMULPS(x, x, minus)
		VMULPS(constant(-0.5), minus, minus)
		e := s.exp(minus)
		q := s.load(constant(1.061405429 / 2))
		for _, c := range []float64{-1.453152027, 1.421413741, -0.284496736, 0.254829592} {
			VFMADD213PS(constant(c/2), t, q)
		}
		VMULPS(t, q, q)
		VMULPS(e, q, q)
		none := s.zero()
		d = s.choose(greater, x, none, s.rest(q), q)
		y = s.vec()
		VMULPS(x, d, y)
		VMULPS(constant(1/math.Sqrt(2*math.Pi)), e, e)
		VFMADD231PS(x, e, d)
		return y, d
	})
}
