package show

import (
	"fmt"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// The least columns and lines that a plot of a front takes to be worth looking at, its
// title among them, and the most lines.
const leastPlotWidth, leastPlotHeight, mostPlotHeight = 36, 7, 12

// Scaled tells whether an axis from lo to hi is logarithmic: as the objective says, and of
// sizes that differ by more than a factor of a hundred.
func Scaled(o engine.Objective, lo, hi float64) bool {
	size := o.Metric == "parameters" || o.Metric == "macs"
	return o.Scale == engine.LogScale || size && lo > 0 && hi/lo > 100
}

// frontLines draw the front of a running search into width columns and at most height
// lines: each two objectives against one another, side by side as far as there is room for
// them, or where there is too little the best by each objective. There are none of a front
// of one.
func frontLines(v *View, front []engine.Best, width, height int) []string {
	objectives := v.Plan.Ranking().Objectives
	if len(objectives) < 2 || len(front) < 2 || height < 1 {
		return nil
	}
	points := make([]engine.Values, len(front))
	for i := range front {
		points[i] = front[i].Means()
	}
	if plots := min(width/leastPlotWidth, len(objectives)*(len(objectives)-1)/2); height >= leastPlotHeight && plots > 0 {
		return plotsOfPairs(objectives, points, width, min(height, mostPlotHeight), plots)
	}
	var lines []string
	for _, o := range objectives[:min(height, len(objectives))] {
		best, of := 0, func(i int) float64 { x, _ := points[i].Get(o.Metric); return x }
		for i := range points {
			if Better(o, of(i), of(best)) {
				best = i
			}
		}
		lines = append(lines, fmt.Sprintf("  best %s: %s  candidate %s", o.Metric, Values(v, firstValues(v, points[best])), front[best].ID))
	}
	return lines
}

// plotsOfPairs draws the first so many pairs of objectives side by side.
func plotsOfPairs(objectives []engine.Objective, points []engine.Values, width, height, plots int) []string {
	lines := make([]string, height)
	each := min(width/plots, 72)
	for j, y := range objectives {
		for _, x := range objectives[j+1:] {
			if plots == 0 {
				return lines
			}
			plots--
			plot := append([]string{"  " + y.Metric + " against " + x.Metric}, Scatter(axisOf(x, points), axisOf(y, points), dotsOf(x, y, points), each-1, height-1)...)
			for i := range lines {
				line := Clip(plot[i], each-1)
				if plots > 0 {
					line += strings.Repeat(" ", each-len([]rune(line)))
				}
				lines[i] += line
			}
		}
	}
	return lines
}

// axisOf is as long as what there is of a metric.
func axisOf(o engine.Objective, points []engine.Values) Axis {
	a := Axis{Metric: o.Metric}
	for i, p := range points {
		x, _ := p.Get(o.Metric)
		if i == 0 {
			a.Lo, a.Hi = x, x
		}
		a.Lo, a.Hi = min(a.Lo, x), max(a.Hi, x)
	}
	a.Log = Scaled(o, a.Lo, a.Hi)
	return a
}

func dotsOf(x, y engine.Objective, points []engine.Values) (dots []Dot) {
	for _, p := range points {
		px, _ := p.Get(x.Metric)
		py, _ := p.Get(y.Metric)
		dots = append(dots, Dot{px, py, '●'})
	}
	return dots
}
