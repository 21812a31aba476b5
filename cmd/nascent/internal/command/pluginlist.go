package command

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/clients"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/host"
)

func (a *app) pluginsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plugins [DIR] [NAME]",
		Short: "List the evaluators and strategies that can be used, or the options of one",
		Long: `Lists every plugin that is found: beside nascent itself, in the search directory
DIR if one is given, and in the directories named in $NASCENT_PLUGINS. Each is
started once to ask what it is.

With the NAME of an evaluator or a strategy it lists the options of that one.`,
		Example: `  nascent plugins
  nascent plugins aging
  nascent plugins mnist1d --json`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, name := "", ""
			switch {
			case len(args) == 2:
				dir, name = args[0], args[1]
			case len(args) == 1 && isName(args[0]):
				name = args[0]
			case len(args) == 1:
				dir = args[0]
			}
			o, dirs := host.Options{}, []string(nil)
			if dir != "" {
				if err := isDir(dir); err != nil {
					return err
				}
				o, dirs = ofSearch(dir)
				o.Dir = ""
			}
			if name != "" {
				return a.listOptions(cmd.Context(), name, asJSON, o, dirs)
			}
			found, err := host.List(cmd.Context(), o, dirs...)
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeJSON(append(found, builtIn()...))
			}
			t := show.Table{Head: []string{"kind", "name", "version", "fingerprint", "where"}, Width: a.width}
			for _, p := range found {
				var kinds []string
				for _, k := range p.Kinds {
					kinds = append(kinds, string(k))
				}
				where := p.Path
				if p.Problem != "" {
					where = "cannot be used: " + p.Problem
				}
				t.Rows = append(t.Rows, []string{strings.Join(kinds, "+"), p.Name, p.Version, show.Clip(p.Fingerprint, 13), where})
			}
			for _, p := range builtIn() {
				t.Rows = append(t.Rows, []string{string(p.Kinds[0]), p.Name, p.Version, "-", p.Path})
			}
			return t.Write(a.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return cmd
}

// isName tells a plugin's name from a directory.
func isName(arg string) bool {
	if strings.ContainsRune(arg, os.PathSeparator) || arg == "." || arg == ".." {
		return false
	}
	info, err := os.Stat(arg)
	return err != nil || !info.IsDir()
}

// builtIn are the strategies that are no plugins, and the evaluator, told of like these.
func builtIn() []host.Plugin {
	out := []host.Plugin{{
		Name: clients.Name, Kinds: []host.Kind{host.KindEvaluator}, Version: engine.Version, Path: "built in",
		Options: map[host.Kind][]option.Described{host.KindEvaluator: option.List(clients.Declare)},
	}}
	for _, name := range evolve.Names() {
		p := host.Plugin{Name: name, Kinds: []host.Kind{host.KindStrategy}, Version: engine.Version, Path: "built in"}
		if s, err := evolve.New(name); err == nil {
			if d, ok := s.(option.Declarer); ok {
				p.Options = map[host.Kind][]option.Described{host.KindStrategy: option.List(d.Declare)}
			}
		}
		out = append(out, p)
	}
	return out
}

// listOptions shows the options of what is called so: a built-in strategy, plugins
// of either kind.
func (a *app) listOptions(ctx context.Context, name string, asJSON bool, o host.Options, dirs []string) error {
	var all []host.Plugin
	for _, p := range builtIn() {
		if p.Name == name {
			all = append(all, p)
		}
	}
	kinds := []host.Kind{host.KindEvaluator, host.KindStrategy}
	for _, p := range all { // what is built in comes before plugins of its name
		kinds = slices.DeleteFunc(kinds, func(k host.Kind) bool { return k == p.Kinds[0] })
	}
	for _, kind := range kinds {
		found, err := host.Find(kind, name, dirs...)
		if err != nil {
			continue
		}
		p, err := host.Describe(ctx, found, o)
		if err != nil {
			return err
		}
		p.Name, p.Kinds = name, []host.Kind{kind}
		all = append(all, p)
	}
	if len(all) == 0 {
		return wrongInput("there is neither an evaluator nor a strategy called %s, and no directory: "+
			"nascent plugins lists what there is", name)
	}
	if asJSON {
		return a.writeJSON(all)
	}
	for i, p := range all {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		kind := p.Kinds[0]
		options := option.Flat(p.Options[kind])
		if len(options) == 0 {
			fmt.Fprintf(a.out, "%s %s does not say which options it has\n", kind, name)
			continue
		}
		fmt.Fprintf(a.out, "%s: {use: %s, option: value}\n\n", kind, name)
		t := show.Table{Head: []string{"option", "default", "bounds", "meaning"}}
		for _, d := range options {
			t.Rows = append(t.Rows, []string{d.Name, show.Clip(d.Default, 24), d.Bounds, d.Meaning})
		}
		if err := t.Write(a.out); err != nil {
			return err
		}
	}
	return nil
}
