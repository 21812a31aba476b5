// Package known reads what is known from elsewhere: the trials of an Optuna study, tables
// of results, another search. A Source has rows with columns; a Mapping says which of them
// are genes, metrics and fidelity of a search, and tells what does not fit.
package known

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// Source is what a file has.
type Source struct {
	What    string   // in words: "the Optuna study resnet"
	Each    string   // what a row is called: "trial", "row", "candidate"
	Columns []string // in the order of the file
	Nested  []string // columns whose cells hold several values, which nothing reads
	Params  bool     // columns with the prefix params_ are what was searched, and nothing else is

	// Goals are those of columns that the source says itself were improved.
	Goals map[string]engine.Goal
	Rows  []Row
}

// Row is one result.
type Row struct {
	Name   string         // "trial 12", "line 7"
	State  string         // why it is no result: "pruned", "running"; "" for one
	Values map[string]any // by column: string, int64, float64, bool, a tree; nil and missing are the same
	Raw    bool           // values are texts as a file has them, of whatever kind

	// Of another search:
	Genome genome.Genome
	Curve  []engine.Point
}

// Open reads a source: a directory is another search, a file what it looks like. study is
// which of several Optuna studies, "" the only one.
func Open(ctx context.Context, path, study string) (*Source, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, mistake("%s: there is no such file or directory", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return openSearch(ctx, path)
	}
	head := make([]byte, 64)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	n, err := f.Read(head)
	f.Close()
	if err != nil && n == 0 {
		return nil, mistake("%s is empty", base(path))
	}
	switch start := string(head[:n]); {
	case strings.HasPrefix(start, "SQLite format 3"):
		return openSQLite(path, study)
	case strings.HasPrefix(start, "PAR1"):
		return openParquet(path)
	case strings.HasPrefix(start, `{"op_code"`):
		return openJournal(path, study)
	case strings.HasPrefix(strings.TrimSpace(start), "{"):
		return openJSON(path)
	case strings.ContainsRune(start, 0):
		return nil, mistake("%s is of no known kind; take an Optuna study (SQLite or journal), CSV, Parquet, JSON "+
			"lines, or the directory of a search", path)
	}
	return openCSV(path)
}

// mistake is a user's.
func mistake(format string, args ...any) error {
	return &genome.Mistake{Problem: fmt.Sprintf(format, args...)}
}

func base(path string) string { return filepath.Base(path) }
