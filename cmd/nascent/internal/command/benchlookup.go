package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
)

// lookups are what the searches of a bench share whose evaluators look results up:
// they run in memory, with the same processes of the evaluators.
type lookups struct {
	metric  string      // as --metric says
	goal    engine.Goal // of it, where nobody else says so
	store   *bench.Store
	build   string                  // of nascent: another one may decide otherwise
	said    string                  // what the evaluators say of themselves
	space   *genome.Space           // restricted to what they can measure
	shared  map[string]*host.Shared // by the evaluator's name in the search.yaml
	options host.Options
}

// searchesAtOnce is how many run at once: each waits for its evaluator most of the time.
var searchesAtOnce = 2 * runtime.GOMAXPROCS(0)

// remembered is how many genomes searches over one table remember what they read of.
const remembered = 1 << 16

// openLookups opens the evaluators of a search once for all. It returns nil where one
// of them does not look results up, or refuses.
func (a *app) openLookups(ctx context.Context, t *target, f *benchFlags) (_ *lookups, refusal, err error) {
	s, err := t.doc.Read()
	if err != nil {
		return nil, nil, err
	}
	o := hostOptions("", s)
	o.SearchID = fmt.Sprintf("%s bench %d", f.dir, os.Getpid()) // another process may run the same one
	if err := a.connectBy(t, s, o); err != nil {
		return nil, nil, err
	}
	closeStrategy(s.Engine.Strategy)
	l := &lookups{metric: f.metric, goal: f.goal, space: s.Engine.Space, shared: map[string]*host.Shared{}, options: o}
	for _, name := range slices.Sorted(maps.Keys(s.Engine.Evaluators)) {
		ref := s.Engine.Evaluators[name]
		l.shared[name] = host.Share(ref.Evaluator, max(f.parallel, searchesAtOnce)*s.Engine.Workers)
		session, hello, err := l.shared[name].Open(ctx,
			engine.EvaluatorSetup{Space: l.space, Workers: s.Engine.Workers, Options: ref.Options})
		if err != nil {
			l.close()
			return nil, err, nil
		}
		if err := session.Close(ctx); err != nil || !hello.Lookup {
			l.close()
			return nil, nil, err
		}
		l.said += fmt.Sprintf("%s %s %d %s\n", name, hello.Name, hello.Results, hello.Identity)
		if len(hello.Pool) > 0 {
			if l.space, err = l.space.Pool(hello.Pool); err != nil {
				l.close()
				return nil, err, nil
			}
		}
	}
	l.space = l.space.Remember(remembered)
	if l.build, err = host.Own(); err == nil {
		l.store, err = bench.OpenStore(filepath.Join(f.dir, bench.StoreName))
	}
	if err != nil {
		l.close()
		return nil, nil, err
	}
	return l, nil, nil
}

// empty tells that nothing is kept, also of a nil.
func (l *lookups) empty() bool { return l == nil || l.store.Len() == 0 }

// close ends the evaluators.
func (l *lookups) close() {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, name := range slices.Sorted(maps.Keys(l.shared)) {
		l.shared[name].Close(ctx)
	}
	if l.store != nil {
		l.store.Close()
	}
}

// looked is one strategy's searches over lookups.
type looked struct {
	target *target
	search *config.Search
	dirs   []string // of plugins
	key    string   // equal for searches that come to the same
}

// read prepares the searches of a strategy: they differ in their seeds alone.
func (l *lookups) read(t *target) (*looked, error) {
	s, err := t.doc.Read()
	if err != nil {
		return nil, err
	}
	deciding, err := config.Deciding(t.doc)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s %s\n%s\n%s", l.build, l.metric, l.goal, l.said, deciding)
	dirs := append([]string{t.doc.Dir}, s.PluginDirs...)
	if _, err := evolve.New(s.Strategy.Use); err != nil { // it is not built in
		found, err := host.Find(host.KindStrategy, s.Strategy.Use, dirs...)
		if err != nil {
			return nil, t.missing(s.Strategy, err)
		}
		fmt.Fprintf(h, "\n%s", found.Fingerprint)
	}
	return &looked{t, s, dirs, hex.EncodeToString(h.Sum(nil))[:32]}, nil
}

// inMemory is a search over lookups.
type inMemory struct {
	over *lookups
	by   *looked
	seed int64
}

func (h *inMemory) key() bench.Key { return bench.Key{Of: h.by.key, Seed: h.seed} }

func (h *inMemory) finished() bool {
	_, ok := h.over.store.Get(h.key())
	return ok
}

func (h *inMemory) dir() string { return "" }

func (h *inMemory) outcome(string, engine.Goal) (*bench.Outcome, error) {
	o, ok := h.over.store.Get(h.key())
	if !ok {
		return nil, fmt.Errorf("the search with seed %d has not ended", h.seed)
	}
	return &o, nil
}

func (h *inMemory) run(ctx context.Context, _ *app, _ bool, among func(*engine.Search)) (err error) {
	s, t := h.by.search, h.by.target
	cfg := s.Engine
	cfg.Space, cfg.Seed = h.over.space, uint64(h.seed)
	if cfg.Name == "" {
		cfg.Name = filepath.Base(t.dir)
	}
	cfg.Evaluators = map[string]engine.EvaluatorRef{}
	for name, p := range s.Evaluators {
		cfg.Evaluators[name] = engine.EvaluatorRef{Evaluator: h.over.shared[name], Options: p.Options}
	}
	if cfg.Strategy, err = findStrategy(s.Strategy, h.over.options, h.by.dirs); err != nil {
		return t.missing(s.Strategy, err)
	}
	defer closeStrategy(cfg.Strategy)
	cfg.StrategyName, cfg.StrategyOptions, cfg.StrategySource = strategyName(s.Strategy), recordedOptions(s.Strategy), sourceOf(s.Strategy)
	led := engine.Memory()
	defer led.Close()
	cfg.Ledger = led
	search, err := engine.New(cfg)
	if err != nil {
		return t.locate(err)
	}
	among(search)
	if err := search.Run(ctx); err != nil {
		return t.locate(err)
	}
	if search.Status().State != engine.StateFinished {
		return nil // it was stopped, and begins anew next time
	}
	archive := search.Archive()
	o, err := outcomeOf(show.Of(archive, archive, led, t.dir), h.over.metric, h.over.goal)
	if err != nil {
		return err
	}
	if o.Digest, err = search.Digest(); err != nil {
		return err
	}
	return h.over.store.Put(h.key(), *o)
}
