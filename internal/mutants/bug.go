package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bug is one that can be planted.
type bug struct {
	name   string
	what   string // is wrong
	places []place
	tests  []string // packages
	run    string   // which of their tests; empty: all
}

// place is a change of one file.
type place struct {
	file, before, after string
}

// readBugs reads all bugs of a folder.
func readBugs(dir string) ([]bug, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no bugs", dir)
	}
	var out []bug
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		b, err := parse(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, b)
	}
	return out, nil
}

func parse(name, text string) (bug, error) {
	b := bug{name: name}
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		var at *place
		if len(b.places) > 0 {
			at = &b.places[len(b.places)-1]
		}
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case n == 0:
			b.what = line
		case key == "file":
			b.places = append(b.places, place{file: value})
		case key == "tests":
			b.tests = strings.Fields(value)
		case key == "run":
			b.run = value
		case line == "":
		case at == nil:
			return b, fmt.Errorf("line %d: %q comes before any file", n+1, line)
		case line[0] == '-':
			at.before += line[1:] + "\n"
		case line[0] == '+':
			at.after += line[1:] + "\n"
		case line[0] == ' ':
			at.before += line[1:] + "\n"
			at.after += line[1:] + "\n"
		default:
			return b, fmt.Errorf(`line %d: %q begins with none of "file: ", "tests: ", "run: ", "-", "+" and a space`, n+1, line)
		}
	}
	if b.what == "" || len(b.places) == 0 || len(b.tests) == 0 {
		return b, errors.New("it says not what is wrong, or where, or what tests should catch it")
	}
	for _, p := range b.places {
		if p.before == "" || p.before == p.after {
			return b, fmt.Errorf("it changes nothing in %s", p.file)
		}
	}
	return b, nil
}

// apply makes the files with the bug, by the names of those that they stand for.
func (b *bug) apply(root string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range b.places {
		text, changed := out[p.file]
		if !changed {
			whole, err := os.ReadFile(filepath.Join(root, p.file))
			if err != nil {
				return nil, err
			}
			text = string(whole)
		}
		if n := strings.Count(text, p.before); n != 1 {
			return nil, fmt.Errorf("%s has %d times what the bug is to replace, not once: %q", p.file, n, p.before)
		}
		out[p.file] = strings.Replace(text, p.before, p.after, 1)
	}
	return out, nil
}
