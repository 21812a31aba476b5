package kernel

// Conv computes a convolution or a fully connected layer and its gradients.
// Weights are [out][tap][in of the group].
type Conv struct {
	Layer
	k *Kernels
}

// NewConv prepares the tables of a layer.
func NewConv(k *Kernels, l Layer) *Conv { return &Conv{Layer: l, k: k} }

// Forward is y = x * w + b, rectified with slope (1: not at all). b may be nil.
func (c *Conv) Forward(y, x, w, b []float32, slope float32) {
	convForward(&c.Layer, y, x, w, b, slope)
}

// InputGradient sets dx from the gradient dz of the unrectified output.
func (c *Conv) InputGradient(dx, dz, w []float32) {
	convInputGradient(&c.Layer, dx, dz, w)
}

// WeightGradient sets dw from the gradient dz of the unrectified output, whose
// unused lanes are zero.
func (c *Conv) WeightGradient(dw, x, dz []float32) {
	convWeightGradient(&c.Layer, dw, x, dz)
}
