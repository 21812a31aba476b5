package safe

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func in(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

// A file is opened as os.OpenFile would, and only a file.
func TestOpenFile(t *testing.T) {
	t.Parallel()
	root, dir := in(t)
	write := func(flag int, text string) error {
		f, err := OpenFile(root, "file", flag, 0o600)
		if err != nil {
			return err
		}
		_, err = io.WriteString(f, text)
		return errors.Join(err, f.Close())
	}
	for _, c := range []struct {
		flag int
		text string
		want string
		err  error
	}{
		{os.O_WRONLY, "x", "", fs.ErrNotExist},
		{os.O_WRONLY | os.O_CREATE, "one", "one", nil},
		{os.O_WRONLY | os.O_CREATE | os.O_APPEND, "two", "onetwo", nil},
		{os.O_WRONLY | os.O_CREATE | os.O_EXCL, "x", "onetwo", fs.ErrExist},
		{os.O_WRONLY | os.O_CREATE | os.O_TRUNC, "3", "3", nil},
	} {
		err := write(c.flag, c.text)
		b, _ := os.ReadFile(filepath.Join(dir, "file"))
		if !errors.Is(err, c.err) || string(b) != c.want {
			t.Errorf("%#x: %v, now %q", c.flag, err, b)
		}
	}
	second := filepath.Join(dir, "second")
	if err := os.Link(filepath.Join(dir, "file"), second); err != nil {
		t.Fatal(err)
	}
	var refusal *Error
	if err := write(os.O_WRONLY|os.O_TRUNC, "x"); !errors.As(err, &refusal) {
		t.Errorf("a second name: %v", err)
	}
	if f, err := OpenFile(root, "file", os.O_RDONLY, 0); err != nil {
		t.Errorf("reading a file with a second name: %v", err)
	} else {
		f.Close()
	}
	for what, make := range map[string]func(string) error{
		"a link":            func(path string) error { return os.Symlink("second", path) },
		"a link to nothing": func(path string) error { return os.Symlink("nothing", path) },
		"a pipe":            func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a directory":       func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := filepath.Join(dir, "strange")
		if err := errors.Join(os.RemoveAll(path), make(path)); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREATE | os.O_TRUNC} {
			if _, err := OpenFile(root, "strange", flag, 0o600); !errors.As(err, &refusal) {
				t.Errorf("%s, %#x: %v", what, flag, err)
			}
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a file was made through a link")
	}
	if b, _ := os.ReadFile(second); string(b) != "3" {
		t.Errorf("behind the link: %q", b)
	}
}

// A file that cannot be written whole leaves what was there, and nothing else.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "file"), filepath.Join(dir, "victim")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, path), Write(path, 0o640, text("whole"))); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(path, 0o600, func(w io.Writer) error { io.WriteString(w, "half"); return broken })
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	for name, want := range map[string]string{path: "whole", victim: "precious"} {
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("there are %v", entries)
	}
	if err := Write(filepath.Join(dir, "no", "file"), 0o600, text("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
