// Package cache is where Nascent keeps what it can make again at any time.
package cache

import (
	"fmt"
	"os"
	"path/filepath"
)

// Env names another place for the cache.
const Env = "NASCENT_CACHE"

// Folder makes a folder of the cache, which lies in $NASCENT_CACHE, by default in
// the user's cache directory. what is kept in it, in words, is for the error.
func Folder(what string, path ...string) (string, error) {
	root := os.Getenv(Env)
	if root == "" {
		var err error
		if root, err = os.UserCacheDir(); err != nil {
			root = os.TempDir()
		}
		root = filepath.Join(root, "nascent")
	}
	folder := filepath.Join(append([]string{root}, path...)...)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the cache for %s: %w; set $%s to a directory that can be written", what, err, Env)
	}
	return folder, nil
}
