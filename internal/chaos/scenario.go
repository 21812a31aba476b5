package main

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed scenarios/*.txtar
var declared embed.FS

// scenario is a search and who is killed in it.
type scenario struct {
	name    string
	files   []txtar.File
	runs    []order // one after the other
	alone   []order // what makes the search when nobody disturbs it; nil: the same
	beside  []order // given again and again meanwhile
	victims []string
	free    bool // timing may decide its trajectory
	hook    bool // one writes down what it is told, see toldName
}

// order is a command of nascent. It is given until it has done what it should.
type order struct {
	args  []string // its name first
	makes string   // a directory: once that is there it is not given again; "": it may be
	anew  bool     // what it left of the directory when it was killed is removed before
}

// victims are those that can be killed.
var victims = []string{
	"engine",     // nascent itself
	"beside",     // what is given beside it, without its children
	"plugin",     // one of its children
	"worker",     // one of theirs
	"descendant", // any deeper one
	"all",        // everybody at once
	"stop",       // nobody: nascent is asked to stop
}

// scenarios are all that are declared, by name.
func scenarios() ([]scenario, error) {
	entries, err := declared.ReadDir("scenarios")
	if err != nil {
		return nil, err
	}
	var out []scenario
	for _, e := range entries {
		text, err := declared.ReadFile(path.Join("scenarios", e.Name()))
		if err != nil {
			return nil, err
		}
		s, err := parse(strings.TrimSuffix(e.Name(), ".txtar"), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		out = append(out, s)
	}
	return out, nil
}

// makes is a command that follows the directory it makes.
func makes(words []string) order { return order{args: words[1:], makes: words[0]} }

// run is a run of the search.
func run(args string) order {
	return order{args: append([]string{"run", "--quiet"}, strings.Fields(args)...)}
}

func parse(name string, text []byte) (scenario, error) {
	archive := txtar.Parse(text)
	s := scenario{name: name, files: archive.Files}
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		if args, ok := strings.CutPrefix(line, "> "); ok {
			s.runs = append(s.runs, run(args))
		} else if args, ok := strings.CutPrefix(line, "$ "); ok {
			s.runs = append(s.runs, order{args: strings.Fields(args)})
		} else if args, ok := strings.CutPrefix(line, "= "); ok {
			s.runs = append(s.runs, makes(strings.Fields(args)))
		} else if args, ok := strings.CutPrefix(line, "! "); ok {
			o := makes(strings.Fields(args))
			o.anew = true
			s.runs = append(s.runs, o)
		} else if args, ok := strings.CutPrefix(line, "& "); ok {
			s.beside = append(s.beside, order{args: strings.Fields(args)})
		} else if args, ok := strings.CutPrefix(line, "alone: "); ok {
			s.alone = append(s.alone, run(args))
		} else if who, ok := strings.CutPrefix(line, "kill: "); ok {
			s.victims = strings.Fields(who)
		} else if line == "free" {
			s.free = true
		} else if line == "hook" {
			s.hook = true
		}
	}
	if len(s.runs) == 0 || len(s.victims) == 0 {
		return s, fmt.Errorf(`its comment has no line "> ARGUMENTS", or none "kill: VICTIMS"`)
	}
	if s.alone != nil && len(s.alone) != len(s.runs) {
		return s, errors.New(`it has more or fewer lines "alone: ARGUMENTS" than orders`)
	}
	for _, v := range s.victims {
		if v == "beside" && s.beside == nil {
			return s, errors.New(`nothing is given beside it: add a line "& COMMAND"`)
		}
		if !slices.Contains(victims, v) {
			return s, fmt.Errorf("there is no victim %s; there are %s", v, strings.Join(victims, ", "))
		}
	}
	return s, nil
}
