package python

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Needs are what a Python file says that it needs, in a block as PEP 723 has it:
//
//	# /// script
//	# requires-python = ">=3.11"
//	# dependencies = ["torch>=2", "numpy"]
//	# ///
type Needs struct {
	Python       string   `json:"python"`       // versions of the interpreter, such as ">=3.11"; "" for any
	Dependencies []string `json:"dependencies"` // packages, as pip takes them
}

// none tells whether nothing is asked for.
func (n Needs) none() bool { return n.Python == "" && len(n.Dependencies) == 0 }

// block is a block of the type script. Its lines are comments.
var block = regexp.MustCompile(`(?m)^# /// script$\n((?:^#(?: .*)?$\n)+)^# ///$`)

// needsOf reads the block of a file. One without a block needs nothing.
func needsOf(file string) (Needs, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Needs{}, err
	}
	found := block.FindAllSubmatch([]byte(strings.ReplaceAll(string(text), "\r\n", "\n")), -1)
	if len(found) == 0 {
		return Needs{}, nil
	}
	var n Needs
	if len(found) > 1 {
		err = fmt.Errorf("there are %d of them: leave one", len(found))
	} else {
		var lines strings.Builder
		for line := range strings.Lines(string(found[0][1])) {
			lines.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		}
		n, err = parseNeeds(lines.String())
	}
	if err != nil {
		return Needs{}, fmt.Errorf("the block # /// script of %s cannot be read: %w", filepath.Base(file), err)
	}
	return n, nil
}

// parseNeeds reads the block, which is TOML: texts and lists of texts, and tables
// that belong to some tool.
func parseNeeds(text string) (Needs, error) {
	var all map[string]any
	if _, err := toml.Decode(text, &all); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return Needs{}, fmt.Errorf("line %d of it: %s", at.Position.Line, at.Message)
		}
		return Needs{}, err
	}
	var n Needs
	for _, key := range slices.Sorted(maps.Keys(all)) {
		var err error
		switch value := all[key]; key {
		case "requires-python":
			n.Python, err = textOf(value)
		case "dependencies":
			list, ok := value.([]any)
			if !ok {
				return n, fmt.Errorf("dependencies: %v is no list: write dependencies = [\"numpy\"]", value)
			}
			for _, entry := range list {
				one, wrong := textOf(entry)
				n.Dependencies, err = append(n.Dependencies, one), cmp.Or(err, wrong)
			}
		case "tool":
		default:
			return n, fmt.Errorf("there is no key %.40s: use requires-python and dependencies", key)
		}
		if err != nil {
			return n, fmt.Errorf("%s: %w", key, err)
		}
	}
	return n, nil
}

func textOf(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%v is no text: put it in quotes", value)
	}
	return text, nil
}
