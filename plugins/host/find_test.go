package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

func TestFind(t *testing.T) {
	t.Parallel()
	p, err := Find(KindEvaluator, "onemax", built)
	if err != nil || p.Name != "onemax" || p.Path != filepath.Join(built, several) ||
		!slices.Equal(p.Args, []string{"evaluator", "onemax"}) || len(p.Fingerprint) != 64 {
		t.Errorf("%+v %v", p, err)
	}
	p, err = Find(KindEvaluator, "testplugin", built)
	if err != nil || p.Name != "testplugin" || p.Path != filepath.Join(built, "nascent-evaluator-testplugin") || p.Args != nil || len(p.Fingerprint) != 64 {
		t.Errorf("%+v %v", p, err)
	}
	if q, err := Find(KindEvaluator, p.Path); err != nil || q.Name != "testplugin" || q.Fingerprint != p.Fingerprint {
		t.Errorf("%+v %v", q, err)
	}
	if q, err := Find(KindEvaluator, "./nascent-evaluator-testplugin", built); err != nil || q.Path != p.Path {
		t.Errorf("%+v %v", q, err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"onemin":   "there are exec, gorgonia, onemax, supernet, table, testplugin, torch",
		"./nobody": "there is no evaluator at ./nobody",
		plain:      "chmod +x",
		"":         "use: NAME",
	} {
		if _, err := Find(KindEvaluator, name, built); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Find(KindStrategy, "onemax", built); err == nil {
		t.Error("an evaluator was found as a strategy")
	}
}

// What a program serves is asked once, and again where the answer is lost or
// another program stands in its place. An executable of a plugin's own comes first.
func TestServed(t *testing.T) {
	t.Setenv("NASCENT_CACHE", t.TempDir())
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	serve := func(names string) {
		t.Helper()
		text := fmt.Sprintf("#!/bin/sh\necho >>%s\necho '{\"evaluator\": %s}'\n", asked, names)
		if err := os.WriteFile(filepath.Join(dir, several+".new"), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, several+".new"), filepath.Join(dir, several)); err != nil {
			t.Fatal(err)
		}
	}
	find := func(name string, times int) Plugin {
		t.Helper()
		p, err := Find(KindEvaluator, name, dir)
		if err != nil {
			t.Fatal(err)
		}
		if lines, _ := os.ReadFile(asked); len(lines) != times {
			t.Errorf("asked %d times, not %d", len(lines), times)
		}
		return p
	}
	serve(`{"ours": 3, "theirs": 1}`)
	for range 2 {
		if p := find("ours", 1); p.Path != filepath.Join(dir, several) || !slices.Equal(p.Args, []string{"evaluator", "ours"}) || p.Results != 3 {
			t.Errorf("%+v", p)
		}
	}
	serve(`{"ours": 3, "theirs": 1, "newer": 1}`)
	find("newer", 2)
	kept, err := filepath.Glob(filepath.Join(os.Getenv("NASCENT_CACHE"), "serves", "*"))
	if err != nil || len(kept) != 2 {
		t.Fatal(kept, err)
	}
	for _, path := range kept {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	find("newer", 3)
	own := filepath.Join(dir, "nascent-evaluator-theirs")
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if p := find("theirs", 3); p.Path != own || p.Results != 0 {
		t.Errorf("%+v", p)
	}
	serve("nonsense")
	if _, err := Find(KindEvaluator, "ours", dir); err == nil || !strings.Contains(err.Error(), "does not say what it serves") {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nascent-strategy-broken"), []byte("#!/bin/sh\necho not today >&2\nexit 9\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, err := List(within(t), Options{}, built, dir)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Plugin{}
	for _, p := range list {
		byName[p.Name] = p
	}
	if p := byName["onemax"]; p.Problem != "" || p.Version != "1" || p.Protocol != 1 || len(p.Kinds) != 1 || p.Kinds[0] != KindEvaluator ||
		p.Fingerprint != onemax.Fingerprint {
		t.Errorf("%+v", p)
	}
	if p := byName["testplugin"]; p.Problem != "" || p.Version != "3" || len(p.Kinds) != 2 {
		t.Errorf("%+v", p)
	}
	if p := byName["broken"]; !strings.Contains(p.Problem, "exit status 9") || !strings.Contains(p.Problem, "not today") {
		t.Errorf("%+v", p)
	}
}

func TestBuild(t *testing.T) {
	t.Setenv("NASCENT_CACHE", t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.go")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`package main

import "github.com/nascent-nas/nascent/plugins/sdk"

func main() {
	sdk.ServeEvaluator(func(job *sdk.Job) (sdk.Metrics, error) {
		return sdk.Metrics{"accuracy": job.Float("x") / 10}, nil
	})
}
`)
	p, err := Find(KindEvaluator, "mine.go", dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "mine" || p.Source != file {
		t.Errorf("%+v", p)
	}
	r := open(t, p, options(t), 1, `{}`)
	e := r.run("ok")
	wantOK(t, e)
	if v, _ := e.Result.Metrics.Get("accuracy"); v != 0.1 || r.hello.Name != "mine" {
		t.Error(v, r.hello.Name)
	}
	if _, err := tryOpen(t, p, options(t), 1, `{"epochs": 3}`); err == nil || !strings.Contains(err.Error(), "no options") {
		t.Error(err)
	}
	again, err := Find(KindEvaluator, file)
	if err != nil || again.Path != p.Path {
		t.Errorf("built anew: %v %v", again, err)
	}
	program, err := os.ReadFile(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(p.Path), os.WriteFile(p.Path, program[:len(program)/2], 0o700)); err != nil { // as a power cut may leave it
		t.Fatal(err)
	}
	if mended, err := Find(KindEvaluator, file); err != nil || mended.Path != p.Path || mended.Fingerprint != p.Fingerprint {
		t.Errorf("half a program: %+v, %v", mended, err)
	}
	if whole, err := Find(KindEvaluator, dir+"/"); err != nil || whole.Fingerprint == "" {
		t.Errorf("as a directory: %v %v", whole, err)
	}
	write("package main\n\nfunc main() { nonsense() }\n")
	if _, err := Find(KindEvaluator, file); err == nil || !strings.Contains(err.Error(), "mine.go does not compile: ") ||
		!strings.Contains(err.Error(), "undefined: nonsense") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

// An evaluator of a network in a plugin sees the same layer graph.
var _ engine.Evaluator = (*evaluator)(nil)

// A built program is used only as it was built.
func TestWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	make := func() {
		t.Helper()
		made := filepath.Join(dir, "made")
		if err := errors.Join(os.WriteFile(made, []byte("#!/bin/sh\n"), 0o700), keepBuilt(made, path)); err != nil {
			t.Fatal(err)
		}
		if !whole(path) {
			t.Fatal("a fresh program is not whole")
		}
	}
	for what, harm := range map[string]func() error{
		"an empty program": func() error { return os.Truncate(path, 0) },
		"half a program":   func() error { return os.Truncate(path, 3) },
		"another program":  func() error { return os.WriteFile(path, []byte("#!/bin/XX\n"), 0o700) },
		"not executable":   func() error { return os.Chmod(path, 0o600) },
		"no program":       func() error { return os.Remove(path) },
		"an empty sum":     func() error { return os.Truncate(sumOf(path), 0) },
		"no sum":           func() error { return os.Remove(sumOf(path)) },
	} {
		make()
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		if whole(path) {
			t.Errorf("%s is taken for whole", what)
		}
	}
}
