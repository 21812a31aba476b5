package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/cmd/nascent/examples"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/follow"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/health"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/internal/safe"
)

// manner is how a run behaves towards people.
type manner struct {
	json   bool     // print the report as JSON
	plain  bool     // no live panel
	quiet  bool     // no progress at all
	log    string   // "json": progress as JSON lines
	listen string   // where to answer monitoring systems
	accept bool     // go on with another evaluator
	over   bool     // go on with another space, other objectives or constraints
	was    []string // with over: what genes were that the space adds

	detached bool // nobody watches: a client started it

	// one of several searches of this process: is told of it before it runs, and
	// then sees to interrupts
	among func(*engine.Search)
}

func (m *manner) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&m.json, "json", false, "print the report as one JSON object")
	f.BoolVar(&m.plain, "plain", false, "print lines instead of the live panel")
	f.BoolVar(&m.quiet, "quiet", false, "print nothing but the report")
	f.StringVar(&m.log, "log", "", "json: print progress as JSON objects, one a line; text: lines or a panel")
	f.StringVar(&m.listen, "listen", "", "answer GET /metrics (Prometheus) and /healthz at PORT, HOST:PORT or unix:PATH")
	f.BoolVar(&m.accept, "accept-evaluator", false, "go on although the evaluator, its options or its data changed")
}

func (a *app) runCommand() *cobra.Command {
	var c choices
	var m manner
	cmd := &cobra.Command{
		Use:   "run PATH",
		Short: "Start a search, or go on with it",
		Long: `Runs a search until its limits are reached, re-measures and tests the best, and
prints a report; the same as a page with plots is report.html in its directory.

PATH is a search directory, a search.yaml (- for one on standard input, with
relative paths from here) or the name of an example. Everything
is kept in DIR (default: ./NAME, as the search is called). Starting and going on
are the same command: whatever ended the last run (Ctrl-C, a crash, a power
cut), nothing is lost. Then limits, workers, paths and logging may change, and
with --strategy another strategy takes over: it starts from the candidates that
there are. With --takeover so may the space, objectives and constraints: the
strategy begins anew with the candidates that fit. All else makes another search
and is refused. A finished search prints its report again; with higher limits it
goes on.

Ctrl-C once finishes cleanly, twice ends at once; both lose nothing.`,
		Example: `  nascent run mnist1d
  nascent run search.yaml --dir /data/s1 --workers 8
  nascent run onemax --evaluations 5000 --seed 7 --set evaluator.delay=5ms
  nascent run mnist1d --set 'objectives=[{metric: accuracy}, {metric: parameters, goal: minimize}]'
  nascent run /data/s1 --evaluations 2000        go on, further
  nascent run /data/s1 --strategy genetic --at-turn 500
  nascent run /data/s1 --takeover                with another space in its search.yaml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.changed = cmd.Flags().Changed
			if args[0] == fromInput {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), config.MaxSize+1))
				if err != nil {
					return err
				}
				c.text = text
			}
			t, err := resolve(args[0], c)
			if err != nil {
				return err
			}
			if t.change && t.turn > 0 {
				if reached, err := a.until(cmd.Context(), t, m); !reached || err != nil {
					return err
				}
			}
			if m.detached {
				return a.runDetached(cmd.Context(), args[0], c, t, m)
			}
			return a.run(cmd.Context(), t, m)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.dir, "dir", "", "directory that keeps the search (default ./NAME)")
	f.IntVar(&c.workers, "workers", 0, "jobs at once (default: one for each processor, or what a process of the evaluator takes)")
	f.IntVar(&c.evaluations, "evaluations", 0, "end after so many evaluations")
	f.Int64Var(&c.seed, "seed", 0, "seed of all random numbers")
	f.StringVar(&c.strategy, "strategy", "", "what decides what to try next: aging, genetic, nsga2, random or a "+
		"plugin; it takes over from the one before")
	f.BoolVar(&m.over, "takeover", false, "go on although the space, the objectives or the constraints changed")
	f.StringArrayVar(&m.was, "was", nil, wasUsage+"; with --takeover")
	f.Uint64Var(&c.turn, "at-turn", 0, "let --strategy take over after so many turns (default: now)")
	f.StringArrayVar(&c.set, "set", nil, "set any key of the search.yaml: KEY=VALUE (may be repeated)")
	f.BoolVar(&m.detached, "detached", false,
		"as clients start it: lines in place of the panel, and it ends after half a minute without clients")
	m.flags(cmd)
	return cmd
}

func completePath(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return examples.Names(), cobra.ShellCompDirectiveDefault
}

// until carries a search on with the strategy that it has, to the turn at which
// another takes over. It tells whether the search got there.
func (a *app) until(ctx context.Context, t *target, m manner) (reached bool, err error) {
	v, done, err := a.inspectSoon(ctx, t.dir)
	if err != nil {
		return false, err
	}
	turns, now := v.Status().Turns, v.Strategies[len(v.Strategies)-1]
	done()
	if turns == t.turn {
		return true, nil
	}
	s, err := t.doc.Read()
	if err != nil {
		return false, err
	}
	if err := t.doc.Set("strategy", strategyText(now), "the search"); err != nil {
		return false, err
	}
	before := *t
	before.change = false
	if err := a.run(ctx, &before, m); err != nil {
		return false, err
	}
	next := engine.StrategyEvent{Source: s.Strategy.Use, Options: s.Strategy.Options}
	if err := t.doc.Set("strategy", strategyText(next), "--strategy"); err != nil {
		return false, err
	}
	if v, done, err = inspect(t.dir); err != nil {
		return false, err
	}
	defer done()
	st := v.Status()
	if st.Turns < t.turn && st.State == engine.StateFinished {
		fmt.Fprintf(a.err, "nascent: the search ended after %d turns, before the strategy was to "+
			"change at turn %d; raise its limits to go on\n",
			st.Turns, t.turn)
	}
	return st.Turns >= t.turn, nil
}

// wait has open open the ledger in dir, also where another process has it for a moment: a
// command that changes a search which nobody runs. Who runs it answers: then there is
// nothing to wait for.
func (a *app) wait(ctx context.Context, dir string, open func() error) error {
	var locked error
	refused := 0
	return socket.Reach(func() error {
		if locked == nil {
			return socket.ErrNobody
		}
		if err := socket.Ask(ctx, dir, socket.Request{Args: []string{"status", "--json"}}, io.Discard); !errors.Is(err, socket.ErrNobody) {
			return locked
		}
		if refused++; refused == 50 { // a second or so
			fmt.Fprintf(a.err, "nascent: another command has %s open; waiting for it to end\n", dir)
		}
		return socket.ErrNobody
	}, func() error {
		locked = open()
		return locked
	})
}

// inspectSoon is inspect, once nobody changes the search.
func (a *app) inspectSoon(ctx context.Context, dir string) (v *show.View, done func(), err error) {
	err = a.wait(ctx, dir, func() (err error) {
		v, done, err = inspect(dir)
		return err
	})
	return v, done, err
}

// run carries a search on and reports.
func (a *app) run(ctx context.Context, t *target, m manner) (err error) {
	s, err := t.doc.Read()
	if err != nil {
		return err
	}
	if t.only > 0 {
		s.Engine.Limits = engine.Limits{Evaluations: t.only}
	} else if t.stored != nil && !t.change && t.turn == 0 {
		if done, err := a.finished(ctx, t, s, m); done || err != nil {
			return err
		}
	}
	if s.Engine.Name == "" {
		s.Engine.Name = filepath.Base(t.dir)
	}
	screen, err := a.screenFor(m, s)
	if err != nil {
		return err
	}
	defer func() {
		if log, is := screen.(*show.Log); is && err != nil {
			log.Fail(err)
			err = &reported{err}
		}
		screen.Close("")
	}()
	if t.stored == nil {
		a.introduce(&s.Engine, screen)
	}
	guests, err := t.invite(s, m)
	if err != nil {
		return err
	}
	if err := a.connect(t, s); err != nil {
		return err
	}
	defer closeStrategy(s.Engine.Strategy)
	defer outlive()()
	interrupts := make(chan os.Signal, 4) // from here on something may be left half made
	if m.among == nil {
		signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer signal.Stop(interrupts)
	}
	trace := traceOf(t.dir)
	var led *ledger.Ledger
	if err := a.wait(ctx, t.dir, func() (err error) {
		led, err = ledger.Open(t.dir, ledger.Options{})
		return err
	}); err != nil {
		return err
	}
	defer func() {
		if _, begun, headerErr := led.Header(); err != nil && headerErr == nil && !begun {
			trace.remove()
		}
		if closing := led.Close(); err == nil {
			err = closing
		}
	}()
	if t.stored == nil {
		if err := t.keep(); err != nil {
			return err
		}
	}
	if m.detached {
		close, err := a.keepLog(t.dir)
		if err != nil {
			return err
		}
		defer close()
	}
	var search *engine.Search
	hosts, err := t.gather(s, screen)
	if err != nil {
		return err
	}
	var kept *keeping
	defer func() {
		if disband(hosts, search, vain(search, led, err)) && kept != nil {
			kept.end()
		}
	}()
	announcing := &announcing{Ledger: led}
	cfg, err := t.configure(s, m, announcing, screen)
	if err != nil {
		return err
	}
	if kept, err = t.keepHosts(ctx, s, &cfg, hosts, screen); err != nil {
		return err
	}
	if search, err = engine.New(cfg); err != nil {
		return t.locate(err)
	}
	live, dismiss, err := a.attend(t, s, m, search, announcing, guests, screen, interrupts)
	if err != nil {
		return t.locate(err)
	}
	kept.begin(search)
	err = a.watch(ctx, search, live, screen, m, t, interrupts)
	if refusal := kept.pause(); refusal != nil {
		err = t.doc.Fault(s.Fleet.Refused(refusal.Problem, refusal.Remedy))
	}
	dismiss(err)
	if err != nil {
		return t.locate(err)
	}
	return a.outcome(t, m, led, cfg.Turns)
}

// configure is what the engine is told of a run.
func (t *target) configure(s *config.Search, m manner, led *announcing, screen show.Screen) (engine.Config, error) {
	cfg := s.Engine
	cfg.Ledger = led
	cfg.AcceptFingerprint, cfg.TakeOver = m.accept, m.over
	if len(m.was) > 0 && !m.over {
		return cfg, wrongInput("--was says what genes were that another space adds: give --takeover, too")
	}
	var err error
	if cfg.Was, err = config.Was(m.was); err != nil {
		return cfg, err
	}
	cfg.ChangeStrategy = t.change
	if m.detached {
		cfg.Again = "ask again (in Python: search.run(...), or search.ask(...))"
	}
	if !t.change {
		cfg.Turns = t.turn
	}
	_, before, err := led.Header()
	begun := sync.OnceFunc(func() {
		if before {
			screen.Say("going on with " + cfg.Name)
		} else if same := cfg.Space.Constants(); len(same) > 0 && !network.Has(cfg.Space) {
			screen.Say("the same in every candidate, with nothing to choose: space." + strings.Join(same, ", space."))
		}
		if err := t.keep(); err != nil {
			screen.Say(err.Error())
		}
	})
	cfg.Observe = func(u engine.Update) {
		begun()
		screen.Observe(u)
		if t.desk != nil {
			t.desk.Observe(u)
		}
	}
	return cfg, err
}

// attend lets others look at a search that is about to run, ask it, carry out its jobs
// and be told of it, until dismiss is called with what came of the run.
func (a *app) attend(
	t *target, s *config.Search, m manner, search *engine.Search, led *announcing, guests *guests, screen show.Screen,
	interrupts <-chan os.Signal,
) (live show.Live, dismiss func(error), err error) {
	live = running(search, led.Ledger, t)
	close, err := a.answer(t, cmp.Or(m.listen, s.Listen), live, search, led.Ledger, screen)
	if err != nil {
		return nil, nil, err
	}
	var sinks []follow.Sink
	if m.among == nil {
		sinks = sinksOf(s)
	}
	tell, err := led.to(sinks, t.dir, live, screen.Say, interrupts)
	if err != nil {
		close()
		return nil, nil, err
	}
	indexed := followed(t.dir, led.Ledger)
	guests.begin(s.Engine.Name, search)
	return live, func(err error) {
		guests.end(err)
		a.untold(tell(), t.dir)
		close()
		indexed()
	}, nil
}

// outcome reports on a run that has ended. turns is where another strategy takes over,
// 0 if none does.
func (a *app) outcome(t *target, m manner, led *ledger.Ledger, turns uint64) error {
	archive, err := engine.Read(led)     // what is durable, not what was meant
	if errors.Is(err, engine.ErrEmpty) { // stopped before its first commit
		if !m.quiet {
			fmt.Fprintln(a.err, "stopped before the search began; begin it with: "+show.Program()+" run "+quote(shortest(t.dir)))
		}
		return nil
	}
	if err != nil {
		return err
	}
	if x, err := index.Open(t.dir, led, true); err == nil {
		remember(x, archive)
	}
	if st := archive.Status(); turns > 0 && st.Turns >= turns && st.State == engine.StateStopped {
		return nil // another strategy takes over
	}
	return a.report(show.Of(archive, archive, led, t.dir), m)
}

// indexing is how often what a search committed is appended to its index: a reader adds
// what is newer in no time.
const indexing = 10 * time.Second

// followed keeps the index of a search that is about to run, until the returned function
// is called.
func followed(dir string, led *ledger.Ledger) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		index.Follow(dir, led, indexing, stop)
	}()
	return func() {
		close(stop)
		<-done
	}
}

// running is how others look at a search that this process runs: as soon as it
// does, whoever asked before.
func running(search *engine.Search, led engine.Ledger, t *target) func() (*show.View, error) {
	var mu sync.Mutex
	var view *show.View // once it runs
	return func() (*show.View, error) {
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-search.Opened():
		default:
			if t.hosts != nil { // that may take as long as it likes
				return nil, fmt.Errorf("the search waits for a host to open its evaluator; which hosts there are is told by: %s fleet %s",
					show.Program(), quote(shortest(t.dir)))
			}
		}
		if view == nil || search.Takeovers() > view.Archive.Takeovers() {
			archive := search.Archive()
			if archive == nil {
				return nil, errors.New("the search is just beginning; ask again")
			}
			view = show.Of(archive, search, led, t.dir)
			view.Live = true
			if t.desk != nil {
				view.Clients = t.desk.Count
			}
			if t.hosts != nil {
				view.Hosts = func() []show.Host { return hostsTold(t.hosts.Hosts(), time.Now()) }
			}
		}
		return view, nil
	}
}

// screenFor is where a run is shown.
func (a *app) screenFor(m manner, s *config.Search) (show.Screen, error) {
	switch format := cmp.Or(m.log, s.LogFormat); {
	case m.log != "" && m.log != "json" && m.log != "text":
		return nil, wrongInput("--log %s: it takes json or text", m.log)
	case m.quiet || m.among != nil:
		return show.Silent{}, nil
	case format == "json":
		return show.NewLog(a.err, s.Engine.Name), nil
	case a.screen != nil && !m.plain && !m.detached:
		return show.NewPanel(a.screen), nil
	}
	return show.NewLines(a.err), nil
}

// introduce says before a search begins that its objectives are equal in rank, unless
// its file shows that whoever wrote it knows. A panel has no room for it.
func (a *app) introduce(e *engine.Config, screen show.Screen) {
	n := len(e.Objectives)
	if n < 2 || len(e.Ties) > 0 || len(e.Reference) > 0 || e.Prefer != "" {
		return
	}
	text := fmt.Sprintf("the %d objectives are equal in rank, so the answer is a front; where the first is to decide and the others "+
		"only break ties, list them under ties:", n)
	if _, panel := screen.(*show.Panel); panel {
		fmt.Fprintln(a.err, text)
		return
	}
	screen.Say(text)
}

// watch runs the search under the eyes of a person, or of a log.
func (a *app) watch(
	ctx context.Context, search *engine.Search, live show.Live, screen show.Screen, m manner, t *target, interrupts chan os.Signal,
) error {
	if m.among != nil {
		m.among(search)
		return search.Run(ctx)
	}
	ended := make(chan struct{})
	screen.Follow(live)
	again := "go on with: " + show.Program() + " run " + quote(shortest(t.dir))
	go func() {
		asked := false
		for {
			select {
			case <-interrupts:
			case <-ended:
				return
			}
			if asked {
				screen.Close("ended at once; nothing that was committed is lost; " + again)
				os.Exit(exitTrouble)
			}
			asked = true
			screen.Say("finishing: running jobs keep their progress (once more: end at once)")
			search.Stop()
		}
	}()
	err := search.Run(ctx)
	close(ended)
	last := ""
	if st := search.Status(); err == nil && st.State == engine.StateStopped && (t.change || t.turn == 0 || st.Turns < t.turn) {
		if st.Paused != nil {
			again = "it stays paused until: " + show.Program() + " resume " + quote(shortest(t.dir))
		}
		last = "stopped; nothing is lost; " + again
	}
	screen.Close(last)
	return err
}

// outlive lets a search go on when nobody reads what it prints any more, as in
// nascent run x | head. The children of this process are not affected.
func outlive() (restore func()) {
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	return func() { signal.Stop(unread) }
}

// shortest is the shorter one of a path and its form relative to the working
// directory.
func shortest(dir string) string {
	wd, err := os.Getwd()
	if err != nil {
		return dir
	}
	rel, err := filepath.Rel(wd, dir)
	if err != nil || len(rel) >= len(dir) {
		return dir
	}
	if filepath.Base(rel) == rel && rel != "." {
		return "./" + rel
	}
	return rel
}

// answer lets other processes ask, and monitoring systems at an address, if there is one.
func (a *app) answer(
	t *target, at string, live show.Live, search *engine.Search, led *ledger.Ledger, screen show.Screen,
) (close func(), err error) {
	server, err := a.serve(t, live, search, led)
	if err != nil {
		return nil, err
	}
	if at == "" {
		return server.Close, nil
	}
	address, err := health.ParseAddress(at)
	if err == nil {
		var monitored *health.Server
		if monitored, err = health.Serve(address, live); err == nil {
			screen.Say("metrics are at " + monitored.Addr)
			return func() { monitored.Close(); server.Close() }, nil
		}
	}
	server.Close()
	return nil, t.doc.Fault(&genome.Mistake{Key: "listen", Problem: err.Error()})
}

// serve lets other processes ask.
func (a *app) serve(t *target, live func() (*show.View, error), search *engine.Search, led *ledger.Ledger) (*socket.Server, error) {
	host := socket.Host{
		Command: func(ctx context.Context, r socket.Request, out io.Writer) error {
			guest := &app{args: r.Args, in: noInput{}, out: show.NewPrinter(out), err: io.Discard, data: out, width: r.Width, colour: r.Colour}
			guest.live, guest.search, guest.hosts = live, search, t.hosts
			return guest.execute(ctx)
		},
		Exit:   exitStatus,
		Steer:  search.Steer,
		Ledger: led.Copy,
	}
	if t.desk != nil {
		host.Attach = t.desk.Serve
	}
	server, err := socket.Serve(t.dir, host)
	if unwritable(err) {
		return nil, wrongInput("%v; choose a directory that you may write, or mend this one's permissions", err)
	}
	return server, err
}

// unwritable tells whether whoever asks may not write there.
func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
}

type noInput struct{}

func (noInput) Read([]byte) (int, error) { return 0, io.EOF }

// finished prints the report of a search that has nothing left to do.
func (a *app) finished(ctx context.Context, t *target, s *config.Search, m manner) (bool, error) {
	if _, deciding := config.Same(t.stored, t.doc); !deciding {
		return false, nil // the engine judges what may change
	}
	v, done, err := a.inspectSoon(ctx, t.dir)
	switch {
	case errors.Is(err, engine.ErrEmpty):
		return false, nil
	case err != nil:
		return true, err
	}
	defer done()
	status := v.Status()
	limits := v.Archive.Effective(s.Engine.Limits)
	if status.State != engine.StateFinished || further(status, limits) {
		return false, nil
	}
	if key, text := lowered(status, limits); key == "" {
		if err := t.keep(); err != nil {
			return true, err
		}
	} else {
		text += ": none is taken back, and nothing was changed"
		if t.doc.Given(key) {
			return true, wrongInput("%s; for its report: %s run %s", text, show.Program(), quote(shortest(t.dir)))
		}
		fmt.Fprintln(a.err, "nascent: "+text)
	}
	if err := a.tellLeft(s, v); err != nil {
		return true, err
	}
	return true, a.report(v, m)
}

// lowered is the limit of a finished search that asks for less than there is and than
// was asked before, and says so.
func lowered(s engine.Snapshot, l engine.Limits) (key, text string) {
	less := func(old, now, spent float64) bool { return now > 0 && now < spent && (old == 0 || now < old) }
	switch old := s.Limits; {
	case less(float64(old.Evaluations), float64(l.Evaluations), float64(s.Evaluations)):
		return "limits.evaluations", fmt.Sprintf("limits.evaluations: %d were asked for, and the search has ended with %d",
			l.Evaluations, s.Evaluations)
	case less(old.Seconds, l.Seconds, s.Spent.Seconds):
		return "limits.seconds", fmt.Sprintf("limits.seconds: %s were asked for, and the search has ended with %s",
			show.Seconds(l.Seconds), show.Seconds(s.Spent.Seconds))
	case less(old.Wall, l.Wall, s.Wall):
		return "limits.wall", fmt.Sprintf("limits.wall: %s were asked for, and the search has ended with %s",
			show.Seconds(l.Wall), show.Seconds(s.Wall))
	}
	return "", ""
}

// further tells whether limits let a finished search go on.
func further(s engine.Snapshot, l engine.Limits) bool {
	old := s.Limits
	raised := func(old, now float64) bool { return old > 0 && (now == 0 || now > old) }
	switch {
	case raised(float64(old.Evaluations), float64(l.Evaluations)), raised(old.Wall, l.Wall), raised(old.Seconds, l.Seconds):
		return true
	case !slices.Equal(old.Targets, l.Targets):
		return true
	case old.Target == nil && l.Target == nil:
		return false
	case old.Target == nil || l.Target == nil:
		return old.Target != nil
	}
	return *old.Target != *l.Target
}

// report prints the report and writes the page.
func (a *app) report(v *show.View, m manner) error {
	r, written := report.Of(v), false
	if led, ok := v.Ledger.(*ledger.Ledger); ok {
		page := func(w io.Writer) error { return (&opened{dir: v.Dir, led: led}).page(context.Background(), w) }
		err := safe.Write(filepath.Join(v.Dir, reportName), 0o644, page)
		if written = err == nil; !written {
			fmt.Fprintln(a.err, "nascent: the report's page could not be written: "+err.Error())
		}
	}
	var err error
	if m.json {
		err = a.writeJSON(r.JSON())
	} else {
		err = r.WriteText(a.out, a.lines(), quote(shortest(v.Dir)), written)
	}
	if errors.Is(err, syscall.EPIPE) { // nobody reads it, and the page has it all
		return nil
	}
	return err
}
