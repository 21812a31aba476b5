package python

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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

// NeedsOf reads the block of a file. One without a block needs nothing.
func NeedsOf(file string) (Needs, error) {
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

// parseNeeds reads the part of TOML that the block is written in: texts and lists of
// texts, before the first table, which belongs to some tool.
func parseNeeds(text string) (Needs, error) {
	var n Needs
	s := &scanner{text}
	for {
		s.space(true)
		if s.rest == "" || s.rest[0] == '[' {
			return n, nil
		}
		key, value, ok := strings.Cut(s.rest, "=")
		if key = strings.TrimSpace(key); !ok {
			return n, fmt.Errorf("%.40q says nothing: write key = value", key)
		}
		s.rest = value
		s.space(false)
		var err error
		switch key {
		case "requires-python":
			n.Python, err = s.text()
		case "dependencies":
			n.Dependencies, err = s.texts()
		default:
			return n, fmt.Errorf("there is no key %.40s: use requires-python and dependencies", key)
		}
		if err != nil {
			return n, fmt.Errorf("%s: %w", key, err)
		}
		if s.space(false); s.rest != "" && s.rest[0] != '\n' {
			return n, fmt.Errorf("%s: something follows the value", key)
		}
	}
}

// scanner reads TOML from its beginning.
type scanner struct{ rest string }

// space passes over blanks and comments, and over ends of lines if it may.
func (s *scanner) space(lines bool) {
	for {
		s.rest = strings.TrimLeft(s.rest, " \t")
		switch {
		case strings.HasPrefix(s.rest, "#"):
			_, after, _ := strings.Cut(s.rest, "\n")
			s.rest = "\n" + after
		case lines && strings.HasPrefix(s.rest, "\n"):
			s.rest = s.rest[1:]
		default:
			return
		}
	}
}

// text takes a text in one line, in double quotes with escapes or in single ones.
func (s *scanner) text() (string, error) {
	line, _, _ := strings.Cut(s.rest, "\n")
	if strings.HasPrefix(line, "'") {
		if in, _, ok := strings.Cut(line[1:], "'"); ok {
			s.rest = s.rest[len(in)+2:]
			return in, nil
		}
	} else if quoted, err := strconv.QuotedPrefix(line); err == nil && quoted[0] == '"' {
		s.rest = s.rest[len(quoted):]
		return strconv.Unquote(quoted)
	}
	return "", fmt.Errorf("%.40q is no text: put it in quotes", line)
}

// texts takes a list of texts.
func (s *scanner) texts() ([]string, error) {
	if !strings.HasPrefix(s.rest, "[") {
		return nil, fmt.Errorf("it is no list: write dependencies = [\"numpy\"]")
	}
	s.rest = s.rest[1:]
	var out []string
	for {
		if s.space(true); strings.HasPrefix(s.rest, "]") {
			s.rest = s.rest[1:]
			return out, nil
		}
		text, err := s.text()
		if err != nil {
			return nil, err
		}
		out = append(out, text)
		if s.space(true); strings.HasPrefix(s.rest, ",") {
			s.rest = s.rest[1:]
		} else if !strings.HasPrefix(s.rest, "]") {
			return nil, fmt.Errorf("there is no comma or bracket after %q", text)
		}
	}
}
