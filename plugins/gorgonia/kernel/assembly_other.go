//go:build !amd64

package kernel

const assembly = false

var tables = [...]*Kernels{Go: &plain}
