package show

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// Counts says what came of the evaluations, in one line.
func Counts(s engine.Snapshot) string {
	parts := []string{Plural(s.Evaluations, "evaluation")}
	for _, c := range []struct {
		n    int
		what string
	}{
		{s.OK, "ok"}, {s.Invalid, "invalid"}, {s.Failed, "failed"}, {s.Reused, "reused"}, {s.Added, "added"}, {s.Imported, "imported"},
		{s.Outside, "outside what is declared now"},
		{s.Retries, "attempts that failed"},
		{s.Supernet, "for shared weights"}, {s.Score, "scored with them"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Thousands(int64(c.n)), c.what))
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts[0] + ": " + strings.Join(parts[1:], ", ")
}

// Pace is how many evaluations a search does in a second of running, 0 before it has run.
func Pace(s engine.Snapshot) float64 {
	if s.Wall > 0 {
		return float64(s.Evaluations) / s.Wall
	}
	return 0
}

// Progress is how much of the limits is used, 0 to 1, and how long it should
// take to reach the first of them at the pace so far; NaN where no limit tells.
func Progress(s engine.Snapshot, rate float64) (part, left float64) {
	part, left = math.NaN(), math.NaN()
	add := func(used, limit, seconds float64) {
		if limit <= 0 {
			return
		}
		if p := used / limit; math.IsNaN(part) || p > part {
			part = p
		}
		if seconds >= 0 && !math.IsInf(seconds, 0) && (math.IsNaN(left) || seconds < left) {
			left = seconds
		}
	}
	l := s.Limits
	n := float64(s.Evaluations)
	add(n, float64(l.Evaluations), (float64(l.Evaluations)-n)/rate)
	add(s.Wall, l.Wall, l.Wall-s.Wall)
	if s.Spent.Seconds > 0 && s.Wall > 0 {
		add(s.Spent.Seconds, l.Seconds, (l.Seconds-s.Spent.Seconds)/(s.Spent.Seconds/s.Wall))
	}
	return part, left
}

// StrategyText names the strategies of a search, one after the other.
func StrategyText(all []engine.StrategyEvent) string {
	var parts []string
	for i, e := range all {
		text := e.Name
		if i > 0 {
			text = fmt.Sprintf("from turn %d on %s", e.Turn, e.Name)
		}
		if o := string(e.Options); o != "" && o != "{}" {
			text += " " + o
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// OriginsText says what a branch was before.
func OriginsText(b *engine.Origins) string {
	text := fmt.Sprintf("from %s at turn %d", cmp.Or(b.From, "another search"), b.Turn)
	if b.Seed != nil {
		text += fmt.Sprintf(", with seed %d", *b.Seed)
	}
	return text
}

// WriteStatus prints where a search stands.
func WriteStatus(out io.Writer, v *View, width int) error {
	s := v.Status()
	var b strings.Builder
	field := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, Clean(fmt.Sprintf(format, args...)))
	}
	field("search", "%s (%s)", s.Name, v.Dir)
	state := string(s.State)
	if s.State == engine.StateRunning {
		state += ", phase " + string(s.Phase)
	}
	field("state", "%s", state)
	if p := s.Paused; p != nil {
		field("paused", "%s, before turn %d; go on with: %s resume %s", by(p.By, p.Since), p.Turn, Program(), Quote(v.Dir))
		if p.Cause != "" {
			field("", "%s", p.Cause)
		}
	}
	if b := s.Branched; b != nil {
		field("branched", "%s", OriginsText(b))
	}
	if s.Cause != "" {
		field("cause", "%s", s.Cause)
	}
	field("strategy", "%s%s", StrategyText(v.Strategies), Deciding(s))
	field("evaluations", "%s", Counts(s))
	field("limits", "%s", LimitsText(v, s.Limits))
	for _, c := range v.Plan.Constraints {
		field("constraint", "%s", ConstraintText(c))
	}
	for _, text := range s.Bans {
		field("banned", "%s", text)
	}
	for _, p := range s.Planned {
		field("planned", "at turn %d: %s (%s)", p.Turn, p.Text, p.Request)
	}
	if n := len(s.Pinned); n > 0 {
		field("pinned", "files of %s", Plural(n, "candidate"))
	}
	rate := Pace(s)
	line := fmt.Sprintf("%s, evaluators %s, %s", Seconds(s.Wall), Seconds(s.Spent.Seconds), Rate(rate))
	if _, left := Progress(s, rate); s.State == engine.StateRunning && s.Paused == nil && !math.IsNaN(left) {
		line += ", about " + Seconds(left) + " left"
	}
	field("time", "%s", line)
	if s.Disk != nil {
		field("disk", "%s", Room(s.Disk))
	}
	if v.Clients != nil {
		field("clients", "%s", v.ClientsText())
	}
	if v.Hosts != nil {
		field("hosts", "%s", HostsText(v.Hosts()))
	}
	if s.Lost > 0 {
		field("lost", "%s of evaluators' time in attempts that brought no result", Seconds(s.Lost))
	}
	if used := taken(s); used != "" {
		field("took", "%s", used)
	}
	if s.Idle > 0 {
		field("idle", "%s of worker time without a job", Seconds(s.Idle))
	}
	if s.FinalTotal > 0 {
		since := ""
		if s.Overtaken {
			since = "; better was found since, which is not measured again yet"
		}
		field("final", "%d of %d re-measurements and tests; %s%s", s.FinalDone, s.FinalTotal, Looks(s.TestLooks), since)
	}
	for i, c := range s.Best {
		name := ""
		if i == 0 {
			name = "best"
		}
		field(name, "candidate %s  %s", c.ID, Estimated(v, c.Metrics, c.Estimates))
		field("", "%s", Clip(c.Genome, max(20, width-13)))
	}
	if len(s.Front) > 0 {
		field("front", "%s%s", FrontText(s), HypervolumeText(v, s))
	}
	for i, j := range s.Jobs {
		name := ""
		if i == 0 {
			name = "running"
		}
		field(name, "%s", JobLine(v, &j, max(20, width-13)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// taken says what the jobs took of the machine, and of how many that is known where it is
// not of most.
func taken(s engine.Snapshot) string {
	text := UsedAll(s.Usage)
	if of := s.Evaluations - s.Reused; text != "" && s.Used < of*9/10 {
		text += fmt.Sprintf(", known of %s of %s", Thousands(int64(s.Used)), Plural(of, "job"))
	}
	return text
}

// Room says how much room a search's disk has, and for how long that is enough.
func Room(d *engine.Disk) string {
	text := Bytes(d.Free) + " free"
	switch {
	case d.Evaluations == nil:
	case *d.Evaluations == 0:
		text += ", too little to go on"
	default:
		n := int64(*d.Evaluations)
		for unit := int64(10); unit < n/10; unit *= 10 { // two digits are known at most
			n -= n % unit
		}
		text += fmt.Sprintf(", enough for about %s evaluations", Thousands(n))
	}
	return text
}

// HypervolumeText says what a front dominates, if it is known, after a comma.
func HypervolumeText(v *View, s engine.Snapshot) string {
	if s.Hypervolume == nil {
		return ""
	}
	at := Named(v, s.Reference, Number)
	if *s.Hypervolume == 0 {
		return fmt.Sprintf(", hypervolume 0: none is better than the reference in all objectives (%s)", strings.Join(at, ", "))
	}
	return fmt.Sprintf(", hypervolume %s (against %s)", Volume(*s.Hypervolume, s.HypervolumeError), strings.Join(at, ", "))
}

// Volume is a hypervolume and, where it is an estimate, its standard error.
func Volume(x, err float64) string {
	switch {
	case x >= math.MaxFloat64:
		return "over 1.797e308, too large to be told"
	case err == 0:
		return fmt.Sprintf("%.5g", x)
	}
	return fmt.Sprintf("%.5g ± %.2g, an estimate", x, err)
}

// Deciding says that the strategy takes long over a turn, if it does.
func Deciding(s engine.Snapshot) string {
	if s.Deciding == 0 {
		return ""
	}
	return "; SLOW: it has been deciding one turn for " + Seconds(s.Deciding)
}

// JobLine describes a running job in one line.
func JobLine(v *View, j *engine.RunningJob, width int) string {
	what := "candidate"
	if j.Task == engine.Supernet || j.Task == engine.Score {
		what = string(j.Task)
	}
	s := fmt.Sprintf("%-9s %-5s ", what, j.ID)
	if j.Budget > 0 {
		s += fmt.Sprintf("%s %g/%g %s ", Bar(j.Step/j.Budget, 12), j.Step, j.Budget, v.Units)
	}
	s += Seconds(j.Seconds)
	if j.Slow {
		s += " SLOW (end it with nascent cancel)"
	}
	if j.Attempt > 1 {
		s += fmt.Sprintf(" attempt %d", j.Attempt)
	}
	if o := v.Objective(); len(j.Metrics) > 0 {
		if x, ok := j.Metrics.Get(o.Metric); ok {
			s += fmt.Sprintf("  %s %s", o.Metric, Number(o.Metric, x))
		}
	}
	if took := UsageNow(j.Usage); took != "" {
		s += "  " + took
	}
	return Clip(s, width)
}

// ConstraintText says what a constraint asks for.
func ConstraintText(c engine.Constraint) string {
	text := c.Metric
	if c.Min != nil {
		text += fmt.Sprintf(" at least %g", *c.Min)
	}
	if c.Max != nil {
		text += fmt.Sprintf(" at most %g", *c.Max)
	}
	if c.Weight > 0 {
		text += fmt.Sprintf(" (soft, weight %g)", c.Weight)
	}
	return text
}

// LimitsText says in words when a search ends.
func LimitsText(v *View, l engine.Limits) string {
	var parts []string
	if l.Evaluations > 0 {
		parts = append(parts, Plural(l.Evaluations, "evaluation"))
	}
	if l.Wall > 0 {
		parts = append(parts, Seconds(l.Wall)+" of running")
	}
	if l.Seconds > 0 {
		parts = append(parts, Seconds(l.Seconds)+" of evaluators' time")
	}
	if l.Target != nil {
		parts = append(parts, fmt.Sprintf("the target %g", *l.Target))
	}
	if targets := Named(v, l.Targets, Exactly); len(targets) > 0 {
		parts = append(parts, "the target "+strings.Join(targets, " with "))
	}
	if parts == nil {
		return "none: it runs until it is stopped"
	}
	return strings.Join(parts, ", or ")
}

// Looks says how often test data was looked at.
func Looks(n int) string {
	switch n {
	case 0:
		return "test data was never looked at"
	case 1:
		return "test data was looked at once"
	}
	return "test data was looked at " + Thousands(int64(n)) + " times"
}
