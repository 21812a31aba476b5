package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// Kind is what a plugin serves.
type Kind string

// The kinds of plugins.
const (
	KindEvaluator Kind = "evaluator"
	KindStrategy  Kind = "strategy"
)

// EnvPlugins names plugin directories, separated by colons.
const EnvPlugins = "NASCENT_PLUGINS"

// EnvScript tells the plugin that runs Python which file.
const EnvScript = "NASCENT_SCRIPT"

// Plugin is an executable that serves one or both kinds.
type Plugin struct {
	Path        string   `json:"path"`           // absolute
	Args        []string `json:"args,omitempty"` // what the executable is called with: one that serves several is told which
	Name        string   `json:"name"`
	Kinds       []Kind   `json:"kinds"`             // as its name says, or as it says itself
	Version     string   `json:"version,omitempty"` // known after Describe
	Protocol    int      `json:"protocol,omitempty"`
	Fingerprint string   `json:"fingerprint"` // sha256 of the executable, hex
	Source      string   `json:"source,omitempty"`
	Script      string   `json:"script,omitempty"`  // the Python file that the executable is to run
	Problem     string   `json:"problem,omitempty"` // why it cannot be used, from List
	// Options are what may be said of it in search.yaml, by kind: known after
	// Describe, of those that declare them.
	Options map[Kind][]option.Described `json:"options,omitempty"`
	Results int                         `json:"results,omitempty"` // version of its results, where it comes with nascent: see Several
}

// Dirs are the directories in which plugins are looked for, in this order: that
// of nascent's own executable, those given (the search's own), those in
// $NASCENT_PLUGINS.
func Dirs(given ...string) []string {
	var dirs []string
	if own := ownDir(); own != "" {
		dirs = append(dirs, own)
	}
	dirs = append(dirs, given...)
	for _, d := range filepath.SplitList(os.Getenv(EnvPlugins)) {
		if d != "" {
			dirs = append(dirs, d)
		}
	}
	var out []string
	for _, d := range dirs {
		if abs, err := filepath.Abs(d); err == nil && !slices.Contains(out, abs) {
			out = append(out, abs)
		}
	}
	return out
}

// Find looks for a plugin. name is a name ("onemax": the executable
// nascent-evaluator-onemax in one of Dirs, or what a program called Several says
// it serves by that name) or, if it contains a slash or ends
// in .go or .py, a path: to an executable, to a Go file, to a directory with a Go
// program, or to a Python file. Relative paths are looked for
// in dirs first, then in the working directory. Go source is built, see Build;
// Python is run by the plugin called exec.
func Find(kind Kind, name string, dirs ...string) (Plugin, error) {
	if name == "" {
		return Plugin{}, fmt.Errorf("no %s is named: write use: NAME", kind)
	}
	if strings.ContainsRune(name, filepath.Separator) || strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".py") {
		return findPath(kind, name, dirs)
	}
	file := "nascent-" + string(kind) + "-" + name
	for _, dir := range Dirs(dirs...) {
		path := filepath.Join(dir, file)
		if executable(path) {
			if err := trusted(path); err != nil {
				return Plugin{}, err
			}
			return describeFile(path, name, kind)
		}
	}
	all, err := candidates(kind, dirs)
	if err != nil {
		return Plugin{}, err
	}
	var known []string
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		known = append(known, p.Name)
	}
	hint := "none is installed, and " + several + ", which serves those that come with nascent, is not beside it"
	if len(known) > 0 {
		hint = "there are " + strings.Join(known, ", ")
	}
	if near := option.Nearest(name, known); near != "" {
		return Plugin{}, fmt.Errorf("no %s is called %s; did you mean %s? (%s)", kind, name, near, hint)
	}
	return Plugin{}, fmt.Errorf("no %s is called %s (%s): put %s beside nascent, into the search's directory or into one named "+
		"in $%s, or give a path", kind, name, hint, file, EnvPlugins)
}

func findPath(kind Kind, name string, dirs []string) (Plugin, error) {
	path := name
	if !filepath.IsAbs(path) {
		for _, dir := range append(slices.Clone(dirs), ".") {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				path = filepath.Join(dir, name)
				break
			}
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Plugin{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Plugin{}, fmt.Errorf("there is no %s at %s: give the path of an executable, of a Go or Python file or of "+
			"a directory with a Go program", kind, name)
	}
	if strings.HasSuffix(path, ".py") {
		return findPython(kind, path, dirs)
	}
	if info.IsDir() || strings.HasSuffix(path, ".go") {
		built, err := build(path)
		if err != nil {
			return Plugin{}, err
		}
		p, err := describeFile(built, plainName(path), kind)
		p.Source = path
		return p, err
	}
	if !executable(path) {
		return Plugin{}, fmt.Errorf("%s cannot be executed: chmod +x it, or give a Go file", name)
	}
	return describeFile(path, plainName(path), kind)
}

// findPython is the plugin that runs a Python file.
func findPython(kind Kind, path string, dirs []string) (Plugin, error) {
	p, err := Find(kind, "exec", dirs...)
	if err != nil {
		return Plugin{}, fmt.Errorf("%s needs the plugin that runs Python: %w", filepath.Base(path), err)
	}
	p.Name, p.Script = plainName(path), path
	return p, nil
}

// plainName is a plugin's name as its file tells it.
func plainName(path string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".go"), ".py")
	for _, kind := range []Kind{KindEvaluator, KindStrategy} {
		name = strings.TrimPrefix(name, "nascent-"+string(kind)+"-")
	}
	return name
}

func describeFile(path, name string, kinds ...Kind) (Plugin, error) {
	sum, err := hashFile(path)
	if err != nil {
		return Plugin{}, err
	}
	return Plugin{Path: path, Name: name, Kinds: kinds, Fingerprint: sum}, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// candidates are the plugins of one kind, by name; of several with one name the
// first, executables of their own before what a program serves besides others.
func candidates(kind Kind, dirs []string) ([]Plugin, error) {
	prefix := "nascent-" + string(kind) + "-"
	found := map[string]Plugin{}
	for _, dir := range Dirs(dirs...) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name, ok := strings.CutPrefix(e.Name(), prefix)
			path := filepath.Join(dir, e.Name())
			if _, double := found[name]; !ok || name == "" || double || !executable(path) {
				continue
			}
			found[name] = Plugin{Path: path, Name: name, Kinds: []Kind{kind}}
		}
	}
	all, err := served(kind, dirs)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if _, double := found[p.Name]; !double {
			found[p.Name] = p
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Plugin) int { return strings.Compare(a.Name, b.Name) }), nil
}

// List returns all plugins that can be found, evaluators first, and asks each
// what it is. One that cannot be asked has a Problem.
func List(ctx context.Context, o Options, dirs ...string) ([]Plugin, error) {
	all, err := candidates(KindEvaluator, dirs)
	if err != nil {
		return nil, err
	}
	strategies, err := candidates(KindStrategy, dirs)
	if err != nil {
		return nil, err
	}
	all = append(all, strategies...)
	var wg sync.WaitGroup
	room := make(chan struct{}, 4)
	for i := range all {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			p := &all[i]
			sum, err := hashFile(p.Path)
			if err == nil {
				err = trusted(p.Path)
			}
			if err != nil {
				p.Problem = err.Error()
				return
			}
			p.Fingerprint = sum
			described, err := Describe(ctx, *p, o)
			if err != nil {
				p.Problem = err.Error()
				return
			}
			described.Name = p.Name // as it is to be called
			*p = described
		})
	}
	wg.Wait()
	return all, nil
}

// Describe starts a plugin, asks it what it is, and ends it.
func Describe(ctx context.Context, p Plugin, o Options) (Plugin, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	proc, err := start(ctx, p, o)
	if err != nil {
		return p, err
	}
	defer proc.stop(ctx)
	d, err := proto.NewPluginClient(proc.conn).Describe(ctx, &proto.DescribeRequest{})
	if err != nil {
		return p, proc.explain(err)
	}
	p.Name, p.Version, p.Protocol = d.Name, d.Version, proc.protocol
	p.Kinds, p.Options = nil, nil
	for kind, text := range map[Kind][]byte{KindEvaluator: d.EvaluatorOptions, KindStrategy: d.StrategyOptions} {
		var options []option.Described
		if len(text) == 0 {
			continue
		}
		if err := json.Unmarshal(text, &options); err != nil {
			return p, fmt.Errorf("it does not say its options as JSON: %w", err)
		}
		if p.Options == nil {
			p.Options = map[Kind][]option.Described{}
		}
		p.Options[kind] = options
	}
	for _, k := range d.Kinds {
		p.Kinds = append(p.Kinds, Kind(k))
	}
	if len(p.Kinds) == 0 {
		return p, errors.New("it serves neither an evaluator nor a strategy")
	}
	return p, nil
}
