package watch

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// failing are the reasons for what went wrong.
type failing struct {
	pager
	all    []line
	height int
}

func (v *failing) hints(*model) string { return "↑↓ choose  Enter lists the candidates" }

func (v *failing) key(m *model, key string) bool { return v.pager.key(key, v.all, v.height) }

func (v *failing) lines(m *model, width, height int) []line {
	f, err := want[failures](&m.answers, "/failures")
	switch {
	case f == nil && err != nil:
		v.all = folded(" ", oneLine(err), bad, width, height)
	case f == nil:
		v.all = []line{ln(in(faint, " asking ..."))}
	case len(f.Reasons) == 0:
		v.all = []line{ln(t(" nothing went wrong: " + show.Thousands(int64(f.OK)) + " ok"))}
	default:
		v.all = []line{ln(t(" "+show.Thousands(int64(f.OK))+" ok, "), in(bold|bad, failed(f))), ln(in(faint, "  times  status    cost     reason"))}
		for _, r := range f.Reasons {
			cost := ""
			if r.Seconds != nil && *r.Seconds > 0 {
				cost = show.Seconds(*r.Seconds)
			}
			front := " " + right(show.Thousands(int64(r.N)), 6) + "  " + pad(string(r.Status), 9) + " " + pad(cost, 8) + " "
			for i, text := range wrap(r.Reason, max(20, width-cells(front)-1)) {
				if i == 3 {
					v.all = append(v.all, ln(in(faint, strings.Repeat(" ", cells(front))+"…")))
					break
				}
				l := ln(in(bad, front), t(text))
				if i == 0 {
					l = l.opens(func() { m.filtered(reasonIs(string(r.Status), r.Reason)) }).concerns(r.Reason)
				} else {
					l = ln(t(strings.Repeat(" ", cells(front)) + text))
				}
				v.all = append(v.all, l)
			}
		}
		if f.Kinds > len(f.Reasons) {
			v.all = append(v.all, ln(in(faint, fmt.Sprintf(" and %s more", show.Plural(f.Kinds-len(f.Reasons), "reason")))))
		}
	}
	v.height = height
	return m.paged(&v.pager, v.all, height)
}

// events are what happened, the last first.
type events struct {
	pager
	all    []line
	height int
}

func (v *events) hints(*model) string { return "↑↓ scroll  n note  : command" }

func (v *events) key(m *model, key string) bool { return v.pager.key(key, v.all, v.height) }

func (v *events) lines(m *model, width, height int) []line {
	tl, err := want[timeline](&m.answers, "/timeline")
	switch {
	case tl == nil && err != nil:
		v.all = folded(" ", oneLine(err), bad, width, height)
	case tl == nil:
		v.all = []line{ln(in(faint, " asking ..."))}
	default:
		v.all = nil
		for _, e := range tl.Events {
			l := eventLine(&e)
			front, text := l.pieces[:2], l.pieces[2:]
			at := cells(front[0].text, front[1].text)
			for i, part := range wrap(textOf(ln(text...)), max(20, width-at-1)) {
				if i > 0 {
					front = []piece{t(strings.Repeat(" ", at)), t("")}
				}
				v.all = append(v.all, ln(front[0], front[1], t(part)))
			}
		}
		if more := tl.Total - len(tl.Events); more > 0 {
			v.all = append(v.all, ln(in(faint, fmt.Sprintf(" and %s before; nascent log has all", show.Plural(more, "event")))))
		}
	}
	v.height = height
	return m.paged(&v.pager, v.all, height)
}

// eventLine says what happened.
func eventLine(e *engine.Occurrence) line {
	l := ln(in(faint, " "+e.Time.Local().Format(time.DateTime)[5:]+fmt.Sprintf("  turn %-6d ", e.Turn)), in(bold, pad(e.Kind, 10)+" "), t(e.Text))
	if e.By != "" {
		l.add(in(faint, " ("+e.By+")"))
	}
	return l
}

// logbook is what the plugins printed.
type logbook struct {
	pager
	file, find string
	files      []string
	past       []string
	all        []line
	height     int
	back       bool // somebody looks at what was before; else the end is in sight
}

func (v *logbook) hints(*model) string { return "↑↓ scroll  / find  f next file  G the end" }

func (v *logbook) key(m *model, key string) bool {
	switch key {
	case "f":
		if n := len(v.files); n > 0 {
			v.file, v.back = v.files[(slices.Index(v.files, v.file)+1)%n], false
		}
		return true
	case "/":
		m.typing = newPrompt("find", v.find, nil, v.past, func(text string) error {
			v.find, v.back = text, false
			v.past = append(v.past, text)
			return nil
		})
		return true
	case "esc":
		if v.find == "" {
			return false
		}
		v.find, v.back = "", false
		return true
	}
	if !v.pager.key(key, v.all, v.height) {
		return false
	}
	v.back = v.top < len(v.all)-v.height
	return true
}

func (v *logbook) lines(m *model, width, height int) []line {
	l, err := want[logs](&m.answers, "/log?"+url.Values{"file": {v.file}, "find": {v.find}}.Encode())
	v.height = max(1, height-1)
	title := ln(t(" "))
	v.all = nil
	switch {
	case l == nil && err != nil:
		v.all = folded(" ", oneLine(err), bad, width, height)
	case l == nil:
		v.all = []line{ln(in(faint, " asking ..."))}
	default:
		v.files, v.file = l.Files, l.File
		for _, name := range l.Files {
			s := faint
			if name == l.File {
				s = bold
			}
			title.add(in(s, name), t("  "))
		}
		if len(l.Files) == 0 {
			title.add(in(faint, "there are no logs"))
		}
		if v.find != "" {
			title.add(in(bold, "lines with "), t(v.find))
		}
		if l.More {
			v.all = append(v.all, ln(in(faint, " ... earlier lines are in the file")))
		}
		for _, text := range l.Lines {
			for i, part := range wrap(text, width-3) {
				if i > 0 {
					part = " " + part
				}
				v.all = append(v.all, ln(t(" "+part)))
			}
		}
		if len(l.Lines) == 0 && v.find != "" {
			v.all = append(v.all, ln(in(faint, " no line has it")))
		}
	}
	if !v.back {
		v.top = max(0, len(v.all)-v.height)
	}
	return append([]line{title}, m.paged(&v.pager, v.all, v.height)...)
}

// help lists all keys.
type help struct {
	pager
	all    []line
	height int
}

var keys = []struct{ keys, what string }{
	{"", "everywhere"},
	{"1 - 5, Tab", "the views: overview, candidates, failures, timeline, logs"},
	{"↑ ↓  j k", "choose, or scroll; PgUp PgDn, Ctrl-U Ctrl-D half, g G the ends"},
	{"Enter", "opens what is chosen: a candidate, those with a failure"},
	{"Esc", "back, in a folder to its searches; takes a filter away"},
	{"?  q  Ctrl-C", "these keys; leave. The search goes on"},
	{"", "candidates"},
	{"/", "filter, in the language of list --where: accuracy > 0.9 and not norm"},
	{"o  c", "order, by columns (-accuracy,id); columns, by names. Tab completes"},
	{"← →  h l", "columns that there is no room for"},
	{"", "steering: each says first what it will do, and waits for y"},
	{"p", "pause, or resume"},
	{"s", "set limits, workers, window: limits.evaluations=500"},
	{"x", "cancel the job that is chosen"},
	{"b  u", "ban genomes by a condition; end a ban"},
	{"a", "add a genome; where a candidate is open, beginning with its own"},
	{"L  C  P", "label, comment, pin the candidate that is chosen or open"},
	{"n  S", "note in the log; stop the run"},
	{":", "any of these as a command; t at the question: before a turn"},
	{"", "logs"},
	{"/  f", "lines with a text; next file"},
}

func (v *help) lines(m *model, width, height int) []line {
	v.all = nil
	for _, k := range keys {
		if k.keys == "" {
			v.all = append(v.all, ln(in(bold, " "+k.what)))
			continue
		}
		for i, part := range wrap(k.what, max(10, width-17)) {
			if i > 0 {
				k.keys = ""
			}
			v.all = append(v.all, ln(in(good, "  "+pad(k.keys, 13)), t(" "+part)))
		}
	}
	v.height = height
	return m.paged(&v.pager, v.all, height)
}

func (v *help) key(m *model, key string) bool { return v.pager.key(key, v.all, v.height) }
