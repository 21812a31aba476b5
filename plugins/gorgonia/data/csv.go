package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Columns says how the columns of a CSV file are read.
type Columns struct {
	Label string   // name of the column with the class
	Drop  []string // names of columns to leave out
}

// table is a CSV file as read, its classes still by name.
type table struct {
	path   string
	header []string // of the features
	x      []float32
	labels []string
}

// ReadCSV reads a CSV file with a header line, which may be compressed with
// gzip. Every column but the label and the dropped ones is a feature and holds
// finite numbers. Classes are numbered in the order of their names: as numbers
// if all are whole numbers, else as text. The classes are returned by name.
func ReadCSV(path string, columns Columns) (*Set, []string, error) {
	t, err := readTable(path, columns)
	if err != nil {
		return nil, nil, err
	}
	classes := classNames(t.labels)
	if len(classes) < 2 {
		return nil, nil, fmt.Errorf("%s: column %q has the same value everywhere; name the column that holds the class", path, columns.Label)
	}
	s, err := t.set(classes)
	return s, classes, err
}

// ReadCSVLike reads a file that has the columns and classes of an earlier one.
func ReadCSVLike(path string, columns Columns, features int, classes []string) (*Set, error) {
	t, err := readTable(path, columns)
	if err != nil {
		return nil, err
	}
	if len(t.header) != features {
		return nil, fmt.Errorf("%s: has %d feature columns, but the training file has %d; give files with the same columns", path, len(t.header), features)
	}
	return t.set(classes)
}

func readTable(path string, columns Columns) (*table, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: is empty; give a CSV file with a header line", path)
	} else if err != nil {
		return nil, csvError(path, err)
	}
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	label := slices.Index(header, columns.Label)
	if label < 0 {
		return nil, fmt.Errorf("%s: has no column %q to take the class from; set data.label to one of %s", path, columns.Label, listed(header))
	}
	for _, name := range columns.Drop {
		if !slices.Contains(header, name) {
			return nil, fmt.Errorf("%s: has no column %q to drop; its columns are %s", path, name, listed(header))
		}
	}
	t := &table{path: path}
	var features []int
	for i, name := range header {
		if i != label && !slices.Contains(columns.Drop, name) {
			features = append(features, i)
			t.header = append(t.header, name)
		}
	}
	if len(features) == 0 {
		return nil, fmt.Errorf("%s: has no column besides the class; give a file with features", path)
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, csvError(path, err)
		}
		line, _ := r.FieldPos(0)
		for _, i := range features {
			v, err := strconv.ParseFloat(strings.TrimSpace(record[i]), 32)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("%s:%d: column %q holds %q, which is no finite number; correct it, or list the column under data.drop", path, line, header[i], record[i])
			}
			t.x = append(t.x, float32(v))
		}
		class := strings.TrimSpace(record[label])
		if class == "" {
			return nil, fmt.Errorf("%s:%d: column %q is empty; give every line a class", path, line, columns.Label)
		}
		t.labels = append(t.labels, class)
		if len(t.x) > most {
			return nil, fmt.Errorf("%s: holds more than %d values; give a smaller file", path, most)
		}
	}
	if len(t.labels) == 0 {
		return nil, fmt.Errorf("%s: has a header and no samples; give a file with some", path)
	}
	return t, nil
}

// set numbers the classes of a table.
func (t *table) set(classes []string) (*Set, error) {
	s := &Set{Shape: []int{len(t.header)}, Classes: len(classes), X: t.x, PerColumn: true}
	number := map[string]int32{}
	for i, name := range classes {
		number[name] = int32(i)
	}
	for _, name := range t.labels {
		y, known := number[name]
		if !known {
			return nil, fmt.Errorf("%s: has class %q, which the training file has not; give files with the same classes", t.path, name)
		}
		s.Y = append(s.Y, y)
	}
	return s, nil
}

// classNames returns the different labels in their order.
func classNames(labels []string) []string {
	names := slices.Clone(labels)
	slices.Sort(names)
	names = slices.Compact(names)
	numbers := make(map[string]int64, len(names))
	for _, name := range names {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return names
		}
		numbers[name] = n
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case numbers[a] < numbers[b]:
			return -1
		case numbers[a] > numbers[b]:
			return 1
		}
		return 0
	})
	return names
}

// listed joins up to ten column names.
func listed(names []string) string {
	if len(names) > 10 {
		return strings.Join(names[:10], ", ") + fmt.Sprintf(" and %d more", len(names)-10)
	}
	return strings.Join(names, ", ")
}

func csvError(path string, err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("%s:%d: %v; every line needs as many fields as the header, quoted as in RFC 4180", path, p.Line, p.Err)
	}
	return fmt.Errorf("%s: %w; copy or download it again", path, err)
}
