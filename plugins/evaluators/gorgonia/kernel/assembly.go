package kernel

const assembly = false
