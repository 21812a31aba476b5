package qlearning

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// draw writes the paper's figure 3: accuracies as a rolling mean over 100
// networks, and the mean of every phase of the schedule as a bar.
func draw(t *testing.T, path string, accuracies []float64, s schedule) {
	t.Helper()
	const (
		width, height            = 720, 330
		left, right, top, bottom = 56, 12, 28, 44
		window                   = 100
	)
	means := make([]float64, len(s))
	lo, hi, n := 1.0, 0.0, 0
	for i, p := range s {
		for _, x := range accuracies[n : n+p.networks] {
			means[i] += x / float64(p.networks)
		}
		n += p.networks
	}
	var rolling []float64
	sum := 0.0
	for i, x := range accuracies {
		if sum += x; i >= window {
			sum -= accuracies[i-window]
		}
		if i >= window-1 {
			rolling = append(rolling, sum/window)
			lo, hi = min(lo, sum/window), max(hi, sum/window)
		}
	}
	const step = 0.02
	lo, hi = float64(int(lo/step))*step, float64(int(hi/step)+1)*step
	x := func(n int) float64 { return left + float64(n)/float64(len(accuracies))*(width-left-right) }
	y := func(a float64) float64 { return top + (hi-a)/(hi-lo)*(height-top-bottom) }

	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11" fill="#333">`, width, height)
	say(`<rect width="%d" height="%d" fill="#fff"/>`, width, height)
	n = 0
	for i, p := range s {
		say(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x(n), y(means[i]), x(n+p.networks)-x(n), y(lo)-y(means[i]), []string{"#d8e3f0", "#c3d4e8"}[i%2])
		say(`<text x="%.1f" y="%d" text-anchor="middle">%v</text>`, (x(n)+x(n+p.networks))/2, top-8, p.epsilon)
		n += p.networks
	}
	say(`<text x="%d" y="%d" text-anchor="end">epsilon</text>`, left-6, top-8)
	for a := lo; a < hi+step/2; a += step {
		say(`<path d="M%d %.1fH%d" stroke="#999" stroke-opacity=".35"/>`, left, y(a), width-right)
		say(`<text x="%d" y="%.1f" text-anchor="end">%.0f %%</text>`, left-6, y(a)+4, 100*a)
	}
	for n := 0; n <= len(accuracies); n += 500 {
		say(`<text x="%.1f" y="%d" text-anchor="middle">%d</text>`, x(n), height-bottom+16, n)
	}
	say(`<text x="%.1f" y="%d" text-anchor="middle">networks</text>`, x(len(accuracies)/2), height-8)
	var points []string
	for i, a := range rolling {
		if i%5 == 0 || i == len(rolling)-1 {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i+window), y(a)))
		}
	}
	say(`<polyline points="%s" fill="none" stroke="#1f4e8c" stroke-width="1.6"/>`, strings.Join(points, " "))
	say(`</svg>`)
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
