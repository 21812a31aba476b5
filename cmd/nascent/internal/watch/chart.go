package watch

import (
	"math"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// canvas is a picture of dots, two across and four down in each character.
type canvas struct {
	width, height int // in characters
	dots          []uint8
	over          []rune // signs instead of dots; 0: none
}

func newCanvas(width, height int) *canvas {
	width, height = max(1, width), max(1, height)
	return &canvas{width, height, make([]uint8, width*height), make([]rune, width*height)}
}

// bits of the dots of a character, row by row.
var bits = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// dot sets one, counted from the lower left.
func (c *canvas) dot(x, y int) {
	y = 4*c.height - 1 - y
	if x < 0 || y < 0 || x >= 2*c.width || y >= 4*c.height {
		return
	}
	c.dots[y/4*c.width+x/2] |= bits[y%4][x%2]
}

// at is the dot of a place from 0 to 1 on both axes.
func (c *canvas) at(x, y float64) (int, int) {
	return int(x * float64(2*c.width-1)), int(y * float64(4*c.height-1))
}

// sign puts a character at a place.
func (c *canvas) sign(x, y float64, r rune) {
	i, j := c.at(x, y)
	if i >= 0 && j >= 0 && i < 2*c.width && j < 4*c.height {
		c.over[(c.height-1-j/4)*c.width+i/2] = r
	}
}

// steps draws a line that keeps its height until the next point.
func (c *canvas) steps(points [][2]float64) {
	for k, p := range points {
		x, y := c.at(p[0], p[1])
		end := 2*c.width - 1
		if k+1 < len(points) {
			var next int
			end, next = c.at(points[k+1][0], points[k+1][1])
			for j := min(y, next); j <= max(y, next); j++ {
				c.dot(end, j)
			}
		}
		for i := x; i <= end; i++ {
			c.dot(i, y)
		}
	}
}

// curve draws lines from each point to the next.
func (c *canvas) curve(points [][2]float64) {
	for k := range points {
		x, y := c.at(points[k][0], points[k][1])
		c.dot(x, y)
		if k == 0 {
			continue
		}
		x0, y0 := c.at(points[k-1][0], points[k-1][1])
		n := max(abs(x-x0), abs(y-y0))
		for i := range n {
			part := float64(i) / float64(n)
			c.dot(x0+int(math.Round(part*float64(x-x0))), y0+int(math.Round(part*float64(y-y0))))
		}
	}
}

func abs(n int) int { return max(n, -n) }

// shades are of more and more.
var shades = []rune(" ░▒▓█")

// density shades by counts in rows from below.
func (c *canvas) density(counts []int, across, up int) {
	if across <= 0 || up <= 0 || len(counts) < across*up {
		return
	}
	sums := make([]int, c.width*c.height)
	most := 0
	for j := range up {
		for i := range across {
			at := (c.height-1-j*c.height/up)*c.width + i*c.width/across
			sums[at] += counts[j*across+i]
			most = max(most, sums[at])
		}
	}
	for at, n := range sums {
		if n > 0 { // the least is to be seen
			c.over[at] = shades[1+int(float64(len(shades)-2)*math.Log1p(float64(n-1))/math.Log1p(float64(max(1, most-1))))]
		}
	}
}

func (c *canvas) rows() []string {
	out := make([]string, c.height)
	for j := range out {
		var b strings.Builder
		for i := range c.width {
			switch at := j*c.width + i; {
			case c.over[at] != 0:
				b.WriteRune(c.over[at])
			case c.dots[at] != 0:
				b.WriteRune(0x2800 + rune(c.dots[at]))
			default:
				b.WriteByte(' ')
			}
		}
		out[j] = b.String()
	}
	return out
}

// scale is an axis.
type scale struct {
	metric string
	lo, hi float64
	log    bool
	labels []string
}

// part is where a value lies: from 0 to 1 if it is on the axis.
func (s *scale) part(x float64) float64 {
	if s.log {
		if x <= 0 {
			return -1
		}
		return show.Part(math.Log(x), math.Log(s.lo), math.Log(s.hi))
	}
	return show.Part(x, s.lo, s.hi)
}

// mark writes a value of an axis.
func (s *scale) mark(x float64) string {
	if len(s.labels) > 0 {
		return s.labels[max(0, min(len(s.labels)-1, int(math.Round(x))))]
	}
	return show.Number(s.metric, x)
}

// mostMark is how wide a mark at the left may be.
const mostMark = 10

// chart draws a picture with its axes into width columns and height lines, a title among
// them. draw gets the canvas.
func chart(title string, x, y scale, width, height int, draw func(*canvas)) []line {
	low, high := y.mark(y.lo), y.mark(y.hi)
	margin := min(mostMark, max(len([]rune(low)), len([]rune(high))))
	c := newCanvas(width-margin-2, height-3)
	draw(c)
	lines := []line{ln(in(bold, pad(title, width)))}
	for i, row := range c.rows() {
		mark := ""
		switch i {
		case 0:
			mark = high
		case c.height - 1:
			mark = low
		}
		lines = append(lines, ln(in(faint, right(mark, margin)+" │"), in(good, pad(row, c.width))))
	}
	lines = append(lines, ln(in(faint, right("", margin)+" └"+strings.Repeat("─", c.width))))
	left, end := x.mark(x.lo), x.mark(x.hi)
	name, room := x.metric, c.width-len([]rune(left))-len([]rune(end))-2
	if x.log {
		if name += ", log"; cells(name) > room {
			name = "log"
		}
	}
	if cells(name) > room {
		name = ""
	}
	gap := max(1, c.width-len([]rune(left))-len([]rune(end)))
	middle := pad(strings.Repeat(" ", max(0, (gap-len([]rune(name)))/2))+name, gap)
	return append(lines, ln(in(faint, pad(right("", margin+2)+left+middle+end, width))))
}

// beside puts two pictures next to each other.
func beside(a, b []line, gap int) []line {
	out := make([]line, 0, max(len(a), len(b)))
	for i := range max(len(a), len(b)) {
		var l line
		if i < len(a) {
			l.add(a[i].pieces...)
		}
		l.add(t(strings.Repeat(" ", gap)))
		if i < len(b) {
			l.add(b[i].pieces...)
		}
		out = append(out, l)
	}
	return out
}
