package data

import "testing"

func BenchmarkMNIST1D(b *testing.B) {
	for b.Loop() {
		MNIST1D(1000, 1, "train")
	}
}
