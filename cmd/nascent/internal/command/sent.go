package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/fleet"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
)

// placed says to a host how it opens an evaluator: as the search's own machine would. All
// paths are of that machine.
type placed struct {
	Use       string   `json:"use"` // a name, or the absolute path of a program
	Folder    string   `json:"folder"`
	WorkDir   string   `json:"workdir"`
	Dirs      []string `json:"dirs"`
	Env       []string `json:"env"`
	Level     string   `json:"level"`
	Plaintext bool     `json:"plaintext"`
}

// programOf is an evaluator as hosts are to open it, with the files that it consists of.
func (t *target) programOf(s *config.Search, p config.Plugin) (fleet.Program, error) {
	found, err := host.Find(host.KindEvaluator, p.Use, t.pluginDirs(s)...)
	if err != nil {
		return fleet.Program{}, t.missing(p, err)
	}
	own, err := found.Files(p.Options)
	if err != nil {
		return fleet.Program{}, t.missing(p, err)
	}
	more, err := t.patterns(s.Fleet.Files)
	if err != nil {
		return fleet.Program{}, err
	}
	said := placed{
		Use: p.Use, Folder: s.PluginFolder, Dirs: t.pluginDirs(s), Env: s.PluginEnv, Level: s.LogLevel, Plaintext: !s.TLS,
	}
	if slices.Contains(own, found.Path) { // a program of its own, or what was built of Go source
		said.Use = found.Path
	}
	if said.WorkDir, err = os.Getwd(); err != nil {
		return fleet.Program{}, err
	}
	var out fleet.Program
	for _, path := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(own, more)))) {
		f, err := fleet.FileAt(path)
		if err != nil {
			return out, err
		}
		out.Files = append(out.Files, f)
	}
	out.Needs = needs(p.Options, s.PluginFolder, out.Files)
	out.Use, err = json.Marshal(said)
	return out, err
}

// patterns are the files that patterns name: * stands for anything but /, ** for that, too,
// and a directory for all that is in it. What begins with a dot is named as such or left out.
func (t *target) patterns(all []string) (files []string, err error) {
	for i, pattern := range all {
		root, matches := pattern, func(string) bool { return true }
		if at := strings.IndexAny(pattern, "*?"); at >= 0 {
			root = filepath.Dir(pattern[:at] + "x")
			matches = matcher(pattern).MatchString
		}
		n := len(files)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if name := d.Name(); path != root && (name[0] == '.' || name == "__pycache__") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && matches(path) {
				files = append(files, path)
			}
			return nil
		})
		if err != nil || len(files) == n {
			return nil, t.doc.Fault(&genome.Mistake{Key: "fleet.files[" + strconv.Itoa(i) + "]", Problem: "there is no file " + pattern,
				Remedy: "paths start where the search.yaml lies, and take * and **"})
		}
	}
	return files, nil
}

// matcher matches the paths that a pattern names.
func matcher(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	for _, r := range [][2]string{{`/\*\*/`, `/(?:.*/)?`}, {`\*\*`, `.*`}, {`\*`, `[^/]*`}, {`\?`, `[^/]`}} {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	return regexp.MustCompile("^" + text + "$")
}

// needs are what options name of this machine's files, besides those that are sent.
func needs(options json.RawMessage, folder string, sent []fleet.File) (all []fleet.Need) {
	var walk func(v any, by string)
	walk = func(v any, by string) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				walk(inner, by+"."+key)
			}
		case []any:
			for i, inner := range v {
				walk(inner, fmt.Sprintf("%s[%d]", by, i))
			}
		case string:
			path := v
			if !filepath.IsAbs(path) {
				path = filepath.Join(folder, path)
			}
			covered := func(f fleet.File) bool { return f.Path == path || strings.HasPrefix(f.Path, path+"/") }
			if _, err := os.Stat(path); v != "" && len(v) < 4096 && err == nil && path != folder && !slices.ContainsFunc(sent, covered) {
				all = append(all, fleet.Need{Path: path, By: "option " + strings.TrimPrefix(by, ".")})
			}
		}
	}
	var tree map[string]any
	if json.Unmarshal(options, &tree) == nil {
		walk(tree, "")
	}
	slices.SortFunc(all, func(a, b fleet.Need) int { return strings.Compare(a.By, b.By) })
	return all
}

// opening is how a host opens evaluators, whose processes log to a directory.
func opening(logs, mark string) func(fleet.Spec) (engine.Evaluator, error) {
	return func(s fleet.Spec) (engine.Evaluator, error) {
		var p placed
		if err := json.Unmarshal(s.Use, &p); err != nil {
			return nil, err
		}
		if filepath.IsAbs(p.Use) {
			p.Use = s.Located(p.Use)
		}
		found, err := host.Find(host.KindEvaluator, p.Use, p.Dirs...)
		if err != nil {
			return nil, fmt.Errorf("%w, on this host; hosts find programs where the search's machine does", err)
		}
		o := host.Options{
			Folder: s.Located(p.Folder), WorkDir: s.Located(p.WorkDir), LogDir: logs, Level: hclog.LevelFromString(p.Level), Plaintext: p.Plaintext,
			Env: p.Env, SearchID: mark,
		}
		if s.Kernels != "" {
			o.Env = append(slices.Clone(o.Env), host.EnvKernels+"="+s.Kernels)
		}
		if s.Root != "" {
			err = os.MkdirAll(o.WorkDir, 0o700)
		} else if _, missing := os.Stat(o.WorkDir); missing != nil {
			o.WorkDir = ""
		}
		return &rooted{host.Evaluator(found, o), s}, err
	}
}

// rooted is an evaluator whose command lies below the root of its spec.
type rooted struct {
	engine.Evaluator
	spec fleet.Spec
}

// Open implements engine.Evaluator.
func (l *rooted) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	command := host.Command(setup.Options)
	for i, word := range command {
		if slices.ContainsFunc(l.spec.Files, func(f fleet.File) bool { return f.Path == word }) {
			command[i] = l.spec.Located(word)
		}
	}
	var all map[string]json.RawMessage
	if len(command) > 0 && json.Unmarshal(setup.Options, &all) == nil {
		var err error
		if all["command"], err = json.Marshal(command); err == nil {
			setup.Options, err = json.Marshal(all)
		}
		if err != nil {
			return nil, engine.Hello{}, err
		}
	}
	return l.Evaluator.Open(ctx, setup)
}
