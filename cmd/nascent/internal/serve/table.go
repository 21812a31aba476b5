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
	sel := show.Selection{Limit: pageRows}
	if text := q.Get("where"); strings.TrimSpace(text) != "" {
		c, err := expression.ParseCondition(text)
		if err != nil {
			return nil, err
		}
		sel.Where = append(sel.Where, c)
	}
	if n, err := strconv.Atoi(q.Get("offset")); err == nil {
		sel.Offset = max(0, n)
	}
	for key := range strings.SplitSeq(q.Get("sort"), ",") {
		if key != "" {
			sel.Sort = append(sel.Sort, show.ParseKey(key))
		}
	}
	found, all, err := s.rows.Select(sel)
	if err != nil {
		return nil, err
	}
	columns := slices.DeleteFunc(strings.Split(q.Get("columns"), ","), func(c string) bool { return c == "" })
	if len(columns) == 0 {
		columns = s.rows.Usual(found)
	}
	columns = columns[:min(len(columns), mostColumns)]
	out := &table{Total: all, Offset: sel.Offset, Columns: []tableColumn{}, Rows: []tableRow{}}
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
