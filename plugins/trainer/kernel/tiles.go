package kernel

import "unsafe"

// The tiles in plain Go: what they hold in registers are single lanes.

const (
	goOuts = 4 // output channels of a tile
	goSide = 3 // output and input channels of a tile of weights
)

func goTiles[E Float]() (tiles, weights [][]tile) {
	for n := 1; n <= goOuts; n++ {
		tiles = append(tiles, []tile{func(call *byte) { tileGo((*tileCall[E])(unsafe.Pointer(call)), n) }})
	}
	for outs := 1; outs <= goSide; outs++ {
		var row []tile
		for ins := 1; ins <= goSide; ins++ {
			row = append(row, func(call *byte) { weightsGo((*weightCall[E])(unsafe.Pointer(call)), outs, ins) })
		}
		weights = append(weights, row)
	}
	return tiles, weights
}

// floatAt returns the number some bytes behind p.
func floatAt[E Float](p unsafe.Pointer, bytes int) E { return *(*E)(unsafe.Add(p, bytes)) }

// tileGo computes Vector lanes of n output channels. Weights and biases behind
// the n-th are read too, but what comes of them is dropped.
func tileGo[E Float](c *tileCall[E], n int) {
	size := width[E]()
	taps := unsafe.Slice(c.taps, c.count)
	bias := unsafe.Pointer(c.bias)
	for j := 0; j < Vector*size; j += 2 * size {
		a0, a1, a2, a3 := floatAt[E](bias, 0), floatAt[E](bias, size), floatAt[E](bias, 2*size), floatAt[E](bias, 3*size)
		b0, b1, b2, b3 := a0, a1, a2, a3
		for t := range taps {
			px := unsafe.Add(unsafe.Pointer(c.x), taps[t].a+j)
			pw := unsafe.Add(unsafe.Pointer(c.w), taps[t].b)
			for i := 0; ; {
				x, y := floatAt[E](px, 0), floatAt[E](px, size)
				w := floatAt[E](pw, 0)
				a0 += w * x
				b0 += w * y
				w = floatAt[E](pw, size)
				a1 += w * x
				b1 += w * y
				w = floatAt[E](pw, 2*size)
				a2 += w * x
				b2 += w * y
				w = floatAt[E](pw, 3*size)
				a3 += w * x
				b3 += w * y
				if i++; i == c.channels {
					break
				}
				px, pw = unsafe.Add(px, c.xStride), unsafe.Add(pw, c.wStride)
			}
		}
		sums := [goOuts][2]E{{a0, b0}, {a1, b1}, {a2, b2}, {a3, b3}}
		for o := range n {
			y := (*[2]E)(unsafe.Add(unsafe.Pointer(c.y), o*c.yStride+j))
			y[0], y[1] = rectify(sums[o][0], c.slope), rectify(sums[o][1], c.slope)
		}
	}
}

// weightsGo adds to the weights of outs output and ins input channels. A row
// that is missing stands in for the first, and what comes of it is dropped.
func weightsGo[E Float](c *weightCall[E], outs, ins int) {
	size := width[E]()
	var total [goSide][goSide]E
	z1, z2 := c.zStride, 2*c.zStride
	x1, x2 := c.xStride, 2*c.xStride
	if outs < 3 {
		z2 = 0
	}
	if outs < 2 {
		z1 = 0
	}
	if ins < 3 {
		x2 = 0
	}
	if ins < 2 {
		x1 = 0
	}
	for _, pair := range unsafe.Slice(c.pairs, c.count) {
		z, x := unsafe.Add(unsafe.Pointer(c.z), pair.a), unsafe.Add(unsafe.Pointer(c.x), pair.b)
		var s00, s01, s02, s10, s11, s12, s20, s21, s22 E
		for j := range c.vectors * Vector {
			u, v, w := floatAt[E](x, j*size), floatAt[E](x, x1+j*size), floatAt[E](x, x2+j*size)
			d := floatAt[E](z, j*size)
			s00 += d * u
			s01 += d * v
			s02 += d * w
			d = floatAt[E](z, z1+j*size)
			s10 += d * u
			s11 += d * v
			s12 += d * w
			d = floatAt[E](z, z2+j*size)
			s20 += d * u
			s21 += d * v
			s22 += d * w
		}
		for o, row := range [goSide][goSide]E{{s00, s01, s02}, {s10, s11, s12}, {s20, s21, s22}} {
			for i, s := range row {
				total[o][i] += s
			}
		}
	}
	for o := range outs {
		for i := range ins {
			*(*E)(unsafe.Add(unsafe.Pointer(c.dw), o*c.dwStride+i*size)) += total[o][i]
		}
	}
}
