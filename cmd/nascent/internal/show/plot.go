package show

import (
	"fmt"
	"math"
	"strings"
)

// Axis is what one axis of a plot in characters shows.
type Axis struct {
	Metric string
	Lo, Hi float64
	Log    bool
}

// part is where a value lies: 0 at the lower end, 1 at the upper one.
func (a Axis) part(x float64) float64 {
	if !a.Log {
		return Part(x, a.Lo, a.Hi)
	}
	log := func(x float64) float64 { return math.Log(math.Max(x, 1e-12)) } // as engine.LogScale has it
	return Part(log(x), log(a.Lo), log(a.Hi))
}

// Dot is one point of a plot in characters.
type Dot struct {
	X, Y float64
	Sign rune
}

// marginWidth is how many columns a plot takes beside what it draws in.
const marginWidth = 11

// Scatter draws dots, later ones over earlier ones, into width columns, the labels at the
// left among them, and height lines, the last two of them the axis and its labels. What is
// outside of the axes is left out.
func Scatter(x, y Axis, dots []Dot, width, height int) []string {
	width, height = max(4, width-marginWidth), max(2, height-2)
	grid := make([][]rune, height)
	for i := range grid {
		grid[i] = []rune(strings.Repeat(" ", width))
	}
	for _, d := range dots {
		if d.X < x.Lo || d.X > x.Hi || d.Y < y.Lo || d.Y > y.Hi {
			continue
		}
		across, up := int(x.part(d.X)*float64(width-1)), int(y.part(d.Y)*float64(height-1))
		grid[height-1-up][across] = d.Sign
	}
	var lines []string
	for i, row := range grid {
		mark := ""
		switch i {
		case 0:
			mark = Number(y.Metric, y.Hi)
		case height - 1:
			mark = Number(y.Metric, y.Lo)
		}
		lines = append(lines, fmt.Sprintf("%9s │%s", mark, strings.TrimRight(string(row), " ")))
	}
	left, right := Number(x.Metric, x.Lo), Number(x.Metric, x.Hi)
	return append(lines, fmt.Sprintf("%9s └%s", "", strings.Repeat("─", width)),
		fmt.Sprintf("%*s%s%*s", marginWidth, "", left, max(1, width-len([]rune(left))), right))
}
