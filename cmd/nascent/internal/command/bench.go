package command

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome/rng"
)

// benchFlags are what the command line says about a bench.
type benchFlags struct {
	dir         string
	strategies  string
	seeds       int
	first       int64
	evaluations int
	seconds     string
	set         []string
	workers     int
	parallel    int
	metric      string
	goal        engine.Goal // of the metric, where nobody else says so
	target      float64
	json, quiet bool
	accept      bool
	keep        bool
	suite       string
	changed     func(flag string) bool
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench --strategies A,B,C PATH",
		Short: "Compare strategies over several seeds",
		Long: `Runs the search that PATH describes with every strategy and every seed, and
compares the best so far against what was spent: a table, and bench.html with
plots of the median and the middle half over the seeds.

Each is an ordinary search in a directory of its own, DIR/STRATEGY-SEED (DIR is
./NAME-bench by default), to be looked at, checked and replayed like any other.
Started again, it goes on: finished searches are only read, interrupted ones
resumed. With higher limits they all go on, with more seeds some are added.
Where results are looked up (evaluator table), searches take milliseconds: they
run in memory, with the same decisions, and only what they came to is kept.
--keep keeps them like the others.

--suite FILE compares on several searches at once: ranks, wins and significance
over all of them, a table for each, and suite.html.

What is spent counts all jobs of a search, those for shared weights too. For
every strategy to pay alike, give a limit in evaluator seconds. Strategies with
options are written as in YAML: --strategies 'aging,{use: aging, population: 20}'.`,
		Example: `  nascent bench --strategies random,aging,genetic --seeds 5 --seconds 60 mnist1d-cells
  nascent bench --strategies random,aging --seeds 20 --evaluations 300 --target 0.9 onemax
  nascent bench --suite tables.yaml --seeds 200 --first-seed 1001`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.changed = cmd.Flags().Changed
			switch {
			case f.suite != "" && len(args) > 0:
				return wrongInput("%s: a suite names its searches itself; leave --suite or this out", args[0])
			case f.suite != "":
				return a.benchSuite(cmd.Context(), f)
			case len(args) == 0:
				return wrongInput("there is no search to compare strategies on; name a search.yaml, a directory or " +
					"an example, or several with --suite FILE")
			}
			return a.bench(cmd.Context(), args[0], f)
		},
	}
	s := cmd.Flags()
	s.StringVar(&f.strategies, "strategies", "",
		"what to compare: names or paths as run --strategy takes them, or {use: NAME, option: value}")
	s.IntVar(&f.seeds, "seeds", 5, "searches for each strategy")
	s.Int64Var(&f.first, "first-seed", 1, "seed of the first; the others follow")
	s.StringVar(&f.dir, "dir", "", "directory that keeps all searches (default ./NAME-bench)")
	s.IntVar(&f.evaluations, "evaluations", 0, "end each search after so many evaluations")
	s.StringVar(&f.seconds, "seconds", "", "end each search after so many evaluator seconds")
	s.StringArrayVar(&f.set, "set", nil, "set any key of the search.yaml: KEY=VALUE (may be repeated)")
	s.IntVar(&f.workers, "workers", 0, "jobs at once in each search (default: as for run)")
	s.IntVar(&f.parallel, "parallel", 0, "searches at once (default 1; over tables, twice the processors)")
	s.StringVar(&f.metric, "metric", "", "what to compare by (default: the first objective)")
	s.Float64Var(&f.target, "target", 0, "tell also what it cost until the best was as good as this")
	s.StringVar(&f.suite, "suite", "", "compare on all searches that this file lists: docs/bench.md")
	s.BoolVar(&f.keep, "keep", false, "keep searches over tables too, each in a directory of its own")
	s.BoolVar(&f.accept, "accept-evaluator", false, "go on although the evaluator, its options or its data changed")
	s.BoolVar(&f.json, "json", false, "print one JSON object")
	s.BoolVar(&f.quiet, "quiet", false, "print nothing but the table")
	return cmd
}

// contender is one strategy of a bench.
type contender struct {
	name string // also of its directories
	text string // as --strategy takes it
	from string // where that stands
	row  *bench.Row

	looked *looked // its searches, where they run in memory
}

// contenders reads a list of strategies, in the words of a YAML list.
func contenders(list string) ([]*contender, error) {
	bad := func(_ *yaml.Node, problem string) error {
		return wrongInput("--strategies %s: %s; write names with commas between, for example --strategies "+
			"'random,{use: aging, population: 20, as: small}'", list, problem)
	}
	var file yaml.Node
	if err := yaml.Unmarshal([]byte("["+list+"]"), &file); err != nil {
		return nil, bad(nil, "this is no list of strategies")
	}
	if len(file.Content[0].Content) == 0 {
		return nil, wrongInput("--strategies: there is none to compare; name some, for example --strategies random,aging,genetic")
	}
	all, err := contendersOf(file.Content[0].Content, bad)
	for _, c := range all {
		c.from = "--strategies " + c.text
	}
	return all, err
}

// contendersOf makes them of strategies as a search.yaml has them. A name that
// stands twice is told apart by the options, unless it is given another one by as.
// bad says of one of them what is wrong.
func contendersOf(list []*yaml.Node, bad func(n *yaml.Node, problem string) error) ([]*contender, error) {
	var all []*contender
	var options []string
	times, called := map[string]int{}, map[string]bool{}
	for _, n := range list {
		at := n
		use, rest, as := n, "", ""
		if n.Kind == yaml.MappingNode {
			use = nil
			own := *n
			own.Content, own.Style = nil, yaml.FlowStyle // one line, however it was written
			for i := 0; i < len(n.Content); i += 2 {
				if n.Content[i].Value == "as" {
					as = n.Content[i+1].Value
				} else {
					own.Content = append(own.Content, n.Content[i:i+2]...)
				}
			}
			n = &own
			for i := 0; i < len(n.Content); i += 2 {
				if k := n.Content[i].Value; k == "use" {
					use = n.Content[i+1]
				} else {
					b, err := yaml.Marshal(n.Content[i+1])
					if err != nil {
						return nil, bad(at, err.Error())
					}
					rest += "-" + k + "-" + string(b)
				}
			}
		}
		if use == nil || use.Kind != yaml.ScalarNode || use.Value == "" {
			return nil, bad(at, "one of them has no name")
		}
		fromHere(n)
		c := &contender{text: use.Value}
		if n.Kind == yaml.MappingNode {
			b, err := yaml.Marshal(n)
			if err != nil {
				return nil, bad(at, err.Error())
			}
			c.text = strings.TrimSpace(string(b))
		}
		c.name = strategyName(config.Plugin{Use: use.Value})
		if as != "" {
			if c.name = slug(as); c.name != as {
				return nil, bad(at, fmt.Sprintf("as: %s is no name: use up to 60 letters, digits, dots, dashes and underscores", as))
			}
		}
		if times[c.name]++; times[c.name] > 1 && (as != "" || called[c.name]) {
			return nil, bad(at, fmt.Sprintf("two are called %s", c.name))
		}
		called[c.name] = called[c.name] || as != ""
		all, options = append(all, c), append(options, rest)
	}
	seen := map[string]bool{}
	for i, c := range all {
		if times[c.name] > 1 {
			c.name += slug(options[i])
		}
		if seen[c.name] {
			return nil, bad(list[i], c.name+" stands twice")
		}
		seen[c.name] = true
		c.row = &bench.Row{Name: c.name, Strategy: c.text, Runs: []bench.Run{}}
	}
	return all, nil
}

// slug makes options part of a directory's name.
func slug(options string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.TrimSpace(options))
	return s[:min(len(s), 60)]
}

// benchRun is one search of a bench.
type benchRun struct {
	by      *contender
	seed    int64
	storage storage
	done    bool           // it has finished
	search  *engine.Search // while it runs
	err     error
}

// storage is where a search of a bench is kept: in a directory, or in memory.
type storage interface {
	// finished tells whether the search has nothing left to do.
	finished() bool
	// run carries the search on; among is told of it before it runs.
	run(ctx context.Context, a *app, accept bool, among func(*engine.Search)) error
	// dir is its directory within the bench's, if it has one.
	dir() string
	// outcome is what a finished search came to by a metric, or the first objective.
	outcome(metric string, goal engine.Goal) (*bench.Outcome, error)
}

// contest is one search, and who carries it out.
type contest struct {
	path  string                           // as messages call it
	load  func() (*config.Document, error) // the search, anew each time
	flags benchFlags
	all   []*contender
	runs  []*benchRun
	over  *lookups // what those in memory share

	refusal error // why the evaluators could not be opened, where that was tried
}

// bench runs what is not finished yet, and compares.
func (a *app) bench(ctx context.Context, path string, f benchFlags) error {
	all, err := contenders(f.strategies)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	c := &contest{path: path, all: all, load: func() (*config.Document, error) {
		doc, _, err := load(path, true)
		return doc, err
	}}
	if f.dir == "" {
		doc, err := c.load()
		if err != nil {
			return err
		}
		f.dir = nameOf(doc, path) + "-bench"
	}
	if f.dir, err = filepath.Abs(f.dir); err != nil {
		return err
	}
	c.flags = f
	defer c.close()
	if f.metric != "" { // what cannot be compared is said before anything runs
		said, err := a.ask(ctx, c)
		if err != nil {
			return err
		}
		if said != nil {
			if _, wrong := direction(f.metric, &said.Setup); wrong != nil {
				return ofFlag(wrong, f.metric)
			}
		}
	}
	if err := a.prepare(ctx, c); err != nil {
		return err
	}
	whole, err := a.carryOut(ctx, c)
	if err != nil {
		return err
	}
	if !whole {
		a.interrupted(c.runs, f)
		return nil
	}
	b, trouble, err := gather(c)
	if err == nil {
		err = a.tell(b, f)
	}
	return cmp.Or(err, trouble)
}

// check refuses what makes no bench.
func (f *benchFlags) check() error {
	switch {
	case f.seeds < 1:
		return wrongInput("--seeds %d: it is at least 1", f.seeds)
	case f.first < 0 || f.first > rng.MaxSeed-int64(f.seeds):
		return wrongInput("--first-seed %d: seeds are from 0 to below 2^53", f.first)
	case f.changed("evaluations") && f.evaluations < 1:
		return wrongInput("--evaluations %d: it is at least 1", f.evaluations)
	case f.changed("parallel") && f.parallel < 1:
		return wrongInput("--parallel %d: it is at least 1", f.parallel)
	case !finite(f.target):
		return wrongInput("--target %v: it is a finite number", f.target)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// close ends what the searches share.
func (c *contest) close() { c.over.close() }

// prepare describes the searches. It runs none.
func (a *app) prepare(ctx context.Context, c *contest) error {
	f := &c.flags
	if len(c.all) == 0 {
		return nil
	}
	kept := false            // some search lives in a directory
	for i := range f.seeds { // seed by seed: what is there after an interruption can be compared
		for k, by := range c.all {
			r := &benchRun{by: by, seed: f.first + int64(i)}
			dir := c.folder(by, r.seed)
			if i > 0 && c.over != nil && !begun(dir) {
				r.storage = &inMemory{c.over, by.looked, r.seed}
				c.runs = append(c.runs, r)
				continue
			}
			t, err := c.search(by, r.seed, dir)
			if err != nil {
				return err
			}
			r.storage = &inDirectory{t}
			kept = kept || t.stored != nil
			if i == 0 {
				if err := a.canStart(t); err != nil {
					return err
				}
				if k == 0 && !f.keep {
					if c.over, c.refusal, err = a.openLookups(ctx, t, f); err != nil {
						return err
					}
				}
				if c.over != nil {
					if by.looked, err = c.over.read(t); err != nil {
						return err
					}
					if t.stored == nil {
						r.storage = &inMemory{c.over, by.looked, r.seed}
					}
				}
			}
			c.runs = append(c.runs, r)
		}
	}
	if kept || !c.over.empty() {
		return nil
	}
	for _, name := range []string{"bench.json", "bench.html"} {
		if _, err := os.Lstat(filepath.Join(f.dir, name)); err == nil {
			return wrongInput("%s is there already and is not of this bench; choose another directory with --dir, or move it away",
				filepath.Join(f.dir, name))
		}
	}
	return nil
}

// folder is the directory of a search that is kept.
func (c *contest) folder(by *contender, seed int64) string {
	return filepath.Join(c.flags.dir, by.name+"-"+strconv.FormatInt(seed, 10))
}

// carryOut runs what is not finished yet.
func (a *app) carryOut(ctx context.Context, c *contest) (whole bool, err error) {
	f := c.flags
	if f.parallel == 0 {
		f.parallel = 1
		if c.over != nil {
			f.parallel = searchesAtOnce
			defer debug.SetGCPercent(debug.SetGCPercent(400)) // there is little to keep, and much to do
		}
	}
	return a.runAll(ctx, c.runs, f)
}

// interrupted says how to go on.
func (a *app) interrupted(runs []*benchRun, f benchFlags) {
	if f.quiet {
		return
	}
	done := 0
	for _, r := range runs {
		if r.done {
			done++
		}
	}
	var words []string
	for _, w := range a.args {
		words = append(words, quote(w))
	}
	fmt.Fprintf(a.err, "stopped with %d of %s finished; nothing is lost; go on with: %s %s\n",
		done, searches(len(runs)), show.Program(), strings.Join(words, " "))
}

func searches(n int) string {
	if n == 1 {
		return "1 search"
	}
	return fmt.Sprintf("%d searches", n)
}

// search describes one search.
func (c *contest) search(by *contender, seed int64, dir string) (*target, error) {
	f := &c.flags
	doc, err := c.load()
	if err != nil {
		return nil, err
	}
	t := &target{doc: doc, dir: dir}
	if err := ledger.Trust(t.dir); err != nil {
		return nil, err
	}
	if begun(t.dir) {
		if t.stored, err = readConfig(filepath.Join(t.dir, configName)); err != nil {
			return nil, err
		}
	}
	said := choices{workers: f.workers, evaluations: f.evaluations, seed: seed, strategy: by.text, from: by.from, set: f.set}
	said.changed = func(flag string) bool {
		return flag == "strategy" || flag == "seed" || (flag == "workers" || flag == "evaluations") && f.changed(flag)
	}
	if err := said.apply(doc); err != nil {
		return nil, err
	}
	if f.changed("seconds") {
		if err := doc.Set("limits.seconds", f.seconds, "--seconds "+f.seconds); err != nil {
			return nil, err
		}
	}
	if t.stored != nil {
		err = doc.Adopt(t.stored)
	} else {
		err = said.replaces(c.path, doc, t.dir)
	}
	if err != nil {
		return nil, err
	}
	if err := t.succession(said); err != nil {
		return nil, err
	}
	if t.change {
		return nil, wrongInput("%s holds a search by another strategy than %s; keep this bench elsewhere with --dir DIR", t.dir, by.text)
	}
	return t, nil
}

// canStart refuses a search whose programs cannot be found. It starts none.
func (a *app) canStart(t *target) error {
	s, err := t.doc.Read()
	if err != nil {
		return err
	}
	err = a.connect(t, s)
	if s.Engine.Strategy != nil {
		closeStrategy(s.Engine.Strategy)
	}
	return err
}
