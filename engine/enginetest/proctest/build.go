package proctest

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds programs into a directory: by their names, the folders of their
// sources. It does so as make does, so that what they share is compiled once for
// all; debugging data, which takes long to link, is left out. Packages whose tests
// build the same program link it once: what go run has linked stays in Go's cache.
// Results of tests that call Build are never cached.
func Build(dir string, programs map[string]string) error {
	if err := NeverCached(); err != nil {
		return err
	}
	for name, folder := range programs {
		path, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		run := exec.Command("go", "run", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-exec=cp", path, filepath.Join(dir, name))
		if out, err := run.CombinedOutput(); err != nil {
			return fmt.Errorf("go run -exec=cp %s: %w\n%s", path, err, out)
		}
	}
	return nil
}

// Shipped builds the programs that ship into a directory: nascent, and the plugins.
// Results of tests that call it are never cached.
func Shipped(dir string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	return Build(dir, map[string]string{
		"nascent":         filepath.Join(root, "cmd", "nascent"),
		"nascent-plugins": filepath.Join(root, "cmd", "nascent-plugins"),
	})
}
