package data

import "testing"

func BenchmarkMNIST1D(b *testing.B) {
	for b.Loop() {
		mnist1d(1000, 1, "train")
	}
}
