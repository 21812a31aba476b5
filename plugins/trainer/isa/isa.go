// Package isa names the sets of instructions that numerical kernels are written for. Who
// trains on several machines and wants the same bits from all uses one that all of them
// have.
package isa

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// Env names the variable of the environment that says which set a process uses.
const Env = "NASCENT_KERNEL"

// Set names one implementation of the kernels. Results on one Set are the same
// bits on every run; between Sets they differ in the last bits, because sums
// are taken in another order and with other roundings.
type Set uint8

// The sets, from the slowest to the fastest.
const (
	Go     Set = iota // plain Go, on every machine
	AVX2              // 256-bit assembly, needs AVX2 and FMA
	AVX512            // 512-bit assembly, needs AVX-512 F, DQ, BW and VL as well
)

// String returns the name that NASCENT_KERNEL takes: "go", "avx2" or "avx512". Where the
// compiler multiplies and adds with one rounding, as on arm64, plain Go comes to other
// bits and has another name: "go-arm64".
func (s Set) String() string {
	switch s {
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return plainName(runtime.GOARCH)
}

func plainName(machine string) string {
	if machine == "amd64" {
		return "go"
	}
	return "go-" + machine
}

// Available lists the sets that run on this machine, slowest first.
func Available() []Set {
	sets := []Set{Go}
	if runtime.GOARCH == "amd64" && cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		sets = append(sets, AVX2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL {
			sets = append(sets, AVX512)
		}
	}
	return sets
}

// Names are those of sets that a search may ask for.
func Names() []string { return []string{"go", AVX2.String(), AVX512.String()} }

// Choose is the set that wish names, if it is available, else the fastest.
func Choose(available []Set, wish string) Set {
	for _, s := range available {
		if s.String() == wish {
			return s
		}
	}
	return available[len(available)-1]
}
