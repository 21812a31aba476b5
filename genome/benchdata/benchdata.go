// Package benchdata reads published tables, for tests that hold Nascent to them.
package benchdata

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"
)

// Path is where a table lies: in $NASCENT_BENCH_DATA, by default shared/bench
// beside the source. Where it is not, the test is skipped.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("NASCENT_BENCH_DATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "bench")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the published table %s is not here; set NASCENT_BENCH_DATA to its folder", name)
	}
	return path
}

// root is the folder of the source.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("there is no go.mod above this test")
		}
		dir = filepath.Dir(dir)
	}
}

// Table reads a table, whose name ends in .csv.gz: the names of its columns, and
// its rows.
func Table(t testing.TB, name string) (columns []string, rows [][]string) {
	t.Helper()
	f, err := os.Open(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[0], all[1:]
}
