package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/known"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) mergeCommand() *cobra.Command {
	var c choices
	var maps []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "merge A B NEW",
		Short: "Make a new search that knows what two others have found",
		Long: `Begins a search in the directory NEW by the search.yaml of A, with what the flags change
in it, and imports the candidates of A and then those of B, see import: its strategy
knows them, they count for no limit, and none is the best before NEW measures it. What
both have comes in once; what does not fit is left out, and said. Both may be running.
The new search has not run: nascent run NEW does.`,
		Example: `  nascent merge monday tuesday both
  nascent merge a b both --evaluations 500 --strategy guided --map 'accuracy=1 - error'`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.changed = cmd.Flags().Changed
			return a.merge(cmd.Context(), args[:2], args[2], c, maps, asJSON)
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.workers, "workers", 0, "jobs at once (default: as in A)")
	f.IntVar(&c.evaluations, "evaluations", 0, "end after so many evaluations of its own (default: as in A)")
	f.Int64Var(&c.seed, "seed", 0, "seed of all random numbers (default: as in A)")
	f.StringVar(&c.strategy, "strategy", "", "what decides what to try next (default: as in A)")
	f.StringArrayVar(&c.set, "set", nil, "set any key of the search.yaml: KEY=VALUE (may be repeated)")
	f.StringArrayVar(&maps, "map", nil, "NAME=COLUMN: which gene or metric of B is which of NEW, as import has it (may be repeated)")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// merged is what merge prints of one of the two.
type merged struct {
	Dir string `json:"dir"`
	imported
}

func (a *app) merge(ctx context.Context, from []string, name string, c choices, maps []string, asJSON bool) error {
	for _, dir := range from {
		if err := branchable(dir); err != nil {
			return err
		}
	}
	name = filepath.Clean(name)
	first, err := os.Stat(from[0])
	if err != nil {
		return err
	}
	if second, err := os.Stat(from[1]); err == nil && os.SameFile(first, second) {
		return wrongInput("%s and %s are the same search; to have it once more: nascent branch", from[0], from[1])
	}
	doc, err := readConfig(filepath.Join(from[0], configName))
	if errors.Is(err, fs.ErrNotExist) {
		return wrongInput("%s: its search.yaml is missing; put it back", from[0])
	}
	if err != nil {
		return err
	}
	if err := doc.Set("name", filepath.Base(name), "the merge"); err != nil { // it is another search
		return err
	}
	c.strategy = strategyFromHere(c.strategy)
	if err := c.apply(doc); err != nil {
		return err
	}
	place, err := makeBeside(name)
	if err != nil {
		return err
	}
	defer place.remove()
	if err := findPluginsOf(from[0], doc); err != nil {
		return err
	}
	led, err := a.beginOnly(ctx, &target{dir: place.dir, doc: doc}, filepath.Base(place.name), false)
	if err != nil {
		return err
	}
	var all []merged
	for i, dir := range from {
		b := bringing{Options: known.Options{Fidelity: -1}, steering: steering{by: "merge"}}
		if i > 0 {
			b.Map = maps
		}
		var m merged
		if m.imported, err = mergeFrom(ctx, led, place.dir, dir, b); err != nil {
			return errors.Join(err, led.Close())
		}
		m.Dir = dir
		all = append(all, m)
	}
	if err := led.Close(); err != nil {
		return err
	}
	if err := place.settle(place.name); errors.Is(err, fs.ErrExist) {
		return wrongInput("%s is there already; name another directory", name)
	} else if err != nil {
		return err
	}
	if asJSON {
		return a.writeJSON(map[string]any{"dir": name, "merged": all})
	}
	for i, m := range all {
		text := "candidates " + fmt.Sprint(m.First) + " to " + fmt.Sprint(m.First+engine.ID(m.Imported)-1) + " are from " + m.Dir
		if m.Imported == 0 {
			text = "nothing new is from " + m.Dir
		}
		if m.Known > 0 {
			text += fmt.Sprintf("; %s of it came before", show.Thousands(int64(m.Known)))
		}
		fmt.Fprintln(a.out, show.Clean(text))
		if len(m.LeftOut) > 0 {
			fmt.Fprintln(a.out, show.Clean("  left out: "+leftOut(m.LeftOut)))
		}
		if i > 0 && len(m.Unused) > 0 {
			fmt.Fprintln(a.out, show.Clean("  not used: "+strings.Join(m.Unused, ", ")))
		}
	}
	_, err = fmt.Fprintf(a.out, "begin it with: %s run %s\n", show.Program(), quote(name))
	return err
}

// mergeFrom has a search take in all that fits of another one.
func mergeFrom(ctx context.Context, led engine.Ledger, at, dir string, b bringing) (out imported, err error) {
	archive, err := engine.Read(led)
	if err != nil {
		return out, err
	}
	source, m, err := mapped(ctx, show.Of(archive, archive, led, at), dir, b)
	if err != nil {
		return out, fmt.Errorf("%s: %w", dir, err)
	}
	results, left := m.Results()
	out = importedOf(m, left)
	if len(results) == 0 {
		return out, wrongInput("%s: nothing of it fits: %s", dir, leftOut(left))
	}
	rec, err := engine.Steer(led, b.of(engine.Request{Import: &engine.Imports{From: source.What, Results: results}}), time.Now())
	if err != nil {
		return out, fmt.Errorf("%s: %w", dir, err)
	}
	out.took(rec, len(results))
	return out, nil
}
