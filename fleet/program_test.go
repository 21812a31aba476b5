package fleet

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// An evaluator's files come to hosts that lack one, with their paths and modes; a host that
// has all of them uses its own. What options name must be there.
func TestFilesOfAnEvaluator(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(root, name, text string, mode os.FileMode) string {
		path := filepath.Join(root, home, name)
		if root == "" {
			path = filepath.Join(home, name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var p Program
	for _, f := range []struct {
		name string
		mode os.FileMode
	}{{"train.sh", 0o700}, {"lib/deep/model.txt", 0o600}} {
		file, err := FileAt(write("", f.name, "of "+f.name, f.mode))
		if err != nil {
			t.Fatal(err)
		}
		p.Files = append(p.Files, file)
	}
	p.Needs = []Need{{Path: write("", "data/table", "numbers", 0o600), By: "option data"}}

	whole, stale, bare := t.TempDir(), t.TempDir(), t.TempDir()
	for _, root := range []string{whole, stale} {
		write(root, "train.sh", "of train.sh", 0o700)
		write(root, "data/table", "numbers", 0o600)
	}
	write(whole, "lib/deep/model.txt", "of lib/deep/model.txt", 0o600)
	write(stale, "lib/deep/model.txt", "of LIB/deep/model.txt", 0o600)

	y := newYard(t, 0, 0)
	seen := make(chan string, 1)
	look := func(spec Spec) (engine.Evaluator, error) {
		for _, f := range p.Files {
			if spec.Root == "" {
				break
			}
			b, err := os.ReadFile(spec.Located(f.Path))
			info, err2 := os.Stat(spec.Located(f.Path))
			if name, _ := filepath.Rel(home, f.Path); err != nil || err2 != nil || string(b) != "of "+name || info.Mode()&0o100 != 0 != f.Exec {
				t.Errorf("%s: %q %v %v", f.Path, b, info.Mode(), err)
			}
		}
		if b, err := os.ReadFile(spec.Located(p.Needs[0].Path)); spec.Root != "" && (err != nil || string(b) != "numbers") {
			t.Errorf("what is needed besides: %q %v", b, err)
		}
		seen <- spec.Root
		return bowl(spec)
	}
	y.hostBy(ServeOptions{Machine: Machine{Name: "whole", Slots: 1}, Evaluator: look, root: whole})
	s, _, err := y.fleet.Evaluator("e", p).Open(context.Background(), engine.EvaluatorSetup{
		Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: engine.Memory(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if root := <-seen; root != "" {
		t.Errorf("a host with all of the files has them below %s", root)
	}
	y.hostBy(ServeOptions{Machine: Machine{Name: "stale", Slots: 1}, Evaluator: look, root: stale})
	if root := <-seen; root == "" {
		t.Error("a host with another file uses that")
	}
	y.await("stale", func(h Host) bool { return h.State == "ready" })
	y.hostBy(ServeOptions{Machine: Machine{Name: "bare", Slots: 1}, Evaluator: look, root: bare})
	h := y.await("bare", func(h Host) bool { return h.State == "aside" })
	if want := p.Needs[0].Path + " (option data) is not on this host: put it there, or name it among fleet.files"; h.Reason != want {
		t.Errorf("%q", h.Reason)
	}
	if err := os.WriteFile(p.Files[1].Path, []byte("it is another now"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(bare, "data/table", "numbers", 0o600)
	y.hostBy(ServeOptions{Machine: Machine{Name: "late", Slots: 1}, Evaluator: look, root: bare})
	h = y.await("late", func(h Host) bool { return h.State == "aside" })
	if !strings.Contains(h.Reason, "model.txt, a file of the evaluator, cannot be had: it was changed, or came damaged") {
		t.Errorf("%q", h.Reason)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// Files go on coming when the connection ends in between.
func TestFilesOutliveConnections(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := FileAt(path)
	if err != nil {
		t.Fatal(err)
	}
	y.hostBy(ServeOptions{Machine: Machine{Name: "far", Slots: 1}, Evaluator: bowl, root: t.TempDir(), Log: func(format string, args ...any) {
		if strings.Contains(format, "are fetched") {
			y.conns.cut(-1)
		}
	}})
	s, _, err := y.fleet.Evaluator("e", Program{Files: []File{f}}).Open(context.Background(), engine.EvaluatorSetup{
		Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: engine.Memory(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
