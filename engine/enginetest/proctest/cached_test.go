package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// go test caches the results of a test, but not of one that calls NeverCached.
func TestNeverCached(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("cached.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module example.com/m\n",
		"never/cached.go":  string(source),
		"never/n_test.go":  "package proctest\n\nimport \"testing\"\n\nfunc Test(t *testing.T) {\n\tif err := NeverCached(); err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n",
		"always/a_test.go": "package always\n\nimport \"testing\"\n\nfunc Test(*testing.T) {}\n",
		"always/a.go":      "package always\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var second string
	for range 2 {
		cmd := exec.Command("go", "test", "-vet=off", "-trimpath", "./...")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go test: %v\n%s", err, out)
		}
		second = string(out)
	}
	for line := range strings.Lines(second) {
		if cached := strings.Contains(line, "(cached)"); cached != strings.Contains(line, "example.com/m/always") {
			t.Errorf("asked again, go test says %s", line)
		}
	}
	if strings.Count(second, "ok ") != 2 {
		t.Errorf("go test says\n%s", second)
	}
}
