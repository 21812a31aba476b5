package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
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
	target      float64
	json, quiet bool
	accept      bool
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

What is spent counts all jobs of a search, those for shared weights too. For
every strategy to pay alike, give a limit in evaluator seconds. Strategies with
options are written as in YAML: --strategies 'aging,{use: aging, population: 20}'.`,
		Example: `  nascent bench --strategies random,aging,genetic --seeds 5 --seconds 60 mnist1d-cells
  nascent bench --strategies random,aging --seeds 20 --evaluations 300 --target 0.9 onemax`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.changed = cmd.Flags().Changed
			return a.bench(cmd.Context(), args[0], f)
		},
	}
	s := cmd.Flags()
	s.StringVar(&f.strategies, "strategies", "", "what to compare: names or paths as run --strategy takes them, or {use: NAME, option: value}")
	s.IntVar(&f.seeds, "seeds", 5, "searches for each strategy")
	s.Int64Var(&f.first, "first-seed", 1, "seed of the first; the others follow")
	s.StringVar(&f.dir, "dir", "", "directory that keeps all searches (default ./NAME-bench)")
	s.IntVar(&f.evaluations, "evaluations", 0, "end each search after so many evaluations")
	s.StringVar(&f.seconds, "seconds", "", "end each search after so many evaluator seconds")
	s.StringArrayVar(&f.set, "set", nil, "set any key of the search.yaml: KEY=VALUE (may be repeated)")
	s.IntVar(&f.workers, "workers", 0, "jobs at once in each search (default: one for each processor)")
	s.IntVar(&f.parallel, "parallel", 1, "searches at once")
	s.StringVar(&f.metric, "metric", "", "what to compare by (default: the first objective)")
	s.Float64Var(&f.target, "target", 0, "tell also what it cost until the best was as good as this")
	s.BoolVar(&f.accept, "accept-evaluator", false, "go on although the evaluator, its options or its data changed")
	s.BoolVar(&f.json, "json", false, "print one JSON object")
	s.BoolVar(&f.quiet, "quiet", false, "print nothing but the table")
	return cmd
}

// contender is one strategy of a bench.
type contender struct {
	name string // also of its directories
	text string // as --strategy takes it
	row  *bench.Row
}

// contenders reads a list of strategies, in the words of a YAML list. A name that
// stands twice is told apart by the options.
func contenders(list string) ([]*contender, error) {
	bad := func(problem string) error {
		return wrongInput("--strategies %s: %s; write names with commas between, for example --strategies 'random,{use: aging, population: 20}'", list, problem)
	}
	var file yaml.Node
	if err := yaml.Unmarshal([]byte("["+list+"]"), &file); err != nil {
		return nil, bad("this is no list of strategies")
	}
	var all []*contender
	var options []string
	times := map[string]int{}
	for _, n := range file.Content[0].Content {
		use, rest := n, ""
		if n.Kind == yaml.MappingNode {
			use = nil
			for i := 0; i < len(n.Content); i += 2 {
				if k := n.Content[i].Value; k == "use" {
					use = n.Content[i+1]
				} else {
					b, err := yaml.Marshal(n.Content[i+1])
					if err != nil {
						return nil, bad(err.Error())
					}
					rest += "-" + k + "-" + string(b)
				}
			}
		}
		if use == nil || use.Kind != yaml.ScalarNode || use.Value == "" {
			return nil, bad("one of them has no name")
		}
		fromHere(n)
		c := &contender{text: use.Value}
		if n.Kind == yaml.MappingNode {
			b, err := yaml.Marshal(n)
			if err != nil {
				return nil, bad(err.Error())
			}
			c.text = strings.TrimSpace(string(b))
		}
		c.name = strategyName(config.Plugin{Use: use.Value})
		times[c.name]++
		all, options = append(all, c), append(options, rest)
	}
	if len(all) == 0 {
		return nil, wrongInput("--strategies: there is none to compare; name some, for example --strategies random,aging,genetic")
	}
	seen := map[string]bool{}
	for i, c := range all {
		if times[c.name] > 1 {
			c.name += tame(options[i])
		}
		if seen[c.name] {
			return nil, bad(c.name + " stands twice")
		}
		seen[c.name] = true
		c.row = &bench.Row{Name: c.name, Strategy: c.text, Runs: []bench.Run{}}
	}
	return all, nil
}

// tame makes options part of a directory's name.
func tame(options string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.TrimSpace(options))
	return s[:min(len(s), 60)]
}

// heat is one search of a bench.
type heat struct {
	by     *contender
	seed   int64
	target *target
	done   bool           // it was finished before
	search *engine.Search // while it runs
	err    error
}

// bench runs what is not finished yet, and compares.
func (a *app) bench(ctx context.Context, path string, f benchFlags) error {
	all, err := contenders(f.strategies)
	if err != nil {
		return err
	}
	if f.seeds < 1 || f.parallel < 1 {
		return wrongInput("--seeds %d --parallel %d: both are at least 1", f.seeds, f.parallel)
	}
	if f.dir == "" {
		doc, _, err := load(path, true)
		if err != nil {
			return err
		}
		f.dir = nameOf(doc, path) + "-bench"
	}
	if f.dir, err = filepath.Abs(f.dir); err != nil {
		return err
	}
	var heats []*heat
	for i := range f.seeds { // seed by seed: what is there after an interruption can be compared
		for _, c := range all {
			h := &heat{by: c, seed: f.first + int64(i)}
			if h.target, err = f.search(path, c, h.seed); err != nil {
				return err
			}
			if i == 0 {
				if err := a.there(h.target); err != nil {
					return err
				}
			}
			heats = append(heats, h)
		}
	}
	whole, err := a.compete(ctx, heats, f)
	if err != nil {
		return err
	}
	if !whole {
		if !f.quiet {
			done := 0
			for _, h := range heats {
				if h.done {
					done++
				}
			}
			var words []string
			for _, w := range a.args {
				words = append(words, quote(w))
			}
			fmt.Fprintf(a.err, "stopped with %d of %s finished; nothing is lost; go on with: nascent %s\n", done, searches(len(heats)), strings.Join(words, " "))
		}
		return nil
	}
	return a.compare(all, heats, f)
}

func searches(n int) string {
	if n == 1 {
		return "1 search"
	}
	return fmt.Sprintf("%d searches", n)
}

// search describes one search of the bench.
func (f *benchFlags) search(path string, by *contender, seed int64) (*target, error) {
	doc, _, err := load(path, true)
	if err != nil {
		return nil, err
	}
	t := &target{doc: doc, dir: filepath.Join(f.dir, by.name+"-"+strconv.FormatInt(seed, 10))}
	if begun(t.dir) {
		if t.stored, err = readConfig(filepath.Join(t.dir, configName)); err != nil {
			return nil, err
		}
	}
	c := choices{workers: f.workers, evaluations: f.evaluations, seed: seed, strategy: by.text, set: f.set}
	c.changed = func(flag string) bool {
		return flag == "strategy" || flag == "seed" || (flag == "workers" || flag == "evaluations") && f.changed(flag)
	}
	if err := c.apply(doc); err != nil {
		return nil, err
	}
	if f.changed("seconds") {
		if err := doc.Set("limits.seconds", f.seconds, "--seconds "+f.seconds); err != nil {
			return nil, err
		}
	}
	if t.stored != nil {
		if err := doc.Adopt(t.stored); err != nil {
			return nil, err
		}
	}
	if err := t.succession(c); err != nil {
		return nil, err
	}
	if t.change {
		return nil, wrongInput("%s holds a search by another strategy than %s; keep this bench elsewhere with --dir DIR", t.dir, by.text)
	}
	return t, nil
}

// there refuses a search whose programs cannot be found. It starts none.
func (a *app) there(t *target) error {
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

// compete runs all searches, some at once, until they are finished or somebody
// interrupts. It tells whether all are finished; a search that was refused, or
// fell into trouble, says so in its err.
func (a *app) compete(ctx context.Context, heats []*heat, f benchFlags) (whole bool, err error) {
	before := 0
	for _, h := range heats {
		if h.done = h.finished(); h.done {
			before++
		}
	}
	var mu sync.Mutex // guards stopped and nonsense, and done, err and search of all heats
	stopped := false
	var nonsense error // what the searches cannot be compared by
	stop := func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		for _, h := range heats {
			if h.search != nil {
				h.search.Stop()
			}
		}
	}
	ended := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(ended)
	interrupts := make(chan os.Signal, 4)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupts)
	others.Go(func() {
		for asked := false; ; asked = true {
			select {
			case <-interrupts:
			case <-ended:
				return
			}
			if asked {
				fmt.Fprintln(a.err, "ended at once; nothing that was committed is lost; the same command goes on")
				os.Exit(exitTrouble)
			}
			if !f.quiet {
				fmt.Fprintln(a.err, "finishing: running jobs keep their progress (once more: end at once)")
			}
			stop()
		}
	})
	if !f.quiet {
		others.Go(func() { a.follow(heats, before, &mu, ended) })
	}
	refused := func(h *heat) bool {
		return slices.ContainsFunc(heats, func(x *heat) bool { return x.by == h.by && x.err != nil && exitStatus(x.err) == exitInput })
	}
	run := func(h *heat) {
		m := manner{quiet: true, accept: f.accept, among: func(s *engine.Search) {
			mu.Lock()
			defer mu.Unlock()
			if h.search = s; stopped {
				s.Stop()
			}
		}}
		mu.Lock()
		skip := stopped || h.done || refused(h)
		mu.Unlock()
		if skip {
			return
		}
		quiet := *a
		quiet.out, quiet.err = discard{}, discard{}
		err := quiet.run(ctx, h.target, m)
		done := err == nil && h.finished()
		var wrong error
		if done {
			wrong = h.measures(f.metric)
		}
		mu.Lock()
		h.search, h.err, h.done = nil, err, done
		nonsense = cmp.Or(nonsense, wrong)
		mu.Unlock()
		if wrong != nil {
			stop()
		}
	}
	var lanes sync.WaitGroup
	queue := make(chan *heat)
	for range f.parallel {
		lanes.Go(func() {
			for h := range queue {
				run(h)
			}
		})
	}
	for _, h := range heats {
		queue <- h
	}
	close(queue)
	lanes.Wait()
	mu.Lock()
	defer mu.Unlock()
	if nonsense != nil {
		return false, nonsense
	}
	for _, h := range heats {
		if !h.done && h.err == nil && !refused(h) {
			return false, nil
		}
	}
	return true, nil
}

// measures refuses a metric that a search has not: the first one to end tells,
// before all the others have run in vain.
func (h *heat) measures(metric string) error {
	if metric == "" {
		return nil
	}
	v, done, err := inspect(h.target.dir)
	if err != nil {
		return nil // whoever reads it next says why
	}
	defer done()
	_, _, err = measure(v, metric)
	return err
}

// finished tells whether a search has nothing left to do.
func (h *heat) finished() bool {
	if !begun(h.target.dir) {
		return false
	}
	s, err := h.target.doc.Read()
	if err != nil {
		return false
	}
	v, done, err := inspect(h.target.dir)
	if err != nil {
		return false // whoever runs it says why
	}
	defer done()
	status := v.Status()
	return status.State == engine.StateFinished && !further(status, s.Engine.Limits)
}

// follow prints where the bench stands, at growing intervals up to a minute.
// before is how many searches earlier runs had finished.
func (a *app) follow(heats []*heat, before int, mu *sync.Mutex, ended <-chan struct{}) {
	begun, pause := time.Now(), time.Second
	for {
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
		pause = min(time.Minute, pause*3/2)
		mu.Lock()
		done := 0
		var names []string
		var running []*engine.Search
		for _, h := range heats {
			if h.done || h.err != nil {
				done++
			} else if h.search != nil {
				running, names = append(running, h.search), append(names, fmt.Sprintf("%s seed %d", h.by.name, h.seed))
			}
		}
		mu.Unlock()
		part := float64(done)
		for i, s := range running {
			st := s.Status()
			share, _ := show.Progress(st, 0)
			if st.Phase != engine.PhaseSearch {
				share = 1
			}
			if share > 0 {
				part += min(share, 1)
				names[i] += fmt.Sprintf(" at %.0f %%", 100*min(share, 1))
			}
			if len(st.Best) > 0 {
				names[i] += fmt.Sprintf(" after %s", show.Plural(st.Evaluations, "evaluation"))
			}
		}
		spent := time.Since(begun).Seconds()
		line := fmt.Sprintf("%s  %d of %s finished", show.Seconds(spent), done, searches(len(heats)))
		if len(names) > 0 {
			line += ", running " + strings.Join(names, ", ")
		}
		if now := part - float64(before); now > 0 {
			line += fmt.Sprintf("  %s  about %s left", show.Rate(now/spent), show.Seconds(spent/now*(float64(len(heats))-part)))
		}
		fmt.Fprintln(a.err, line)
	}
}

// compare reads the finished searches and tells what they came to.
func (a *app) compare(all []*contender, heats []*heat, f benchFlags) error {
	b := &bench.Bench{}
	if f.changed("target") {
		b.Target = &f.target
	}
	for _, c := range all {
		b.Strategies = append(b.Strategies, c.row)
	}
	var trouble []error
	for _, h := range heats {
		switch {
		case h.err != nil && exitStatus(h.err) == exitInput:
			h.by.row.Refused = oneLine(h.err)
			trouble = append(trouble, wrongInput("%s cannot search this: %s", h.by.name, oneLine(h.err)))
		case h.err != nil:
			trouble = append(trouble, fmt.Errorf("%s seed %d: %w", h.by.name, h.seed, h.err))
		case h.done:
			if err := h.read(b, f); err != nil {
				return err
			}
		}
	}
	b.Sum()
	if err := a.tell(b, f); err != nil {
		return err
	}
	if len(trouble) > 0 {
		return trouble[0]
	}
	return nil
}

// read adds a finished search to what is compared.
func (h *heat) read(b *bench.Bench, f benchFlags) error {
	v, done, err := inspect(h.target.dir)
	if err != nil {
		return err
	}
	defer done()
	if b.Metric == "" {
		o := v.Objective()
		b.Search, b.Metric, b.Goal = v.Status().Name, o.Metric, o.Goal
		if f.metric != "" && f.metric != o.Metric {
			if b.Metric, b.Goal, err = measure(v, f.metric); err != nil {
				return err
			}
		}
	}
	run := bench.Run{Seed: h.seed, Dir: filepath.Base(h.target.dir), Trace: bench.Follow(v.Candidates(), &v.Plan, bench.Measure{Metric: b.Metric, Goal: b.Goal})}
	if t, err := report.Of(v).Test(); err == nil {
		run.Report = t.Winner.Report
		if x := t.Winner.Accuracy; x != nil {
			run.Test, b.TestMetric = &x.Mean, t.Metric
		}
	}
	h.by.row.Runs = append(h.by.row.Runs, run)
	return nil
}

// measure finds the direction of a metric.
func measure(v *show.View, metric string) (string, engine.Goal, error) {
	for _, o := range v.Plan.Objectives {
		if o.Metric == metric {
			return metric, o.Goal, nil
		}
	}
	var names []string
	for _, m := range v.Metrics {
		if m.Name == metric {
			return metric, cmp.Or(m.Goal, engine.Maximize), nil
		}
		names = append(names, m.Name)
	}
	return "", "", wrongInput("--metric %s: the evaluators measure no such thing; they measure %s", metric, strings.Join(names, ", "))
}

// tell prints the comparison and writes bench.html and bench.json.
func (a *app) tell(b *bench.Bench, f benchFlags) error {
	some := slices.ContainsFunc(b.Strategies, func(r *bench.Row) bool { return len(r.Runs) > 0 })
	head, rows := b.Table()
	if some {
		text, err := json.MarshalIndent(b, "", "  ")
		if err != nil {
			return err
		}
		if err := page.Write(filepath.Join(f.dir, "bench.json"), append(text, '\n')); err != nil {
			return err
		}
		if err := b.Page(filepath.Join(f.dir, "bench.html"), head, rows); err != nil {
			return err
		}
	}
	if f.json {
		return a.writeJSON(b)
	}
	t := show.Table{Head: head, Rows: rows, Right: make([]bool, len(head))}
	for i := range head {
		t.Right[i] = i > 0
	}
	if err := t.Write(a.out); err != nil {
		return err
	}
	for _, r := range b.Strategies {
		if r.Refused != "" {
			fmt.Fprintf(a.out, "%s cannot search this: %s\n", r.Name, r.Refused)
		}
	}
	if !some {
		return nil
	}
	dir := shortest(f.dir)
	_, err := fmt.Fprintf(a.out, "Median and quartiles over the seeds. With plots: %s\nEach search: nascent status %s\n",
		filepath.Join(dir, "bench.html"), quote(filepath.Join(dir, "STRATEGY-SEED")))
	return err
}
