package network

// Mix is a weighted sum of equal shapes; only in a Supernet.
const Mix Op = "mix"

var _ = operation{op: Mix}.declare()
