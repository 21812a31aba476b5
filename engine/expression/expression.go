package expression

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// Expression is what Parse made of a text: a number. It never changes.
type Expression struct {
	text    string
	root    node
	metrics []name
}

// name is a metric's, and where it stands first.
type name struct {
	text string
	at   int // byte
}

// sort is what a node is.
type sort int

const (
	literal    sort = iota // a number
	named                  // a metric, gene or field, or a bare word for a text
	text                   // in quotation marks
	call                   // a function or an operator of numbers
	comparison             // of two values: args are its sides
	logic                  // and, or, not
)

// node is a part of an expression.
type node struct {
	sort   sort
	at, to int     // where it stands
	number float64 // of a literal
	name   string  // of what is named; a text; the operator of a comparison or of logic
	form   string  // how it is named: "", or by metric("..."), gene("...") or usage("...")
	apply  func(x []float64) float64
	args   []node
}

// String is the text that was parsed.
func (e *Expression) String() string { return e.text }

// Metrics are those that the expression names, in the order of the text.
func (e *Expression) Metrics() []string {
	var names []string
	for _, m := range e.metrics {
		names = append(names, m.text)
	}
	return names
}

// Value is the expression's, where get says what each metric is. Infinities and
// numbers that are none come of divisions by zero and the like, and are the caller's
// to judge.
func (e *Expression) Value(get func(metric string) float64) float64 { return e.root.value(get) }

func (n *node) value(get func(string) float64) float64 {
	switch n.sort {
	case named:
		return get(n.name)
	case literal:
		return n.number
	}
	x := make([]float64, len(n.args))
	for i := range n.args {
		x[i] = n.args[i].value(get)
	}
	return n.apply(x)
}

// Check finds the first metric that is not among the known ones: a Mistake that says
// where it stands and what was probably meant.
func (e *Expression) Check(known []string) error {
	for _, m := range e.metrics {
		if slices.Contains(known, m.text) {
			continue
		}
		return mistake(e.text, m.at, e.meant(m, known), "there is no metric %q", m.text)
	}
	return nil
}

// meant says what to write for a metric that there is not.
func (e *Expression) meant(m name, known []string) string {
	rest := e.text[m.at:]
	for _, k := range known {
		if !isWord(k) && strings.HasPrefix(rest, k) && isWord(m.text) {
			return fmt.Sprintf("write metric(%q)", k)
		}
	}
	if f, ok := functions[m.text]; ok {
		return "it is a function: write " + f.usage(m.text)
	}
	if near := option.Nearest(m.text, known); near != "" {
		return "did you mean " + written(near) + "?"
	}
	if len(known) == 0 {
		return "there are no metrics"
	}
	var names []string
	for _, k := range known {
		names = append(names, written(k))
	}
	return "there are " + strings.Join(names, ", ")
}

// written is a metric as an expression names it.
func written(metric string) string {
	if isWord(metric) {
		return metric
	}
	return fmt.Sprintf("metric(%q)", metric)
}

// isWord tells whether a name is one in an expression.
func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return s != ""
}

// mistake is one at a byte of the text. Positions are told in characters, from 1.
func mistake(text string, at int, remedy, problem string, args ...any) *genome.Mistake {
	return &genome.Mistake{
		Problem: fmt.Sprintf("position %d: ", 1+utf8.RuneCountInString(text[:at])) + fmt.Sprintf(problem, args...),
		Remedy:  remedy,
	}
}
