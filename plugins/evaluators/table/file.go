package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// EnvData names a folder in which relative file names are looked for, too.
const EnvData = "NASCENT_BENCH_DATA"

// sheet is what is kept of a CSV file: texts of some columns while keys are
// made, numbers of others.
type sheet struct {
	name    string // of the file, for errors
	sum     string // of its bytes, and of what was joined to it
	lines   []int  // where each row stands
	texts   map[string][]string
	numbers map[string][]float64 // NaN: an empty cell
}

// find makes a path of a file name: as it is, or in $NASCENT_BENCH_DATA.
func find(name string) (string, error) {
	_, err := os.Stat(name)
	if err == nil || filepath.IsAbs(name) {
		return name, unwrap(err)
	}
	dir := os.Getenv(EnvData)
	if dir == "" {
		wd, _ := os.Getwd()
		return "", fmt.Errorf("%s: %w (looked in %s): give a path, or set $%s to its folder", name, fs.ErrNotExist, wd, EnvData)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s: %w, neither here nor in $%s (%s): give a path", name, fs.ErrNotExist, EnvData, dir)
	}
	return path, nil
}

func unwrap(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w: give the path of a CSV file", p.Path, p.Err)
	}
	return err
}

// reader reads a CSV file: its header when it is opened, then its rows.
type reader struct {
	sheet  *sheet
	csv    *csv.Reader
	header []string
	index  map[string]int // of the header
}

// openFile reads the header line of a CSV file, plain or compressed with gzip.
func openFile(name string) (*reader, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, unwrap(err)
	}
	sum := sha256.Sum256(raw)
	s := &sheet{name: path, sum: "sha256:" + hex.EncodeToString(sum[:]), texts: map[string][]string{}, numbers: map[string][]float64{}}
	var in io.Reader = bytes.NewReader(raw)
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %v: the compressed file is damaged, get it again", path, err)
		}
		in = z
	}
	r := &reader{sheet: s, csv: csv.NewReader(bufio.NewReaderSize(in, 1<<16)), index: map[string]int{}}
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	if err != nil {
		return nil, s.fault(err, "is no CSV file with a header line")
	}
	r.header = slices.Clone(header)
	r.header[0] = strings.TrimPrefix(r.header[0], "\ufeff")
	for i, h := range r.header {
		if _, twice := r.index[h]; twice {
			return nil, fmt.Errorf("%s:1: column %q is there twice: rename one", path, h)
		}
		r.index[h] = i
	}
	return r, nil
}

// has tells whether the file has a column.
func (r *reader) has(column string) bool {
	_, ok := r.index[column]
	return ok
}

// read reads all rows: some columns as text, some as numbers, all of which the file
// has.
func (r *reader) read(texts, numbers []string) (*sheet, error) {
	s := r.sheet
	for {
		row, err := r.csv.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, s.fault(err, "is damaged")
		}
		line, _ := r.csv.FieldPos(0)
		for _, name := range texts {
			s.texts[name] = append(s.texts[name], strings.Clone(row[r.index[name]]))
		}
		for _, name := range numbers {
			cell := strings.TrimSpace(row[r.index[name]])
			x := math.NaN()
			if cell != "" {
				if x, err = strconv.ParseFloat(cell, 64); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
					return nil, fmt.Errorf("%s:%d: column %s: %q is no number: correct it, or leave the cell empty",
						s.name, line, name, cell)
				}
			}
			s.numbers[name] = append(s.numbers[name], x)
		}
		s.lines = append(s.lines, line)
	}
	if len(s.lines) == 0 {
		return nil, fmt.Errorf("%s: has no rows below its header: give a table with some", s.name)
	}
	return s, nil
}

func (s *sheet) fault(err error, what string) error {
	var p *csv.ParseError
	switch {
	case errors.As(err, &p):
		return fmt.Errorf("%s:%d: %v: correct that line", s.name, p.Line, p.Err)
	case err == io.EOF:
		return fmt.Errorf("%s: %s: give one", s.name, what)
	}
	return fmt.Errorf("%s: %s (%v): get it again", s.name, what, err)
}

// columnError says that the files lack a column.
type columnError struct {
	files, column string
	there         []string
}

func (e *columnError) Error() string {
	list := strings.Join(e.there, ", ")
	if len(list) > 300 {
		list = list[:300] + " ..."
	}
	return fmt.Sprintf("%s has no column %q: use one of %s", e.files, e.column, list)
}
