package expression

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nascent-nas/nascent/engine/option"
)

// MaxLength is how many bytes an expression may have.
const MaxLength = 1000

// Parse reads an expression. The error is a genome.Mistake: it says at which character
// the text goes wrong, and what was probably meant. What metrics there are is not
// known yet; Check finds out.
func Parse(text string) (*Expression, error) {
	p := &parser{text: text}
	root, err := p.whole("write one over metrics, such as accuracy - 0.02*log10(parameters)", p.sum)
	if err != nil {
		return nil, err
	}
	return &Expression{text, root, p.metrics}, nil
}

// ParseCondition reads a condition. The error is a genome.Mistake, as that of Parse.
// What its names mean is not known yet; Bind finds out.
func ParseCondition(text string) (*Condition, error) {
	p := &parser{text: text, conditions: true}
	root, err := p.whole("write one such as accuracy > 0.9 and not failed", p.value)
	if err != nil {
		return nil, err
	}
	return &Condition{text, root, p.words}, nil
}

// whole reads all of the text. example is what to write in place of an empty one.
func (p *parser) whole(example string, read func() (node, error)) (node, error) {
	switch {
	case len(p.text) > MaxLength:
		return node{}, mistake(p.text, 0, fmt.Sprintf("an expression has at most %d", MaxLength), "it has %d bytes", len(p.text))
	case !utf8.ValidString(p.text):
		return node{}, mistake(p.text, 0, "write it as UTF-8", "it is no text")
	}
	if err := p.next(); err != nil {
		return node{}, err
	}
	if p.kind == end {
		return node{}, mistake(p.text, 0, example, "the expression is empty")
	}
	root, err := read()
	if err == nil && p.kind != end {
		err = p.leftOver()
	}
	return root, err
}

// kind is what a token is.
type kind int

const (
	end kind = iota
	number
	word   // in a condition with the path behind it: blocks[0].kernel
	quoted // in quotation marks
	sign   // an operator, a parenthesis or a comma
)

// parser goes through a text, one token ahead. Each of its methods reads what binds at
// least as tightly as it says.
type parser struct {
	text       string
	conditions bool     // there are comparisons, logic, paths and texts
	metrics    []name   // that were named
	words      []string // the tokens so far, each as it is usually written

	kind kind
	at   int    // where the token begins
	to   int    // and ends
	last string // the token before
	name string // of a quoted one, without quotes
}

func (p *parser) token() string { return p.text[p.at:p.to] }

// is tells whether the token is a sign.
func (p *parser) is(signs ...string) bool { return p.kind == sign && slices.Contains(signs, p.token()) }

func (p *parser) wrong(remedy, problem string, args ...any) error {
	return mistake(p.text, p.at, remedy, problem, args...)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// next reads a token.
func (p *parser) next() error {
	err := p.read()
	switch {
	case err != nil || p.kind == end:
	case p.kind == quoted:
		p.words = append(p.words, "'"+p.name+"'")
	case p.is("=="):
		p.words = append(p.words, "=")
	case p.is("**"):
		p.words = append(p.words, "^")
	default:
		p.words = append(p.words, p.token())
	}
	return err
}

// read does so, and nothing else.
func (p *parser) read() error {
	p.last = p.token()
	for p.at = p.to; p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0; p.at++ {
	}
	rest := p.text[p.at:]
	length := func(part func(i int) bool) (n int) {
		for n < len(rest) && part(n) {
			n++
		}
		return n
	}
	if rest == "" {
		p.kind, p.to = end, p.at
		return nil
	}
	switch c := rest[0]; {
	case isLetter(c):
		p.kind, p.to = word, p.at+length(func(i int) bool { return isLetter(rest[i]) || isDigit(rest[i]) })
		if p.conditions {
			return p.path()
		}
	case isDigit(c) || c == '.':
		p.kind = number
		p.to = p.at + length(func(i int) bool {
			exponent := i > 0 && (rest[i] == '-' || rest[i] == '+') && (rest[i-1] == 'e' || rest[i-1] == 'E') &&
				!strings.HasPrefix(rest, "0x")
			return isDigit(rest[i]) || isLetter(rest[i]) || rest[i] == '.' || exponent
		})
	case c == '"' || c == '\'':
		n := strings.IndexByte(rest[1:], c)
		if n < 0 {
			remedy := `write metric("NAME")`
			if p.conditions {
				remedy = "write " + string(c) + " behind the text"
			}
			return p.wrong(remedy, "a quotation mark opens and does not close")
		}
		p.kind, p.name, p.to = quoted, rest[1:1+n], p.at+n+2
	case strings.HasPrefix(rest, "**"):
		p.kind, p.to = sign, p.at+2
	case p.conditions && strings.IndexByte("<>=!~&|", c) >= 0:
		return p.comparator(rest)
	case strings.IndexByte("+-*/^(),", c) >= 0:
		p.kind, p.to = sign, p.at+1
	default:
		r, _ := utf8.DecodeRuneInString(rest)
		remedy := "there are + - * / ^ and parentheses, and functions: " + strings.Join(Functions(), ", ")
		if p.conditions {
			remedy = "there are = != < <= > >= ~, and, or, not, " + strings.TrimPrefix(remedy, "there are ")
		}
		if plain, ok := lookalikes[r]; ok {
			remedy = "write " + plain
		}
		if p.conditions && r == ':' && forms[p.last] != "" {
			remedy = fmt.Sprintf(`write %s("NAME")`, p.last)
		}
		return p.wrong(remedy, "%q is no operator", r)
	}
	return nil
}

// comparators are those of conditions, the longer ones first.
var comparators = []string{"<=", ">=", "!=", "==", "=", "<", ">", "~"}

// comparator reads one, or says how what looks like one is written.
func (p *parser) comparator(rest string) error {
	for _, c := range comparators {
		if strings.HasPrefix(rest, c) {
			p.kind, p.to = sign, p.at+len(c)
			return nil
		}
	}
	plain := map[byte]string{'&': "and", '|': "or", '!': "not"}[rest[0]]
	return p.wrong("write "+plain, "%q is no operator", rune(rest[0]))
}

// path reads on behind a word what belongs to a path: .kernel and [0].
func (p *parser) path() error {
	for p.to < len(p.text) {
		rest := p.text[p.to+1:]
		switch p.text[p.to] {
		case '.':
			n := 0
			for n < len(rest) && (isLetter(rest[n]) || n > 0 && isDigit(rest[n])) {
				n++
			}
			if n == 0 {
				return p.wrong("write the name of a gene behind the point", "%s ends with a point", p.text[p.at:p.to+1])
			}
			p.to += 1 + n
		case '[':
			n := 0
			for n < len(rest) && isDigit(rest[n]) {
				n++
			}
			if n == 0 || n == len(rest) || rest[n] != ']' {
				return p.wrong("write a place, as in blocks[0], or none for any element",
					"%s[ does not go on as a path does", p.text[p.at:p.to])
			}
			p.to += n + 2
		default:
			return nil
		}
	}
	return nil
}

// lookalikes are what people write for operators.
var lookalikes = map[rune]string{
	'−': "-", '–': "-", '—': "-", '×': "*", '·': "*", '÷': "/", ':': "/", '[': "(", ']': ")", '{': "(", '}': ")",
	';': ", between arguments",
}

// value reads whatever there may be in parentheses: in a condition all, else numbers.
func (p *parser) value() (node, error) {
	if p.conditions {
		return p.joined("or", func() (node, error) { return p.joined("and", p.negated) })
	}
	return p.sum()
}

// isWord tells whether the token is a word that joins conditions.
func (p *parser) isWord(w string) bool { return p.kind == word && p.token() == w }

// joined reads conditions with and or or between them.
func (p *parser) joined(by string, operand func() (node, error)) (node, error) {
	left, err := operand()
	for err == nil && p.isWord(by) {
		if err = p.next(); err != nil {
			break
		}
		var right node
		right, err = operand()
		left = node{sort: logic, at: left.at, to: right.to, name: by, args: []node{left, right}}
	}
	return left, err
}

// negated reads what may have not before it.
func (p *parser) negated() (node, error) {
	if !p.isWord("not") {
		return p.compared()
	}
	at := p.at
	if err := p.next(); err != nil {
		return node{}, err
	}
	n, err := p.negated()
	return node{sort: logic, at: at, to: n.to, name: "not", args: []node{n}}, err
}

// compared reads a value, or two that are compared.
func (p *parser) compared() (node, error) {
	left, err := p.sum()
	if err != nil || !p.is(comparators...) {
		return left, err
	}
	by := p.token()
	if by == "==" {
		by = "="
	}
	if err := p.next(); err != nil {
		return node{}, err
	}
	right, err := p.sum()
	if err != nil {
		return node{}, err
	}
	if p.is(comparators...) {
		middle := p.text[right.at:right.to]
		return node{}, p.wrong(fmt.Sprintf("write %s and %s %s ...", p.text[left.at:right.to], middle, p.token()),
			"a comparison has two sides, and %s a third", p.token())
	}
	return node{sort: comparison, at: left.at, to: right.to, name: by, args: []node{left, right}}, nil
}

// sum reads terms with + and - between them.
func (p *parser) sum() (node, error) { return p.chain(p.product, "+", "-") }

// product reads factors with * and / between them.
func (p *parser) product() (node, error) { return p.chain(p.signed, "*", "/") }

// chain reads operands with operators between them, taken from the left.
func (p *parser) chain(operand func() (node, error), signs ...string) (node, error) {
	left, err := operand()
	for err == nil && p.is(signs...) {
		apply := operators[p.token()]
		if err = p.next(); err != nil {
			break
		}
		var right node
		right, err = operand()
		left = node{sort: call, at: left.at, to: right.to, apply: apply, args: []node{left, right}}
	}
	return left, err
}

// signed reads what may have signs before it.
func (p *parser) signed() (node, error) {
	if !p.is("+", "-") {
		return p.power()
	}
	at, negative := p.at, p.token() == "-"
	if err := p.next(); err != nil {
		return node{}, err
	}
	n, err := p.signed()
	if negative {
		n = node{sort: call, at: at, to: n.to, apply: minus, args: []node{n}}
	}
	return n, err
}

// power reads an operand and its exponent.
func (p *parser) power() (node, error) {
	base, err := p.operand()
	if err != nil || !p.is("^", "**") {
		return base, err
	}
	if err := p.next(); err != nil {
		return node{}, err
	}
	exponent, err := p.signed()
	return node{sort: call, at: base.at, to: exponent.to, apply: power, args: []node{base, exponent}}, err
}

// operand reads a number, a metric, a call, or what stands in parentheses.
func (p *parser) operand() (node, error) {
	at, token := p.at, p.token()
	switch {
	case p.kind == number:
		x, err := strconv.ParseFloat(token, 64)
		if err != nil || strings.ContainsAny(token, "xXpP_") {
			remedy := "write it like 0.02 or 1e-3"
			digits := strings.TrimRight(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
			if digits != token && isNumber(digits) {
				remedy = fmt.Sprintf("to multiply write %s*%s", digits, token[len(digits):])
			}
			return node{}, p.wrong(remedy, "%s is no number", token)
		}
		n := node{at: at, to: p.to, number: x}
		return n, p.next()
	case p.kind == word && p.conditions && slices.Contains([]string{"and", "or", "not"}, token):
		return node{}, p.wrong("write a condition on both sides of and and or, and in parentheses behind an operator",
			"%s stands where a value should", token)
	case p.kind == word:
		to := p.to
		if err := p.next(); err != nil {
			return node{}, err
		}
		if p.is("(") {
			return p.call(token, at)
		}
		if p.kind == number && p.at == at+len(token) && p.text[p.at] == '.' {
			return node{}, p.dotted(token, at)
		}
		if p.conditions {
			return node{sort: named, at: at, to: to, name: token}, nil
		}
		return p.metric(token, at, to), nil
	case p.kind == quoted && p.conditions:
		n := node{sort: text, at: at, to: p.to, name: p.name}
		return n, p.next()
	case p.kind == quoted:
		return node{}, p.wrong(fmt.Sprintf("write metric(%s)", token), "%s is a text", token)
	case p.is("("):
		if err := p.next(); err != nil {
			return node{}, err
		}
		n, err := p.value()
		if err != nil {
			return node{}, err
		}
		n.at, n.to = at, p.to
		return n, p.closes(at)
	case p.kind == end && p.last != "":
		return node{}, p.wrong("write a number, a metric or a function of them", "something is missing after %s", p.last)
	case p.is(")") && p.last == "(":
		return node{}, p.wrong("write something between them, or remove them", "there is nothing between the parentheses")
	}
	return node{}, p.wrong("write a number, a metric or a function of them", "%s stands where a value should", token)
}

func isNumber(s string) bool { _, err := strconv.ParseFloat(s, 64); return err == nil }

// metric is an operand, and known from now on.
func (p *parser) metric(called string, at, to int) node {
	if !slices.ContainsFunc(p.metrics, func(n name) bool { return n.text == called }) {
		p.metrics = append(p.metrics, name{called, at})
	}
	return node{sort: named, at: at, to: to, name: called}
}

// dotted says what is meant by a word with a dot behind it: val.acc, or np.log10.
func (p *parser) dotted(token string, at int) error {
	n := at
	for n < len(p.text) && (isLetter(p.text[n]) || isDigit(p.text[n]) || p.text[n] == '.') {
		n++
	}
	all := p.text[at:n]
	if short := all[strings.LastIndexByte(all, '.')+1:]; functions[short] != nil {
		return mistake(p.text, at, "write "+short, "there is no function %s", all)
	}
	return mistake(p.text, at, fmt.Sprintf("write metric(%q)", all), "%s has a dot", all)
}

// closes reads the parenthesis that closes the one at a place.
func (p *parser) closes(opened int) error {
	if p.is(")") {
		return p.next()
	}
	if p.kind == end {
		return mistake(p.text, opened, "write ) behind what it holds", "a parenthesis opens and does not close")
	}
	return p.leftOver()
}

// call reads the arguments of a function.
func (p *parser) call(token string, at int) (node, error) {
	opened := p.at
	if token == "metric" || p.conditions && forms[token] != "" {
		return p.named(token, at, opened)
	}
	f := functions[token]
	if f == nil {
		remedy := "there are " + strings.Join(Functions(), ", ")
		if near := option.Nearest(token, Functions()); near != "" {
			remedy = "did you mean " + near + "?"
		}
		return node{}, mistake(p.text, at, remedy, "there is no function %s", token)
	}
	n := node{sort: call, at: at, apply: f.apply}
	for more := true; more; more = p.is(",") {
		if err := p.next(); err != nil {
			return node{}, err
		}
		if p.is(")") && len(n.args) == 0 {
			break
		}
		arg, err := p.value()
		if err != nil {
			return node{}, err
		}
		n.args = append(n.args, arg)
	}
	n.to = p.to
	if err := p.closes(opened); err != nil {
		return node{}, err
	}
	if problem := f.takes(token, len(n.args)); problem != "" {
		return node{}, mistake(p.text, at, "write "+f.usage(token), "%s", problem)
	}
	return n, nil
}

// forms are how names are written that are no words, or might be others', each with an
// example.
var forms = map[string]string{"metric": `metric("val/acc")`, "gene": `gene("blocks[0].kernel")`, "usage": `usage("memory")`}

// named reads the name of metric("val/acc"), gene("learning-rate") or usage("memory").
func (p *parser) named(form string, at, opened int) (node, error) {
	if err := p.next(); err != nil {
		return node{}, err
	}
	if p.kind != quoted || p.name == "" {
		return node{}, p.wrong("write "+forms[form], "%s takes a name in quotation marks", form)
	}
	n := p.metric(p.name, p.at, p.to)
	if err := p.next(); err != nil {
		return node{}, err
	}
	if p.conditions {
		n.at, n.form = at, form
	}
	n.to = p.to
	return n, p.closes(opened)
}

// leftOver says what is wrong where an expression could have ended and does not.
func (p *parser) leftOver() error {
	switch {
	case p.is(")"):
		return p.wrong("remove it, or open one before", "a parenthesis closes that was not opened")
	case p.is(","):
		return p.wrong("write decimals with a point: 0.02", "a comma stands where no arguments are")
	case functions[p.last] != nil:
		return p.wrong("write "+functions[p.last].usage(p.last), "%s is a function and needs parentheses", p.last)
	}
	remedy := "to multiply write *"
	if p.conditions {
		remedy += ", to join conditions and or or; a text of several words is in quotation marks"
	}
	return p.wrong(remedy, "an operator is missing between %s and %s", p.last, p.token())
}
