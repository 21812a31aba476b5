//go:build !amd64

package kernel

const assembly = false

var tables = [...]*Kernels[float32]{Go: plain}
