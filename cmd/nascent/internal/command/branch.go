package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/internal/safe"
)

// branching is what branch and rewind are told.
type branching struct {
	turn, seed *uint64
	by         string
	json       bool
}

// branchJSON is what they print.
type branchJSON struct {
	Dir  string  `json:"dir"`
	From string  `json:"from"`           // what was branched
	Kept string  `json:"kept,omitempty"` // rewind: where what it was is now
	Seed *uint64 `json:"seed,omitempty"`
	engine.Branched
}

func (a *app) branchCommand() *cobra.Command {
	var b branching
	var turn, seed uint64
	cmd := &cobra.Command{
		Use:   "branch DIR NEW",
		Short: "Make a new search that stands where another one stands, or stood",
		Long: `Makes the directory NEW with a search that stands where the one in DIR stands, or with
--turn N stood before its turn N was decided: with the candidates, jobs, changes and
state of then. It goes on as that did, or with --seed S differently. DIR is only read,
and may be running.

Jobs that have no result yet at that turn get those that DIR has of them, without being
measured. The state at an earlier turn is made by asking the strategy for all decisions
before it again, which is refused where they are not those of the journal.`,
		Example: `  nascent branch mnist1d bolder --turn 120 --seed 7
  nascent branch mnist1d copy`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("turn") {
				b.turn = &turn
			}
			if cmd.Flags().Changed("seed") {
				b.seed = &seed
			}
			return a.branch(cmd.Context(), args[0], args[1], b)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&turn, "turn", 0, "stand before this turn is decided (default: before the next that there will be)")
	f.Uint64Var(&seed, "seed", 0, "draw from this seed from then on (default: go on with that of DIR)")
	f.StringVar(&b.by, "by", "command line", "who asks, for the log")
	f.BoolVar(&b.json, "json", false, "print one JSON object")
	return cmd
}

func (a *app) rewindCommand() *cobra.Command {
	var b branching
	var turn uint64
	cmd := &cobra.Command{
		Use:   "rewind DIR --turn N",
		Short: "Have a search stand at an earlier turn again, and keep what it was beside it",
		Long: `Branches the search in DIR at turn N, see branch, and exchanges the names: DIR is then
the branch, and what it was is DIR.before-rewind, whole. A search that runs is refused.
After a crash DIR is either as it was or rewound; nascent log DIR says which.`,
		Example: `  nascent rewind mnist1d --turn 300`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("turn") {
				return wrongInput("say where it is to stand: --turn N; nascent log %s has the turns of what happened", quote(args[0]))
			}
			b.turn = &turn
			return a.rewind(cmd.Context(), args[0], b)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&turn, "turn", 0, "stand before this turn is decided")
	f.StringVar(&b.by, "by", "command line", "who asks, for the log")
	f.BoolVar(&b.json, "json", false, "print one JSON object")
	return cmd
}

// branchable tells whether a search can be branched: there is one, and what it names may be run.
func branchable(dir string) error {
	if err := isDir(dir); err != nil {
		return err
	}
	if !begun(dir) {
		return nothingHere(dir)
	}
	return ledger.Trust(dir)
}

func (a *app) branch(ctx context.Context, dir, name string, b branching) error {
	if err := branchable(dir); err != nil {
		return err
	}
	name = filepath.Clean(name)
	if within(dir, name) {
		return wrongInput("%s lies in the search that is to be branched; name a directory elsewhere", name)
	}
	place, err := makeBeside(name)
	if err != nil {
		return err
	}
	defer place.remove()
	var out *engine.Branched
	for try := 0; ; try++ {
		led, running, err := openAny(ctx, dir)
		if err != nil {
			return err
		}
		out, err = b.into(ctx, dir, led, place.dir, filepath.Base(place.name), sourceName(dir, place.name))
		if err = errors.Join(err, led.Close()); err == nil && (len(out.Gone) == 0 || b.turn != nil) {
			break
		}
		if !running || try == 4 || err != nil && !errors.Is(err, fs.ErrNotExist) { // a file was let go of while it was looked for
			if err != nil {
				return orNothing(err, dir)
			}
			break
		}
		place.remove()
		if err := os.Mkdir(place.dir, 0o700); err != nil {
			return err
		}
	}
	doc, err := moved(dir, place.dir)
	if err != nil {
		return err
	}
	if err := writeDocument(doc, place.dir); err != nil {
		return err
	}
	if err := place.settle(place.name); errors.Is(err, fs.ErrExist) {
		return wrongInput("%s is there already; name another directory", name)
	} else if err != nil {
		return err
	}
	return a.toldBranch(branchJSON{Dir: name, From: dir, Seed: b.seed, Branched: *out}, b.json)
}

// within tells whether a name to be made lies in a directory.
func within(dir, name string) bool {
	home, err := os.Stat(dir)
	if err != nil {
		return false
	}
	at, err := filepath.Abs(name)
	for err == nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		if above, err := os.Stat(at); err == nil && os.SameFile(home, above) {
			return true
		}
	}
	return false
}

// into branches the search of a ledger into a directory.
func (b *branching) into(ctx context.Context, dir string, led engine.Ledger, to, name, from string) (*engine.Branched, error) {
	find, end := strategiesOf(dir)
	defer end()
	target, err := ledger.Open(to, ledger.Options{})
	if err != nil {
		return nil, err
	}
	out, err := engine.Branch(ctx, led, target, engine.Branching{
		Name: name, From: from, By: b.by, Turn: b.turn, Seed: b.seed, Find: find, Now: time.Now(),
	})
	return out, errors.Join(err, target.Close())
}

// sourceName is what a branch calls the search that it is of: by its way from beside itself.
func sourceName(dir, name string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	if rel, err := filepath.Rel(filepath.Dir(name), abs); err == nil && len(rel) < len(abs) {
		return rel
	}
	return abs
}

// atTurn is the search.yaml of a search as it is for the branch in to: with the strategy
// that decides there.
func atTurn(dir, to string) (*config.Document, error) {
	doc, err := readConfig(filepath.Join(dir, configName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, wrongInput("%s: its search.yaml is missing; put it back", dir)
	}
	if err != nil {
		return nil, err
	}
	s, err := doc.Read()
	if err != nil {
		return nil, err
	}
	led, err := ledger.Inspect(to)
	if err != nil {
		return nil, err
	}
	plan, err := engine.ReadPlan(led)
	if err = errors.Join(err, led.Close()); err != nil {
		return nil, err
	}
	if now := plan.Strategies[len(plan.Strategies)-1]; !isStrategy(s.Strategy, now) {
		return doc, doc.Set("strategy", strategyText(now), "the search")
	}
	return doc, nil
}

// moved is that for a branch that lies elsewhere.
func moved(dir, to string) (*config.Document, error) {
	doc, err := atTurn(dir, to)
	if err != nil {
		return nil, err
	}
	doc.Relocate()
	return doc, findPluginsOf(dir, doc)
}

// findPluginsOf has a search find the programs that lie in the directory of another one.
func findPluginsOf(dir string, doc *config.Document) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := func(e fs.DirEntry) bool {
		name := e.Name()
		return strings.HasPrefix(name, "nascent-evaluator-") || strings.HasPrefix(name, "nascent-strategy-") || name == "nascent-plugins"
	}
	if slices.ContainsFunc(entries, own) {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		return doc.FindPluginsIn(abs)
	}
	return nil
}

func writeDocument(doc *config.Document, dir string) error {
	text, err := doc.Encode()
	if err != nil {
		return err
	}
	return safe.Write(filepath.Join(dir, configName), 0o644, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func (a *app) rewind(ctx context.Context, dir string, b branching) error {
	if err := branchable(dir); err != nil {
		return err
	}
	home, err := filepath.Abs(dir)
	if err == nil {
		home, err = filepath.EvalSymlinks(home)
	}
	if err != nil {
		return err
	}
	var led *ledger.Ledger
	if err := a.wait(ctx, home, func() (err error) {
		led, err = ledger.Open(home, ledger.Options{}) // nobody runs it until it has another name
		return err
	}); err != nil {
		return notRunning(err, dir)
	}
	defer led.Close()
	kept := ""
	for n := 1; ; n++ {
		if kept = home + ".before-rewind"; n > 1 {
			kept += fmt.Sprintf("-%d", n)
		}
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	place, err := makeBeside(kept)
	if err != nil {
		return err
	}
	defer place.remove()
	out, err := b.into(ctx, home, led, place.dir, filepath.Base(home), filepath.Base(kept))
	if err != nil {
		return orNothing(err, dir)
	}
	doc, err := atTurn(home, place.dir)
	if err != nil {
		return err
	}
	if err := writeDocument(doc, place.dir); err != nil {
		return err
	}
	if err := shareOthers(home, place.dir); err != nil {
		return err
	}
	if err := place.settle(kept); err != nil {
		return err
	}
	standing := stands(home)
	if err := exchange(kept, home); err != nil { // both stay: nobody has to guess which is which to remove one
		return fmt.Errorf("%w: %s is as it was, and %s is the branch; rename them by hand", err, dir, shortest(kept))
	}
	if err := syncFolder(filepath.Dir(home)); err != nil {
		return fmt.Errorf("%s is rewound, and what it was is %s; whether that would survive a power cut is not known: %w",
			dir, shortest(kept), err)
	}
	told := branchJSON{Dir: dir, From: shortest(kept), Kept: shortest(kept), Seed: b.seed, Branched: *out}
	if standing {
		told.Dir, told.From, told.Kept = home, kept, kept
	}
	if err := a.toldBranch(told, b.json); err != nil || !standing {
		return err
	}
	fmt.Fprintf(a.err, "nascent: this shell stands in what it was, which has another name now; go to the new one: cd %s\n", quote(home))
	return nil
}

// stands tells whether this process is in a directory, or below it.
func stands(home string) bool {
	here, err := os.Getwd()
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	if err != nil {
		return false
	}
	way, err := filepath.Rel(home, here)
	return err == nil && filepath.IsLocal(way)
}

// shareOthers puts into a directory what lies in a search's besides the search. No other
// search may be in there: a ledger has one name.
func shareOthers(home, to string) error {
	var other string
	err := linkTree(home, to, func(path string, e fs.DirEntry) bool {
		if path != ledger.FileName && e.Name() == ledger.FileName {
			other = filepath.Dir(path)
		}
		return other != "" || slices.Contains(ours, path) || strings.HasPrefix(e.Name(), safe.Unfinished)
	})
	if err != nil {
		return fmt.Errorf("what lies in %s besides the search cannot stand in both directories: %w; nothing was changed", home, err)
	}
	if other != "" {
		return wrongInput("%s: another search lies in it, %s; move that out of it first", home, other)
	}
	return nil
}

// toldBranch says what a branch is.
func (a *app) toldBranch(b branchJSON, asJSON bool) error {
	if asJSON {
		if b.Known == nil {
			b.Known = []engine.ID{}
		}
		if b.Gone == nil {
			b.Gone = []engine.ID{}
		}
		return a.writeJSON(b)
	}
	say := func(format string, args ...any) { fmt.Fprintln(a.out, show.Clean(fmt.Sprintf(format, args...))) }
	if b.Kept == "" {
		say("%s stands at turn %d of %s: %s", b.Dir, b.Turn, b.From, show.Plural(b.Candidates, "candidate"))
	} else {
		say("%s stands at turn %d again: %s", b.Dir, b.Turn, show.Plural(b.Candidates, "candidate"))
		say("what it was is %s", b.Kept)
	}
	if b.Outstanding > 0 {
		say("%s without a result there; %d of these results are known by now", show.Plural(b.Outstanding, "job"), len(b.Known))
	}
	if n := len(b.Gone); n > 0 {
		say("files of %s are gone: what would have gone on from them begins anew", show.Plural(n, "candidate"))
	}
	if b.Seed != nil {
		say("from here on it draws from seed %d", *b.Seed)
	}
	say("go on with: %s run %s", show.Program(), quote(b.Dir))
	return nil
}
