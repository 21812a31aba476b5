package host

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program makes an executable in a fresh directory with a mode.
func program(t *testing.T, mode os.FileMode) (dir, path string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "plugins")
	path = filepath.Join(dir, "nascent-evaluator-mine")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// A program that is found by its name is one that nobody else could have put there.
func TestTrust(t *testing.T) {
	t.Parallel()
	const open = "may be written by everybody; take that right away with chmod o-w"
	give := func(path string) error { return os.Lchown(path, 65534, 65534) }
	for what, c := range map[string]struct {
		mode    os.FileMode
		prepare func(t *testing.T, dir, path string) (in string, err error)
		refusal string // "": it is found
		root    bool   // only root can prepare it
	}{
		"all is well":                 {0o755, nil, "", false},
		"open to the group":           {0o775, nil, "", false},
		"a directory open to all":     {0o777, nil, open, false},
		"the same, with a sticky bit": {0o777 | os.ModeSticky, nil, "", false},
		"a program open to all":       {0o755, func(_ *testing.T, dir, path string) (string, error) { return dir, os.Chmod(path, 0o777) }, open, false},
		"open behind a link":          {0o777, linked, open, false},
		"a program open behind a link": {0o755, func(t *testing.T, dir, path string) (string, error) {
			os.Chmod(path, 0o777)
			return linked(t, dir, path)
		}, open, false},
		"by a link, and well":       {0o755, linked, "", false},
		"another's directory":       {0o755, func(_ *testing.T, dir, path string) (string, error) { return dir, give(dir) }, "another user", true},
		"another's program":         {0o755, func(_ *testing.T, dir, path string) (string, error) { return dir, give(path) }, "another user", true},
		"another's in a sticky one": {0o777 | os.ModeSticky, func(_ *testing.T, dir, path string) (string, error) { return dir, give(path) }, "another user", true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if c.root && os.Geteuid() != 0 {
				t.Skip("skipped: only root can give files to another user")
			}
			dir, path := program(t, c.mode)
			if c.prepare != nil {
				var err error
				if dir, err = c.prepare(t, dir, path); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Find(KindEvaluator, "mine", dir)
			switch {
			case c.refusal == "" && err != nil:
				t.Error(err)
			case c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal) || !strings.Contains(err.Error(), dir) ||
				strings.Contains(err.Error(), "\n")):
				t.Errorf("want %q, got %v", c.refusal, err)
			}
			// Named by its path it is found, and doubted.
			p, err := Find(KindEvaluator, filepath.Join(dir, "nascent-evaluator-mine"))
			if err != nil {
				t.Fatal(err)
			}
			if doubt := Doubt(p); (c.refusal == "") != (doubt == "") || !strings.Contains(doubt, c.refusal) || strings.Contains(doubt, "\n") {
				t.Errorf("want %q, doubted for %q", c.refusal, doubt)
			}
		})
	}
}

func linked(t *testing.T, _, path string) (in string, err error) {
	in = t.TempDir()
	return in, os.Symlink(path, filepath.Join(in, "nascent-evaluator-mine"))
}

// What may not be started is listed with the reason, and not asked what it is.
func TestListStartsNothingForeign(t *testing.T) {
	t.Parallel()
	dir, path := program(t, 0o777)
	mark := filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n: > '"+mark+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := List(within(t), Options{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(p Plugin) bool { return p.Path == path })
	if i < 0 || !strings.Contains(list[i].Problem, "may be written by everybody") {
		t.Errorf("%+v", list)
	}
	if err := os.Rename(path, filepath.Join(dir, several)); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(KindEvaluator, "theirs", dir); err == nil || !strings.Contains(err.Error(), "may be written by everybody") {
		t.Errorf("a program that serves several: %v", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("it was started")
	}
}

func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	passed := []string{"PATH=/bin", "UV_INDEX_URL=u", "UV_CACHE_DIR=c", "UV_KEYRING_PROVIDER=k", "CUDA_VISIBLE_DEVICES=0",
		"NVIDIA_VISIBLE_DEVICES=all", "LC_ALL=C", "HTTPS_PROXY=p"}
	kept := []string{"UV_PUBLISH_TOKEN=t", "UV_PUBLISH_URL=u", "UV_INDEX_MINE_PASSWORD=p", "UV_INDEX_MINE_USERNAME=n", "NVIDIA_API_KEY=k", "HF_TOKEN=t",
		"AWS_SECRET_ACCESS_KEY=k", "PYTORCH_CREDENTIALS=c", "LC_SECRET=s", "SSH_AUTH_SOCK=a", "MY_OWN=1"}
	if got := environment(slices.Concat(kept, passed), nil); !slices.Equal(got, passed) {
		t.Errorf("passed on: %q", got)
	}
	if got := environment(kept, []string{"UV_PUBLISH_TOKEN=mine"}); !slices.Equal(got, []string{"UV_PUBLISH_TOKEN=mine"}) {
		t.Errorf("asked for: %q", got)
	}
}
