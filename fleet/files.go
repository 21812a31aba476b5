package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// receive writes what comes to a file in dir and holds it to its hash.
func receive(dir string, from io.Reader, hash string) (path string, err error) {
	f, err := os.CreateTemp(dir, "fleet-")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), from)
	if e := f.Close(); err == nil {
		err = e
	}
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && got != hash {
		err = fmt.Errorf("it was changed, or came damaged (its hash begins with %.12s, not %.12s): stop the search and run it again", got, hash)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// isHash tells whether a text may be the name of a file in a store.
func isHash(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha256.Size && text == strings.ToLower(text)
}

// drop removes files that nobody waits for any more.
func drop(paths ...string) {
	for _, p := range paths {
		if p != "" {
			os.Remove(p)
		}
	}
}

// place is where a store in dir has a file.
func placeOf(dir, hash string) (string, error) {
	if !isHash(hash) {
		return "", fmt.Errorf("%q is no hash of a file", hash)
	}
	path := filepath.Join(dir, hash)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the file %s is not here: %w", hash, fs.ErrNotExist)
	}
	return path, nil
}

// sum hashes a file.
func sum(path string) (hash string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
