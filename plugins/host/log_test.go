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

	"github.com/hashicorp/go-hclog"
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

// A line of the log names the jobs that the process has, or had last.
func TestLinesNameTheirJobs(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	l := &processLog{to: hclog.New(&hclog.LoggerOptions{Output: &text, DisableTime: true, Level: hclog.Info})}
	l.line("loading data")
	l.aboard([]key{{7, 1}})
	l.line("epoch 1")
	l.aboard(nil)
	l.line(`{"@level":"warn","@message":"late","x":1}`)
	l.aboard([]key{{8, 1}, {9, 2}})
	l.line("both")
	l.aboard(make([]key, mostNamed+1))
	l.line("many")
	want := "[INFO]  loading data\n[INFO]  job 7: epoch 1\n[WARN]  job 7: late: x=1\n[INFO]  jobs 8 9: both\n[INFO]  many\n"
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &text, want)
	}
	if words := l.words(); strings.Contains(words, "job") {
		t.Errorf("its last words are %q", words)
	}

	o := options(t)
	r := open(t, testPlugin, o, 1, `{}`)
	wantOK(t, r.run("noise"))
	r.close(within(t))
	log, err := os.ReadFile(filepath.Join(o.Dir, "logs", "testplugin.log"))
	if err != nil || !strings.Contains(string(log), "job 1: garbage") || strings.Contains(string(log), "job 1: garbage before") {
		t.Errorf("%v, the log says\n%.2000s", err, log)
	}
}
