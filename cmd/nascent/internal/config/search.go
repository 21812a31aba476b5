package config

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Plugin names a program, or something built in, and its options.
type Plugin struct {
	Key     string          // where it is named: "evaluator", "evaluators.quick", "strategy"
	Use     string          // a name, or the absolute path of a program
	Options json.RawMessage // a JSON object with sorted keys
}

// IsPath tells whether a plugin is named by its path.
func (p *Plugin) IsPath() bool { return filepath.IsAbs(p.Use) }

// Search is what a Document says. In its Engine part everything is filled in
// but Strategy, Evaluators and Ledger, which are programs and files to be
// found and opened.
type Search struct {
	Engine       engine.Config
	Strategy     Plugin
	Evaluators   map[string]Plugin // by the names that the fidelities use
	LogLevel     string            // of the plugins' logs: trace, debug, info, warn or error
	LogFormat    string            // of progress that is not shown on a terminal: text or json
	Hooks        []Hook            // run in PluginFolder
	TensorBoard  string            // directory for its event files, absolute; empty: none
	MLflow       string            // address of a tracking server, or a directory, absolute; empty: none
	Listen       string            // where monitoring systems are answered; empty: nowhere
	PluginDirs   []string          // where to look for plugins, absolute
	PluginFolder string            // where relative paths in plugins' options start, absolute
	PluginEnv    []string          // what plugins get of the environment besides the usual: NAME or NAME=VALUE
	TLS          bool              // between the engine and its plugins
	Fleet        *Fleet            // whose hosts carry the jobs out; nil: this machine

	TurnTimeout time.Duration // of a strategy's one turn; 0: as host.Options has it
	Idle        time.Duration // after so long without clients a search that they measure ends; 0: not said
}

// Only is the name of the evaluator of a search that has one.
const Only = "evaluator"

// defaultStrategy is the best of those that are built in where evaluations are dear: see
// docs/science.md.
const defaultStrategy = "guided"

// variableAlphabet are the names of variables of the environment.
var variableAlphabet = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// variable reads NAME or NAME=VALUE, a variable of the environment that is not among
// the others.
func (d *Document) variable(n *yaml.Node, key string, others []string) (string, error) {
	v, err := d.word(n, key)
	if err != nil {
		return "", err
	}
	name, value, _ := strings.Cut(v, "=")
	switch {
	case !variableAlphabet.MatchString(name):
		err = d.fault(n, key, "write NAME, to pass a variable on, or NAME=VALUE: a name takes letters, "+
			"digits and _ . -, and begins with no digit",
			"%.60q is no name for a variable", name)
	case strings.ContainsRune(value, 0):
		err = d.fault(n, key, "leave it out", "the value of %s holds a zero byte", name)
	case slices.ContainsFunc(others, func(other string) bool { before, _, _ := strings.Cut(other, "="); return before == name }):
		err = d.fault(n, key, "keep one of them", "%s is there twice", name)
	}
	return v, err
}

var nameAlphabet = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

type readers = map[string]func(n *yaml.Node, key string) error

// Read reads the whole document. The error names the first mistake.
func (d *Document) Read() (*Search, error) {
	s := &Search{Evaluators: map[string]Plugin{}, LogLevel: "info", LogFormat: "text", TLS: true, PluginFolder: d.path(".")}
	s.Strategy = Plugin{Key: "strategy", Use: defaultStrategy, Options: json.RawMessage("{}")}
	var again map[string]any // options of the strategy that measures again, if one is asked for
	e := &s.Engine
	e.Workers, e.Fill = runtime.GOMAXPROCS(0), true
	var later []func() error // what needs the space
	postpone := func(f func(n *yaml.Node, key string) error) func(n *yaml.Node, key string) error {
		return func(n *yaml.Node, key string) error {
			later = append(later, func() error { return f(n, key) })
			return nil
		}
	}
	err := d.fields(d.root, "", readers{
		"name":      func(n *yaml.Node, key string) (err error) { e.Name, err = d.name(n, key); return err },
		"space":     func(n *yaml.Node, key string) (err error) { e.Space, err = d.whole(n, key); return err },
		"start":     postpone(func(n *yaml.Node, key string) (err error) { e.Start, err = d.start(n, key, e.Space); return err }),
		"baselines": postpone(func(n *yaml.Node, key string) (err error) { e.Final.Baselines, err = d.baselines(n, key); return err }),
		"strategy": func(n *yaml.Node, key string) (err error) {
			s.Strategy, err = d.plugin(n, key)
			return err
		},
		"repeats": func(n *yaml.Node, key string) (err error) { again, err = d.repeats(n, key); return err },
		"evaluator": func(n *yaml.Node, key string) error {
			p, err := d.plugin(n, key)
			s.Evaluators[Only] = p
			return err
		},
		"evaluators":  func(n *yaml.Node, key string) error { return d.evaluators(n, key, s) },
		"fidelities":  postpone(func(n *yaml.Node, key string) error { return d.fidelities(n, key, s) }),
		"objectives":  func(n *yaml.Node, key string) error { return d.objectives(n, key, &e.Objectives, &e.Ties) },
		"ties":        func(n *yaml.Node, key string) error { return d.objectives(n, key, &e.Ties, &e.Objectives) },
		"metrics":     func(n *yaml.Node, key string) error { return d.derived(n, key, e) },
		"score":       func(n *yaml.Node, key string) error { return d.score(n, key, e) },
		"prefer":      func(n *yaml.Node, key string) (err error) { e.Prefer, err = d.expression(n, key); return err },
		"reference":   func(n *yaml.Node, key string) error { return d.metrics(n, key, &e.Reference) },
		"constraints": func(n *yaml.Node, key string) error { return d.constraints(n, key, e) },
		"limits":      func(n *yaml.Node, key string) error { return d.limits(n, key, &e.Limits) },
		"seed": func(n *yaml.Node, key string) error {
			v, err := d.integer(n, key)
			if err == nil && (v < 0 || uint64(v) >= rng.MaxSeed) {
				err = d.fault(n, key, "write a whole number from 0 to 9007199254740991", "%d is out of range", v)
			}
			e.Seed = uint64(v)
			return err
		},
		"order": func(n *yaml.Node, key string) error {
			v, err := d.oneOf(n, key, string(engine.Strict), string(engine.Arrival))
			e.Order = engine.Order(v)
			return err
		},
		"window": func(n *yaml.Node, key string) (err error) {
			e.Window, err = d.between(n, key, 1, engine.MaxWindow)
			return err
		},
		"workers": func(n *yaml.Node, key string) (err error) {
			e.Fill = false
			e.Workers, err = d.between(n, key, 1, engine.MaxWorkers)
			return err
		},
		"duplicates": func(n *yaml.Node, key string) error {
			v, err := d.oneOf(n, key, string(engine.Reject), string(engine.Reuse), string(engine.Replicate))
			e.Duplicates = engine.Duplicates(v)
			return err
		},
		"failures": func(n *yaml.Node, key string) error { return d.failures(n, key, &e.Failures) },
		"timeout": func(n *yaml.Node, key string) (err error) {
			if n.Kind == yaml.ScalarNode && n.Value == "auto" {
				e.Timeout = engine.AutoTimeout
				return nil
			}
			e.Timeout, err = d.span(n, key)
			return err
		},
		"grace": func(n *yaml.Node, key string) (err error) { e.Grace, err = d.pause(n, key); return err },
		"idle":  func(n *yaml.Node, key string) (err error) { s.Idle, err = d.span(n, key); return err },
		"final": func(n *yaml.Node, key string) error { return d.final(n, key, &e.Final) },
		"checkpoints": func(n *yaml.Node, key string) error {
			return d.fields(n, key, readers{
				"keep": func(n *yaml.Node, key string) (err error) { e.Keep, err = d.count(n, key, 1); return err },
			})
		},
		"hooks": func(n *yaml.Node, key string) (err error) { s.Hooks, err = d.hooks(n, key); return err },
		"tensorboard": func(n *yaml.Node, key string) error {
			dir, err := d.word(n, key)
			s.TensorBoard = d.path(dir)
			return err
		},
		"mlflow": func(n *yaml.Node, key string) error {
			where, err := d.word(n, key)
			s.MLflow = server(where, d.path)
			return err
		},
		"listen": func(n *yaml.Node, key string) error {
			at, err := d.word(n, key)
			s.Listen = address(at, d.path)
			return err
		},
		"fleet":   func(n *yaml.Node, key string) (err error) { s.Fleet, err = d.fleet(n, key); return err },
		"logging": func(n *yaml.Node, key string) error { return d.logging(n, key, s) },
		"plugins": func(n *yaml.Node, key string) error { return d.hosting(n, key, s) },
	})
	if err != nil {
		return nil, err
	}
	if e.Space == nil {
		return nil, d.missing("space", "say what may be searched, for example space: {lr: {float: [1e-4, 1e-1], log: true}}")
	}
	if len(s.Evaluators) == 0 {
		return nil, d.missing("evaluator", "say who measures the candidates, for example evaluator: {use: ./evaluator.go}")
	}
	if d.Has("evaluator") && d.Has("evaluators") {
		return nil, d.Fault(&genome.Mistake{Key: "evaluators", Problem: "stands beside evaluator", Remedy: "keep one of them"})
	}
	if d.Has("fleet") && d.Has("workers") {
		return nil, d.Fault(&genome.Mistake{Key: "workers", Problem: "stands beside fleet, whose hosts say how many jobs they take at once",
			Remedy: "leave it out, and say fleet.slots where a host is to take another number"})
	}
	for _, f := range later {
		if err := f(); err != nil {
			return nil, err
		}
	}
	if again != nil && s.Strategy.Use == repeats {
		return nil, d.Fault(&genome.Mistake{Key: "repeats", Problem: "stands beside the strategy repeats",
			Remedy: "remove it, and write share and after among the strategy's options"})
	}
	if s.Strategy, err = s.Strategy.repeated(again); err != nil {
		return nil, err
	}
	if len(e.Fidelities) == 0 && len(s.Evaluators) > 1 {
		return nil, d.missing("fidelities", "with several evaluators, say which comes first: "+
			"fidelities: [{evaluator: quick}, {evaluator: full}]")
	}
	return s, nil
}

// name reads what a search is called.
func (d *Document) name(n *yaml.Node, key string) (string, error) {
	name, err := d.word(n, key)
	if err == nil && !nameAlphabet.MatchString(name) {
		err = d.fault(n, key, "use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit",
			"%s is no name for a search", describe(n))
	}
	return name, err
}

// whole reads the space of a search, in which there is something to choose.
func (d *Document) whole(n *yaml.Node, key string) (*genome.Space, error) {
	space, err := d.space(n, key, nil)
	if err != nil {
		return nil, err
	}
	if size := space.Size().Exact; size != nil && size.IsInt64() && size.Int64() <= 1 {
		return nil, d.fault(n, key, "let a gene vary, for example lr: {float: [1e-4, 1e-1], log: true}; kinds of genes are in docs/space.md",
			"holds a single genome, so there is nothing to search")
	}
	return space, nil
}

func (d *Document) failures(n *yaml.Node, key string, f *engine.FailurePolicy) error {
	return d.fields(n, key, readers{
		"attempts":    func(n *yaml.Node, key string) (err error) { f.Attempts, err = d.count(n, key, 1); return err },
		"backoff":     func(n *yaml.Node, key string) (err error) { f.Backoff, err = d.pause(n, key); return err },
		"pause_after": func(n *yaml.Node, key string) (err error) { f.PauseAfter, err = d.count(n, key, 1); return err },
	})
}

func (d *Document) logging(n *yaml.Node, key string, s *Search) error {
	return d.fields(n, key, readers{
		"level": func(n *yaml.Node, key string) (err error) {
			s.LogLevel, err = d.oneOf(n, key, "trace", "debug", "info", "warn", "error")
			return err
		},
		"format": func(n *yaml.Node, key string) (err error) {
			s.LogFormat, err = d.oneOf(n, key, "text", "json")
			return err
		},
	})
}

// hosting reads how plugins are found and run.
func (d *Document) hosting(n *yaml.Node, key string, s *Search) error {
	return d.fields(n, key, readers{
		"turn_timeout": func(n *yaml.Node, key string) (err error) { s.TurnTimeout, err = d.span(n, key); return err },
		"tls":          func(n *yaml.Node, key string) (err error) { s.TLS, err = d.boolean(n, key); return err },
		"folder": func(n *yaml.Node, key string) error {
			folder, err := d.word(n, key)
			s.PluginFolder = d.path(folder)
			return err
		},
		"dirs": func(n *yaml.Node, key string) error {
			return d.list(n, key, func(n *yaml.Node, key string) error {
				dir, err := d.word(n, key)
				s.PluginDirs = append(s.PluginDirs, d.path(dir))
				return err
			})
		},
		"env": func(n *yaml.Node, key string) error {
			return d.list(n, key, func(n *yaml.Node, key string) error {
				v, err := d.variable(n, key, s.PluginEnv)
				s.PluginEnv = append(s.PluginEnv, v)
				return err
			})
		},
	})
}

func (d *Document) missing(key, remedy string) error {
	return wrong(d.Name, key, remedy, "there is none")
}

// path makes a path absolute: relative ones start where the document lies.
func (d *Document) path(p string) string {
	if !filepath.IsAbs(p) {
		p = filepath.Join(d.Dir, p)
	}
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p
}

// plugin reads NAME, PATH or {use: NAME or PATH, option: value, ...}.
func (d *Document) plugin(n *yaml.Node, key string) (Plugin, error) {
	p := Plugin{Key: key, Options: json.RawMessage("{}")}
	if n.Kind == yaml.ScalarNode {
		use, err := d.word(n, key)
		p.Use = d.program(use)
		return p, err
	}
	if n.Kind != yaml.MappingNode {
		return p, d.fault(n, key, "write a name, or {use: NAME, option: value}", "holds %s", describe(n))
	}
	_, use := child(n, "use")
	if use == nil {
		return p, d.fault(n, key, "add use: NAME or PATH", "does not say which one")
	}
	name, err := d.word(use, key+".use")
	if err != nil {
		return p, err
	}
	p.Use = d.program(name)
	options := map[string]any{}
	for i := 0; i < len(n.Content); i += 2 {
		if k := n.Content[i].Value; k != "use" {
			if options[k], err = d.option(n.Content[i+1], join(key, k)); err != nil {
				return p, err
			}
		}
	}
	if words, ok := options["command"].([]any); ok && p.Use == commands {
		for i, word := range words {
			if text, ok := word.(string); ok {
				words[i] = d.dotted(text)
			}
		}
	}
	if key == "strategy" && options[within] != nil && evolve.SearchesWith(p.Use) {
		options[within] = d.placed(options[within])
	}
	p.Options, err = json.Marshal(options)
	return p, err
}

// repeats reads how much is measured again: options of the strategy of that name, nil if
// nothing is.
func (d *Document) repeats(n *yaml.Node, key string) (map[string]any, error) {
	options := map[string]any{}
	if n.Kind == yaml.ScalarNode {
		on, err := d.boolean(n, key)
		if !on {
			options = nil
		}
		return options, err
	}
	err := d.fields(n, key, readers{
		"share": func(n *yaml.Node, key string) error {
			x, err := d.number(n, key)
			if err == nil && (x < 0.001 || x > 0.9) {
				err = d.fault(n, key, "write a number from 0.001 to 0.9, or leave out repeats", "%g is out of range", x)
			}
			options["share"] = x
			return err
		},
		"after": func(n *yaml.Node, key string) (err error) {
			options["after"], err = d.between(n, key, 2, 1_000_000)
			return err
		},
	})
	return options, err
}

// repeated is a strategy within the one that measures again.
func (p Plugin) repeated(options map[string]any) (Plugin, error) {
	if options == nil {
		return p, nil
	}
	search := map[string]json.RawMessage{}
	err := json.Unmarshal(p.Options, &search)
	if err != nil {
		return p, err
	}
	if options[within] = p.Use; len(search) > 0 {
		if search["use"], err = json.Marshal(p.Use); err != nil {
			return p, err
		}
		options[within] = search
	}
	p.Use = repeats
	p.Options, err = json.Marshal(options)
	return p, err
}

// repeats is the strategy that measures again what another one found.
const repeats = "repeats"

// placed is a strategy, or a list of strategies, as the option of one that searches with
// others names it, with paths made absolute. What others call search is theirs.
func (d *Document) placed(inner any) any {
	switch inner := inner.(type) {
	case string:
		return d.program(inner)
	case []any:
		for i := range inner {
			inner[i] = d.placed(inner[i])
		}
	case genome.Map:
		use, _ := inner.At("use")
		name, _ := use.(string)
		for i, entry := range inner {
			switch {
			case entry.Key == "use" && name != "":
				inner[i].Value = d.program(name)
			case entry.Key == within && evolve.SearchesWith(name):
				inner[i].Value = d.placed(entry.Value)
			}
		}
	}
	return inner
}

// within is the option of strategies that search with others ([evolve.SearchesWith]): it
// names them as plugins are named.
const within = "search"

// commands is the evaluator whose option command names programs by their paths.
const commands = "exec"

// dotted is a word as it is, and one that begins with ./ or ../ as a path made
// absolute.
func (d *Document) dotted(word string) string {
	if strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") {
		return d.path(word)
	}
	return word
}

// program is a name as it is, and a path made absolute.
func (d *Document) program(use string) string {
	if strings.ContainsRune(use, filepath.Separator) || strings.HasSuffix(use, ".go") || strings.HasSuffix(use, ".py") {
		return d.path(use)
	}
	return use
}

func (d *Document) evaluators(n *yaml.Node, key string, s *Search) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return d.fault(n, key, "write {quick: {use: NAME}, full: {use: NAME}}", "holds %s", describe(n))
	}
	for i := 0; i < len(n.Content); i += 2 {
		name := n.Content[i].Value
		p, err := d.plugin(n.Content[i+1], join(key, name))
		if err != nil {
			return err
		}
		s.Evaluators[name] = p
	}
	return nil
}

func (d *Document) fidelities(n *yaml.Node, key string, s *Search) error {
	e := &s.Engine
	err := d.list(n, key, func(n *yaml.Node, key string) error {
		f := engine.Fidelity{}
		if len(s.Evaluators) == 1 {
			for name := range s.Evaluators {
				f.Evaluator = name
			}
		}
		err := d.fields(n, key, readers{
			"budget": func(n *yaml.Node, key string) (err error) { f.Budget, err = d.positive(n, key); return err },
			"evaluator": func(n *yaml.Node, key string) (err error) {
				if f.Evaluator, err = d.word(n, key); err != nil {
					return err
				}
				if _, ok := s.Evaluators[f.Evaluator]; !ok {
					return d.fault(n, key, "use "+names(s.Evaluators), "there is no evaluator %q", f.Evaluator)
				}
				return nil
			},
		})
		if err == nil && f.Evaluator == "" {
			err = d.fault(n, key+".evaluator", "use one of "+names(s.Evaluators), "there is none")
		}
		e.Fidelities = append(e.Fidelities, f)
		return err
	})
	if err == nil && len(e.Fidelities) == 0 {
		err = d.fault(n, key, "list at least one {budget: N}, or remove the key", "the list is empty")
	}
	return err
}

// objectives reads those that are equal in rank, or the ties; others are the others.
func (d *Document) objectives(n *yaml.Node, key string, all, others *[]engine.Objective) error {
	if n.Kind != yaml.SequenceNode {
		return d.fault(n, key, "write a list: ["+meantObjectives(n)+"]", "holds %s, not a list", describe(n))
	}
	err := d.list(n, key, func(n *yaml.Node, key string) error {
		if n.Kind != yaml.MappingNode {
			return d.fault(n, key, "write "+meantObjectives(n), "holds %s, not a map", describe(n))
		}
		o := engine.Objective{Goal: engine.Maximize}
		err := d.fields(n, key, readers{
			"metric": func(n *yaml.Node, key string) (err error) { o.Metric, err = d.word(n, key); return err },
			"goal": func(n *yaml.Node, key string) error {
				v, err := d.oneOf(n, key, string(engine.Maximize), string(engine.Minimize))
				o.Goal = engine.Goal(v)
				return err
			},
			"scale": func(n *yaml.Node, key string) error {
				v, err := d.oneOf(n, key, linear, string(engine.LogScale))
				if v != linear {
					o.Scale = engine.Scale(v)
				}
				return err
			},
		})
		if err == nil && o.Metric == "" {
			err = d.fault(n, key+".metric", "write {metric: accuracy, goal: maximize}", "there is none")
		}
		stands := func(old engine.Objective) bool { return old.Metric == o.Metric }
		switch {
		case err != nil:
		case slices.ContainsFunc(*all, stands):
			err = d.fault(n, key+".metric", "remove one", "%s stands there already", o.Metric)
		case slices.ContainsFunc(*others, stands):
			err = d.fault(n, key+".metric", "remove one", "%s stands in objectives and in ties", o.Metric)
		}
		*all = append(*all, o)
		return err
	})
	if err == nil && key == "objectives" && len(*all) == 0 {
		err = d.fault(n, key, "list at least one, or remove the key (then accuracy is maximized)", "the list is empty")
	}
	return err
}

// meantObjectives are objectives as they are written, of what may have been meant so: a name,
// one objective without its list, or names with goals.
func meantObjectives(n *yaml.Node) string {
	var all []string
	add := func(metric, goal string) {
		if goal != string(engine.Minimize) {
			goal = string(engine.Maximize)
		}
		if metric == "" {
			metric = "accuracy"
		}
		all = append(all, "{metric: "+clip(metric)+", goal: "+goal+"}")
	}
	_, metric := child(n, "metric")
	switch {
	case n.Kind == yaml.MappingNode && metric == nil && len(n.Content) > 0:
		for i := 0; i+1 < min(len(n.Content), 8); i += 2 {
			add(n.Content[i].Value, n.Content[i+1].Value)
		}
	case metric != nil:
		_, goal := child(n, "goal")
		if goal == nil {
			goal = &yaml.Node{}
		}
		add(metric.Value, goal.Value)
	default:
		add(n.Value, "")
	}
	return strings.Join(all, ", ")
}

// derived reads expressions by the names of the metrics that they are to be.
func (d *Document) derived(n *yaml.Node, key string, e *engine.Config) error {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return d.fault(n, key, `write {score: "accuracy - 0.02*log10(parameters)"}; what to search for stands in objectives`, "holds %s", describe(n))
	}
	for i := 0; i < len(n.Content); i += 2 {
		name := n.Content[i].Value
		text, err := d.expression(n.Content[i+1], join(key, name))
		if err != nil {
			return err
		}
		e.Derived = append(e.Derived, engine.Derived{Metric: name, Expression: text})
	}
	return nil
}

// expression reads the text of one.
func (d *Document) expression(n *yaml.Node, key string) (string, error) {
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		return "", d.fault(n, key, "write an expression, such as accuracy - 0.02*log10(parameters)", "holds %s", describe(n))
	}
	return n.Value, nil
}

// score reads what a search is to maximize that names no objectives: short for a metric
// of that name, and an objective.
func (d *Document) score(n *yaml.Node, key string, e *engine.Config) error {
	for _, other := range []string{"objectives", "metrics"} {
		if d.Has(other) {
			return d.fault(n, key, "write it under metrics, as {score: EXPRESSION}, and list the metric score under objectives",
				"stands beside %s", other)
		}
	}
	text, err := d.expression(n, key)
	e.Derived = []engine.Derived{{Metric: key, Expression: text}}
	e.Objectives = []engine.Objective{{Metric: key, Goal: engine.Maximize}}
	return err
}

// metrics reads values by the names of metrics.
func (d *Document) metrics(n *yaml.Node, key string, to *engine.Values) error {
	const instead = "write {accuracy: 0.9, parameters: 5000}"
	switch {
	case n.Kind != yaml.MappingNode:
		return d.fault(n, key, instead, "holds %s", describe(n))
	case len(n.Content) == 0:
		return d.fault(n, key, instead+", or leave it out", "is empty")
	}
	for i := 0; i < len(n.Content); i += 2 {
		x, err := d.number(n.Content[i+1], join(key, n.Content[i].Value))
		if err != nil {
			return err
		}
		*to = append(*to, engine.Value{Name: n.Content[i].Value, Value: x})
	}
	engine.SortValues(*to)
	return nil
}

// linear is the scale of an objective that has none.
const linear = "linear"

func (d *Document) constraints(n *yaml.Node, key string, e *engine.Config) error {
	return d.list(n, key, func(n *yaml.Node, key string) error {
		var c engine.Constraint
		bound := func(to **float64) func(n *yaml.Node, key string) error {
			return func(n *yaml.Node, key string) error {
				v, err := d.number(n, key)
				*to = &v
				return err
			}
		}
		err := d.fields(n, key, readers{
			"metric": func(n *yaml.Node, key string) (err error) { c.Metric, err = d.word(n, key); return err },
			"min":    bound(&c.Min),
			"max":    bound(&c.Max),
			"weight": func(n *yaml.Node, key string) (err error) { c.Weight, err = d.positive(n, key); return err },
		})
		switch {
		case err != nil:
		case c.Metric == "" || c.Min == nil && c.Max == nil:
			err = d.fault(n, key, "write {metric: parameters, max: 5000}", "needs a metric and min or max")
		case c.Min != nil && c.Max != nil && *c.Min > *c.Max:
			err = d.fault(n, key, "exchange them", "min %v is above max %v, so nothing could keep it", *c.Min, *c.Max)
		}
		e.Constraints = append(e.Constraints, c)
		return err
	})
}

func (d *Document) limits(n *yaml.Node, key string, l *engine.Limits) error {
	return d.fields(n, key, readers{
		"evaluations": func(n *yaml.Node, key string) (err error) { l.Evaluations, err = d.count(n, key, 1); return err },
		"wall": func(n *yaml.Node, key string) error {
			v, err := d.span(n, key)
			l.Wall = v.Seconds()
			return err
		},
		"seconds": func(n *yaml.Node, key string) error {
			v, err := d.span(n, key)
			l.Seconds = v.Seconds()
			return err
		},
		"target": func(n *yaml.Node, key string) error {
			if n.Kind == yaml.MappingNode {
				return d.metrics(n, key, &l.Targets)
			}
			v, err := d.number(n, key)
			l.Target = &v
			return err
		},
	})
}

func (d *Document) final(n *yaml.Node, key string, f *engine.Final) error {
	return d.fields(n, key, readers{
		"skip":    func(n *yaml.Node, key string) (err error) { f.Skip, err = d.boolean(n, key); return err },
		"top":     func(n *yaml.Node, key string) (err error) { f.Top, err = d.count(n, key, 1); return err },
		"repeats": func(n *yaml.Node, key string) (err error) { f.Repeats, err = d.count(n, key, 1); return err },
		"budget":  func(n *yaml.Node, key string) (err error) { f.Budget, err = d.positive(n, key); return err },
		"tests":   func(n *yaml.Node, key string) (err error) { f.Tests, err = d.count(n, key, 1); return err },
	})
}

// Known tells whether a search.yaml may have a top-level key.
func Known(key string) bool { return slices.Contains(keys, key) }

var keys = []string{
	"name", "space", "start", "baselines", "strategy", "repeats", "evaluator", "evaluators", "fidelities",
	"objectives", "ties", "metrics", "score", "prefer", "reference", "constraints", "limits",
	"seed", "order", "window", "workers", "duplicates", "failures", "timeout", "grace", "idle", "final",
	"checkpoints", "logging", "hooks", "tensorboard", "mlflow", "listen", "fleet", "plugins",
}
