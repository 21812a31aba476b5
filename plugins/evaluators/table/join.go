package table

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// place is the path of a file: where the search.yaml lies, or as it is named, which
// $NASCENT_BENCH_DATA may help to find.
func place(setup *sdk.Setup, file string) string {
	if there := setup.Path(file); there != file {
		if _, err := os.Stat(there); err == nil {
			return there
		}
	}
	return file
}

// load reads the columns that are asked for, from whichever file has them. Rows of
// the first file stay that all others have, too.
func (t *table) load(setup *sdk.Setup) (*sheet, error) {
	first, err := openFile(place(setup, t.o.File))
	if err != nil {
		return nil, sdk.BadOption("file", "%v", err)
	}
	readers, on := []*reader{first}, []string{""}
	for _, j := range t.o.Join {
		r, err := openFile(place(setup, j.file))
		if err != nil {
			return nil, sdk.BadOption("join", "%v", err)
		}
		by := j.on
		if key := t.o.Key.wanted(); by == "" && len(key) == 1 {
			by = key[0]
		}
		switch {
		case by == "":
			return nil, sdk.BadOption("join",
				"the key has several columns: say by which one rows of %s are found: {file: %s, on: COLUMN}", j.file, j.file)
		case !first.has(by) || !r.has(by):
			lacks := first
			if first.has(by) {
				lacks = r
			}
			return nil, sdk.BadOption("join", "%v", &columnError{lacks.sheet.name, by, lacks.header})
		}
		readers, on = append(readers, r), append(on, by)
	}
	wanted, err := t.spread(readers, on)
	if err != nil {
		return nil, err
	}
	key := t.o.Key.wanted()
	texts := slices.Clone(key)
	for _, by := range on[1:] {
		if !slices.Contains(texts, by) {
			texts = append(texts, by)
		}
	}
	s, err := first.read(texts, wanted[0])
	if err != nil {
		return nil, sdk.BadOption("file", "%v", err)
	}
	for i, r := range readers[1:] {
		other, err := r.read([]string{on[i+1]}, wanted[i+1])
		if err == nil {
			err = s.join(other, on[i+1])
		}
		if err != nil {
			return nil, sdk.BadOption("join", "%v", err)
		}
	}
	return s, nil
}

// spread says which file has which of the columns that hold numbers.
func (t *table) spread(readers []*reader, on []string) (wanted [][]string, err error) {
	var files, all []string
	for _, r := range readers {
		files, all = append(files, r.sheet.name), append(all, r.header...)
	}
	for _, c := range t.o.Key.wanted() {
		if !readers[0].has(c) {
			return nil, sdk.BadOption("key", "%v", &columnError{readers[0].sheet.name, c, readers[0].header})
		}
	}
	wanted = make([][]string, len(readers))
	for _, c := range t.columns() {
		at := -1
		for i, r := range readers {
			switch {
			case !r.has(c) || i > 0 && c == on[i]:
			case at >= 0:
				return nil, sdk.BadOption(t.askedBy(c), "column %q is in %s and in %s: rename one", c, readers[at].sheet.name, r.sheet.name)
			default:
				at = i
			}
		}
		if at < 0 {
			return nil, sdk.BadOption(t.askedBy(c), "%v", &columnError{strings.Join(files, " and "), c, all})
		}
		wanted[at] = append(wanted[at], c)
	}
	return wanted, nil
}

// join adds the columns of another file's rows that have the same text in a column.
// Rows without such a one are left out.
func (s *sheet) join(other *sheet, on string) error {
	at := make(map[string]int, len(other.lines))
	for i, text := range other.texts[on] {
		text = plain(strings.TrimSpace(text))
		if twice, ok := at[text]; ok {
			return fmt.Errorf("%s:%d: %s %s is that of line %d, too: remove one of the rows", other.name, other.lines[i], on,
				clip(text), other.lines[twice])
		}
		at[text] = i
	}
	var mine, theirs []int
	for i, text := range s.texts[on] {
		if k, ok := at[plain(strings.TrimSpace(text))]; ok {
			mine, theirs = append(mine, i), append(theirs, k)
		}
	}
	if len(mine) == 0 {
		return fmt.Errorf("no row of %s has the same %s as one of %s: give files about the same genomes", other.name, on, s.name)
	}
	s.lines = pick(s.lines, mine)
	for c, texts := range s.texts {
		s.texts[c] = pick(texts, mine)
	}
	for c, xs := range s.numbers {
		s.numbers[c] = pick(xs, mine)
	}
	for c, xs := range other.numbers {
		s.numbers[c] = pick(xs, theirs)
	}
	s.sum += fmt.Sprintf(" with %s on %s", other.sum, on)
	s.name += " and " + filepath.Base(other.name)
	return nil
}

// pick returns those of a list that stand at some places.
func pick[T any](list []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = list[k]
	}
	return out
}
