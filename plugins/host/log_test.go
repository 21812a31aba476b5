package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A log is cut into files, and keeps the newest.
func TestLogIsRotated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := Options{Dir: dir}.logTo("one")
	line := bytes.Repeat([]byte("x"), 1<<20)
	for n := range 5 * maxLog / len(line) {
		if _, err := log.Write(append(line, fmt.Sprintf(" %d\n", n)...)); err != nil {
			t.Fatal(err)
		}
	}
	for n, name := range []string{"one.log", "one.log.1", "one.log.2", "one.log.3", "one.log.4"} {
		info, err := os.Stat(filepath.Join(dir, "logs", name))
		if n > oldLogs {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || info.Size() > maxLog || info.Size() < maxLog/2 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	b, _ := os.ReadFile(filepath.Join(dir, "logs", "one.log"))
	if !strings.HasSuffix(string(b), " 49\n") {
		t.Errorf("the newest log does not end with the newest line")
	}
}

// A log is never written through a link, nor does a pipe hold a plugin up.
func TestLogIsNoLink(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	victim := filepath.Join(outside, "two.log")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, make := range map[string]func(dir string) error{
		"logs is a link": func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "logs")) },
		"the log is a link": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "logs"), 0o700), os.Symlink(victim, filepath.Join(dir, "logs", "two.log")))
		},
		"the log is a pipe": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "logs"), 0o700), syscall.Mkfifo(filepath.Join(dir, "logs", "two.log"), 0o600))
		},
	} {
		dir := t.TempDir()
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		if n, err := (Options{Dir: dir}).logTo("two").Write([]byte("a line\n")); n != 7 || err != nil {
			t.Errorf("%s: %d, %v", what, n, err)
		}
		if b, _ := os.ReadFile(victim); string(b) != "precious" {
			t.Fatalf("%s: it was written: %q", what, b)
		}
	}
}
