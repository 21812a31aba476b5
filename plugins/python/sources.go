package python

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// imports are the statements by which a file of Python names modules, as far as one line
// tells: what comes after import, or between from and import.
var imports = regexp.MustCompile(`(?m)^[ \t]*(?:import[ \t]+([^#\n]+)|from[ \t]+([.\w]+)[ \t]+import[ \t]+([^#\n]*))`)

// Sources are the files that the program at a path consists of, itself first: what it
// imports from beside it, and so on, packages as a whole. They are found without running
// anything, so that modules whose names are made up at run time are not among them.
func Sources(path string) ([]string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	homes := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(real) != homes[0] {
		homes = append(homes, filepath.Dir(real))
	}
	found := []string{path}
	for i := 0; i < len(found); i++ {
		text, err := os.ReadFile(found[i])
		if err != nil {
			return nil, err
		}
		for _, name := range modules(string(text)) {
			for _, home := range homes {
				more, err := moduleAt(filepath.Join(home, name))
				if err != nil {
					return nil, err
				}
				for _, file := range more {
					if !slices.Contains(found, file) {
						found = append(found, file)
					}
				}
			}
		}
	}
	return found, nil
}

// modules are the outermost names of what a text imports.
func modules(text string) (all []string) {
	for _, m := range imports.FindAllStringSubmatch(text, -1) {
		names := strings.Split(m[1], ",")
		if m[2] != "" {
			names = []string{m[2]}
		}
		for _, name := range names {
			name, _, _ = strings.Cut(strings.TrimSpace(name), " ") // import a as b
			name, _, _ = strings.Cut(name, ".")
			if name != "" && !slices.Contains(all, name) { // relative ones lie in a package, which is taken whole
				all = append(all, name)
			}
		}
	}
	return all
}

// moduleAt are the files of the module or package at a path without its ending; none if
// there is no such module.
func moduleAt(path string) (all []string, err error) {
	if info, err := os.Stat(path + ".py"); err == nil && info.Mode().IsRegular() {
		all = append(all, path+".py")
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return all, nil
	}
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case d.IsDir() && (d.Name()[0] == '.' || d.Name() == "__pycache__"):
			return fs.SkipDir
		case filepath.Ext(file) == ".py" && !d.IsDir():
			all = append(all, file)
		}
		return nil
	})
	return all, err
}
