package serve

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
)

const (
	pageRows    = 50
	mostColumns = 24
)

// table is a page of the list of candidates.
type table struct {
	Columns []tableColumn `json:"columns"`
	Rows    []tableRow    `json:"rows"`
	Total   int           `json:"total"` // that there are without offset
	Offset  int           `json:"offset"`
}

type tableColumn struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Number bool   `json:"number"`
}

type tableRow struct {
	ID     engine.ID     `json:"id"`
	Status engine.Status `json:"status"`
	Cells  []string      `json:"cells"`
	Winner bool          `json:"winner,omitempty"`
}

// table answers /table[?where=][&sort=][&columns=][&offset=].
func (s *search) table(q url.Values) (any, error) {
	var sel show.Selection
	if text := q.Get("where"); strings.TrimSpace(text) != "" {
		c, err := expression.ParseCondition(text)
		if err != nil {
			return nil, err
		}
		sel.Where = append(sel.Where, c)
	}
	offset, _ := strconv.Atoi(q.Get("offset"))
	for key := range strings.SplitSeq(q.Get("sort"), ",") {
		if key != "" {
			sel.Sort = append(sel.Sort, show.ParseKey(key))
		}
	}
	all, err := s.selected(q.Get("where")+"\x00"+q.Get("sort"), sel)
	if err != nil {
		return nil, err
	}
	offset = max(0, offset)
	found := all[min(offset, len(all)):]
	found = found[:min(pageRows, len(found))]
	columns := slices.DeleteFunc(strings.Split(q.Get("columns"), ","), func(c string) bool { return c == "" })
	if len(columns) == 0 {
		columns = s.rows.Usual(found)
	}
	columns = columns[:min(len(columns), mostColumns)]
	out := &table{Total: len(all), Offset: offset, Columns: []tableColumn{}, Rows: []tableRow{}}
	for _, name := range columns {
		if err := s.rows.Known(name); err != nil {
			return nil, err
		}
		form, bare := show.SplitColumn(name)
		c, _, _ := s.rows.Column(form, bare)
		out.Columns = append(out.Columns, tableColumn{name, s.title(name), c.Kind == expression.Number && !c.Many})
	}
	room := 40_000 / max(1, len(found)*len(columns))
	for _, row := range found {
		r := tableRow{ID: s.rows.IDs[row], Status: engine.Status(s.rows.Status.At(row)), Winner: s.rows.IDs[row] == s.winner()}
		for _, name := range columns {
			r.Cells = append(r.Cells, clip(s.rows.Cell(row, name), max(24, room)))
		}
		out.Rows = append(out.Rows, r)
	}
	return out, nil
}

// mostSelected is how many selections are kept: whoever goes through a table asks for
// the same rows in the same order, fifty at a time.
const mostSelected = 4

// selected are the rows of a selection, which is kept under a name until something changes.
func (s *search) selected(name string, sel show.Selection) ([]int, error) {
	if rows, ok := s.selections[name]; ok {
		return rows, nil
	}
	rows, _, err := s.rows.Select(sel)
	if err != nil {
		return nil, err
	}
	if s.selections == nil || len(s.selections) == mostSelected {
		s.selections = map[string][]int{}
	}
	s.selections[name] = rows
	return rows, nil
}

// clip shortens a text to about n bytes, at a letter's end.
func clip(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
