package nascent_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// known are packages whose tests start only what go test knows of, with the reason.
var known = map[string]string{
	"engine/ledger":             "their own executable",
	"cmd/nascent/internal/show": "a shell, which prints what it is given",
}

// TestNeverCached wants results of tests that start programs never to be cached: go test
// knows nothing of what these are made of. See proctest.NeverCached.
func TestNeverCached(t *testing.T) {
	t.Parallel()
	starts, cares := map[string]string{}, map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || base != "." && strings.HasPrefix(base, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				switch of, _ := n.X.(*ast.Ident); {
				case of == nil:
				case of.Name == "exec" && strings.HasPrefix(n.Sel.Name, "Command"):
					starts[dir] = name
				case of.Name == "proctest" && slices.Contains([]string{"Build", "Shipped", "NeverCached"}, n.Sel.Name):
					cares[dir] = true
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "NeverCached" {
					cares[dir] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, name := range starts {
		if !cares[dir] && known[dir] == "" {
			t.Errorf("%s starts programs: call proctest.NeverCached where the tests of %s begin, or build them with proctest", name, dir)
		}
	}
	if len(starts) < 5 {
		t.Errorf("only %d packages start programs", len(starts))
	}
}
