package proctest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Build builds programs into a directory: by their names, the folders of their
// sources, no two of which are called alike. It does so at once, and as make does,
// so that what they share is compiled once for all of them; debugging data, which
// takes long to link, is left out. Results of tests that call it are never cached.
func Build(dir string, programs map[string]string) error {
	if err := NeverCached(); err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o", dir + string(filepath.Separator)}
	made := map[string]string{} // as go build calls it: by its new name
	for name, folder := range programs {
		path, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		made[name] = filepath.Base(path)
		args = append(args, path)
	}
	slices.Sort(args[6:])
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	for name, old := range made {
		if err := os.Rename(filepath.Join(dir, old), filepath.Join(dir, name)); err != nil {
			return err
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
