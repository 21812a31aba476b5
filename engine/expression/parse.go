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
	p := &parser{text: text, Expression: Expression{text: text}}
	switch {
	case len(text) > MaxLength:
		return nil, mistake(text, 0, fmt.Sprintf("an expression has at most %d", MaxLength), "it has %d bytes", len(text))
	case !utf8.ValidString(text):
		return nil, mistake(text, 0, "write it as UTF-8", "it is no text")
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.kind == end {
		return nil, mistake(text, 0, "write one over metrics, such as accuracy - 0.02*log10(parameters)", "the expression is empty")
	}
	root, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.kind != end {
		return nil, p.leftOver()
	}
	p.root = root
	return &p.Expression, nil
}

// kind is what a token is.
type kind int

const (
	end kind = iota
	number
	word
	quoted
	sign // an operator, a parenthesis or a comma
)

// parser goes through a text, one token ahead. Each of its methods reads what binds at
// least as tightly as it says.
type parser struct {
	Expression
	text string
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
	case isDigit(c) || c == '.':
		p.kind = number
		p.to = p.at + length(func(i int) bool {
			exponent := i > 0 && (rest[i] == '-' || rest[i] == '+') && (rest[i-1] == 'e' || rest[i-1] == 'E') && !strings.HasPrefix(rest, "0x")
			return isDigit(rest[i]) || isLetter(rest[i]) || rest[i] == '.' || exponent
		})
	case c == '"' || c == '\'':
		n := strings.IndexByte(rest[1:], c)
		if n < 0 {
			return p.wrong(`write metric("NAME")`, "a quotation mark opens and does not close")
		}
		p.kind, p.name, p.to = quoted, rest[1:1+n], p.at+n+2
	case strings.HasPrefix(rest, "**"):
		p.kind, p.to = sign, p.at+2
	case strings.IndexByte("+-*/^(),", c) >= 0:
		p.kind, p.to = sign, p.at+1
	default:
		r, _ := utf8.DecodeRuneInString(rest)
		remedy := "there are + - * / ^ and parentheses, and functions: " + strings.Join(Functions(), ", ")
		if plain, ok := lookalikes[r]; ok {
			remedy = "write " + plain
		}
		return p.wrong(remedy, "%q is no operator", r)
	}
	return nil
}

// lookalikes are what people write for operators.
var lookalikes = map[rune]string{
	'−': "-", '–': "-", '—': "-", '×': "*", '·': "*", '÷': "/", ':': "/", '[': "(", ']': ")", '{': "(", '}': ")", ';': ", between arguments",
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
		left = node{apply: apply, args: []node{left, right}}
	}
	return left, err
}

// signed reads what may have signs before it.
func (p *parser) signed() (node, error) {
	if !p.is("+", "-") {
		return p.power()
	}
	negative := p.token() == "-"
	if err := p.next(); err != nil {
		return node{}, err
	}
	n, err := p.signed()
	if negative {
		n = node{apply: minus, args: []node{n}}
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
	return node{apply: power, args: []node{base, exponent}}, err
}

// operand reads a number, a metric, a call, or what stands in parentheses.
func (p *parser) operand() (node, error) {
	at, token := p.at, p.token()
	switch {
	case p.kind == number:
		x, err := strconv.ParseFloat(token, 64)
		if err != nil || strings.ContainsAny(token, "xXpP_") {
			remedy := "write it like 0.02 or 1e-3"
			if digits := strings.TrimRight(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"); digits != token && isNumber(digits) {
				remedy = fmt.Sprintf("to multiply write %s*%s", digits, token[len(digits):])
			}
			return node{}, p.wrong(remedy, "%s is no number", token)
		}
		return node{number: x}, p.next()
	case p.kind == word:
		if err := p.next(); err != nil {
			return node{}, err
		}
		if p.is("(") {
			return p.call(token, at)
		}
		if p.kind == number && p.at == at+len(token) && p.text[p.at] == '.' {
			return node{}, p.dotted(token, at)
		}
		return p.metric(token, at), nil
	case p.kind == quoted:
		return node{}, p.wrong(fmt.Sprintf("write metric(%s)", token), "%s is a text", token)
	case p.is("("):
		if err := p.next(); err != nil {
			return node{}, err
		}
		n, err := p.sum()
		if err != nil {
			return node{}, err
		}
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
func (p *parser) metric(text string, at int) node {
	if !slices.ContainsFunc(p.metrics, func(n name) bool { return n.text == text }) {
		p.metrics = append(p.metrics, name{text, at})
	}
	return node{metric: text}
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
	if token == "metric" {
		return p.named(opened)
	}
	f := functions[token]
	if f == nil {
		remedy := "there are " + strings.Join(Functions(), ", ")
		if near := option.Nearest(token, Functions()); near != "" {
			remedy = "did you mean " + near + "?"
		}
		return node{}, mistake(p.text, at, remedy, "there is no function %s", token)
	}
	n := node{apply: f.apply}
	for more := true; more; more = p.is(",") {
		if err := p.next(); err != nil {
			return node{}, err
		}
		if p.is(")") && len(n.args) == 0 {
			break
		}
		arg, err := p.sum()
		if err != nil {
			return node{}, err
		}
		n.args = append(n.args, arg)
	}
	if err := p.closes(opened); err != nil {
		return node{}, err
	}
	if problem := f.takes(token, len(n.args)); problem != "" {
		return node{}, mistake(p.text, at, "write "+f.usage(token), "%s", problem)
	}
	return n, nil
}

// named reads the name of metric("val/acc").
func (p *parser) named(opened int) (node, error) {
	if err := p.next(); err != nil {
		return node{}, err
	}
	if p.kind != quoted || p.name == "" {
		return node{}, p.wrong(`write metric("val/acc")`, "metric takes a name in quotation marks")
	}
	n := p.metric(p.name, p.at)
	if err := p.next(); err != nil {
		return node{}, err
	}
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
	return p.wrong("to multiply write *", "an operator is missing between %s and %s", p.last, p.token())
}
