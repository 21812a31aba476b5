package isa

import "testing"

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []Set{Go, AVX2, AVX512}
	for wish, want := range map[string]Set{"": AVX512, "go": Go, "avx2": AVX2, "avx512": AVX512, "riscv": AVX512} {
		if got := Choose(all, wish); got != want {
			t.Errorf("Choose(%q) = %v, want %v", wish, got, want)
		}
	}
	for machine, want := range map[string]string{"amd64": "go", "arm64": "go-arm64"} {
		if got := plainName(machine); got != want {
			t.Errorf("plain Go is called %s on %s, want %s", got, machine, want)
		}
	}
	if got := Choose(all[:1], "avx512"); got != Go {
		t.Errorf("a machine without AVX-512 chose %v", got)
	}
}
