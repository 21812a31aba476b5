package page

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// On every axis the better value lies above, where the numbers beside say, and each line
// has a place on every axis.
func TestParallel(t *testing.T) {
	t.Parallel()
	p := Parallel{
		Dimensions: []Dimension{{Name: "accuracy"}, {Name: "latency <ms>", Down: true}, {Name: "size", Down: true, Log: true}, {Name: "same"}},
		Lines: []Line{
			{Values: []float64{0.9, 12, 1e6, 3}, Class: "s1", Text: "candidate 1"},
			{Values: []float64{0.7, 3, 1e3, 3}, Class: "winner", Text: "candidate 2"},
			{Values: []float64{0.8, 7, 2e4, 3}, Class: "s1", Text: "candidate 3"},
		},
	}
	svg := p.SVG()
	for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v: %s", err, svg)
		}
	}
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(strings.TrimSuffix(strings.ReplaceAll(s, ",", ""), "M"), 64)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(s, "M") {
			x *= 1e6
		}
		return x
	}
	var lines [][][2]float64
	for _, m := range regexp.MustCompile(`<path class="line across [a-z0-9]+" d="M([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		var line [][2]float64
		for _, at := range strings.Split(m[1], "L") {
			x, y, _ := strings.Cut(at, " ")
			line = append(line, [2]float64{number(x), number(y)})
		}
		lines = append(lines, line)
	}
	if len(lines) != 3 || len(lines[0]) != 4 {
		t.Fatalf("there are the lines %v", lines)
	}
	for i, better := range []bool{true, false, false} { // line 0 is the best in accuracy, and the worst in the others
		if above := lines[0][i][1] < lines[1][i][1]; above != better {
			t.Errorf("on axis %d the first line is above: %v", i, above)
		}
	}
	ticks := map[int]int{}
	for _, m := range regexp.MustCompile(`<text class="tick" x="([0-9.]+)" y="([0-9.]+)" text-anchor="end">([^<]*)<`).FindAllStringSubmatch(svg, -1) {
		i := int(number(m[1])) / parallelGap
		at, value := number(m[2])-4, number(m[3])
		ticks[i]++
		if i == 3 {
			continue // where all are equal
		}
		scale := func(v float64) float64 { return v }
		if p.Dimensions[i].Log {
			scale = math.Log
		}
		a, b := scale(p.Lines[0].Values[i]), scale(p.Lines[1].Values[i])
		want := lines[0][i][1] + (scale(value)-a)/(b-a)*(lines[1][i][1]-lines[0][i][1])
		if math.Abs(at-want) > 1 {
			t.Errorf("on axis %d %g stands at %.1f, its place is %.1f", i, value, at, want)
		}
	}
	for i := range p.Dimensions {
		if ticks[i] < 2 {
			t.Errorf("axis %d has %d numbers", i, ticks[i])
		}
	}
	if svg := (&Parallel{Dimensions: p.Dimensions}).SVG(); svg != "" {
		t.Errorf("of nothing there is %s", svg)
	}
}
