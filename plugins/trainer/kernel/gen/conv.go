package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) convolutions() {
	outs, vectors := 6, 2
	if s.wide() {
		vectors = 4
	}
	for o := 1; o <= outs; o++ {
		for v := 1; v <= vectors; v++ {
			s.tile(o, v)
		}
	}
	outs, ins := 4, 3
	if s.wide() {
		outs, ins = 5, 5
	}
	for o := 1; o <= outs; o++ {
		for i := 1; i <= ins; i++ {
			s.weights(o, i)
		}
	}
}

// field loads a field of the struct that the only parameter points to.
func field(c reg.Register, offset int) reg.GPVirtual {
	r := GP64()
	MOVQ(Mem{Base: c, Disp: offset}, r)
	return r
}

// tile computes some vectors of some output channels at one output position:
// the offsets are those of kernel.tileCall.
func (s isa) tile(outs, vectors int) {
	s.text(fmt.Sprintf("tile%dx%d", outs, vectors), "func(c *byte)")
	c := Load(Param("c"), GP64())
	y, x, w, bias, taps, n := field(c, 0), field(c, 8), field(c, 16), field(c, 24), field(c, 32), field(c, 40)
	acc := make([][]reg.VecVirtual, outs)
	for o := range acc {
		acc[o] = append(acc[o], s.spread(Mem{Base: bias, Disp: 4 * o}))
		for v := 1; v < vectors; v++ {
			r := s.vec()
			VMOVAPS(acc[o][0], r)
			acc[o] = append(acc[o], r)
		}
	}
	TESTQ(n, n)
	JZ(LabelRef("store"))
	channels, xStride, wStride := field(c, 48), field(c, 64), field(c, 72)
	px, pw, i := GP64(), GP64(), GP64()
	in := make([]reg.VecVirtual, vectors)
	for v := range in {
		in[v] = s.vec()
	}
	Label("tap")
	MOVQ(Mem{Base: taps}, px)
	MOVQ(Mem{Base: taps, Disp: 8}, pw)
	ADDQ(x, px)
	ADDQ(w, pw)
	MOVQ(channels, i)
	Label("channel")
	for v := range in {
		VMOVUPS(Mem{Base: px, Disp: v * s.bytes()}, in[v])
	}
	for o := range acc {
		b := s.spread(Mem{Base: pw, Disp: 4 * o})
		for v := range in {
			VFMADD231PS(in[v], b, acc[o][v])
		}
	}
	ADDQ(xStride, px)
	ADDQ(wStride, pw)
	DECQ(i)
	JNZ(LabelRef("channel"))
	ADDQ(Imm(16), taps)
	DECQ(n)
	JNZ(LabelRef("tap"))

	Label("store")
	yStride := field(c, 56)
	// Half of all tiles are not rectified, and most others by ReLU.
	slope := GP32()
	MOVL(Mem{Base: c, Disp: 80}, slope)
	CMPL(slope, U32(math.Float32bits(1)))
	JE(LabelRef("keep"))
	TESTL(slope, slope)
	JZ(LabelRef("relu"))
	factor := s.spread(Mem{Base: c, Disp: 80})
	for o := range acc {
		for v := range acc[o] {
			s.rectify(acc[o][v], factor)
		}
	}
	JMP(LabelRef("keep"))
	Label("relu")
	none := s.zero()
	for o := range acc {
		for v := range acc[o] {
			VMAXPS(acc[o][v], none, acc[o][v]) // what is no number stays so
		}
	}
	Label("keep")
	for o := range acc {
		for v := range acc[o] {
			VMOVUPS(acc[o][v], Mem{Base: y, Disp: v * s.bytes()})
		}
		if o < outs-1 {
			ADDQ(yStride, y)
		}
	}
	s.end()
}

// weights adds to some weights of one tap what some positions contribute: the
// offsets are those of kernel.weightCall.
func (s isa) weights(outs, ins int) {
	s.text(fmt.Sprintf("weights%dx%d", outs, ins), "func(c *byte)")
	c := Load(Param("c"), GP64())
	dw, z, x, pairs, n := field(c, 0), field(c, 8), field(c, 16), field(c, 24), field(c, 32)
	vectors, zStride, xStride := field(c, 40), field(c, 48), field(c, 56)
	acc := make([][]reg.VecVirtual, outs)
	for o := range acc {
		for range ins {
			acc[o] = append(acc[o], s.zero())
		}
	}
	thrice := func(stride reg.GPVirtual) reg.GPVirtual {
		r := GP64()
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, r)
		return r
	}
	row := func(p, stride, stride3 reg.GPVirtual, i int) Mem {
		switch i {
		case 0:
			return Mem{Base: p}
		case 3:
			return Mem{Base: p, Index: stride3, Scale: 1}
		}
		return Mem{Base: p, Index: stride, Scale: uint8(i)}
	}
	zStride3, xStride3 := zStride, xStride
	if outs > 3 {
		zStride3 = thrice(zStride)
	}
	if ins > 3 {
		xStride3 = thrice(xStride)
	}
	pz, px, v := GP64(), GP64(), GP64()
	rows := make([]reg.VecVirtual, ins)
	for i := range rows {
		rows[i] = s.vec()
	}
	Label("pair")
	MOVQ(Mem{Base: pairs}, pz)
	MOVQ(Mem{Base: pairs, Disp: 8}, px)
	ADDQ(z, pz)
	ADDQ(x, px)
	MOVQ(vectors, v)
	Label("vector")
	for i := range rows {
		VMOVUPS(row(px, xStride, xStride3, i), rows[i])
	}
	for o := range acc {
		dz := s.load(row(pz, zStride, zStride3, o))
		for i := range rows {
			VFMADD231PS(rows[i], dz, acc[o][i])
		}
	}
	ADDQ(Imm(uint64(s.bytes())), pz)
	ADDQ(Imm(uint64(s.bytes())), px)
	DECQ(v)
	JNZ(LabelRef("vector"))
	ADDQ(Imm(16), pairs)
	DECQ(n)
	JNZ(LabelRef("pair"))

	dwStride := field(c, 64)
	for o := range acc {
		for i := range acc[o] {
			sum := s.reduce(acc[o][i])
			VADDSS(Mem{Base: dw, Disp: 4 * i}, sum, sum)
			VMOVSS(sum, Mem{Base: dw, Disp: 4 * i})
		}
		if o < outs-1 {
			ADDQ(dwStride, dw)
		}
	}
	s.end()
}

// reduce adds up the places of a vector.
func (s isa) reduce(v reg.VecVirtual) reg.Register {
	y, x, t := v.AsY(), v.AsX(), XMM()
	if s.wide() {
		h := YMM()
		VEXTRACTF64X4(U8(1), v, h)
		VADDPS(h, y, y)
		VEXTRACTF32X4(U8(1), y, t)
	} else {
		VEXTRACTF128(U8(1), y, t)
	}
	VADDPS(t, x, x)
	VPERMILPS(U8(0x4e), x, t) // halves exchanged
	VADDPS(t, x, x)
	VPERMILPS(U8(0xb1), x, t) // neighbours exchanged
	VADDSS(t, x, x)
	return x
}
