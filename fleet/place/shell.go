package place

import (
	"errors"
	"strings"
)

// quote makes a text one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// words splits a line as a shell does, without expanding anything.
func words(line string) (all []string, err error) {
	var word []byte
	open, quoted := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted != 0 && c == quoted:
			quoted = 0
		case c == '\\' && quoted != '\'' && i+1 < len(line):
			i++
			word, open = append(word, line[i]), true
		case quoted != 0:
			word = append(word, c)
		case c == '\'' || c == '"':
			quoted, open = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				all = append(all, string(word))
			}
			word, open = nil, false
		default:
			word, open = append(word, c), true
		}
	}
	if quoted != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if open {
		all = append(all, string(word))
	}
	return all, nil
}
