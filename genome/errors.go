package genome

import (
	"fmt"
	"strings"
)

// Mistake is a user's mistake, wherever in the program it is found: what it is
// about, what is wrong, and what to do about it.
type Mistake struct {
	// Key leads to the mistake: the keys of a declaration relative to the space
	// ("lr.float", "variation.kinds"), the genes of a genome ("blocks[2].channels"),
	// or a key of whatever else the user wrote. It may be empty.
	Key     string
	Problem string // "needs [low, high] with low < high, got [0.1, 0.01]"
	Remedy  string // "swap them"; may be empty
}

// Error returns one line: "lr.float: problem; remedy".
func (m *Mistake) Error() string {
	var b strings.Builder
	if m.Key != "" {
		b.WriteString(m.Key)
		b.WriteString(": ")
	}
	b.WriteString(m.Problem)
	if m.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(m.Remedy)
	}
	return b.String()
}

// Within puts a key before the mistake's own, for a part that lies below it,
// and returns the mistake itself.
func (m *Mistake) Within(key string) *Mistake {
	m.Key = joinKey(key, m.Key)
	return m
}

// Steps takes the key apart: "blocks[2].channels" is blocks, 2, channels.
func (m *Mistake) Steps() []string {
	return strings.FieldsFunc(m.Key, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// within puts one step, a name or a place in a list, before the key of an error
// that came from below it.
func (m *Mistake) within(step string) *Mistake {
	if isIndex(step) {
		return m.Within("[" + step + "]")
	}
	return m.Within(shorten(step))
}

// fault returns an error at a path. The remedy may be empty.
func fault(path []string, remedy, problem string, args ...any) *Mistake {
	return &Mistake{Key: joinPath(path), Problem: fmt.Sprintf(problem, args...), Remedy: remedy}
}

// joinPath writes {"blocks", "2", "channels"} as blocks[2].channels.
func joinPath(path []string) string {
	m := Mistake{}
	for i := len(path) - 1; i >= 0; i-- {
		m.within(path[i])
	}
	return m.Key
}

// joinKey puts a key before another.
func joinKey(key, below string) string {
	if key == "" || below == "" || below[0] == '[' {
		return key + below
	}
	return key + "." + below
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
