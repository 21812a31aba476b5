package command

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/internal/safe"
)

// toFile has write write the file at path, which is there whole or not at all,
// or standard output ("-"). dir is the search that is read.
func (a *app) toFile(path, dir string, write func(io.Writer) error) error {
	if path == "-" || a.live != nil {
		return write(a.data)
	}
	at, whole, err := destination(path, dir)
	if err != nil {
		return err
	}
	if !whole {
		f, err := os.OpenFile(at, os.O_WRONLY, 0)
		if err != nil {
			return wrongInput("--output %s: %v; choose a file that you may write", path, errors.Unwrap(err))
		}
		return errors.Join(write(f), f.Close())
	}
	err = safe.Write(at, 0o644, write)
	var cause *fs.PathError
	if errors.As(err, &cause) {
		return wrongInput("--output %s: %v; choose a file in a directory that you may write", path, cause.Err)
	}
	return err
}

// destination is the file that --output means, and whether it is to be replaced
// as a whole: a terminal, a pipe or /dev/null is not. What a search lives by is
// refused.
func destination(path, dir string) (at string, whole bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "", false, wrongInput("--output %s: this is a directory; name a file in it", path)
	case err == nil && !info.Mode().IsRegular():
		return path, false, nil
	case err == nil:
		if at, err = filepath.EvalSymlinks(path); err != nil {
			return "", false, wrongInput("--output: %v; choose another file", err)
		}
	default:
		if _, dangling := os.Lstat(path); dangling == nil {
			return "", false, wrongInput("--output %s: this is a link that leads nowhere; choose another file", path)
		}
		at = path
	}
	if owner := ownedBy(at, dir); owner != "" {
		return "", false, wrongInput("--output %s: this belongs to the search in %s; choose another file", path, owner)
	}
	return at, true, nil
}

// ownedBy is the search that a file belongs to, as a part of its directory or as
// something that its search.yaml names: the one in dir, or one in whose directory
// the file lies; "" if it is none's.
func ownedBy(path, dir string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(real, filepath.Base(abs))
	}
	for at := filepath.Dir(abs); ; at = filepath.Dir(at) {
		if begun(at) { // whether the file is there yet or not
			first, _, _ := strings.Cut(strings.TrimPrefix(abs, strings.TrimSuffix(at, "/")+"/"), "/")
			if slices.Contains(ours, first) {
				return at
			}
		}
		if named(at, abs) {
			return at
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if named(dir, abs) {
		return dir
	}
	return ""
}

// named tells whether a file is the search.yaml of a directory, or one that this
// names: a program, data.
func named(dir, path string) bool {
	config := filepath.Join(dir, configName)
	if sameFile(config, path) {
		return true
	}
	if info, err := os.Stat(config); err != nil || !info.Mode().IsRegular() {
		return false
	}
	doc, err := readConfig(config)
	if err != nil {
		return false
	}
	text, err := doc.Encode()
	var file yaml.Node
	if err != nil || yaml.Unmarshal(text, &file) != nil {
		return false
	}
	var in func(*yaml.Node) bool
	in = func(n *yaml.Node) bool {
		if n.Kind == yaml.ScalarNode && n.Value != "" && len(n.Value) < 4096 {
			at := n.Value
			if !filepath.IsAbs(at) {
				at = filepath.Join(dir, at)
			}
			return sameFile(at, path)
		}
		return slices.ContainsFunc(n.Content, in)
	}
	return in(&file)
}
