// Command gen writes the assembly kernels of package kernel.
//
// Every kernel is written once, over vectors of an isa: 8 floats for AVX2 and
// 16 for AVX-512.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	for _, s := range []isa{{"AVX2", 8}, {"AVX512", 16}} {
		s.convolutions()
		s.elementwise()
		s.channelwise()
		s.activations()
		s.optimizers()
	}
	Generate()
}

// isa is an instruction set: a suffix of function names and a vector's floats.
type isa struct {
	name   string
	floats int
}

func (s isa) wide() bool { return s.floats == 16 }

// bytes of a vector.
func (s isa) bytes() int { return 4 * s.floats }

// parts is the number of vectors that make up the 16 lanes of a strand.
func (s isa) parts() int { return 16 / s.floats }

func (s isa) vec() reg.VecVirtual {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// text begins a function.
func (s isa) text(name, signature string) {
	TEXT(name+s.name, NOSPLIT, signature)
	Pragma("noescape")
}

// end returns from a function.
func (s isa) end() {
	VZEROUPPER()
	RET()
}

// load returns a new register with a vector in memory.
func (s isa) load(m Op) reg.VecVirtual {
	v := s.vec()
	VMOVUPS(m, v)
	return v
}

// zero returns a new register of zeros.
func (s isa) zero() reg.VecVirtual {
	v := s.vec()
	VXORPS(v, v, v)
	return v
}

// spread returns a new register with a number in memory in all places.
func (s isa) spread(m Op) reg.VecVirtual {
	v := s.vec()
	VBROADCASTSS(m, v)
	return v
}

// number returns a float32 parameter in all places.
func (s isa) number(name string) reg.VecVirtual {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return s.spread(b.Addr)
}

// base and length load parts of a slice parameter.
func base(name string) reg.Register   { return Load(Param(name).Base(), GP64()) }
func length(name string) reg.Register { return Load(Param(name).Len(), GP64()) }
func integer(name string) reg.Register {
	return Load(Param(name), GP64())
}

// at is memory at a register plus an offset register plus a displacement.
func at(b, offset reg.Register, disp int) Mem {
	return Mem{Base: b, Index: offset, Scale: 1, Disp: disp}
}

// Comparisons, as immediates of VCMPPS.
const (
	equal   = 0x00 // ordered, quiet
	greater = 0x1e // ordered, quiet
)

// choose returns a new register: yes where a compares with b, no elsewhere.
func (s isa) choose(compare uint8, a, b Op, yes, no reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	if s.wide() {
		k := K()
		VCMPPS(U8(compare), b, a, k)
		VBLENDMPS(yes, no, k, v)
	} else {
		VCMPPS(U8(compare), b, a, v)
		VBLENDVPS(v, yes, no, v)
	}
	return v
}

// rectify replaces v by max(v, slope*v), which is v where it is no number.
func (s isa) rectify(v, slope reg.VecVirtual) {
	t := s.vec()
	VMULPS(v, slope, t)
	VMAXPS(v, t, v)
}

var constants = map[uint32]Mem{}

// constant returns memory that holds a number 16 times.
func constant(x float64) Mem { return bits(math.Float32bits(float32(x))) }

func bits(b uint32) Mem {
	m, ok := constants[b]
	if !ok {
		m = GLOBL("c"+hex(b), 16|8) // RODATA|NOPTR
		for i := range 16 {
			DATA(4*i, U32(b))
		}
		constants[b] = m
	}
	return m
}

func hex(b uint32) string {
	s := ""
	for i := 28; i >= 0; i -= 4 {
		s += string("0123456789abcdef"[b>>i&15])
	}
	return s
}
