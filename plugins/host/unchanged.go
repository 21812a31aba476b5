package host

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// changes says which files of an evaluator are others than when it said then of
// itself, so that nothing of another program is ever run in its place. It is empty
// where nothing changed that can be seen without running it.
func changes(p Plugin, options json.RawMessage, then *engine.Hello) []string {
	var said []string
	if sum, err := hashFile(p.Path); p.Results == 0 && then.Program != "" && (err != nil || sum != then.Program) {
		said = append(said, "the program of "+p.Name+" changed")
	}
	files := engine.IdentityFiles(then.Identity)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := place(p, options, name)
		if path == "" {
			continue // the hello will tell
		}
		switch sum, err := hashFile(path); {
		case os.IsNotExist(err):
			said = append(said, name+" was removed")
		case err != nil || sum != files[name]:
			said = append(said, name+" changed")
		}
	}
	return said
}

// place is where a file of an evaluator lies that its identity names; "" if that is
// not known.
func place(p Plugin, options json.RawMessage, name string) string {
	if p.Script != "" {
		real, err := filepath.EvalSymlinks(p.Script)
		if err != nil {
			real = p.Script
		}
		if name == filepath.Base(p.Script) {
			return p.Script
		}
		path := filepath.Join(filepath.Dir(real), name) // where Python looks first
		if _, err := os.Stat(path); err != nil {
			path = filepath.Join(filepath.Dir(p.Script), name)
		}
		return path
	}
	for _, word := range Command(options) {
		if filepath.Base(word) != name {
			continue
		}
		if info, err := os.Stat(word); err == nil && info.Mode().IsRegular() {
			return word
		}
	}
	return ""
}
