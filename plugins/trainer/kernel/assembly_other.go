//go:build !amd64

package kernel

var tables = [...]*Kernels[float32]{Go: plain}
