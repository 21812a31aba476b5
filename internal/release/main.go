// Command release makes what people install: programs, a wheel, an archive, each for
// the machines that are asked for. The same source, commit and Go give the same bytes.
//
//	go run ./internal/release [-out dist] [-arch amd64,arm64] wheel archive
//	go run ./internal/release -prefix /usr/local install
//	go run ./internal/release -out DIR -arch arm64 -under qemu-aarch64-static programs
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	var r release
	archs := runtime.GOARCH
	flag.StringVar(&r.root, "root", ".", "the directory of the source")
	flag.StringVar(&r.out, "out", "dist", "where wheels, archives and programs go")
	flag.StringVar(&r.prefix, "prefix", "/usr/local", "below which it is installed, and which archives are made for")
	flag.StringVar(&r.destdir, "destdir", "", "directory that stands before prefix while installing")
	flag.StringVar(&r.under, "under", "", "an emulator: programs are then scripts that start it")
	flag.StringVar(&archs, "arch", archs, "machines, with commas between: amd64, arm64")
	flag.Parse()
	r.archs = strings.Split(archs, ",")
	if err := r.make(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "release: "+err.Error())
		os.Exit(1)
	}
}

// release is what is to be made, and of what.
type release struct {
	root, out       string
	prefix, destdir string
	under           string
	archs           []string
}

// make makes all that is named.
func (r release) make(what []string) error {
	if len(what) == 0 {
		return fmt.Errorf("say what to make: wheel, archive, install or programs")
	}
	if !filepath.IsAbs(r.prefix) {
		return fmt.Errorf("PREFIX is %s: give an absolute path", r.prefix)
	}
	scratch, err := os.MkdirTemp("", "nascent-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	built := builder{root: r.root, dir: scratch}
	var made []string
	for _, arch := range r.archs {
		for _, w := range what {
			var file string
			switch w {
			case "wheel":
				file, err = r.wheel(&built, arch)
			case "archive":
				file, err = r.archive(&built, arch)
			case "install":
				err = r.install(&built, arch)
			case "programs":
				err = r.programs(&built, arch)
			default:
				err = fmt.Errorf("%s is nothing that can be made: name wheel, archive, install or programs", w)
			}
			if err != nil {
				return err
			}
			if file != "" {
				made = append(made, file)
				fmt.Println(file)
			}
		}
	}
	if len(made) == 0 {
		return nil
	}
	return sums(r.out, made)
}
