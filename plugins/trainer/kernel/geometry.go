package kernel

// Geometry says which input position every tap of every output position
// reads. Stride, dilation, zero and circular padding, one or more dimensions:
// everything is in this table, and nothing after it knows the difference.
type Geometry struct {
	In, Out, Taps int     // numbers of input positions, output positions and taps
	Table         []int32 // [Out*Taps] input position, or -1 where the tap reads padding
}

// NewGeometry returns the geometry of a window over an input of the extents
// in, and the extents of its output. kernel has one extent per dimension;
// stride, dilation and pad too, or they are nil for 1, 1 and 0. Padding stands
// on both sides; circular padding continues at the other end. Where the window
// does not fit, the output has extent 0.
func NewGeometry(in, kernel, stride, dilation, pad []int, circular bool) (Geometry, []int) {
	at := func(s []int, i, otherwise int) int {
		if i < len(s) {
			return s[i]
		}
		return otherwise
	}
	out := make([]int, len(in))
	g := Geometry{In: 1, Out: 1, Taps: 1}
	for i := range in {
		reach := at(dilation, i, 1)*(kernel[i]-1) + 1
		if slack := in[i] + 2*at(pad, i, 0) - reach; slack >= 0 {
			out[i] = slack/at(stride, i, 1) + 1
		}
		g.In *= in[i]
		g.Out *= out[i]
		g.Taps *= kernel[i]
	}
	g.Table = make([]int32, g.Out*g.Taps)
	for o := range g.Out {
		for t := range g.Taps {
			// Take o and t apart into coordinates, last dimension first.
			position, size, oo, tt := 0, 1, o, t
			for i := len(in) - 1; i >= 0; i-- {
				c := oo%out[i]*at(stride, i, 1) - at(pad, i, 0) + tt%kernel[i]*at(dilation, i, 1)
				if circular {
					c = (c%in[i] + in[i]) % in[i]
				}
				if c < 0 || c >= in[i] {
					position = -1
					break
				}
				position += c * size
				size *= in[i]
				oo /= out[i]
				tt /= kernel[i]
			}
			g.Table[o*g.Taps+t] = int32(position)
		}
	}
	return g, out
}

// Whole returns the geometry of one window over all positions: that of a
// fully connected layer and of global pooling.
func Whole(positions int) Geometry {
	g := Geometry{In: positions, Out: 1, Taps: positions, Table: make([]int32, positions)}
	for i := range g.Table {
		g.Table[i] = int32(i)
	}
	return g
}

// Window returns the row of the table that belongs to an output position.
func (g *Geometry) Window(out int) []int32 { return g.Table[out*g.Taps : (out+1)*g.Taps] }
