package command

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/known"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// bringing is what import and add have in common.
type bringing struct {
	known.Options
	study string
	steering
	dry bool

	search string // the search.yaml of a search that is begun where there is none; "": DIR has it
	text   []byte // of that on standard input
}

func (b *bringing) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&b.Map, "map", nil, "NAME=COLUMN: which column is a gene, a metric, fidelity or genome; a metric may be computed, "+
		"as in 'accuracy=1 - error' (may be repeated)")
	f.StringVar(&b.study, "study", "", "which Optuna study, where a file has several")
	b.steering.flags(cmd)
	f.BoolVar(&b.dry, "dry-run", false, "say what would be taken in, and change nothing")
}

// again are the flags as another process needs them.
func (b *bringing) again() []string {
	args := []string{"--request", b.request, fmt.Sprintf("--json=%t", b.json), fmt.Sprintf("--dry-run=%t", b.dry), "--study", b.study,
		"--fidelity", strconv.Itoa(b.Fidelity), "--by", b.by, "--at-turn", strconv.FormatUint(b.turn, 10)}
	for _, m := range b.Map {
		args = append(args, "--map", m)
	}
	return args
}

func (a *app) importCommand() *cobra.Command {
	var b bringing
	cmd := &cobra.Command{
		Use:   "import DIR FILE",
		Short: "Let a search know results from elsewhere",
		Long: `Takes results from FILE (-: standard input) into the search in DIR: an Optuna study
(SQLite or journal), CSV, Parquet, JSON lines, or the directory of another search. Its strategy learns
from them as if it had measured them; they count for no limit and are never the
best. Genes and metrics are found by their names; what does not fit is left out,
and said. What was imported before is not taken in twice.

Before a search begins, while it runs, and between two runs: all are the same. One that
has no directory yet is begun by --search.`,
		Example: `  nascent import mnist1d study.db --dry-run
  nascent import mnist1d results.csv --map lr=learning_rate --map 'accuracy=1 - error'
  nascent import mine study.db --search search.yaml`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			switch {
			case b.search == fromInput && args[1] == fromInput:
				return wrongInput("only one of FILE and --search can be standard input: put the other into a file")
			case b.search == fromInput:
				if b.text, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), config.MaxSize+1)); err != nil {
					return err
				}
			}
			file, remove, err := located(args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer remove()
			return a.bring(cmd.Context(), "import", args[0], []string{file}, b, func(a *app, b bringing, v *show.View, led engine.Ledger) error {
				return a.importFrom(cmd.Context(), v, led, file, b)
			})
		},
	}
	b.flags(cmd)
	cmd.Flags().IntVar(&b.Fidelity, "fidelity", -1,
		"at which of the search's fidelities all results were measured (default: as the column fidelity says)")
	cmd.Flags().StringVar(&b.search, "search", "", "a search.yaml by which the search is begun where DIR has none yet, - for one on standard input")
	return cmd
}

func (a *app) addCommand() *cobra.Command {
	var b bringing
	var from string
	cmd := &cobra.Command{
		Use:   "add DIR GENOME...",
		Short: "Let a search measure genomes that you hold for good",
		Long: `Proposes genomes to the search in DIR, each a text such as 'lr=0.01 units=64', as list
and show print them, or with --from those of a file: one text a line, or columns
that are found as those of import are. They are measured like any other candidate, count for the
limits and may be the best; the strategy sees what came of them.`,
		Example: `  nascent add mnist1d 'lr=0.003 act=relu'
  nascent add mnist1d --from good.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) > 1) == (from != "") {
				return wrongInput("name genomes, or a file with --from, - for standard input")
			}
			rest := args[1:]
			if from != "" {
				file, remove, err := located(from, cmd.InOrStdin())
				if err != nil {
					return err
				}
				defer remove()
				from, rest = file, []string{"--from", file}
			}
			return a.bring(cmd.Context(), "add", args[0], rest, b, func(a *app, b bringing, v *show.View, led engine.Ledger) error {
				return a.addTo(cmd.Context(), v, led, args[1:], from, b)
			})
		},
	}
	b.flags(cmd)
	cmd.Flags().StringVar(&from, "from", "", "a file with genomes, - for standard input")
	cmd.Flags().IntVar(&b.Fidelity, "fidelity", 0, "at which of the search's fidelities they are measured")
	return cmd
}

// located is where any process finds a file; "-" is standard input, which is put into one
// that remove takes away.
func located(file string, in io.Reader) (path string, remove func(), err error) {
	if file != fromInput {
		path, err = filepath.Abs(file)
		return path, func() {}, err
	}
	dir, err := os.MkdirTemp("", "nascent-import-")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "standard input") // as messages call it
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(f, in)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return path, func() { os.RemoveAll(dir) }, nil
}

// bring has f change the search in dir: in the process that runs it, or here, where the
// search is begun if that was not yet done.
func (a *app) bring(
	ctx context.Context, name, dir string, rest []string, b bringing, f func(*app, bringing, *show.View, engine.Ledger) error,
) error {
	b.request = cmp.Or(b.request, rand.Text())
	if a.live != nil {
		v, err := a.live()
		if err != nil {
			return err
		}
		return f(a, b, v, nil)
	}
	t, err := b.described(dir)
	if err != nil {
		return err
	}
	if t == nil {
		if err := isDir(dir); err != nil {
			return err
		}
	} else if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) && b.dry {
		defer func() {
			if !begun(dir) {
				os.RemoveAll(dir) // logs of plugins that were asked
			}
		}()
	}
	if !begun(dir) && !b.dry { // what is wrong is said before anything is begun
		quiet, look := *a, b
		quiet.out, look.dry = discard{}, true
		if err := quiet.bring(ctx, name, dir, rest, look, f); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	ask := slices.Concat([]string{name, dir}, b.again(), rest)
	return socket.Reach(func() error {
		return socket.Ask(ctx, dir, socket.Request{Args: ask, Width: a.width, Colour: a.colour}, a.out)
	}, func() error {
		led, err := a.openToChange(ctx, dir, t, b.dry)
		if err != nil {
			return err
		}
		archive, err := engine.Read(led)
		if err == nil {
			err = f(a, b, show.Of(archive, archive, led, dir), led)
		}
		return errors.Join(err, led.Close())
	})
}

// brought has a search take something in: the one that runs here, or that of a ledger.
func (a *app) brought(led engine.Ledger, b bringing, r engine.Request) (engine.Receipt, error) {
	if a.search != nil {
		return a.search.Steer(b.of(r))
	}
	return engine.Steer(led, b.of(r), time.Now())
}

// described is the search that --search begins in dir; nil without it, and where one has
// begun, which may be no other.
func (b *bringing) described(dir string) (*target, error) {
	if b.search == "" {
		return nil, nil
	}
	t, err := resolve(b.search, choices{dir: dir, text: b.text, changed: func(string) bool { return false }})
	if err != nil || t.stored == nil {
		return t, err
	}
	moved, err := t.doc.Relocated() // as its copy in the directory is
	if err != nil {
		return nil, err
	}
	if key := moved.Contradicts(t.stored); key != "" {
		return nil, wrongInput("--search: the search in %s has another %s; leave --search out, or choose another directory", dir, key)
	}
	return nil, nil
}

// openToChange opens the ledger of a search that is not running; one that has not begun is
// begun, by t or else by what the directory says. If it is only to be looked at, nothing
// on disk changes.
func (a *app) openToChange(ctx context.Context, dir string, t *target, look bool) (engine.Ledger, error) {
	if begun(dir) {
		if look {
			return ledger.Inspect(dir)
		}
		return ledger.Open(dir, ledger.Options{})
	}
	if t == nil {
		err := nothingHere(dir)
		if !err.(*newError).described {
			return nil, err
		}
		if t, err = resolve(dir, choices{changed: func(string) bool { return false }}); err != nil {
			return nil, err
		}
	}
	return a.beginOnly(ctx, t, filepath.Base(t.dir), look)
}

// beginOnly begins a search that takes no turn yet, in its directory, or where it is only
// looked at in memory. name is what it is called if it does not say itself.
func (a *app) beginOnly(ctx context.Context, t *target, name string, look bool) (engine.Ledger, error) {
	s, err := t.doc.Read()
	if err != nil {
		return nil, err
	}
	if _, err := t.invite(s, manner{}); err != nil { // clients, if they measure it, come when it runs
		return nil, err
	}
	if err := a.connect(t, s); err != nil {
		return nil, err
	}
	defer closeStrategy(s.Engine.Strategy)
	var led engine.Ledger = engine.Memory()
	if !look {
		if led, err = ledger.Open(t.dir, ledger.Options{}); err != nil {
			return nil, err
		}
		if err := t.keep(); err != nil {
			return nil, errors.Join(err, led.Close())
		}
	}
	cfg := s.Engine
	cfg.Name, cfg.Ledger = cmp.Or(cfg.Name, name), led
	if err := engine.Begin(ctx, cfg); err != nil {
		return nil, errors.Join(t.locate(err), led.Close())
	}
	return led, nil
}

// imported is what import prints as JSON.
type imported struct {
	Imported int             `json:"imported"`
	First    engine.ID       `json:"first,omitempty"` // of the candidates
	Known    int             `json:"known"`           // were imported before
	LeftOut  []known.LeftOut `json:"left_out"`
	Mapped   []known.Line    `json:"mapped"`
	Unused   []string        `json:"unused"` // columns
	DryRun   bool            `json:"dry_run,omitempty"`
	receipt
}

// importedOf is that of a mapping, before anything is taken in.
func importedOf(m *known.Mapping, left []known.LeftOut) imported {
	out := imported{LeftOut: left, Mapped: m.Lines, Unused: m.Unused}
	if out.LeftOut == nil {
		out.LeftOut = []known.LeftOut{}
	}
	if out.Unused == nil {
		out.Unused = []string{}
	}
	return out
}

// took notes what came of so many results.
func (i *imported) took(rec engine.Receipt, results int) {
	i.Imported, i.Known, i.receipt = len(rec.IDs), results-len(rec.IDs), receiptOf(rec)
	if len(rec.IDs) > 0 {
		i.First = rec.IDs[0]
	}
}

func (a *app) importFrom(ctx context.Context, v *show.View, led engine.Ledger, file string, b bringing) error {
	source, m, err := mapped(ctx, v, file, b)
	if err != nil {
		return err
	}
	results, left := m.Results()
	out := importedOf(m, left)
	out.DryRun = b.dry
	if len(results) == 0 {
		return wrongInput("nothing of %s fits: %s%s", source.What, leftOut(left), m.Remedy(left))
	}
	var rec engine.Receipt
	if b.dry {
		out.Imported = len(results)
	} else if rec, err = a.brought(led, b, engine.Request{Import: &engine.Imports{From: source.What, Results: results}}); err != nil {
		return err
	}
	if rec.Planned {
		return a.told(b.steering, rec, "")
	}
	ids := rec.IDs
	if !b.dry {
		out.took(rec, len(results))
	}
	if b.json {
		return a.writeJSON(out)
	}
	for _, line := range m.Lines {
		fmt.Fprintf(a.out, "%-20s from %s\n", line.Name, line.From)
	}
	switch {
	case b.dry:
		fmt.Fprintf(a.out, "%s of %s fit; nothing was changed\n", count(len(results), source.Each), source.What)
	case len(ids) == 0:
		fmt.Fprintf(a.out, "nothing new: all %d were imported before\n", len(results))
	default:
		fmt.Fprintf(a.out, "imported %s of %s as candidates %s to %s\n", count(len(ids), source.Each), source.What, ids[0], ids[len(ids)-1])
		if out.Known > 0 {
			fmt.Fprintf(a.out, "%d were imported before\n", out.Known)
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(a.out, "left out: %s\n", leftOut(left))
	}
	if len(m.Unused) > 0 {
		fmt.Fprintf(a.out, "not used: %s\n", strings.Join(m.Unused, ", "))
	}
	if b.dry {
		return nil
	}
	return a.later(v, out.Imported)
}

// mapped reads a file and finds out what in it is what.
func mapped(ctx context.Context, v *show.View, file string, b bringing) (*known.Source, *known.Mapping, error) {
	source, err := known.Open(ctx, file, b.study)
	var m *known.Mapping
	if err == nil {
		m, err = known.Map(known.Search{Space: v.Space, Plan: v.Plan, Metrics: v.Metrics}, source, b.Options)
	}
	var e *genome.Mistake
	if errors.As(err, &e) {
		return nil, nil, wrongInput("%v", err)
	}
	return source, m, err
}

// leftOut says what does not fit, by kind.
func leftOut(left []known.LeftOut) string {
	var all []string
	for _, l := range left {
		all = append(all, fmt.Sprintf("%d %s (%s)", l.Rows, l.Why, l.First))
	}
	return strings.Join(all, ", ")
}

// count is a number of rows.
func count(n int, each string) string {
	if n == 1 {
		return "1 " + each
	}
	return fmt.Sprintf("%d %ss", n, each)
}

// later says when it is that what was taken in tells.
func (a *app) later(v *show.View, n int) error {
	if n == 0 || a.live != nil {
		return nil
	}
	text := "it takes effect when the search goes on: " + show.Program() + " run " + quote(shortest(v.Dir)) + "\n"
	if v.Status().State == engine.StateFinished {
		text = "the search has ended; it takes effect when it goes on with higher limits\n"
	}
	_, err := io.WriteString(a.out, text)
	return err
}

// genomesOf are the genomes of a file that has one a line, as list and show print them; nil
// if it is another one, a table say. One whose first line has no separators of a table, but a
// value after a name, is meant to have genomes.
func genomesOf(space *genome.Space, file string) (all []genome.Genome, err error) {
	if info, err := os.Stat(file); file == "" || err != nil || !info.Mode().IsRegular() {
		return nil, nil // what it is is said elsewhere
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		text := strings.TrimSpace(in.Text())
		if text == "" {
			continue
		}
		g, err := space.Parse(text)
		if all == nil && (!strings.Contains(text, "=") || err != nil && (strings.ContainsAny(text, ",;\t\x00") || text[0] == '{')) {
			return nil, nil
		}
		if err == nil {
			err = space.Check(g)
		}
		if err != nil {
			return nil, wrongInput("%s, line %d: %v; nothing is added", filepath.Base(file), n, err)
		}
		all = append(all, g)
	}
	if err := in.Err(); err != nil && all != nil {
		return nil, wrongInput("%s: %v after %d genomes; nothing is added", filepath.Base(file), err, len(all))
	}
	return all, nil
}

func (a *app) addTo(ctx context.Context, v *show.View, led engine.Ledger, texts []string, file string, b bringing) error {
	var genomes []genome.Genome
	for _, text := range texts {
		g, err := v.Space.Parse(text)
		if err == nil {
			err = v.Space.Check(g)
		}
		if err != nil {
			return wrongInput("%s: %v", text, err)
		}
		genomes = append(genomes, g)
	}
	lines, err := genomesOf(v.Space, file)
	if err != nil {
		return err
	}
	if genomes = append(genomes, lines...); file != "" && lines == nil {
		b.Genomes = true
		_, m, err := mapped(ctx, v, file, b)
		if err != nil {
			return err
		}
		rows, left := m.Results()
		if len(left) > 0 {
			return wrongInput("%s: nothing is added, as not all fits: %s", filepath.Base(file), leftOut(left))
		}
		for _, k := range rows {
			genomes = append(genomes, k.Genome)
		}
	}
	if b.Fidelity < 0 || b.Fidelity >= len(v.Plan.Fidelities) {
		return wrongInput("--fidelity %d: the search has the fidelities 0 to %d", b.Fidelity, len(v.Plan.Fidelities)-1)
	}
	add := &engine.Additions{Fidelity: b.Fidelity}
	for _, g := range genomes {
		add.Genomes = append(add.Genomes, g.Text())
	}
	var rec engine.Receipt
	if !b.dry {
		var err error
		if rec, err = a.brought(led, b, engine.Request{Add: add}); err != nil {
			return err
		}
	}
	if rec.Planned {
		return a.told(b.steering, rec, "")
	}
	ids := rec.IDs
	if b.json {
		return a.writeJSON(struct {
			Added  []engine.ID `json:"added"`
			DryRun bool        `json:"dry_run"`
			receipt
		}{ids, b.dry, receiptOf(rec)})
	}
	if b.dry {
		fmt.Fprintf(a.out, "%s fit; nothing was changed\n", count(len(genomes), "genome"))
		return nil
	}
	for i, id := range ids {
		fmt.Fprintf(a.out, "candidate %s: %s\n", id, genomes[i].Text())
	}
	return a.later(v, len(ids))
}
