package bench

import (
	"encoding/json"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome/rng"
)

func series(n int, f func(i int) float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// The values are those of scipy.stats.wilcoxon (1.17), exact but for the longest, and
// of counting all signs out where there are ties.
func TestWilcoxon(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		differences []float64
		want        float64
	}{
		"depression":     {[]float64{0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01}, 0.0390625}, // Hollander & Wolfe
		"plants":         {[]float64{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75}, 0.041259765625},
		"all one way":    {[]float64{1, 2, 3, 4, 5, 6}, 0.03125},
		"alternating":    {[]float64{1, -2, 3, -4, 5, -6, 7}, 0.8125},
		"ties and zeros": {[]float64{1, 1, -1, 2, 2, 3, -3, 4, 0}, 0.2421875},
		"many":           {series(80, func(i int) float64 { return float64(i*37%101) - 43.75 }), 0.07284327516992002},
		"many and ties":  {series(80, func(i int) float64 { return float64(i*37%11) - 4 }), 0.009767460681705632},
		"none":           {[]float64{0, 0, 0}, 1},
		"one":            {[]float64{2}, 1},
	} {
		if p := Wilcoxon(c.differences); math.Abs(p-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, p, c.want)
		}
		back := slices.Clone(c.differences)
		for i := range back {
			back[i] = -back[i]
		}
		if p := Wilcoxon(back); math.Abs(p-c.want) > 1e-12 {
			t.Errorf("%s the other way round: %v, want %v", name, p, c.want)
		}
	}
}

// scipy itself, where it is installed.
func TestWilcoxonAsScipy(t *testing.T) {
	t.Parallel()
	const program = `
import json, sys, warnings
from scipy.stats import wilcoxon
warnings.simplefilter("ignore")
print(json.dumps([Wilcoxon(d, method="exact" if len(d) <= 50 else "approx", correction=False).pvalue for d in json.load(sys.stdin)]))
`
	r := rng.New(9)
	var all [][]float64
	for n := 1; n <= 200; n += 1 + n/10 {
		all = append(all, series(n, func(int) float64 { return r.Normal() + 0.2 }))
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", program)
	cmd.Stdin = strings.NewReader(string(text))
	said, err := cmd.Output()
	if err != nil {
		t.Skip("python3 with scipy is not installed here, so only its published values are compared")
	}
	var want []float64
	if err := json.Unmarshal(said, &want); err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		if len(d) > 50 && len(d) <= exactly { // scipy's is not exact there
			continue
		}
		if p := Wilcoxon(d); math.Abs(p-want[i]) > 1e-9 {
			t.Errorf("%d differences: %v, scipy says %v", len(d), p, want[i])
		}
	}
}

func TestHolm(t *testing.T) {
	t.Parallel()
	got := holm([]float64{0.01, 0.04, 0.03, 0.005, 0.9})
	for i, want := range []float64{0.04, 0.09, 0.09, 0.025, 0.9} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%d: %v, want %v", i, got[i], want)
		}
	}
}

func TestRanksShareTies(t *testing.T) {
	t.Parallel()
	if got := ranks([]float64{3, 1, 2, 1, math.Inf(1), 3}); !slices.Equal(got, []float64{4.5, 1.5, 3, 1.5, 6, 4.5}) {
		t.Error(got)
	}
}
