package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
)

// What a report has at most.
const (
	mostKept     = 1000 // the best candidates; of a search with no more than so many all
	mostOthers   = 300  // of each kind that is kept besides
	mostFamily   = 3000 // ancestors of which only that is told
	mostSlices   = 24   // genes against objectives, where not all candidates are kept
	mostLogFiles = 10
)

// filed is what a report has of a search: answers to the queries that the page begins with, of
// the whole search, and some candidates as columns, from which the page answers the others by
// itself (web/file.js, web/rows.js).
type filed struct {
	Name    string                     `json:"name"`
	Command string                     `json:"command"`
	Dir     string                     `json:"dir"`
	Metric  string                     `json:"metric"`
	Goal    engine.Goal                `json:"goal"`
	Winner  engine.ID                  `json:"winner"`
	Total   int                        `json:"total"` // candidates of the search
	Best    int                        `json:"best"`  // that are here because they are among the best; the others for another reason
	Answers map[string]json.RawMessage `json:"answers"`
	Logs    map[string]json.RawMessage `json:"logs"`

	IDs        []engine.ID            `json:"ids"`
	Evaluation []number               `json:"evaluation"`
	Full       []int                  `json:"full"`   // of the rows here, those that were measured in full
	Within     []int                  `json:"within"` // and within the constraints
	Beyond     []int                  `json:"beyond"` // that break a soft constraint
	Wishes     []wish                 `json:"wishes"`
	Usual      []string               `json:"usual"` // objectives and ties, as columns
	Fields     map[string]*keptColumn `json:"fields"`
	Metrics    map[string]*keptColumn `json:"metrics"`
	Usage      map[string]*keptColumn `json:"usage"`
	Genes      map[string]*keptColumn `json:"genes"` // their values are in Trees
	Trees      []genome.Map           `json:"trees"`

	Family map[engine.ID]relative `json:"family"` // those that they came from and that are not here
}

// keptColumn is one of a report's columns.
type keptColumn struct {
	Kind   expression.Kind `json:"kind"`
	Words  []string        `json:"words,omitempty"`
	Many   bool            `json:"many,omitempty"`
	Title  string          `json:"title"`
	Goal   engine.Goal     `json:"goal,omitempty"`
	Log    bool            `json:"log,omitempty"`
	Values []any           `json:"values,omitempty"`
	Texts  []string        `json:"texts,omitempty"`  // as a table has them, where they are not the plain values
	Length bool            `json:"length,omitempty"` // of a list
	Option bool            `json:"option,omitempty"` // see genome.Path
}

// relative is what a family tells of a candidate.
type relative struct {
	Operator string        `json:"operator"`
	Status   engine.Status `json:"status"`
	Value    number        `json:"value"`
	Text     string        `json:"text"`
	Parents  []engine.ID   `json:"parents"`
	Changes  []change      `json:"changes"`
}

// Report is what there is to say about the search.
func (o *One) Report() *report.Report {
	o.search.mu.Lock()
	defer o.search.mu.Unlock()
	return report.Of(o.search.view)
}

// WriteFile writes the page of the search, as it was last read, as one file that loads
// nothing.
func (o *One) WriteFile(ctx context.Context, w io.Writer) error {
	s := o.search
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func(before string) { s.called = before }(s.called)
	s.called = show.Quote(s.name) // wherever the file is looked at
	f, details, err := s.filed(ctx)
	if err != nil {
		return err
	}
	return s.writeFile(w, f, details)
}

// filed gathers what a report has, and of each candidate a line of its own.
func (s *search) filed(ctx context.Context) (f *filed, details []byte, err error) {
	o := s.view.Objective()
	f = &filed{
		Name: s.name, Command: "nascent", Dir: s.called, Metric: o.Metric, Goal: o.Goal, Winner: s.winner(), Total: s.rows.Len(),
		Answers: map[string]json.RawMessage{}, Logs: map[string]json.RawMessage{}, Family: map[engine.ID]relative{},
	}
	var rows []int
	rows, f.Best = s.kept()
	if err := s.columnsOf(f, rows); err != nil {
		return nil, nil, err
	}
	if err := s.answersOf(ctx, f, len(rows) == f.Total); err != nil {
		return nil, nil, err
	}
	s.familyOf(f, rows)
	var b bytes.Buffer
	children := s.childrenOf(f.IDs...)
	for _, row := range rows {
		c, err := s.whole(ctx, row, children[s.rows.IDs[row]])
		if err != nil {
			return nil, nil, err
		}
		c.Exports = []string{}                                               // a file makes none
		c.Command = strings.Replace(c.Command, show.Program(), "nascent", 1) // whoever opens it has it where it is found
		text, err := json.Marshal(c)
		if err != nil {
			return nil, nil, err
		}
		b.Write(append(text, '\n'))
	}
	return f, b.Bytes(), nil
}

// kept are the rows of the candidates that a report has, and how many of them are the best.
func (s *search) kept() (rows []int, best int) {
	n := s.rows.Len()
	keep := make([]bool, n)
	add := func(row int) (added bool) {
		added, keep[row] = !keep[row], true
		return added
	}
	switch full := s.full(false); {
	case n <= mostKept:
		for row := range n {
			add(row)
		}
		best = n
	default:
		all := make([]*engine.Candidate, len(full))
		for i, row := range full {
			c := s.rows.Index.Candidate(row)
			all[i] = &c
		}
		for _, c := range s.archive.Plan.Ranking().Top(mostKept, all...) {
			if row, ok := s.rows.Find(c.ID); ok {
				best++
				add(row)
			}
		}
		for row := range n { // what was not measured in full goes behind
			if best < mostKept && add(row) {
				best++
			}
		}
	}
	for _, ids := range s.others() {
		for _, id := range ids[:min(len(ids), mostOthers)] {
			if row, ok := s.rows.Find(id); ok {
				add(row)
			}
		}
	}
	for row := range n {
		if keep[row] {
			rows = append(rows, row)
		}
	}
	return rows, best
}

// others are who is kept besides the best: who the page names.
func (s *search) others() [][]engine.ID {
	var front, leading, final, failed, labelled []engine.ID
	for _, b := range s.state.Front {
		front = append(front, b.ID)
	}
	for _, b := range s.state.Best {
		leading = append(leading, b.ID)
	}
	for row := range s.rows.Len() {
		if s.rows.Phase.At(row) != string(engine.PhaseSearch) {
			final = append(final, s.rows.IDs[row])
		}
	}
	for _, r := range s.failed().Reasons {
		failed = append(failed, r.Examples...)
	}
	labelled = append(slices.Sorted(maps.Keys(s.rows.Labels)), s.state.Pinned...)
	var family []engine.ID
	for at, seen := []engine.ID{s.winner()}, map[engine.ID]bool{}; len(at) > 0 && len(family) < mostAncestors; at = at[1:] {
		if row, ok := s.rows.Find(at[0]); ok && !seen[at[0]] {
			seen[at[0]] = true
			family, at = append(family, at[0]), append(at, s.rows.Parents(row)...)
		}
	}
	return [][]engine.ID{front, leading, report.AccountOf(s.view).IDs, final, failed, labelled, family}
}

// columnsOf puts rows down as columns.
func (s *search) columnsOf(f *filed, rows []int) error {
	for _, o := range slices.Concat(s.archive.Plan.Objectives, s.archive.Plan.Ties) {
		f.Usual = append(f.Usual, s.rows.MetricColumn(o.Metric))
	}
	evaluations, err := s.filled(evaluation)
	if err != nil {
		return err
	}
	full, within, ranking := s.full(false), s.full(true), s.view.Plan.Ranking()
	f.Wishes = s.wishes()
	for i, row := range rows {
		f.IDs = append(f.IDs, s.rows.IDs[row])
		f.Evaluation = append(f.Evaluation, number(evaluations[0].values[row]))
		f.Trees = append(f.Trees, s.rows.Genome(row).Tree())
		if _, ok := slices.BinarySearch(full, row); ok {
			f.Full = append(f.Full, i)
		}
		if _, ok := slices.BinarySearch(within, row); ok {
			f.Within = append(f.Within, i)
		}
		if len(ranking.Soft) > 0 && ranking.Penalty(s.rows.Index.Candidate(row).Metrics) > 0 {
			f.Beyond = append(f.Beyond, i)
		}
	}
	all := func(form string, names []string) map[string]*keptColumn {
		out := map[string]*keptColumn{}
		for _, name := range names {
			column := name
			if form != "" {
				column = form + ":" + name
			}
			if c, ok := s.keptColumn(form, name, column, rows); ok {
				out[name] = c
			}
		}
		return out
	}
	bare := func(form string) (names []string) {
		for _, n := range plain(s.rows.Names(form)) {
			_, name := show.SplitColumn(n)
			names = append(names, name)
		}
		return names
	}
	f.Fields, f.Metrics = all("", show.Fields), all("metric", bare("metric"))
	f.Usage, f.Genes = all("usage", bare("usage")), all("gene", bare("gene"))
	genes := map[string]bool{}
	for _, p := range s.view.Space.Paths(1000) {
		genes[genome.WithoutPlaces(p)] = true
	}
	for name, c := range f.Genes {
		c.Values = nil
		c.Length = strings.HasSuffix(name, ".length") && !genes[name]
		if p, ok := s.view.Space.Path(name); ok {
			c.Option = p.Option
		}
	}
	return nil
}

func (s *search) keptColumn(form, name, column string, rows []int) (*keptColumn, bool) {
	c, ok, err := s.rows.Column(form, name)
	if !ok || err != nil {
		return nil, false
	}
	o := s.goal(column)
	out := &keptColumn{Kind: c.Kind, Words: c.Words, Many: c.Many, Title: s.title(column), Goal: o.Goal, Log: o.Scale == engine.LogScale}
	texts, differ := make([]string, len(rows)), false
	for i, row := range rows {
		value := show.Plain(c, row)
		texts[i] = s.rows.Cell(row, column)
		simple, same := scripted(value)
		differ = differ || !same || simple != texts[i]
		out.Values = append(out.Values, value)
	}
	if differ {
		out.Texts = texts
	}
	return out, true
}

// scripted is how JavaScript writes a value of a column; false if that is not known.
func scripted(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "-", true
	case string:
		return v, true
	case float64:
		if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
			return "", false
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			p, ok := scripted(x)
			if !ok {
				return "", false
			}
			parts[i] = p
		}
		return strings.Join(parts, " "), true
	}
	return fmt.Sprint(v), true
}

// answersOf has what the page asks first answered, and what only all candidates tell.
func (s *search) answersOf(ctx context.Context, f *filed, all bool) error {
	ask := func(path string, with ...string) error {
		q, key := url.Values{}, path
		pairs := []string{}
		for i := 0; i < len(with); i += 2 {
			q.Set(with[i], with[i+1])
			pairs = append(pairs, " "+with[i]+"="+with[i+1])
		}
		slices.Sort(pairs)
		v, err := queries[path](s, ctx, 0, q)
		if err != nil {
			return err
		}
		if sum, ok := v.(*summary); ok {
			sum.Live = false // what it tells goes on no more
		}
		text, err := json.Marshal(v)
		f.Answers[key+strings.Join(pairs, "")] = text
		return err
	}
	for _, path := range []string{"", "/report", "/progress", "/curves", "/importance", "/parallel", "/timeline", "/failures"} {
		if err := ask(path); err != nil {
			return err
		}
	}
	if len(s.archive.Plan.Objectives) > 1 {
		if err := ask("/progress", "measure", "hypervolume"); err != nil {
			return err
		}
	}
	picture := func(x, y string) error {
		if err := ask("/scatter", "x", x, "y", y); err != nil {
			return err
		}
		var base scatter
		if err := json.Unmarshal(f.Answers["/scatter x="+x+" y="+y], &base); err != nil || base.Grid == nil {
			return err // its points are there, whatever the scale
		}
		other := map[bool]string{true: "0", false: "1"}
		logx, logy := other[base.X.Log], other[base.Y.Log]
		if err := ask("/scatter", "x", x, "y", y, "logy", logy); err != nil || x == evaluation {
			return err
		}
		if err := ask("/scatter", "x", x, "y", y, "logx", logx); err != nil {
			return err
		}
		return ask("/scatter", "x", x, "y", y, "logx", logx, "logy", logy)
	}
	if columns := s.across(); columns != "" {
		if err := ask("/parallel", "columns", columns); err != nil {
			return err
		}
	}
	for _, p := range report.Pairs(s.view) {
		if err := picture("metric:"+p[0].Metric, "metric:"+p[1].Metric); err != nil {
			return err
		}
	}
	objectives := s.archive.Plan.Objectives[:min(4, len(s.archive.Plan.Objectives))]
	for _, o := range objectives {
		if err := picture(evaluation, "metric:"+o.Metric); err != nil {
			return err
		}
	}
	if !all {
		if err := s.sliced(f, objectives, ask); err != nil {
			return err
		}
	}
	return s.logsOf(f)
}

// sliced are the objectives over the genes that matter most.
func (s *search) sliced(f *filed, objectives []engine.Objective, ask func(path string, with ...string) error) error {
	var study importances
	if err := json.Unmarshal(f.Answers["/importance"], &study); err != nil {
		return err
	}
	var names []string
	most := mostSlices / max(1, len(objectives))
	for rank := range most {
		for _, m := range study.Metrics {
			if rank < len(m.Genes) && len(names) < most && !slices.Contains(names, "gene:"+m.Genes[rank].Gene) {
				names = append(names, "gene:"+m.Genes[rank].Gene)
			}
		}
	}
	for _, g := range plain(s.rows.Names("gene")) {
		if len(names) < most && !slices.Contains(names, g) {
			names = append(names, g)
		}
	}
	if _, err := s.filled(names...); err != nil { // all at once
		return err
	}
	for _, name := range names {
		for _, o := range objectives {
			if err := ask("/scatter", "x", name, "y", "metric:"+o.Metric); err != nil {
				return err
			}
		}
	}
	return nil
}

// logsOf has the ends of the logs.
func (s *search) logsOf(f *filed) error {
	v, err := s.log(url.Values{})
	if err != nil {
		return err
	}
	names := v.(*logs).Files
	for _, name := range names[:min(len(names), mostLogFiles)] {
		v, err := s.log(url.Values{"file": {name}})
		if err != nil {
			return err
		}
		if f.Logs[name], err = json.Marshal(v); err != nil {
			return err
		}
	}
	return nil
}

// familyOf tells of those that the kept ones came from, the nearest first.
func (s *search) familyOf(f *filed, rows []int) {
	here := map[engine.ID]bool{}
	var at, next []engine.ID
	for _, row := range rows {
		here[s.rows.IDs[row]] = true
		at = append(at, s.rows.Parents(row)...)
	}
	for depth := 0; depth < mostGenerations && len(at) > 0; depth++ {
		for _, id := range at {
			row, ok := s.rows.Find(id)
			if _, told := f.Family[id]; !ok || told || here[id] || len(f.Family) == mostFamily {
				continue
			}
			a := s.ancestor(row)
			f.Family[id] = relative{a.Operator, a.Status, a.Value, a.Text, append([]engine.ID{}, s.rows.Parents(row)...), a.Changes}
			next = append(next, s.rows.Parents(row)...)
		}
		at, next = next, nil
	}
}

// page of a file: what is read without scripts.
type still struct {
	Title    string
	Name     string
	Headline string
	Cause    string
	Version  string
	Policy   string
	Style    template.CSS
	Account  *report.Account
	Best     []report.Shown
}

// writeFile writes the page.
func (s *search) writeFile(w io.Writer, f *filed, details []byte) error {
	script, err := bundle("report.js")
	if err != nil {
		return err
	}
	plot, err := fs.ReadFile(files, "web/uplot.js")
	if err != nil {
		return err
	}
	var style []byte
	for _, name := range []string{"web/uplot.css", "web/style.css"} {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		style = append(style, text...)
	}
	layout, err := template.ParseFS(files, "web/report.html")
	if err != nil {
		return err
	}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	page := still{
		Title: s.state.Name + ": a search by Nascent", Name: s.state.Name, Headline: report.Headline(s.view), Cause: s.state.Cause,
		Version: engine.Version,
		Policy: "default-src 'none'; script-src " + hashed(string(plot)) + " " + hashed(script) + "; style-src " + hashed(string(style)) +
			"; img-src data:; base-uri 'none'; form-action 'none'",
		Style: template.CSS(style), Account: report.AccountOf(s.view), Best: report.BestOf(s.view),
	}
	if err := layout.Execute(w, page); err != nil {
		return err
	}
	for _, part := range []struct {
		id   string
		text []byte
	}{{"search", text}, {"candidates", details}} {
		if _, err := fmt.Fprintf(w, "<script type=\"application/octet-stream\" id=%q>", part.id); err != nil {
			return err
		}
		if err := pack(w, part.text); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "</script>\n"); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "<script>%s</script>\n<script>%s</script>\n</body>\n</html>\n", plot, script)
	return err
}

// pack compresses a text into letters that mean nothing in HTML.
func pack(w io.Writer, text []byte) error {
	letters := base64.NewEncoder(base64.StdEncoding, w)
	z := gzip.NewWriter(letters)
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return letters.Close()
}

// hashed names a text in a Content-Security-Policy.
func hashed(text string) string {
	hash := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}
