package genome

import (
	"fmt"
	"strings"
)

// Error is a mistake in a declaration or in a genome: where it is, what is
// wrong and what to do about it.
type Error struct {
	// Path leads to the mistake: the keys of a declaration relative to the
	// space ({"lr", "float"}), or the genes of a genome. Places in lists are
	// decimal numbers from 0.
	Path    []string
	Problem string
	Remedy  string
}

// Error returns one line: "lr.float: problem; remedy".
func (e *Error) Error() string {
	var b strings.Builder
	if len(e.Path) > 0 {
		b.WriteString(joinPath(e.Path))
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// within puts a key before the path of an error that came from below it.
func (e *Error) within(key string) *Error {
	e.Path = append([]string{key}, e.Path...)
	return e
}

// fault returns an error at a path. The remedy may be empty.
func fault(path []string, remedy, problem string, args ...any) *Error {
	return &Error{Path: append([]string(nil), path...), Problem: fmt.Sprintf(problem, args...), Remedy: remedy}
}

// joinPath writes {"blocks", "2", "channels"} as blocks[2].channels.
func joinPath(path []string) string {
	var b strings.Builder
	for i, key := range path {
		switch {
		case isIndex(key):
			b.WriteString("[" + key + "]")
		case i > 0:
			b.WriteString("." + shorten(key))
		default:
			b.WriteString(shorten(key))
		}
	}
	return b.String()
}

func isIndex(key string) bool {
	if key == "" {
		return false
	}
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' {
			return false
		}
	}
	return true
}

// shorten keeps what a user wrote from filling the screen, and on one line.
func shorten(s string) string {
	const most = 60
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > most {
		s = string(r[:most-3]) + "..."
	}
	if strings.ContainsAny(s, "\n\r\t") {
		s = fmt.Sprintf("%q", s)
	}
	return s
}
