// Package cache is where Nascent keeps what it can make again at any time. Some of
// that is code, so it lies where nobody else can put any.
package cache

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nascent-nas/nascent/internal/safe"
)

// Env names another place for the cache.
const Env = "NASCENT_CACHE"

// Folder makes a folder of the cache, which lies in $NASCENT_CACHE, by default in
// the user's cache directory, and where there is none (no $HOME) in a directory of
// the user's own among the temporary files. Each directory from there on must
// belong to this user or root, and not be open to everybody. what is kept in it, in
// words, is for the error.
func Folder(what string, path ...string) (string, error) {
	root := os.Getenv(Env)
	if root == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			root = filepath.Join(dir, "nascent")
		} else {
			root = filepath.Join(os.TempDir(), "nascent-"+strconv.Itoa(os.Geteuid()))
		}
	}
	remedy := func(err error) error {
		return fmt.Errorf("cannot make the cache for %s: %w; set $%s to a directory that can be written and is yours alone", what, err, Env)
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return "", remedy(err)
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return "", remedy(err)
	}
	folder := root
	for i := 0; ; i++ {
		if err := own(folder); err != nil {
			return "", remedy(err)
		}
		if i == len(path) {
			return folder, nil
		}
		folder = filepath.Join(folder, path[i])
	}
}

// own makes a directory, if there is none, that nobody else can change. It may be a
// link of the user's own.
func own(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		if _, there := os.Lstat(dir); there != nil {
			return err
		}
	}
	for _, stat := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := stat(dir)
		if err != nil {
			return err
		}
		if err := safe.Private(dir, info); err != nil {
			return err
		}
	}
	return nil
}
