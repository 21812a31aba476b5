// Package python brings Nascent's SDK for Python along, which needs the standard
// library only, and finds an interpreter to run it.
package python

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nascent-nas/nascent/internal/safe"
	"github.com/nascent-nas/nascent/plugins/internal/cache"
)

//go:embed nascent/*.py nascent/py.typed
var source embed.FS

// unpack writes the SDK into the cache, as UnpackFiles does, and returns what to
// put on PYTHONPATH.
func unpack() (string, error) { return UnpackFiles("python", source) }

// Env is this process's environment for a Python that is to find the SDK.
func Env() ([]string, error) {
	path, err := unpack()
	if err != nil {
		return nil, err
	}
	if given := os.Getenv("PYTHONPATH"); given != "" {
		path += string(os.PathListSeparator) + given
	}
	return append(os.Environ(), "PYTHONPATH="+path), nil
}

// unused is how long files are kept that nothing was started with: those of other
// versions of nascent. A process that runs may still import some of them.
const unused = 90 * 24 * time.Hour

// UnpackFiles writes embedded files into the cache ($NASCENT_CACHE, default the
// user's cache directory), in a directory named by their hash below name, and
// returns it. What is there already and is whole is left alone; of other versions
// what was not used for 90 days is removed.
func UnpackFiles(name string, files fs.FS) (string, error) {
	h := sha256.New()
	err := each(files, func(name string, text []byte) error {
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(text))
		return nil
	})
	if err != nil {
		return "", err
	}
	parent, err := cache.Folder("Python files", name)
	if err != nil {
		return "", err
	}
	hash := hex.EncodeToString(h.Sum(nil))[:32]
	now := time.Now()
	if _, err := os.Lstat(filepath.Join(parent, hash)); err != nil {
		tidy(parent, now.Add(-unused))
	}
	dir, err := cache.Folder("Python files", name, hash)
	if err != nil {
		return "", err
	}
	os.Chtimes(dir, now, now)
	return dir, each(files, func(name string, text []byte) error { return mend(dir, name, text) })
}

// mend sees that a file holds a text. Its writing may have been cut short, or its
// content lost in a power cut; then what Python compiled of it goes too.
func mend(dir, name string, text []byte) error {
	path := filepath.Join(dir, name)
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err := safe.Write(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot write the cache of Python files: %w; set $%s to a directory that can be written", err, cache.Env)
	}
	return os.RemoveAll(filepath.Join(filepath.Dir(path), "__pycache__"))
}

// tidy removes what lies in a directory of the cache and was last used before. What
// cannot be removed stays.
func tidy(parent string, before time.Time) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
}

// each calls f for every file, in order.
func each(files fs.FS, f func(name string, text []byte) error) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return f(name, text)
	})
}
