package command

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

//go:embed templates
var templates embed.FS

const modulePath = "github.com/nascent-nas/nascent"

func (a *app) initCommand() *cobra.Command {
	var python, evaluator, strategy bool
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Begin a search of your own: a search.yaml and a plugin in Python or Go",
		Long: `Makes DIR with a search.yaml and, in one file each, an evaluator of your own
(default, or --evaluator) or a strategy of your own (--strategy), in Go or, one of
them, in Python (--python). They run as they are: change them step by step. Files
that are there are not touched.`,
		Example: `  nascent init mine --python && nascent run mine
  nascent init mine && nascent run mine
  nascent init mine --strategy --python`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if python && evaluator && strategy {
				return wrongInput("--python writes an evaluator or a strategy: leave --evaluator or --strategy out")
			}
			return a.init(args[0], python, evaluator || !strategy, strategy)
		},
	}
	cmd.Flags().BoolVar(&python, "python", false, "write it in Python, as evaluate.py or strategy.py")
	cmd.Flags().BoolVar(&evaluator, "evaluator", false, "write an evaluator (the default)")
	cmd.Flags().BoolVar(&strategy, "strategy", false, "write a strategy")
	return cmd
}

// init writes what a search of one's own begins with.
func (a *app) init(dir string, python, evaluator, strategy bool) error {
	type file struct {
		name string
		text []byte
	}
	var files []file
	template := func(from, to string) error {
		b, err := templates.ReadFile("templates/" + from)
		files = append(files, file{to, b})
		return err
	}
	yaml := "search.yaml"
	var err error
	switch {
	case python && strategy:
		err, yaml = template("strategy.py.txt", "strategy.py"), "python-strategy.yaml"
	case python:
		err, yaml = template("evaluate.py.txt", "evaluate.py"), "python.yaml"
	case evaluator:
		err = template("evaluator.go.txt", "evaluator.go")
	}
	if strategy && !python {
		err = errors.Join(err, template("strategy.go.txt", "strategy.go"))
		if yaml = "strategy.yaml"; evaluator {
			yaml = "both.yaml"
		}
	}
	if err = errors.Join(err, template(yaml, configName)); err != nil {
		return err
	}
	tidy := false
	if !python {
		var mod, sum []byte
		if mod, sum, tidy, err = module(filepath.Base(absolute(dir))); err != nil {
			return err
		}
		files = append(files, file{"go.mod", mod})
		if sum != nil {
			files = append(files, file{"go.sum", sum})
		}
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			return wrongInput("%s is there already; choose another directory, or move it away", filepath.Join(dir, f.name))
		}
	}
	trace := traceOf(dir)
	err = os.MkdirAll(dir, 0o755)
	for _, f := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f.name), f.text, 0o644)
		}
	}
	if err != nil {
		for _, f := range files {
			os.Remove(filepath.Join(dir, f.name))
		}
		trace.remove()
		var p *fs.PathError
		if errors.As(err, &p) {
			err = wrongInput("%s: %v; choose a directory that can be written", p.Path, p.Err)
		}
		return err
	}
	fmt.Fprintf(a.out, "made in %s:\n", dir)
	for _, f := range files {
		fmt.Fprintf(a.out, "  %s\n", f.name)
	}
	if tidy {
		fmt.Fprintf(a.out, "then: cd %s && go mod tidy\n", quote(dir))
	}
	fmt.Fprintf(a.out, "run it with: %s run %s\n", show.Program(), quote(dir))
	return nil
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// module is a go.mod for a plugin. Where nascent runs from a checkout of its
// source, it builds against that, with the same versions of everything; else
// tidy tells that the requirements are still to be filled in.
func module(name string) (mod, sum []byte, tidy bool, err error) {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, strings.Trim(name, "."))
	if name == "" {
		name = "plugin"
	}
	var b strings.Builder
	source := checkout()
	if source == "" {
		fmt.Fprintf(&b, "module %s\n\ngo 1.26\n\nrequire %s v%s\n", name, modulePath, engine.Version)
		return []byte(b.String()), nil, true, nil
	}
	text, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return nil, nil, false, err
	}
	if sum, err = os.ReadFile(filepath.Join(source, "go.sum")); err != nil {
		return nil, nil, false, err
	}
	fmt.Fprintf(&b, "module %s\n\n", name)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "go ") {
			b.WriteString(line + "\n\n")
		}
	}
	fmt.Fprintf(&b, "require %s v%s\n", modulePath, engine.Version)
	fmt.Fprintf(&b, "\nreplace %s => %s\n", modulePath, quoteModule(source))
	b.WriteString("\n// The versions that nascent is built with.\n")
	inside := false
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "require ("):
			inside = true
			b.WriteString("require (\n")
		case inside && line == ")":
			inside = false
			b.WriteString(")\n")
		case inside:
			b.WriteString(line + "\n")
		case strings.HasPrefix(line, "require "):
			b.WriteString(line + "\n")
		}
	}
	return []byte(b.String()), sum, false, nil
}

func quoteModule(path string) string {
	if strings.ContainsAny(path, " \t\"'`") {
		return fmt.Sprintf("%q", path)
	}
	return path
}

// checkout is the source that nascent runs from, "" if it runs from elsewhere:
// the parent of the directory of its executable, or any above it.
func checkout() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	starts := []string{filepath.Dir(self)}
	if d := os.Getenv("NASCENT_SOURCE"); d != "" {
		starts = append([]string{d}, starts...)
	}
	for _, dir := range starts {
		for d := dir; ; d = filepath.Dir(d) {
			b, err := os.ReadFile(filepath.Join(d, "go.mod"))
			if err == nil && strings.HasPrefix(string(b), "module "+modulePath+"\n") {
				return d
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}
	return ""
}
