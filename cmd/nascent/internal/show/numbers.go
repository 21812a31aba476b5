package show

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Number writes a metric's value for people.
func Number(name string, x float64) string {
	switch {
	case name == "seconds":
		return Seconds(x)
	case x == math.Trunc(x) && math.Abs(x) < 1e15:
		return Thousands(int64(x))
	case math.Abs(x) >= 1e6 || math.Abs(x) < 1e-3:
		return strconv.FormatFloat(x, 'e', 3, 64)
	case math.Abs(x) >= 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 4, 64)
}

// Exactly writes a number that somebody set: as Number does or, where that rounds it, with
// all of its digits.
func Exactly(name string, x float64) string {
	short := Number(name, x)
	if y, err := strconv.ParseFloat(strings.ReplaceAll(short, ",", ""), 64); err == nil && y == x {
		return short
	}
	exact := strconv.FormatFloat(x, 'g', -1, 64)
	if name == "seconds" {
		exact += "s"
	}
	return exact
}

// together writes values of one metric that are compared with one another, all in the same
// way.
func together(name string, xs ...float64) (out []string) {
	largest, whole := 0.0, true
	for _, x := range xs {
		largest, whole = math.Max(largest, math.Abs(x)), whole && x == math.Trunc(x)
	}
	format, places := byte('f'), 4
	switch {
	case name == "seconds" || whole:
		for _, x := range xs {
			out = append(out, Number(name, x))
		}
		return out
	case largest >= 1e6 || largest < 1e-3:
		format, places = 'e', 3
	case largest >= 100:
		places = 1
	}
	for _, x := range xs {
		if x == math.Trunc(x) && format == 'f' {
			out = append(out, Number(name, x))
			continue
		}
		out = append(out, strconv.FormatFloat(x, format, places, 64))
	}
	return out
}

// Decimal writes a figure to be compared with others: four places.
func Decimal(x float64) string {
	if math.Abs(x) >= 1e6 {
		return Number("", x)
	}
	return strconv.FormatFloat(x, 'f', 4, 64)
}

// Thousands writes 12,345.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Seconds writes a time span: 850ms, 12.4s, 3m20s, 2h05m, 3d04h. Any number will
// do: what lasts longer than a time.Duration is written in years.
func Seconds(s float64) string {
	const year = 365.25 * 24 * 3600
	if s < 0 {
		return "-" + Seconds(-s)
	}
	if s >= 200*year {
		return strconv.FormatFloat(s/year, 'g', 3, 64) + " years"
	}
	d := time.Duration(s * float64(time.Second))
	switch {
	case s == 0:
		return "0s"
	case d < time.Microsecond:
		return strconv.FormatFloat(s, 'g', 3, 64) + "s"
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Bytes writes an amount of memory: 900 B, 12.5 MiB, 1.4 GiB.
func Bytes(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/(1<<10), 0
	for x >= 1023.95 && unit < len(units)-1 {
		x, unit = x/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", x, units[unit])
}

// Used writes a field of engine.Usage.
func Used(name string, x float64) string {
	if name == "cpu" {
		return Seconds(x)
	}
	return Bytes(Whole(x))
}

// UsedAll writes what is known of what jobs took of the machine, "" if nothing is.
func UsedAll(u engine.Usage) string {
	var parts []string
	for i, what := range []string{"of processors", "of memory", "of a GPU's memory"} {
		name := engine.UsageNames[i]
		if x, known := u.Get(name); known {
			parts = append(parts, Used(name, x)+" "+what)
		}
	}
	return strings.Join(parts, ", ")
}

// UsageNow writes what a job takes of the machine while it runs, in short; "" if nothing is known.
func UsageNow(u engine.Usage) string {
	var parts []string
	for i, what := range []string{"cpu ", "", "GPU "} {
		name := engine.UsageNames[i]
		if x, known := u.Get(name); known {
			parts = append(parts, what+Used(name, x))
		}
	}
	return strings.Join(parts, ", ")
}

// Part is where x lies from lo (0) to hi (1), for any finite numbers, and at most
// a thousand times as far outside; 0 where there is nothing between lo and hi.
func Part(x, lo, hi float64) float64 {
	if hi <= lo {
		return 0
	}
	part := (x - lo) / (hi - lo)
	if math.IsInf(hi-lo, 0) {
		part = (x/2 - lo/2) / (hi/2 - lo/2)
	}
	return math.Max(-1000, math.Min(1000, part))
}

// Whole is x as a whole number; one that is too large is the largest.
func Whole(x float64) int64 {
	switch {
	case x >= math.MaxInt64:
		return math.MaxInt64
	case x <= math.MinInt64:
		return math.MinInt64
	}
	return int64(math.Round(x))
}

// Values writes metrics: objectives and ties first, then the others by name.
func Values(v *View, ms engine.Values) string {
	return strings.Join(Named(v, ms, Number), "  ")
}

// Named writes each of values, objectives first, after its name.
func Named(v *View, vs engine.Values, write func(name string, x float64) string) (out []string) {
	for _, name := range MetricNames(v, vs) {
		x, _ := vs.Get(name)
		out = append(out, name+" "+write(name, x))
	}
	return out
}

// Estimated writes metrics as Values does, by the means of what was measured again,
// objectives with their 95 % intervals.
func Estimated(v *View, ms engine.Values, by map[string]engine.Estimate) string {
	var parts []string
	for _, name := range MetricNames(v, ms) {
		x, _ := ms.Get(name)
		text := Number(name, x)
		judged := slices.ContainsFunc(v.Plan.Objectives, func(o engine.Objective) bool { return o.Metric == name })
		switch e, known := by[name]; {
		case known && judged && (e.N > 1 || e.High > e.Low):
			text = Interval(name, e)
		case known:
			text = Number(name, e.Mean)
		}
		parts = append(parts, name+" "+text)
	}
	return strings.Join(parts, "  ")
}

// Share tells whether a value of a metric is a share of a whole: then there is none below
// 0 or above 1.
func Share(name string, x float64) bool {
	return strings.Contains(name, "accuracy") && x >= 0 && x <= 1
}

// Possible is an estimate with the part of its interval in which a share can be.
func Possible(name string, e engine.Estimate) engine.Estimate {
	if Share(name, e.Mean) {
		e.Low, e.High = math.Max(0, e.Low), math.Min(1, e.High)
	}
	return e
}

// Interval writes an estimate: the mean, the 95 % interval if it has a width, and of how
// many measurements.
func Interval(name string, e engine.Estimate) string {
	e = Possible(name, e)
	text := together(name, e.Mean, e.Low, e.High)
	return Bracketed(e, text[0], text[1], text[2])
}

// Spread writes the mean and the standard deviation of what was measured of a metric, to the
// second digit of the deviation.
func Spread(name string, mean, sd float64) string {
	if name == "seconds" || !(sd >= 1e-6) || math.Abs(mean) >= 1e6 || sd >= 1e6 {
		return strings.Join(together(name, mean, sd), " ± ")
	}
	places := max(0, 1-int(math.Floor(math.Log10(sd))))
	return fmt.Sprintf("%.*f ± %.*f", places, mean, places, sd)
}

// Bracketed is an estimate whose mean and interval were written down.
func Bracketed(e engine.Estimate, mean, low, high string) string {
	switch {
	case e.High > e.Low:
		return fmt.Sprintf("%s [%s %s] (%d)", mean, low, high, e.N)
	case e.N > 1:
		return fmt.Sprintf("%s (%d)", mean, e.N)
	}
	return mean
}

// MetricNames orders the names of metrics: objectives and ties first.
func MetricNames(v *View, ms engine.Values) []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if _, ok := ms.Get(name); ok && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, o := range slices.Concat(v.Plan.Objectives, v.Plan.Ties) {
		add(o.Metric)
	}
	for _, c := range v.Plan.Constraints {
		add(c.Metric)
	}
	for _, m := range ms {
		add(m.Name)
	}
	return names
}

// Plural is "1 evaluation", "2 evaluations".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Thousands(int64(n)) + " " + what + "s"
}

// Clip shortens a text to a width, in runes.
func Clip(s string, width int) string {
	r := []rune(s)
	if width <= 0 || len(r) <= width {
		return s
	}
	if width < 4 {
		return string(r[:width])
	}
	return string(r[:width-1]) + "…"
}

// Wrap breaks a text at spaces into lines of at most width runes.
func Wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

var bars = []rune("▁▂▃▄▅▆▇█")

// Sparkline draws values as a line of bars, width of them: the first to the
// last, each bar the last value of its part.
func Sparkline(ys []float64, width int) string {
	if len(ys) == 0 || width <= 0 {
		return ""
	}
	if len(ys) > width {
		thin := make([]float64, width)
		for i := range thin {
			thin[i] = ys[(i+1)*len(ys)/width-1]
		}
		ys = thin
	}
	lo, hi := ys[0], ys[0]
	for _, y := range ys {
		lo, hi = math.Min(lo, y), math.Max(hi, y)
	}
	var b strings.Builder
	for _, y := range ys {
		i := len(bars) - 1
		if hi > lo {
			i = int(Part(y, lo, hi) * float64(len(bars)-1))
		}
		b.WriteRune(bars[i])
	}
	return b.String()
}

// Bar draws how much of a whole is done, in width characters.
func Bar(part float64, width int) string {
	part = math.Max(0, math.Min(1, part))
	if math.IsNaN(part) {
		part = 0
	}
	full := int(part * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// Rate writes so many a second, in the unit that people can picture.
func Rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "-/s"
	case perSecond >= 1e15:
		return strconv.FormatFloat(perSecond, 'g', 3, 64) + "/s"
	case perSecond >= 100:
		return Thousands(Whole(perSecond)) + "/s"
	case perSecond >= 0.5:
		return fmt.Sprintf("%.1f/s", perSecond)
	case perSecond*60 >= 0.5:
		return fmt.Sprintf("%.1f/min", perSecond*60)
	}
	return fmt.Sprintf("%.1f/h", perSecond*3600)
}
