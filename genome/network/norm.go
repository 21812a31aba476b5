package network

// Norm is batch normalisation per channel, with scale and shift if Affine.
const Norm Op = "norm"

var _ = operation{
	op: Norm, own: true, slight: true,
	parameters: func(n *Node, _ []int) int64 {
		if n.Affine {
			return 2 * int64(n.Shape[0])
		}
		return 0
	},
	arrays: func(n *Node, _ []int) Arrays {
		channels := n.Shape[:1:1]
		a := Arrays{Mean: &Array{Shape: channels}, Variance: &Array{Shape: channels, Start: 1}}
		if n.Affine {
			a.Weight, a.Bias = &Array{Shape: channels, Start: 1}, &Array{Shape: channels}
		}
		return a
	},
	trains: func(n *Node, samples int) string {
		if samples > 1 || size(n.Shape[1:]) > 1 {
			return ""
		}
		return "normalises over one value for each channel, which leaves nothing of it, where a batch has 1 sample; " +
			"choose a batch that leaves 2 or more in every step, or no norm here"
	},
}.declare()

// norm{kind batch}.
var _ = layer{
	name: "norm", bare: true, main: "kind",
	read: func(b *builder, a *args, in int) int {
		if a.norm("kind", true) {
			in = b.norm(in)
		}
		a.done()
		return in
	},
}.declare()

func (b *builder) norm(in int) int { return b.same(in, Node{Op: Norm, Affine: true}) }

// norm reads true, "batch", false or "none".
func (a *args) norm(name string, standard bool) bool {
	switch v := a.get(name); v {
	case nil:
		return standard
	case true, "batch":
		return true
	case false, "none":
		return false
	default:
		a.b.slip("%s is %v; it is true, batch or false", name, v)
		return standard
	}
}
