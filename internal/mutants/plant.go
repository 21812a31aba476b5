package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// garden is a module in which bugs are planted.
type garden struct {
	root    string // of the module
	timeout string // of the tests of one bug
}

// plant runs the tests with a bug and returns those that caught it.
func (g *garden) plant(b *bug) (catchers []string, err error) {
	files, err := b.apply(g.root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	replace := map[string]string{}
	var packages []string
	for name, text := range files {
		path := filepath.Join(dir, fmt.Sprint(len(replace))+filepath.Ext(name))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
		replace[filepath.Join(g.root, name)] = path
		if filepath.Ext(name) == ".go" {
			packages = append(packages, "./"+filepath.ToSlash(filepath.Dir(name)))
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(overlay, raw, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if len(packages) > 0 {
		build := append([]string{"build", "-trimpath", "-o", os.DevNull}, packages...)
		if out, err := g.command(overlay, build...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("it does not compile: %w\n%s", err, out)
		}
	}
	return g.test(overlay, b, "-count=1") // a binary may be the same, and what it starts not
}

// sound tells that the tests of a bug succeed without it.
func (g *garden) sound(b *bug) error {
	failed, err := g.test("", b)
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("without any bug these fail: %s", strings.Join(failed, ", "))
	}
	return err
}

// command is one of go's, which reads the overlay's files in place of others; so do all
// that it starts.
func (g *garden) command(overlay string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = g.root
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	return cmd
}

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output, FailedBuild string
}

// test runs a bug's tests and returns those that failed: of tests within tests the
// innermost, and packages whose tests did not come to an end, with their last words.
func (g *garden) test(overlay string, b *bug, more ...string) ([]string, error) {
	args := append([]string{"test", "-json", "-trimpath", "-vet=off", "-timeout", g.timeout}, more...)
	if b.run != "" {
		args = append(args, "-run", b.run)
	}
	cmd := g.command(overlay, append(args, b.tests...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var failed []string
	ran, broken, panicked := 0, "", ""
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch {
		case e.Action == "run":
			ran++
		case e.Action == "output":
			if strings.HasPrefix(e.Output, "panic: ") || strings.HasPrefix(e.Output, "fatal error: ") {
				panicked = strings.TrimSpace(e.Output)
			}
		case e.Action == "build-output":
			broken += e.Output
		case e.Action == "fail" && e.Test != "":
			failed = append(failed, e.Test)
		case e.Action == "fail" && e.FailedBuild == "" && len(failed) == 0:
			failed = append(failed, e.Package)
		}
	}
	io.Copy(io.Discard, stdout)
	ended := cmd.Wait()
	switch {
	case broken != "":
		return nil, fmt.Errorf("its tests do not compile:\n%s", broken)
	case ran == 0 && len(failed) == 0:
		return nil, fmt.Errorf("no test ran: %v %s", ended, stderr.Bytes())
	case ended != nil && len(failed) == 0:
		return nil, errors.Join(ended, errors.New(stderr.String()))
	}
	failed = innermost(failed)
	if panicked != "" && len(failed) > 0 {
		failed[len(failed)-1] += " (" + panicked + ")"
	}
	return failed, nil
}

// innermost leaves out tests that failed because tests within them did.
func innermost(failed []string) (out []string) {
	for _, f := range failed {
		if !slices.ContainsFunc(failed, func(other string) bool { return strings.HasPrefix(other, f+"/") }) {
			out = append(out, f)
		}
	}
	return out
}
