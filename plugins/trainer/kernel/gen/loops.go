package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// flat writes a loop over all vectors of equally long slices. body gets a
// function that addresses the current vector of a slice.
func (s isa) flat(over string, names []string, body func(m func(name string) Mem)) {
	bases := map[string]reg.Register{}
	for _, n := range names {
		bases[n] = base(n)
	}
	end, offset := length(over), GP64()
	XORQ(offset, offset)
	SHLQ(Imm(2), end)
	JZ(LabelRef("done"))
	Label("loop")
	body(func(name string) Mem { return at(bases[name], offset, 0) })
	ADDQ(Imm(uint64(s.bytes())), offset)
	CMPQ(offset, end)
	JL(LabelRef("loop"))
	Label("done")
	s.end()
}

func (s isa) elementwise() {
	s.text("add", "func(y, a, b []float32)")
	s.flat("y", []string{"y", "a", "b"}, func(m func(string) Mem) {
		v := s.load(m("a"))
		VADDPS(m("b"), v, v)
		VMOVUPS(v, m("y"))
	})
	s.text("mul", "func(y, a, b []float32)")
	s.flat("y", []string{"y", "a", "b"}, func(m func(string) Mem) {
		v := s.load(m("a"))
		VMULPS(m("b"), v, v)
		VMOVUPS(v, m("y"))
	})
	s.text("scale", "func(y, x []float32, a float32)")
	a := s.number("a")
	s.flat("y", []string{"y", "x"}, func(m func(string) Mem) {
		v := s.vec()
		VMULPS(m("x"), a, v)
		VMOVUPS(v, m("y"))
	})
	s.text("axpy", "func(y, x []float32, a float32)")
	b := s.number("a")
	s.flat("y", []string{"y", "x"}, func(m func(string) Mem) {
		v := s.load(m("y"))
		VFMADD231PS(m("x"), b, v)
		VMOVUPS(v, m("y"))
	})
	s.text("maximum", "func(y, x []float32)")
	s.flat("y", []string{"y", "x"}, func(m func(string) Mem) {
		// x where it is larger or no number, or y is none.
		v := s.load(m("y"))
		VMAXPS(m("x"), v, v)
		VMOVUPS(v, m("y"))
	})
	s.text("maximumGradient", "func(dx, rest, x, y []float32)")
	none := s.zero()
	s.flat("dx", []string{"dx", "rest", "x", "y"}, func(m func(string) Mem) {
		x, rest := s.load(m("x")), s.load(m("rest"))
		given := s.choose(equal, x, m("y"), rest, none)
		VSUBPS(given, rest, rest)
		VMOVUPS(rest, m("rest"))
		VADDPS(m("dx"), given, given)
		VMOVUPS(given, m("dx"))
	})
	s.dot()
	s.text("leaky", "func(y, x []float32, slope float32)")
	slope := s.number("slope")
	s.flat("y", []string{"y", "x"}, func(m func(string) Mem) {
		v := s.load(m("x"))
		s.rectify(v, slope)
		VMOVUPS(v, m("y"))
	})
}

// dot sums products as the plain loop does, bit for bit: in four strands, so that
// vectors of 4 are all there is to gain.
func (s isa) dot() {
	s.text("dot", "func(x, y []float32) float64")
	x, y, rest, left := base("x"), base("y"), length("x"), GP64()
	sum, part, v, d := XMM(), XMM(), XMM(), XMM()
	VXORPD(sum, sum, sum)
	Label("chunk")
	TESTQ(rest, rest)
	JZ(LabelRef("done"))
	MOVQ(rest, left)
	CMPQ(left, Imm(64))
	JLE(LabelRef("begin"))
	MOVQ(U32(64), left)
	Label("begin")
	SUBQ(left, rest)
	VXORPS(part, part, part)
	Label("vectors")
	for i := range 4 {
		VMOVUPS(Mem{Base: x, Disp: 16 * i}, v)
		VMULPS(Mem{Base: y, Disp: 16 * i}, v, v)
		VADDPS(v, part, part)
	}
	ADDQ(Imm(64), x)
	ADDQ(Imm(64), y)
	SUBQ(Imm(16), left)
	JNZ(LabelRef("vectors"))
	VCVTPS2PD(part, v)
	VUNPCKHPD(v, v, d)
	VADDSD(d, v, v)
	VMOVHLPS(part, part, part)
	VCVTPS2PD(part, part)
	VADDSD(part, v, v)
	VUNPCKHPD(part, part, part)
	VADDSD(part, v, v)
	VADDSD(v, sum, sum)
	JMP(LabelRef("chunk"))
	Label("done")
	Store(sum, ReturnIndex(0))
	s.end()
}

// cells is what the body of a loop over (positions, channels, lanes) sees.
type cells struct {
	bases   map[string]reg.Register
	offset  reg.Register
	channel reg.Register
	mask    reg.Register
	disp    int
}

// m is the current vector of an array; number the current channel's number in
// a slice of [channels].
func (c *cells) m(name string) Mem { return at(c.bases[name], c.offset, c.disp) }

func (c *cells) number(name string) Mem {
	return Mem{Base: c.bases[name], Index: c.channel, Scale: 4}
}

// strand is the memory of a channel's strands, of which there are stride a
// channel; part counts vectors.
func (s isa) strand(c *cells, stride, which, part int) Mem {
	row := GP64()
	MOVQ(c.channel, row)
	SHLQ(Imm(uint64(5+stride)), row) // 64 bytes, or twice that
	return Mem{Base: c.bases["sums"], Index: row, Scale: 1, Disp: 64*which + part*s.bytes()}
}

// rows writes a loop over the rows of an array of channels. begin and end
// stand around the loop over a row; body is written once for every part of 16
// lanes.
func (s isa) rows(over string, names []string, begin func(c *cells), body func(c *cells, part int), end func(c *cells)) {
	c := &cells{bases: map[string]reg.Register{}, offset: GP64(), channel: GP64()}
	masked := false
	for _, n := range names {
		c.bases[n] = base(n)
		masked = masked || n == "mask"
	}
	last, channels, lanes, stop := length(over), integer("channels"), integer("lanes"), GP64()
	SHLQ(Imm(2), last)
	SHLQ(Imm(2), lanes)
	XORQ(c.offset, c.offset)
	Label("position")
	XORQ(c.channel, c.channel)
	Label("channel")
	begin(c)
	MOVQ(c.offset, stop)
	ADDQ(lanes, stop)
	if masked {
		c.mask = GP64()
		MOVQ(c.bases["mask"], c.mask)
	}
	Label("lane")
	for part := range s.parts() {
		c.disp = part * s.bytes()
		body(c, part)
	}
	ADDQ(Imm(64), c.offset)
	if masked {
		ADDQ(Imm(64), c.mask)
	}
	CMPQ(c.offset, stop)
	JL(LabelRef("lane"))
	end(c)
	INCQ(c.channel)
	CMPQ(c.channel, channels)
	JL(LabelRef("channel"))
	CMPQ(c.offset, last)
	JL(LabelRef("position"))
	s.end()
}

// sums are the strands of the current channel, held in registers.
type sums struct {
	s      isa
	kinds  int
	values [2][2]reg.VecVirtual // by kind and part
}

func (u *sums) begin(c *cells) {
	for k := range u.kinds {
		for p := range u.s.parts() {
			u.values[k][p] = u.s.load(u.s.strand(c, u.kinds, k, p))
		}
	}
}

func (u *sums) end(c *cells) {
	for k := range u.kinds {
		for p := range u.s.parts() {
			VMOVUPS(u.values[k][p], u.s.strand(c, u.kinds, k, p))
		}
	}
}

func (s isa) channelwise() {
	nothing := func(*cells) {}

	s.text("rowSums", "func(sums, x []float32, channels, lanes int)")
	u := &sums{s: s, kinds: 1}
	s.rows("x", []string{"sums", "x"}, u.begin, func(c *cells, part int) {
		VADDPS(c.m("x"), u.values[0][part], u.values[0][part])
	}, u.end)

	s.text("leakyGradient", "func(dx, sums, y, dy []float32, channels, lanes int, slope float32)")
	slope, none := s.number("slope"), s.zero()
	u = &sums{s: s, kinds: 1}
	s.rows("dx", []string{"dx", "sums", "y", "dy"}, u.begin, func(c *cells, part int) {
		y, dy, small := s.load(c.m("y")), s.load(c.m("dy")), s.vec()
		VMULPS(dy, slope, small)
		g := s.choose(greater, y, none, dy, small)
		VADDPS(g, u.values[0][part], u.values[0][part])
		VMOVUPS(g, c.m("dx"))
	}, u.end)

	s.text("moments", "func(sums, x, shift, mask []float32, channels, lanes int)")
	u = &sums{s: s, kinds: 2}
	var shift reg.VecVirtual
	s.rows("x", []string{"sums", "x", "shift", "mask"}, func(c *cells) {
		u.begin(c)
		shift = s.spread(c.number("shift"))
	}, func(c *cells, part int) {
		d := s.load(c.m("x"))
		VSUBPS(shift, d, d)
		VANDPS(Mem{Base: c.mask, Disp: c.disp}, d, d)
		VADDPS(d, u.values[0][part], u.values[0][part])
		VFMADD231PS(d, d, u.values[1][part])
	}, u.end)

	s.text("affine", "func(y, x, a, b []float32, channels, lanes int, slope float32)")
	slope = s.number("slope")
	var a, b reg.VecVirtual
	s.rows("y", []string{"y", "x", "a", "b"}, func(c *cells) {
		a, b = s.spread(c.number("a")), s.spread(c.number("b"))
	}, func(c *cells, part int) {
		v := s.vec()
		VMOVAPS(b, v)
		VFMADD231PS(c.m("x"), a, v)
		s.rectify(v, slope)
		VMOVUPS(v, c.m("y"))
	}, nothing)

	s.text("normSums", "func(sums, x, dy, a, b, mean []float32, channels, lanes int, slope float32)")
	slope, none = s.number("slope"), s.zero()
	u = &sums{s: s, kinds: 2}
	var mean reg.VecVirtual
	s.rows("x", []string{"sums", "x", "dy", "a", "b", "mean"}, func(c *cells) {
		u.begin(c)
		a, b, mean = s.spread(c.number("a")), s.spread(c.number("b")), s.spread(c.number("mean"))
	}, func(c *cells, part int) {
		x := s.load(c.m("x"))
		g := s.inner(x, c.m("dy"), a, b, slope, none)
		VADDPS(g, u.values[0][part], u.values[0][part])
		VSUBPS(mean, x, x)
		VFMADD231PS(g, x, u.values[1][part])
	}, u.end)

	s.text("normGradient", "func(dx, x, dy, a, b, kx, k0, mask []float32, channels, lanes int, slope float32)")
	slope, none = s.number("slope"), s.zero()
	var kx, k0 reg.VecVirtual
	s.rows("dx", []string{"dx", "x", "dy", "a", "b", "kx", "k0", "mask"}, func(c *cells) {
		a, b, kx, k0 = s.spread(c.number("a")), s.spread(c.number("b")), s.spread(c.number("kx")), s.spread(c.number("k0"))
	}, func(c *cells, part int) {
		x := s.load(c.m("x"))
		g := s.inner(x, c.m("dy"), a, b, slope, none)
		d := s.vec()
		VMOVAPS(k0, d)
		VFMADD231PS(x, kx, d)
		VFMADD231PS(g, a, d)
		VANDPS(Mem{Base: c.mask, Disp: c.disp}, d, d)
		VMOVUPS(d, c.m("dx"))
	}, nothing)
}

// inner is the gradient dy before the rectification of a*x + b.
func (s isa) inner(x reg.VecVirtual, dy Mem, a, b, slope, none reg.VecVirtual) reg.VecVirtual {
	z, g, small := s.vec(), s.load(dy), s.vec()
	VMOVAPS(b, z)
	VFMADD231PS(x, a, z)
	VMULPS(g, slope, small)
	return s.choose(greater, z, none, g, small)
}

func (s isa) optimizers() {
	s.text("adam", "func(p, g, m, v []float32, s *float32)")
	c := Load(Param("s"), GP64())
	k := func(i int) Mem { return Mem{Base: c, Disp: 4 * i} }
	rate, root, epsilon, keep, decay := s.spread(k(2)), s.spread(k(3)), s.spread(k(4)), s.spread(k(5)), s.spread(k(6))
	one := s.load(constant(1))
	new1, new2 := s.vec(), s.vec()
	VSUBPS(s.spread(k(0)), one, new1)
	VSUBPS(s.spread(k(1)), one, new2)
	s.flat("p", []string{"p", "g", "m", "v"}, func(at func(string) Mem) {
		p, g, m, v, t := s.load(at("p")), s.load(at("g")), s.load(at("m")), s.load(at("v")), s.vec()
		VFMADD231PS(p, decay, g)
		VSUBPS(m, g, t)
		VFMADD231PS(t, new1, m)
		VMOVUPS(m, at("m"))
		VMULPS(g, g, g)
		VSUBPS(v, g, g)
		VFMADD231PS(g, new2, v)
		VMOVUPS(v, at("v"))
		VSQRTPS(v, v)
		VMULPS(root, v, v)
		VADDPS(epsilon, v, v)
		VMULPS(rate, m, m)
		VDIVPS(v, m, m)
		VMULPS(keep, p, p)
		VSUBPS(m, p, p)
		VMOVUPS(p, at("p"))
	})
}
