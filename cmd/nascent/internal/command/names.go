package command

import "strings"

// names is a flag that lists names, separated by commas; a comma within quotation marks,
// parentheses or brackets belongs to the name. Blanks around a name do not.
type names []string

// String is what the flag holds.
func (n *names) String() string { return strings.Join(*n, ",") }

// Type is how help calls such a value.
func (n *names) Type() string { return "strings" }

// Set takes more names in.
func (n *names) Set(text string) error {
	if text == "" {
		return nil
	}
	from, deep, quoted := 0, 0, false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[':
			deep++
		case c == ')' || c == ']':
			deep--
		case c == ',' && deep <= 0:
			*n, from = append(*n, strings.TrimSpace(text[from:i])), i+1
		}
	}
	*n = append(*n, strings.TrimSpace(text[from:]))
	return nil
}
