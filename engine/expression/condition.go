package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine/option"
)

// Condition is what ParseCondition made of a text: something that holds of a row or
// does not. It never changes.
type Condition struct {
	text  string
	root  node
	words []string
}

// String is the text that was parsed.
func (c *Condition) String() string { return c.text }

// Same tells whether two conditions have the same words, however they are spaced, and which
// way of writing an operator or a quotation mark they have.
func (c *Condition) Same(other *Condition) bool { return slices.Equal(c.words, other.words) }

// Kind is what a value is, or several together what values may be.
type Kind uint8

// The kinds of values.
const (
	Number Kind = 1 << iota
	Text
	Truth
)

// Value is one value of a row.
type Value struct {
	Kind   Kind    // one of them
	Number float64 // of a Truth 1 or 0
	Text   string
}

// Column is what a name stands for.
type Column struct {
	Kind  Kind     // what its values may be; 0: nothing that could be compared
	Words []string // the texts that it may have; nil: any
	Many  bool     // a row may have several values

	// At appends the values of a row; none where it lacks them.
	At func(row int, out []Value) []Value
}

// Scope says what names mean in a condition.
type Scope interface {
	// Column is what a name stands for. form tells how it is written: "" as a word, or
	// "metric", "gene" or "usage". The error says that a word may mean several things.
	Column(form, name string) (c Column, ok bool, err error)
	// Names are those that there are, of a form or ("") all, as a condition writes them.
	Names(form string) []string
}

// Bind makes of the condition what tells whether it holds of a row. That is not to be
// called from several goroutines at once. The error is a genome.Mistake: a name that
// is nobody's, with what was probably meant, or values that cannot be compared.
func (c *Condition) Bind(s Scope) (func(row int) bool, error) {
	b := binder{c.text, s}
	x, err := b.value(&c.root)
	if err != nil {
		return nil, err
	}
	return b.truth(&c.root, x)
}

// binder looks names up and fits values together.
type binder struct {
	text  string
	scope Scope
}

func (b *binder) wrong(n *node, remedy, problem string, args ...any) error {
	return mistake(b.text, n.at, remedy, problem, args...)
}

// source is a part of a condition as it was written.
func (b *binder) source(n *node) string { return b.text[n.at:n.to] }

// truth is what a part tells as a condition: whether any of its values does.
func (b *binder) truth(n *node, c Column) (func(row int) bool, error) {
	if c.Kind&Truth == 0 {
		return nil, b.wrong(n, fmt.Sprintf("compare it, as in %s = ...", b.source(n)), "%s is %s and no condition",
			b.source(n), kindText(c.Kind))
	}
	at, buf := c.At, []Value(nil)
	return func(row int) bool {
		buf = at(row, buf[:0])
		for _, v := range buf {
			if v.Kind == Truth && v.Number != 0 {
				return true
			}
		}
		return false
	}, nil
}

// holds is the column of a condition.
func holds(f func(row int) bool) Column {
	return Column{Kind: Truth, At: func(row int, out []Value) []Value { return append(out, truthValue(f(row))) }}
}

func truthValue(yes bool) Value {
	v := Value{Kind: Truth}
	if yes {
		v.Number = 1
	}
	return v
}

func always(v Value) Column {
	return Column{Kind: v.Kind, At: func(_ int, out []Value) []Value { return append(out, v) }}
}

// value binds a part.
func (b *binder) value(n *node) (Column, error) {
	switch n.sort {
	case literal:
		return always(Value{Kind: Number, Number: n.number}), nil
	case text:
		return always(Value{Kind: Text, Text: n.name}), nil
	case named:
		c, ok, err := b.scope.Column(n.form, n.name)
		switch {
		case err != nil:
			return c, b.wrong(n, err.Error(), "%s may mean several things", b.source(n))
		case !ok:
			return c, b.unknown(n)
		}
		return c, nil
	case call:
		return b.call(n)
	case comparison:
		return b.comparison(n)
	}
	var parts []func(row int) bool
	for i := range n.args {
		x, err := b.value(&n.args[i])
		if err != nil {
			return x, err
		}
		f, err := b.truth(&n.args[i], x)
		if err != nil {
			return x, err
		}
		parts = append(parts, f)
	}
	first, last := parts[0], parts[len(parts)-1]
	switch n.name {
	case "and":
		return holds(func(row int) bool { return first(row) && last(row) }), nil
	case "or":
		return holds(func(row int) bool { return first(row) || last(row) }), nil
	}
	return holds(func(row int) bool { return !first(row) }), nil
}

// unknown says what was meant by a name that is nobody's.
func (b *binder) unknown(n *node) error {
	names := b.scope.Names(n.form)
	what := strings.TrimPrefix(n.form+" ", " ")
	if what == "" {
		what = "field, metric or gene "
	}
	remedy := "there are " + strings.Join(names[:min(12, len(names))], ", ")
	if len(names) > 12 {
		remedy += ", ..."
	}
	deeper := func(name string) bool { return strings.HasSuffix(name, "."+n.name) }
	if f, ok := functions[n.name]; ok {
		remedy = "it is a function: write " + f.usage(n.name)
	} else if i := slices.IndexFunc(names, deeper); i >= 0 {
		remedy = "did you mean " + names[i] + "?"
	} else if near := option.Nearest(b.source(n), names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return b.wrong(n, remedy, "there is no %s%q", what, n.name)
}

// call binds a function or an operator of numbers. Where an operand has several
// values so has the result.
func (b *binder) call(n *node) (Column, error) {
	args := make([]Column, len(n.args))
	many := -1
	for i := range n.args {
		c, err := b.value(&n.args[i])
		if err != nil {
			return c, err
		}
		if c.Kind&Number == 0 {
			return c, b.wrong(&n.args[i], "write a number there", "%s is %s and no number", b.source(&n.args[i]), kindText(c.Kind))
		}
		if c.Many {
			if many >= 0 {
				return c, b.wrong(&n.args[i], "name an element of one of them, as in blocks[0].kernel",
					"%s and %s have several values each",
					b.source(&n.args[many]), b.source(&n.args[i]))
			}
			many = i
		}
		args[i] = c
	}
	x, buf, apply := make([]float64, len(args)), []Value(nil), n.apply
	at := func(row int, out []Value) []Value {
		for i := range args {
			if i == many {
				continue
			}
			if buf = args[i].At(row, buf[:0]); len(buf) == 0 || buf[0].Kind != Number {
				return out
			}
			x[i] = buf[0].Number
		}
		if many < 0 {
			return append(out, Value{Kind: Number, Number: apply(x)})
		}
		buf = args[many].At(row, buf[:0])
		for _, v := range buf {
			if v.Kind == Number {
				x[many] = v.Number
				out = append(out, Value{Kind: Number, Number: apply(x)})
			}
		}
		return out
	}
	return Column{Kind: Number, Many: many >= 0, At: at}, nil
}

// comparison binds one: it holds if it does for any of the values of either side.
func (b *binder) comparison(n *node) (Column, error) {
	var sides [2]Column
	for i := range sides {
		side, other := &n.args[i], &n.args[1-i]
		has := slices.Contains[[]string]
		if n.name == "~" { // some text of the left side has the right one within it, or the other way round
			has = func(words []string, word string) bool {
				return slices.ContainsFunc(words, func(w string) bool { return i == 1 && strings.Contains(w, word) || i == 0 && strings.Contains(word, w) })
			}
		}
		c, err := b.side(side, other, has)
		if err != nil {
			return c, err
		}
		sides[i] = c
	}
	left, right := &n.args[0], &n.args[1]
	both := sides[0].Kind & sides[1].Kind
	switch n.name {
	case "<", "<=", ">", ">=":
		if both&Number == 0 {
			for i := range sides {
				if sides[i].Kind&Number == 0 {
					return sides[i], b.wrong(&n.args[i], "compare it by = or !=", "%s is %s, and %s compares numbers",
						b.source(&n.args[i]), kindText(sides[i].Kind), n.name)
				}
			}
		}
		both = Number
	case "~":
		for i := range sides {
			if sides[i].Kind&Text == 0 {
				return sides[i], b.wrong(&n.args[i], "compare it by = or <", "%s is %s, and ~ looks for a text within another",
					b.source(&n.args[i]), kindText(sides[i].Kind))
			}
		}
		both = Text
	default:
		if both == 0 {
			return sides[0], b.wrong(right, "compare what is of one kind", "%s is %s and %s is %s",
				b.source(left), kindText(sides[0].Kind), b.source(right), kindText(sides[1].Kind))
		}
	}
	holdsOf := comparing(n.name)
	l, r := sides[0].At, sides[1].At
	var x, y []Value
	return holds(func(row int) bool {
		if x = l(row, x[:0]); len(x) == 0 {
			return false
		}
		y = r(row, y[:0])
		for i := range x {
			for j := range y {
				if holdsOf(&x[i], &y[j]) {
					return true
				}
			}
		}
		return false
	}), nil
}

// side binds one side of a comparison. A word may be a text that the other side can have,
// as has tells of the texts that it may be.
func (b *binder) side(n, other *node, has func(words []string, word string) bool) (Column, error) {
	if n.sort != text && (n.sort != named || n.form != "") || other.sort == text {
		return b.value(n)
	}
	var c Column
	if other.sort == named {
		var ok bool
		var err error
		if c, ok, err = b.scope.Column(other.form, other.name); !ok || err != nil {
			return b.value(n) // it may be the text, and this the name
		}
	}
	word := n.name
	if n.sort == named {
		if yes, ok := truths[word]; ok && c.Kind&Truth != 0 && !slices.Contains(c.Words, word) {
			return always(truthValue(yes)), nil
		}
		named, known, err := b.scope.Column("", word)
		switch {
		case slices.Contains(c.Words, word):
		case known && c.Kind == Text && named.Kind&Text == 0: // what holds only texts is never compared with a number
		case known || err != nil || c.Kind&Text == 0:
			return b.value(n)
		}
	}
	if c.Kind&Text != 0 && c.Words != nil && !has(c.Words, word) {
		remedy := "it has " + strings.Join(c.Words[:min(12, len(c.Words))], ", ")
		if near := option.Nearest(word, c.Words); near != "" {
			remedy = "did you mean " + near + "?"
		}
		return c, b.wrong(n, remedy, "%s is never %q", b.source(other), word)
	}
	return always(Value{Kind: Text, Text: word}), nil
}

// truths are the words for them.
var truths = map[string]bool{"yes": true, "true": true, "no": false, "false": false}

// comparing is what an operator says of two values. Those of different kinds are unequal.
func comparing(by string) func(x, y *Value) bool {
	equal := func(x, y *Value) bool { return x.Kind == y.Kind && x.Number == y.Number && x.Text == y.Text }
	numbers := func(f func(x, y float64) bool) func(x, y *Value) bool {
		return func(x, y *Value) bool { return x.Kind == Number && y.Kind == Number && f(x.Number, y.Number) }
	}
	switch by {
	case "=":
		return equal
	case "!=":
		return func(x, y *Value) bool { return !equal(x, y) }
	case "<":
		return numbers(func(x, y float64) bool { return x < y })
	case "<=":
		return numbers(func(x, y float64) bool { return x <= y })
	case ">":
		return numbers(func(x, y float64) bool { return x > y })
	case ">=":
		return numbers(func(x, y float64) bool { return x >= y })
	}
	return func(x, y *Value) bool { return x.Kind == Text && y.Kind == Text && strings.Contains(x.Text, y.Text) }
}

// kindText names kinds.
func kindText(k Kind) string {
	switch {
	case k == 0:
		return "a group or a list of genes"
	case k == Number:
		return "a number"
	case k == Text:
		return "a text"
	case k == Truth:
		return "true or false"
	}
	return "of several kinds"
}
