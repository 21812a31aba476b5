package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// names are the programs that ship.
var names = []string{"nascent", "nascent-plugins"}

// builder builds programs, those for each machine once.
type builder struct {
	root, dir string
}

// programs are those for a machine, in the directory that is returned.
func (b *builder) programs(arch string) (string, error) {
	dir := filepath.Join(b.dir, arch)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, build(b.root, dir, arch)
}

// build builds the programs for a machine with Linux into dir, as they ship: static,
// without what only debuggers need, and with the commit that they are made of.
func build(root, dir, arch string) error {
	if arch != "amd64" && arch != "arm64" {
		return fmt.Errorf("there are releases for amd64 and arm64, not for %s: go install ./cmd/... makes "+
			"programs for any machine with Linux", arch)
	}
	stamp := "-buildvcs=false"
	if inside := exec.Command("git", "-C", root, "status", "--porcelain"); inside.Run() == nil {
		stamp = "-buildvcs=true"
	}
	args := []string{"build", "-trimpath", stamp, "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// say is what this machine's own nascent prints.
func (b *builder) say(args ...string) ([]byte, error) {
	dir, err := b.programs(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(dir, "nascent"), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("nascent %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// programs leaves the programs themselves in out. Under an emulator each is a script
// that starts it, so that programs start one another by their names.
func (r release) programs(b *builder, arch string) error {
	dir, err := b.programs(arch)
	if err != nil {
		return err
	}
	out, err := filepath.Abs(r.out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		path := filepath.Join(out, name)
		if r.under != "" {
			script := fmt.Sprintf("#!/bin/sh\nexec %s '%s.%s' \"$@\"\n", r.under, path, arch)
			if err := put(path, 0o755, []byte(script)); err != nil {
				return err
			}
			path += "." + arch
		}
		if err := put(path, 0o755, text); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file anew: one that runs is not written into.
func put(path string, mode os.FileMode, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, text, mode); err != nil {
		return err
	}
	if err := os.Chmod(next, mode); err != nil { // whatever the umask
		return err
	}
	return os.Rename(next, path)
}

// stem is what archives and the directory in them are called.
func stem(arch string) string { return fmt.Sprintf("nascent-%s-linux-%s", engine.Version, arch) }
