package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/command"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// TestMain lets the scripts call this test binary as nascent.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"nascent": func() { os.Exit(command.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// tests are the tests of this package, and the folder of the plugins that they
// build.
type tests struct{ *testing.M }

// Run runs them, as often as -count says, and removes the folder.
func (t tests) Run() int {
	dir, err := os.MkdirTemp("", "nascent-script-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	pluginDir = dir
	return t.M.Run()
}

var pluginDir string

// buildPlugins builds the plugins that the scripts use, once.
var buildPlugins = sync.OnceValue(func() error { return proctest.Shipped(pluginDir) })

func TestScript(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/script")
}

// TestCases runs what once went wrong: testdata/cases says more.
func TestCases(t *testing.T) {
	t.Parallel()
	runScripts(t, "../../testdata/cases")
}

// runScripts runs the scripts of a directory.
func runScripts(t *testing.T, dir string) {
	if err := buildPlugins(); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	var goEnv map[string]string
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY").Output()
	if err == nil {
		err = json.Unmarshal(out, &goEnv)
	}
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NASCENT_PLUGINS", pluginDir)
			e.Setenv("NASCENT_SOURCE", root)
			e.Setenv("NASCENT_CACHE", filepath.Join(e.WorkDir, ".cache"))
			for name, v := range goEnv {
				e.Setenv(name, v)
			}
			e.Setenv("HOME", home)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": wantStatus,
			"oneof":  nothingElse,
			"until":  waitFor,
			"damage": damage,
			"shown":  shown,
		},
	})
}

// wantStatus runs a command and wants an exit status: status 2 nascent run x.
func wantStatus(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	if text := ts.ReadFile("stderr"); want == 2 && strings.Count(text, "\n") != 1 {
		ts.Fatalf("wrong input is to be answered in one line, not:\n%s", text)
	}
}

// nothingElse wants a directory to hold nothing but the named entries:
// oneof DIR a b.
func nothingElse(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	known := map[string]bool{}
	for _, name := range args[1:] {
		known[name] = true
	}
	for _, e := range entries {
		if !known[e.Name()] && !strings.HasPrefix(e.Name(), ".") {
			ts.Fatalf("%s holds %s, which should not be there", args[0], e.Name())
		}
	}
}

// patience is how long the slowest machine may take to print something.
const patience = 5 * time.Minute

// waitFor asks until the output matches: until REGEXP COMMAND ARGS. What it waits for
// gets some of the processor in between.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%s never printed %s", args[1], args[0])
}

// languages are the marks of code blocks by what ends the names of files.
var languages = map[string]string{".go": "go", ".py": "python", ".sh": "sh", ".pl": "perl"}

// shown writes the first block of a file's language that a page of docs/ shows
// into it, and wants it to be of at most so many lines: shown PAGE LINES FILE
// [SECTION].
func shown(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[1])
	ts.Check(err)
	section := strings.Join(args[3:], " ")
	page, err := os.ReadFile(filepath.Join(ts.Getenv("NASCENT_SOURCE"), "docs", args[0]))
	ts.Check(err)
	_, rest, _ := strings.Cut(string(page), "# "+section)
	_, rest, found := strings.Cut(rest, "```"+languages[filepath.Ext(args[2])]+"\n")
	block, _, whole := strings.Cut(rest, "```\n")
	if n := strings.Count(block, "\n"); !found || !whole || n > most {
		ts.Fatalf("docs/%s shows no block for such a file of at most %d lines first: it has %d", args[0], most, n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(block), 0o700))
}

// damage changes one byte, not a zero, in every page from some byte on: a single
// one might hit a page that is free.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	const page = 4096
	if at >= len(b) {
		ts.Fatalf("nothing to damage after byte %d of %s", at, path)
	}
	for ; at < len(b); at += page {
		for i := at; i < min(at+page/2, len(b)); i++ {
			if b[i] != 0 {
				b[i] ^= 0x55
				break
			}
		}
	}
	ts.Check(os.WriteFile(path, b, 0o600))
}
