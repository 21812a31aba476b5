package python

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What a program imports from beside it is found, through what that imports, and nothing else.
func TestSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"train.py": "import os, helper as h\nfrom lib.model import (\n    score,\n)\ntry:\n    import fast  # or not\nexcept ImportError:\n    pass\n" +
			"def late():\n    from late import x\n# import never\n",
		"helper.py": "from other import *\n", "other.py": "", "late.py": "", "never.py": "", "os.txt": "",
		"lib/model.py": "from . import deep\nimport train\n", "lib/deep/__init__.py": "", "lib/__pycache__/model.py": "", "lib/data.txt": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Sources(filepath.Join(dir, "train.py"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i], _ = filepath.Rel(dir, found[i])
	}
	slices.Sort(found)
	want := []string{"helper.py", "late.py", "lib/deep/__init__.py", "lib/model.py", "other.py", "train.py"}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
