package host

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/internal/safe"
)

// trusted refuses a program that was found by its name if others could have put it
// there: it, or a directory that it lies in, is another user's or may be written by
// everybody. Links are followed. What lies beside nascent itself is as good as
// nascent.
func trusted(path string) error {
	dir := filepath.Dir(path)
	if dir == ownDir() {
		return nil
	}
	err := private(dir)
	if err == nil {
		err = mayRun(path)
	}
	if err != nil {
		return fmt.Errorf("%s is not started: %w; or name it by its path", path, err)
	}
	return nil
}

// mayRun looks at a file, where it really is, and at the directory there.
func mayRun(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := private(filepath.Dir(real)); err != nil {
		return err
	}
	return private(real)
}

func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return safe.Private(path, info)
}

// Doubt says in one line why a program that was named by its path may not be the
// user's own; "" if nothing speaks against it. Who names a path has chosen it, so
// it is started.
func Doubt(p Plugin) string {
	for _, path := range []string{p.Script, p.Source, p.Path} {
		if path == "" || filepath.Dir(path) == ownDir() {
			continue
		}
		if err := mayRun(path); err != nil {
			return fmt.Sprintf("whoever may change %s runs programs as you: %v", filepath.Base(path), err)
		}
	}
	return ""
}

// ownDir is the directory of nascent's own executable.
func ownDir() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	return filepath.Dir(self)
}
