package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// none takes away whatever says where a cache might be.
func none(t *testing.T) (temp string) {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", Env} {
		t.Setenv(name, "")
	}
	temp = t.TempDir()
	t.Setenv("TMPDIR", temp)
	if err := os.Chmod(temp, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return temp
}

func TestWithoutHome(t *testing.T) {
	temp := none(t)
	mine := filepath.Join(temp, "nascent-"+strconv.Itoa(os.Geteuid()))
	dir, err := Folder("tests", "a", "b")
	if err != nil || dir != filepath.Join(mine, "a", "b") {
		t.Fatalf("%s, %v", dir, err)
	}
	for path := dir; path != temp; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// Where others can put code in, or have, the cache is refused.
func TestOthersCache(t *testing.T) {
	temp := none(t)
	home := filepath.Join(temp, "cache")
	t.Setenv(Env, home)
	for what, prepare := range map[string]func(dir string) error{
		"open to everybody":       func(dir string) error { return os.Chmod(dir, 0o777) },
		"a folder open to others": func(dir string) error { return errors.Join(os.Mkdir(dir+"/a", 0o700), os.Chmod(dir+"/a", 0o777)) },
		"a link to an open one":   func(dir string) error { return os.Symlink(temp+"/open", dir+"/a") },
	} {
		if err := errors.Join(os.RemoveAll(home), os.Mkdir(home, 0o700), os.MkdirAll(temp+"/open", 0o700), os.Chmod(temp+"/open", 0o777),
			prepare(home)); err != nil {
			t.Fatal(err)
		}
		if dir, err := Folder("tests", "a"); err == nil || !strings.Contains(err.Error(), "chmod o-w") ||
			!strings.Contains(err.Error(), "set $"+Env) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %s, %v", what, dir, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Log("skipped: another user's cache, which only root can make")
		return
	}
	for what, prepare := range map[string]func(dir string) error{
		"another's": func(dir string) error { return os.Chown(dir, 65534, 65534) },
		"a folder another's": func(dir string) error {
			return errors.Join(os.Mkdir(dir+"/a", 0o700), os.Chown(dir+"/a", 65534, 65534))
		},
		"another's link": func(dir string) error {
			return errors.Join(os.Symlink(temp, dir+"/a"), os.Lchown(dir+"/a", 65534, 65534))
		},
	} {
		if err := errors.Join(os.RemoveAll(home), os.Mkdir(home, 0o700), prepare(home)); err != nil {
			t.Fatal(err)
		}
		if dir, err := Folder("tests", "a"); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("%s: %s, %v", what, dir, err)
		}
	}
}

// A cache may lie elsewhere by a link of one's own.
func TestCacheByLink(t *testing.T) {
	none(t)
	real, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Env, link)
	if dir, err := Folder("tests", "a"); err != nil || dir != filepath.Join(link, "a") {
		t.Errorf("%s, %v", dir, err)
	}
}
