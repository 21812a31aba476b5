package command

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/compare"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) diffCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Up to where two searches are the same, and in what they differ",
		Long: `Says up to which turn the searches in A and B took the same way, and what is the first
that differs: a genome, a result, a change from outside. Besides which settings differ,
what happened to one of them alone, and what only one of them measured. Those that run
are looked at as they are now. Who is better says compare.`,
		Example: `  nascent diff mnist1d mnist1d.before-rewind`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := diffOf(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeJSON(d)
			}
			return a.writeDiff(d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// difference is what `diff --json` writes.
type difference struct {
	SameTurns      uint64                 `json:"same_turns"`
	SameCandidates int                    `json:"same_candidates"`
	Part           *part                  `json:"part"` // null where one is the beginning of the other
	Settings       []compare.Setting      `json:"settings"`
	Events         [2][]engine.Occurrence `json:"events"` // of each alone, from outside
	Alone          [2]onlyIn              `json:"alone"`

	dirs  [2]string
	turns [2]uint64
}

// part is where they part.
type part struct {
	Turn uint64 `json:"turn"`
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// onlyIn is what one search measured and the other did not.
type onlyIn struct {
	Dir     string         `json:"dir"`
	Turns   uint64         `json:"turns"`
	Genomes int            `json:"genomes"`
	Best    *compare.Found `json:"best"`
}

func diffOf(ctx context.Context, dirs ...string) (d *difference, err error) {
	d = &difference{Settings: []compare.Setting{}}
	var searches []*compare.Search
	var leds [2]engine.Ledger
	var events [2][]engine.Occurrence
	for i, dir := range dirs {
		if err := isDir(dir); err != nil {
			return nil, err
		}
		led, running, err := openAny(ctx, dir)
		if err != nil {
			return nil, err
		}
		defer led.Close()
		r, err := rowsOf(led, dir, !running)
		if err != nil {
			return nil, err
		}
		if events[i], err = engine.Timeline(led); err != nil {
			return nil, err
		}
		leds[i], d.dirs[i] = led, dir
		searches = append(searches, &compare.Search{Dir: dir, Running: running, Rows: r})
		for _, err := range led.Turns(engine.PartSearch) {
			if err != nil {
				return nil, err
			}
			d.turns[i]++
		}
	}
	p, err := engine.WhereParted(leds[0], leds[1])
	if err != nil {
		return nil, err
	}
	d.SameTurns, d.SameCandidates = p.Turns, p.Candidates
	if p.What != "" {
		d.Part = &part{p.Turns, p.What, p.A, p.B}
	}
	d.Settings = append(d.Settings, compare.Apart(searches).Settings...)
	for i, s := range searches {
		d.Alone[i] = onlyIn{s.Dir, d.turns[i], s.Alone, s.AloneBest}
		d.Events[i] = []engine.Occurrence{}
		theirs := map[happened]int{} // a branch has what its source has, among what is its own
		for _, o := range events[1-i] {
			theirs[happenedOf(o)]++
		}
		for _, o := range events[i] {
			both := theirs[happenedOf(o)] > 0
			theirs[happenedOf(o)]--
			switch o.Kind {
			case "started", "ended", "evaluator", "limits", "attempts", "checkpoints", "final", "stop":
			default:
				if both {
					continue
				}
				d.Events[i] = append(d.Events[i], o)
			}
		}
	}
	return d, nil
}

// happened is by what something that happened to two searches is known as the same: by what
// it was and when, or by the name under which both were asked.
type happened struct {
	kind, text, request string
	turn                uint64
	time                int64
}

func happenedOf(o engine.Occurrence) happened {
	h := happened{o.Kind, o.Text, o.Request, o.Turn, 0}
	if o.Request == "" {
		h.time = o.Time.UnixNano()
	}
	return h
}

const (
	mostSettings = 10
	mostEvents   = 6
)

func (a *app) writeDiff(d *difference) error {
	say := func(format string, args ...any) {
		text := show.Clean(fmt.Sprintf(format, args...))
		if a.width > 0 {
			text = show.Clip(text, a.width)
		}
		fmt.Fprintln(a.out, text)
	}
	more := func(n int) {
		if n > 0 {
			say("  and %d more; --json has all", n)
		}
	}
	for _, line := range d.sameness() {
		say("%s", line)
	}
	if len(d.Settings) > 0 {
		fmt.Fprintln(a.out)
		t := show.Table{Head: []string{"setting", d.dirs[0], d.dirs[1]}, Width: a.width}
		for _, s := range d.Settings[:min(len(d.Settings), mostSettings)] {
			t.Rows = append(t.Rows, []string{s.Key, show.Clip(s.Values[0], 40), show.Clip(s.Values[1], 40)})
		}
		if err := t.Write(a.out); err != nil {
			return err
		}
		more(len(d.Settings) - mostSettings)
	}
	for i, all := range d.Events {
		if len(all) == 0 {
			continue
		}
		fmt.Fprintln(a.out)
		say("only in %s:", d.dirs[i])
		for _, o := range all[max(0, len(all)-mostEvents):] {
			say("  turn %-6d %-10s %s", o.Turn, o.Kind, o.Text)
		}
		more(len(all) - mostEvents)
	}
	fmt.Fprintln(a.out)
	for _, s := range d.Alone {
		text := ""
		if s.Best != nil {
			text = "; the best of these is candidate " + s.Best.ID.String() + ", " + metricsText(s.Best.Metrics)
		}
		say("%s measured %s that the other did not%s", s.Dir, show.Plural(s.Genomes, "genome"), text)
	}
	_, err := fmt.Fprintf(a.out, "who is better: %s compare %s %s\n", show.Program(), quote(d.dirs[0]), quote(d.dirs[1]))
	return err
}

// sameness says how far the two are the same, and where they part.
func (d *difference) sameness() []string {
	past := fmt.Sprintf("the same up to turn %d: %s", d.SameTurns, show.Plural(d.SameCandidates, "candidate"))
	switch {
	case d.Part != nil:
		lines := []string{past, fmt.Sprintf("at turn %d they part: %s", d.Part.Turn, d.Part.What)}
		if d.SameTurns == 0 {
			lines = []string{"they part at the beginning: " + d.Part.What}
		}
		return append(lines, "  "+d.dirs[0]+": "+d.Part.A, "  "+d.dirs[1]+": "+d.Part.B)
	case d.turns[0] == d.turns[1]:
		return []string{past, "there is no turn after that in either"}
	}
	shorter, longer := 0, 1
	if d.turns[0] > d.turns[1] {
		shorter, longer = 1, 0
	}
	return []string{past, fmt.Sprintf("%s stands there; %s has taken %s more", d.dirs[shorter], d.dirs[longer],
		show.Plural(int(d.turns[longer]-d.turns[shorter]), "turn"))}
}

// metricsText is a few metrics.
func metricsText(all engine.Values) string {
	var parts []string
	for _, v := range all[:min(len(all), 4)] {
		parts = append(parts, v.Name+" "+show.Number(v.Name, v.Value))
	}
	return cmp.Or(strings.Join(parts, ", "), "no metrics")
}
