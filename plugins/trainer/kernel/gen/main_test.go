package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// TestCommitted: the committed assembly is what the generator writes.
func TestCommitted(t *testing.T) {
	t.Parallel()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, stubs := filepath.Join(dir, "kernel_amd64.s"), filepath.Join(dir, "kernel_amd64.go")
	if out, err := exec.Command("go", "run", ".", "-out", s, "-stubs", stubs, "-pkg", "kernel").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range []string{s, stubs} {
		got, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("..", filepath.Base(f)))
		if err != nil {
			t.Fatal(err)
		}
		// The first line repeats the command.
		if !bytes.Equal(got[bytes.IndexByte(got, '\n'):], want[bytes.IndexByte(want, '\n'):]) {
			t.Errorf("%s differs: run go generate in package kernel", filepath.Base(f))
		}
	}
}
