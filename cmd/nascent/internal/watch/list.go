package watch

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// list is the table of candidates. It asks for the rows in sight, fifty at a time.
type list struct {
	begun                bool   // order is known
	usual                string // columns where nobody named others
	where, order, column string
	past                 map[string][]string // texts of before, by what was asked for

	at, top int       // row that is chosen, and that is drawn first
	id      engine.ID // that is chosen: it stays so where rows come before it
	left    int       // columns that are scrolled out of sight
	total   int
	height  int // rows in sight
	wide    bool
}

const pageRows = 50

func (v *list) hints(m *model) string {
	return "↑↓ choose  Enter open  / filter  o order  c columns  L label  P pin  ←→ columns"
}

func (v *list) key(m *model, key string) bool {
	move := func(by int) bool {
		v.at = max(0, min(v.total-1, v.at+by))
		v.id = 0 // whoever is there now
		return true
	}
	switch key {
	case "up", "k":
		return move(-1)
	case "down", "j":
		return move(1)
	case "pgup", "ctrl+b":
		v.top -= v.height
		return move(-v.height)
	case "pgdown", "ctrl+f", "space":
		v.top += v.height
		return move(v.height)
	case "ctrl+u":
		return move(-v.height / 2)
	case "ctrl+d":
		return move(v.height / 2)
	case "home", "g":
		return move(-v.total)
	case "end", "G":
		return move(v.total)
	case "left", "h":
		v.left = max(0, v.left-1)
	case "right", "l":
		if v.wide {
			v.left++
		}
	case "/":
		v.ask(m, "/", &v.where)
	case "o":
		v.ask(m, "order by", &v.order)
	case "c":
		v.ask(m, "columns", &v.column)
	case "esc":
		if v.where == "" {
			return false
		}
		v.set(&v.where, "")
	default:
		return false
	}
	return true
}

// ask lets somebody write what is shown.
func (v *list) ask(m *model, title string, of *string) {
	names := slices.Clone(show.Fields)
	if s := m.summary(); s != nil {
		names = slices.Concat(names, s.Metrics, s.Genes)
	}
	if v.past == nil {
		v.past = map[string][]string{}
	}
	m.typing = newPrompt(title, *of, names, v.past[title], func(text string) error {
		if text = strings.TrimSpace(text); text != "" {
			v.past[title] = append(v.past[title], text)
		}
		v.set(of, text)
		return nil
	})
}

func (v *list) set(of *string, to string) {
	if *of != to {
		*of, v.at, v.top, v.id, v.left = to, 0, 0, 0, 0
	}
}

// begin orders by what is best, and shows what tells of it.
func (v *list) begin(s *summary) {
	if v.begun {
		return
	}
	v.begun = true
	if o := preferred(s); o.Metric != "" {
		if v.order = show.MetricColumn(o.Metric); o.Goal != engine.Minimize {
			v.order = "-" + v.order
		}
	}
	columns := []string{"id", "status"}
	for _, o := range s.Objectives[:min(4, len(s.Objectives))] {
		columns = append(columns, show.MetricColumn(o.Metric))
	}
	if slices.Contains(s.Metrics, "parameters") && !slices.Contains(columns, "parameters") {
		columns = append(columns, "parameters")
	}
	v.usual = strings.Join(append(columns, "seconds", "operator", "label", "reason", "genome"), ",")
	v.column = v.usual
}

func (v *list) address(page int) string {
	return "/table?" + url.Values{"where": {v.where}, "sort": {v.order}, "columns": {v.column}, "offset": {strconv.Itoa(page * pageRows)}}.Encode()
}

// page is one of the table, nil before it is known.
func (v *list) page(m *model, page int) (*table, error) {
	return want[table](&m.answers, v.address(page))
}

func (v *list) lines(m *model, width, height int) []line {
	s := m.summary()
	v.begin(s)
	v.height = max(1, height-2)
	first, err := v.page(m, v.top/pageRows)
	if first != nil {
		v.total = first.Total
	}
	v.at = max(0, min(v.at, v.total-1))
	v.follow(m)
	v.top = max(0, min(max(min(v.top, v.at), v.at-v.height+1), v.total-v.height))

	var pages []*table
	var rows []int // in sight
	for i := v.top; i < min(v.total, v.top+v.height); i++ {
		rows = append(rows, i)
	}
	for k := v.top / pageRows; k <= max(v.top, v.top+v.height-1)/pageRows; k++ {
		p, wrong := v.page(m, k)
		if wrong != nil {
			err = wrong
		}
		if p != nil && p.Total > 0 {
			v.total = p.Total
		}
		pages = append(pages, p)
	}
	if next := (v.top+v.height)/pageRows + 1; next*pageRows < v.total && (v.top+v.height)%pageRows > pageRows/2 {
		v.page(m, next) // will soon be in sight
	}
	lines := []line{v.title(first != nil || v.total > 0, err, width)}
	if err != nil {
		return append(lines, folded(" ", oneLine(err), bad, width, height-1)...)
	}
	cell := func(row, col int) (string, bool) {
		p := pages[row/pageRows-v.top/pageRows]
		if k := row % pageRows; p != nil && k < len(p.Rows) && col < len(p.Rows[k].Cells) {
			return p.Rows[k].Cells[col], true
		}
		return "", false
	}
	known := slices.IndexFunc(pages, func(p *table) bool { return p != nil })
	if known < 0 {
		return append(lines, ln(in(faint, " asking ...")))
	}
	head := pages[known]
	widths := make([]int, len(head.Columns))
	for i, c := range head.Columns {
		widths[i] = cells(head.title(i), v.mark(c.Name))
		empty := (c.Name == "label" || c.Name == "reason") && v.column == v.usual
		for _, row := range rows {
			text, _ := cell(row, i)
			widths[i] = max(widths[i], cells(text))
			if p := pages[row/pageRows-v.top/pageRows]; p != nil && row%pageRows < len(p.Rows) {
				empty = empty && (text == "" || c.Name == "reason" && p.Rows[row%pageRows].Status == engine.OK)
			}
		}
		if empty {
			widths[i] = 0
		}
	}
	shown, more := v.columns(head, widths, width)
	v.wide = more
	title := ln()
	for n, i := range shown {
		c := head.Columns[i]
		if n == 1 && v.left > 0 {
			title.add(in(bold, "‹"))
		} else {
			title.add(t(" "))
		}
		text := head.title(i) + v.mark(c.Name)
		if c.Number {
			title.add(in(bold|faint, right(text, widths[i])), t(" "))
		} else {
			title.add(in(bold|faint, pad(text, widths[i])), t(" "))
		}
	}
	if more {
		title.add(in(bold, "›"))
	}
	lines = append(lines, title)
	for _, row := range rows {
		id, l := v.row(head, shown, widths, row, pages, cell)
		l.about = id
		if id != 0 {
			l.open = func() { m.show(id) }
		}
		if row == v.at {
			m.chosen = len(lines)
			if v.id == 0 {
				v.id = id
			}
		}
		lines = append(lines, l)
	}
	if v.total == 0 {
		why := " there are none yet"
		if v.where != "" {
			why = " there are none of which this holds: " + v.where
		}
		lines = append(lines, ln(in(faint, why)))
	}
	return lines
}

// row draws a candidate.
func (v *list) row(head *table, shown, widths []int, row int, pages []*table, cell func(row, col int) (string, bool)) (id engine.ID, l line) {
	style := plain
	if p := pages[row/pageRows-v.top/pageRows]; p != nil && row%pageRows < len(p.Rows) {
		r := p.Rows[row%pageRows]
		id = r.ID
		switch {
		case r.Status != engine.OK:
			style = bad
		case r.Winner:
			style = bold | good
		}
	}
	for _, i := range shown {
		text, known := cell(row, i)
		switch {
		case !known:
			text = pad("…", widths[i])
		case head.Columns[i].Number:
			text = right(text, widths[i])
		default:
			text = pad(text, widths[i])
		}
		l.add(t(" "), in(style, text), t(" "))
	}
	return id, l
}

// follow keeps the candidate that was chosen chosen, where it has moved.
func (v *list) follow(m *model) {
	if v.id == 0 {
		return
	}
	for k := v.top / pageRows; k <= (v.top+v.height)/pageRows; k++ {
		p, _ := v.page(m, k)
		if p == nil {
			continue
		}
		for i := range p.Rows {
			if p.Rows[i].ID == v.id {
				v.at = min(max(0, v.total-1), k*pageRows+i)
				return
			}
		}
	}
}

// mark tells how a column orders the rows.
func (v *list) mark(column string) string {
	for key := range strings.SplitSeq(v.order, ",") {
		switch strings.TrimSpace(key) {
		case column:
			return " ▲"
		case "-" + column:
			return " ▼"
		}
	}
	return ""
}

// title is what is written over a column.
func (p *table) title(column int) string {
	c := p.Columns[column]
	return strings.TrimSuffix(c.Title, " (s)") // times have their units
}

// leastText is what a text that is cut has at least.
const leastText = 12

// columns are those that there is room for whole, the first always; a text at the end may
// be cut. more tells that there are others to the right.
func (v *list) columns(head *table, widths []int, columns int) (shown []int, more bool) {
	v.left = max(0, min(v.left, len(head.Columns)-2))
	rest := columns - 1
	for i, c := range head.Columns {
		if i > 0 && i <= v.left || widths[i] == 0 {
			continue
		}
		switch need := widths[i] + 2; {
		case need <= rest:
			rest -= need
		case !c.Number && rest-2 >= min(leastText, widths[i]):
			widths[i] = rest - 2
			rest, more = 0, i > v.left+1 // moved to the left there is more of it to be seen
		case len(shown) < 2 && rest > 2: // something has to be seen
			widths[i] = rest - 2
			rest = 0
		default:
			return shown, true
		}
		shown = append(shown, i)
	}
	return shown, more
}

// title says what is listed: how many whole, the filter as far as there is room, then the order.
func (v *list) title(known bool, err error, columns int) line {
	count := ""
	if err == nil && known {
		count = show.Plural(v.total, "candidate")
		if v.total > v.height {
			count = fmt.Sprintf("%s-%s of %s", show.Thousands(int64(v.top+1)), show.Thousands(int64(min(v.total, v.top+v.height))), show.Thousands(int64(v.total)))
		}
	}
	l := ln(t(" "))
	room := columns - cells(count) - 2
	if v.where != "" {
		l.add(in(bold, "filter "), t(clip(v.where, room-8)), t("  "))
	}
	if order := "order " + v.order; v.order != "" && l.width()+cells(order) < room {
		l.add(in(faint, order))
	}
	l.fill(columns-cells(count)-1, plain)
	l.add(t(count))
	return l
}

// filtered lists the candidates of which a condition holds.
func (m *model) filtered(where string) {
	for i, v := range m.views {
		if v, ok := v.(*list); ok {
			m.turn(i)
			v.set(&v.where, where)
		}
	}
}

// reasonIs is the condition of those that did not succeed for a reason.
func reasonIs(status, reason string) string {
	best := ""
	for part := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSuffix(reason, "…"), "\n", `"`), `"`) { // what a condition can quote
		if part = strings.TrimSpace(part); len(part) > len(best) {
			best = part
		}
	}
	if best == "" {
		return status
	}
	return fmt.Sprintf(`%s and reason ~ "%s"`, status, best)
}
