package watch

import (
	"slices"
	"strings"
	"unicode"
)

// prompt is a line that somebody writes: a command, a filter, an order of rows.
type prompt struct {
	title  string // what stands before it
	text   []rune
	at     int // of the cursor
	names  []string
	done   func(text string) error // Enter; an error leaves the prompt open
	wrong  string                  // why the last text was not taken
	past   []string                // texts of before, for the arrows
	recall int
}

func newPrompt(title, text string, names []string, past []string, done func(string) error) *prompt {
	return &prompt{title: title, text: []rune(text), at: len([]rune(text)), names: names, past: past, recall: len(past), done: done}
}

// insert writes where the cursor is. What cannot be seen is left out.
func (p *prompt) insert(text string) {
	var runes []rune
	for _, r := range text {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			runes = append(runes, ' ')
		case unicode.IsGraphic(r):
			runes = append(runes, r)
		}
	}
	p.text = slices.Insert(p.text, p.at, runes...)
	p.at += len(runes)
	p.wrong = ""
}

// key changes the text; false: it is none that does.
func (p *prompt) key(key string) bool {
	word := func() int { // where the word before the cursor begins
		i := p.at
		for i > 0 && p.text[i-1] == ' ' {
			i--
		}
		for i > 0 && p.text[i-1] != ' ' {
			i--
		}
		return i
	}
	cut := func(from, to int) { p.text, p.at = slices.Delete(p.text, from, to), from }
	switch key {
	case "left", "ctrl+b":
		p.at = max(0, p.at-1)
	case "right", "ctrl+f":
		p.at = min(len(p.text), p.at+1)
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = len(p.text)
	case "backspace", "ctrl+h":
		cut(max(0, p.at-1), p.at)
	case "delete", "ctrl+d":
		cut(p.at, min(len(p.text), p.at+1))
	case "ctrl+u":
		cut(0, p.at)
	case "ctrl+k":
		cut(p.at, len(p.text))
	case "ctrl+w":
		cut(word(), p.at)
	case "up", "down":
		if p.recall += map[string]int{"up": -1, "down": 1}[key]; p.recall < 0 || p.recall >= len(p.past) {
			p.recall = max(0, min(len(p.past), p.recall))
			if p.recall == len(p.past) && key == "down" {
				p.text, p.at = nil, 0
			}
			return true
		}
		p.text = []rune(p.past[p.recall])
		p.at = len(p.text)
	case "tab":
		p.complete()
	default:
		return false
	}
	p.wrong = ""
	return true
}

// complete writes what all names have that begin like the word before the cursor.
func (p *prompt) complete() {
	i := p.at
	for i > 0 && !strings.ContainsRune(" ,()-+*/<>=", p.text[i-1]) {
		i--
	}
	begun := string(p.text[i:p.at])
	var common string
	n := 0
	for _, name := range p.names {
		if !strings.HasPrefix(name, begun) {
			continue
		}
		if n++; n == 1 {
			common = name
			continue
		}
		for !strings.HasPrefix(name, common) {
			common = common[:len(common)-1]
		}
	}
	if n > 0 {
		p.insert(strings.ToValidUTF8(strings.TrimPrefix(common, begun), ""))
	}
}

// line draws it into so many columns, and tells where the cursor stands.
func (p *prompt) line(columns int) (line, int) {
	title := p.title + " "
	room := max(4, columns-cells(title)-1)
	from, mark := 0, ""
	for cells(mark)+cells(string(p.text[from:p.at])) >= room {
		from++
		mark = "…"
	}
	return ln(in(bold, title), in(faint, mark), t(clip(string(p.text[from:]), room+1-cells(mark)))), cells(title) + cells(mark) + cells(string(p.text[from:p.at]))
}
