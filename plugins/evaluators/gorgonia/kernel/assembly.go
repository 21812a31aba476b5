package kernel

const assembly = false

var tables = [...]*Kernels{Go: &plain}
