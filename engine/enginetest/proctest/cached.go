package proctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// NeverCached keeps go test from answering "(cached)" for a package whose tests start
// programs: of what these are made of it knows nothing. Build and Shipped call it;
// tests that start anything else whose source they do not open call it themselves.
//
// go test caches the result of tests until a file within the module that they have
// opened changes, and not at all where one is as new as its result. So one is
// opened that always is, by a name within the module that leads out of it.
func NeverCached() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	up := strings.Repeat("/..", strings.Count(filepath.ToSlash(root), "/"))
	file, err := os.Open(root + up + "/proc/self/stat")
	if err != nil {
		return fmt.Errorf("tests that start programs are for Linux: %w", err)
	}
	return file.Close()
}

// moduleRoot is the directory of the module's go.mod; tests run in that of their package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("there is no go.mod above the working directory")
		}
		dir = parent
	}
	return "", err
}
