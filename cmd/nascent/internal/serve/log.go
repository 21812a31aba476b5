package serve

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/internal/safe"
)

const (
	mostLogs     = 100
	mostLines    = 2000
	mostLogBytes = 40_000
	logTail      = 4 << 20 // of a file is looked through
)

// logs are lines of what plugins printed.
type logs struct {
	Files []string `json:"files"`
	File  string   `json:"file"` // that the lines are of; empty: of all
	Lines []string `json:"lines"`
	More  bool     `json:"more"` // earlier ones were left out
}

// log answers /log[?file=][&find=]: the end of what a plugin printed, of lines with a text; or
// /log?about=ID: those of all plugins that name a candidate, or were written while its job
// was on board, which the log says of each.
func (s *search) log(q url.Values) (any, error) {
	out := &logs{Files: []string{}, Lines: []string{}}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	folder, err := safe.Folder(root, "logs")
	if err != nil {
		return out, nil // there are none
	}
	defer folder.Close()
	d, err := folder.Open(".")
	if err != nil {
		return out, nil
	}
	entries, _ := d.ReadDir(-1)
	d.Close()
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".log") {
			out.Files = append(out.Files, e.Name())
		}
	}
	slices.Sort(out.Files)
	out.Files = out.Files[:min(len(out.Files), mostLogs)]
	about := q.Get("about")
	if out.File = q.Get("file"); out.File == "" && about == "" && len(out.Files) > 0 {
		out.File = out.Files[0]
	}
	files := []string{out.File}
	switch {
	case out.File == "":
		files = out.Files
	case !slices.Contains(out.Files, out.File):
		return nil, &notFound{fmt.Sprintf("there is no log %q", clip(out.File, 80))}
	}
	holds := func(line string) bool { return strings.Contains(line, q.Get("find")) }
	if about != "" {
		holds = regexp.MustCompile(`(?i)\b(candidate|job|trial|id)s?[ =:#"]{1,3}([0-9f]+[ ,])*` + regexp.QuoteMeta(about) + `\b`).MatchString
	}
	room := mostLogBytes
	for _, name := range slices.Backward(files) { // the last lines first
		lines, cut, err := tailOf(folder, name)
		if err != nil {
			return nil, err
		}
		out.More = out.More || cut
		for _, l := range slices.Backward(lines) {
			if l == "" || !holds(l) {
				continue
			}
			l = clip(show.Clean(l), 2000)
			if room -= inJSON(l); room < 0 || len(out.Lines) == mostLines {
				out.More = true
				break
			}
			out.Lines = append(out.Lines, l)
		}
	}
	for size, i := 0, 0; i < len(out.Files); i++ { // names are somebody's, too
		if size += inJSON(out.Files[i]); size > 12_000 {
			out.Files = out.Files[:i]
		}
	}
	slices.Reverse(out.Lines)
	return out, nil
}

// tailOf are the last lines of a log, and whether there are others before.
func tailOf(folder *os.Root, name string) (lines []string, cut bool, err error) {
	f, err := safe.OpenFile(folder, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	from := max(0, info.Size()-logTail)
	text := make([]byte, info.Size()-from)
	n, _ := f.ReadAt(text, from)
	lines = strings.Split(strings.TrimSuffix(string(text[:n]), "\n"), "\n")
	if from > 0 {
		lines = lines[1:]
	}
	return lines, from > 0, nil
}
