package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/clients"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/python"
)

// hostOptions is how a search runs its plugins.
func hostOptions(dir string, s *config.Search) host.Options {
	return host.Options{
		Dir: dir, Folder: s.PluginFolder, Level: hclog.LevelFromString(s.LogLevel), Plaintext: !s.TLS, Env: s.PluginEnv, SearchID: dir,
		TurnTimeout: s.TurnTimeout,
	}
}

// connect finds the programs that a search names. It starts none.
func (a *app) connect(t *target, s *config.Search) error {
	return a.connectBy(t, s, hostOptions(t.dir, s))
}

// connectBy does so for plugins that run in a manner of their own.
func (a *app) connectBy(t *target, s *config.Search, o host.Options) error {
	if err := t.folderIsThere(s); err != nil {
		return err
	}
	dirs := t.pluginDirs(s)
	s.Engine.Evaluators = map[string]engine.EvaluatorRef{}
	for name, p := range s.Evaluators {
		if p.Use == clients.Name {
			if t.desk == nil {
				return t.missing(p, errors.New("clients measure this search, and to this command none can attach; it is for: nascent run"))
			}
			s.Engine.Evaluators[name] = engine.EvaluatorRef{Evaluator: t.desk, Options: p.Options}
			continue
		}
		found, err := host.Find(host.KindEvaluator, p.Use, dirs...)
		if err != nil {
			return t.missing(p, err)
		}
		a.doubt(found, p.Options)
		s.Engine.Evaluators[name] = engine.EvaluatorRef{Evaluator: host.Evaluator(found, o), Options: p.Options}
	}
	strategy, err := findStrategy(s.Strategy, o, dirs)
	if err != nil {
		return t.missing(s.Strategy, err)
	}
	if s.Strategy.IsPath() {
		if found, err := host.Find(host.KindStrategy, s.Strategy.Use, dirs...); err == nil {
			a.doubt(found, s.Strategy.Options)
		}
	}
	s.Engine.Strategy, s.Engine.StrategyName, s.Engine.StrategyOptions = strategy, strategyName(s.Strategy), recordedOptions(s.Strategy)
	s.Engine.StrategySource = sourceOf(s.Strategy)
	return nil
}

// folderIsThere refuses a search whose plugins' relative paths are to start nowhere. What
// its directory has recorded may be gone: it may have come from another machine.
func (t *target) folderIsThere(s *config.Search) error {
	const key = "plugins.folder"
	if !t.doc.Has(key) || t.stored != nil && t.stored.Text(key) == s.PluginFolder {
		return nil
	}
	m := engine.Mistake{Key: key, Remedy: "name the folder where relative paths in the options of plugins start, or leave it out"}
	switch info, err := os.Stat(s.PluginFolder); {
	case err != nil:
		m.Problem = fmt.Sprintf("%s cannot be used: %v", s.PluginFolder, errors.Unwrap(err))
	case !info.IsDir():
		m.Problem = s.PluginFolder + " is no folder"
	default:
		return nil
	}
	return t.doc.Fault(&m)
}

// doubt tells if others may have a hand in a program that was named by its path, or
// in what it imports.
func (a *app) doubt(p host.Plugin, options json.RawMessage) {
	if text := host.Doubt(p); text != "" {
		fmt.Fprintln(a.err, "nascent: "+text)
	}
	if filepath.Ext(p.Script) == ".py" {
		var own struct{ Python string }
		json.Unmarshal(options, &own) // what is wrong with options is said by who reads them all
		if text := python.Foreign(own.Python, p.Script); text != "" {
			fmt.Fprintln(a.err, "nascent: "+text)
		}
	}
}

// findStrategy is a strategy that is built in, or a plugin's. One that is built in
// runs in this process, and what it searches with may be a plugin.
func findStrategy(p config.Plugin, o host.Options, dirs []string) (engine.Strategy, error) {
	inner := evolve.Inner(p.Use, p.Options) // as they were named: the recorded options have no paths
	for i, use := range inner {
		for _, other := range inner[:i] {
			if use != other && strategyName(config.Plugin{Use: use}) == strategyName(config.Plugin{Use: other}) {
				return nil, fmt.Errorf("%s and %s have one name: give one of the files another name", other, use)
			}
		}
	}
	var find evolve.Find
	find = func(use string) (engine.Strategy, error) {
		if named := slices.IndexFunc(inner, func(path string) bool { return strategyName(config.Plugin{Use: path}) == use }); named >= 0 {
			use = inner[named]
		}
		return newStrategy(use, find, o, dirs)
	}
	return newStrategy(p.Use, find, o, dirs)
}

// newStrategy makes a strategy that is built in, which finds those that it searches
// with, or a plugin's.
func newStrategy(use string, inner evolve.Find, o host.Options, dirs []string) (engine.Strategy, error) {
	p := config.Plugin{Use: use}
	if !p.IsPath() {
		if strategy, err := evolve.NewWith(use, inner); err == nil {
			return strategy, nil
		}
	}
	found, err := host.Find(host.KindStrategy, use, dirs...)
	if err != nil {
		builtIn := evolve.Names()
		if near := option.Nearest(use, builtIn); near != "" && !p.IsPath() {
			return nil, fmt.Errorf("%w; did you mean %s, which is built in?", err, near)
		}
		return nil, fmt.Errorf("%w; built in are %s", err, strings.Join(builtIn, ", "))
	}
	return host.Strategy(found, o), nil
}

// recordedOptions are a strategy's options as the ledger records them: without
// the paths of plugins to search with, which may change.
func recordedOptions(p config.Plugin) json.RawMessage {
	if !slices.ContainsFunc(evolve.Inner(p.Use, p.Options), filepath.IsAbs) {
		return p.Options
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(p.Options, &all) != nil {
		return p.Options
	}
	var err error
	if all["search"], err = unplaced(all["search"]); err != nil {
		return p.Options
	}
	out, err := json.Marshal(all)
	if err != nil {
		return p.Options
	}
	return out
}

// unplaced writes a strategy as options name it, or a list of such, by names in place
// of paths.
func unplaced(search json.RawMessage) (json.RawMessage, error) {
	var path string
	if json.Unmarshal(search, &path) == nil {
		return json.Marshal(strategyName(config.Plugin{Use: path}))
	}
	var list []json.RawMessage
	if json.Unmarshal(search, &list) == nil {
		for i := range list {
			var err error
			if list[i], err = unplaced(list[i]); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	}
	var group genome.Map // in the order of search.yaml
	if err := json.Unmarshal(search, &group); err != nil {
		return nil, err
	}
	use, _ := group.At("use")
	name, _ := use.(string)
	for i := range group {
		switch {
		case group[i].Key == "use" && name != "":
			group[i].Value = strategyName(config.Plugin{Use: name})
		case group[i].Key == "search" && evolve.SearchesWith(name):
			deeper, err := json.Marshal(group[i].Value)
			if err != nil {
				return nil, err
			}
			if group[i].Value, err = unplaced(deeper); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(group)
}

// sourceOf is where a strategy is found again: its name or path or, where its
// options have a path that is not recorded, all of it as search.yaml has it.
func sourceOf(p config.Plugin) string {
	if string(recordedOptions(p)) == string(p.Options) {
		return p.Use
	}
	return strategyText(engine.StrategyEvent{Source: p.Use, Options: p.Options})
}

// sourced is the strategy that an event tells of.
func sourced(e engine.StrategyEvent) config.Plugin {
	p := config.Plugin{Key: "strategy", Use: e.Source, Options: e.Options}
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(e.Source), &all) != nil || json.Unmarshal(all["use"], &p.Use) != nil {
		return p
	}
	delete(all, "use")
	if options, err := json.Marshal(all); err == nil {
		p.Options = options
	}
	return p
}

// closeStrategy ends the process of a strategy that has one: by force, when it
// does not end soon.
func closeStrategy(strategy engine.Strategy) {
	if closer, ok := strategy.(interface{ Close(context.Context) error }); ok {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		closer.Close(ctx)
	}
}

// strategyName is what the ledger records: the name without its path, which
// may change.
func strategyName(p config.Plugin) string {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(p.Use), ".go"), ".py")
	return strings.TrimPrefix(name, "nascent-strategy-")
}

// missing says where in the search.yaml a program is named that is not there.
func (t *target) missing(p config.Plugin, err error) error {
	key := p.Key
	if t.doc.Has(key + ".use") {
		key += ".use"
	}
	return t.doc.Fault(&engine.Mistake{Key: key, Problem: err.Error()})
}

// locate says where in the search.yaml the cause of the engine's refusal
// stands.
func (t *target) locate(err error) error {
	var m *engine.Mistake
	if !errors.Is(err, engine.ErrConfig) || !errors.As(err, &m) {
		return err
	}
	at := *m
	steps := at.Steps()
	switch {
	case len(steps) == 0 || !config.Known(steps[0]):
		return err
	case steps[0] == config.Only && t.doc.Has("evaluators"): // one of several is called so
		at.Within("evaluators")
	}
	return t.doc.Fault(&at)
}

// ofSearch reads how the search in dir runs its plugins; what cannot be read
// is left at its defaults.
func ofSearch(dir string) (host.Options, []string) {
	if doc, err := readConfig(filepath.Join(dir, configName)); err == nil {
		if s, err := doc.Read(); err == nil {
			return hostOptions(dir, s), append([]string{dir}, s.PluginDirs...)
		}
	}
	return host.Options{}, []string{dir}
}
