package data

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Columns says how the columns of a CSV file are read.
type Columns struct {
	Label string   // name of the column with the class
	Drop  []string // names of columns to leave out
}

// number is what counts as a number in a CSV file, in every reader of one.
var number = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// readCSV reads a CSV file in UTF-8 with a header line, which may be compressed
// with gzip. Fields are separated by commas, semicolons or tabs, whichever the
// header has most of. Every column but the label and the dropped ones is a
// feature and holds finite numbers.
func readCSV(path string, columns Columns) (*raw, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := bufio.NewReaderSize(f, 1<<16)
	separator, err := begin(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := csv.NewReader(text)
	r.ReuseRecord = true
	r.Comma = separator
	r.TrimLeadingSpace = separator != '\t' // which is a space, too
	header, err := r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: is empty; give a CSV file with a header line", path)
	} else if err != nil {
		return nil, csvError(path, err)
	}
	t := &raw{path: path, labelled: path}
	header = slices.Clone(header)
	label, features, err := columns.find(path, header)
	if err != nil {
		return nil, err
	}
	for _, i := range features {
		t.columns = append(t.columns, header[i])
	}
	t.shape = []int{len(t.columns)}
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, csvError(path, err)
		}
		line, _ := r.FieldPos(0)
		for _, i := range features {
			cell := strings.TrimSpace(record[i])
			v, err := strconv.ParseFloat(cell, 64)
			switch {
			case cell == "":
				return nil, fmt.Errorf("%s:%d: column %q is empty; fill it, remove the line, or list the "+
					"column under data.drop", path, line, header[i])
			case !number.MatchString(cell) || err != nil || math.IsInf(v, 0):
				return nil, fmt.Errorf("%s:%d: column %q holds %q, which is no finite number; "+
					"correct it, or list the column under data.drop",
					path, line, header[i], cell)
			}
			t.wide = append(t.wide, v)
		}
		class := strings.TrimSpace(record[label])
		switch {
		case class == "":
			return nil, fmt.Errorf("%s:%d: column %q is empty; give every line a class", path, line, columns.Label)
		case !utf8.ValidString(class):
			return nil, notText(path, line)
		}
		t.labels = append(t.labels, class)
		if len(t.wide) > most {
			return nil, fmt.Errorf("%s: holds more than %d values; give a smaller file", path, most)
		}
	}
	if len(t.labels) == 0 {
		return nil, fmt.Errorf("%s: has a header and no samples; give a file with some", path)
	}
	return t, nil
}

// begin skips a byte order mark and answers what separates the fields.
func begin(text *bufio.Reader) (separator rune, err error) {
	if mark, _ := text.Peek(2); string(mark) == "\xff\xfe" || string(mark) == "\xfe\xff" {
		return 0, errors.New("is UTF-16; save it as UTF-8")
	}
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" {
		_, _ = text.Discard(len(mark))
	}
	head, _ := text.Peek(1 << 16)
	var commas, semicolons, tabs int
	quoted := false
	for _, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == ',':
			commas++
		case b == ';':
			semicolons++
		case b == '\t':
			tabs++
		}
		if b == '\n' && !quoted {
			break
		}
	}
	switch {
	case semicolons > commas && semicolons >= tabs:
		return ';', nil
	case tabs > commas:
		return '\t', nil
	}
	return ',', nil
}

// find trims the header's names and finds the column of the class and those of
// features.
func (c Columns) find(path string, header []string) (label int, features []int, err error) {
	numbers := true
	for i, name := range header {
		if !utf8.ValidString(name) {
			return 0, nil, notText(path, 1)
		}
		header[i] = strings.TrimSpace(name)
		numbers = numbers && number.MatchString(header[i])
	}
	label = slices.Index(header, c.Label)
	switch {
	case label < 0 && numbers:
		return 0, nil, fmt.Errorf("%s: has numbers in its first line; begin it with a line of names, one for each column", path)
	case label < 0:
		return 0, nil, fmt.Errorf("%s: has no column %q to take the class from; set data.label to one of %s", path, c.Label, listed(header))
	case slices.Contains(header[label+1:], c.Label):
		return 0, nil, fmt.Errorf("%s: has two columns %q; rename one of them", path, c.Label)
	}
	for _, name := range c.Drop {
		if !slices.Contains(header, name) {
			return 0, nil, fmt.Errorf("%s: has no column %q to drop; its columns are %s", path, name, listed(header))
		}
	}
	for i, name := range header {
		switch {
		case i == label || slices.Contains(c.Drop, name):
		case name == "" || strings.HasPrefix(name, "Unnamed: "):
			return 0, nil, fmt.Errorf("%s: column %d is called %q, as pandas calls its row numbers; "+
				"list %q under data.drop, or save with index=False", path, i+1, name, name)
		default:
			features = append(features, i)
		}
	}
	if len(features) == 0 {
		return 0, nil, fmt.Errorf("%s: has no column besides the class; give a file with features", path)
	}
	return label, features, nil
}

// listed joins the names of columns, of many the first and the last.
func listed(names []string) string {
	var named []string
	for _, name := range names {
		if name != "" {
			named = append(named, name)
		}
	}
	if n := len(named); n > 12 {
		return strings.Join(named[:9], ", ") + fmt.Sprintf(", %d more, ", n-11) + strings.Join(named[n-2:], ", ")
	}
	return strings.Join(named, ", ")
}

func notText(path string, line int) error {
	return fmt.Errorf("%s:%d: is no UTF-8 text; convert the file, for example with iconv -f latin1 -t utf-8", path, line)
}

func csvError(path string, err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("%s:%d: %v; every line needs as many fields as the header, quoted as in RFC 4180", path, p.StartLine, p.Err)
	}
	return fmt.Errorf("%s: %w; copy or download it again", path, err)
}
