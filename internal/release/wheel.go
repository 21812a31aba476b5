package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// distribution is what the wheel is called in the file's name and in the directories
// within. Its package is called nascent, which on the index is another project's name.
const distribution = "nascent_nas"

// machines are those that wheels are for, as Python calls them.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// platforms are the systems that a static program runs on: those with glibc, of 2014 or
// newer, and those with musl.
var platforms = []string{"manylinux2014", "musllinux_1_1"}

// wheelName is the wheel's file name.
func wheelName(arch string) string {
	return fmt.Sprintf("%s-%s-py3-none-%s.whl", distribution, engine.Version, strings.Join(tags(arch), "."))
}

func tags(arch string) []string {
	var out []string
	for _, p := range platforms {
		out = append(out, p+"_"+machines[arch])
	}
	return out
}

// wheel writes the wheel for a machine, and returns its name.
func (r release) wheel(b *builder, arch string) (string, error) {
	programs, err := b.programs(arch)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := writeWheel(&text, arch, os.DirFS(r.root), os.DirFS(programs)); err != nil {
		return "", err
	}
	name := wheelName(arch)
	return name, put(filepath.Join(r.out, name), 0o644, text.Bytes())
}

// metadata is what installers know of the wheel.
const metadata = `Metadata-Version: 2.1
Name: nascent-nas
Version: %s
Summary: Searches for neural-network architectures by evolution, for days if need be, and forgets nothing
License: Apache-2.0
Requires-Python: >=3.9
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Topic :: Scientific/Engineering :: Artificial Intelligence
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

Nascent searches for neural-network architectures, or anything else that is declared
as a space of genes. This package brings the program "nascent", the evaluators and
strategies that come with it, and the SDK that they are written with in Python.
`

// writeWheel writes a wheel (PEP 427) of the SDK in the source and of programs, which
// installers put where an environment has its own, beside its Python.
func writeWheel(w io.Writer, arch string, source, programs fs.FS) error {
	const sdk = "plugins/python/nascent"
	version, err := fs.ReadFile(source, sdk+"/version.py")
	if err != nil {
		return err
	}
	if !strings.Contains(string(version), fmt.Sprintf("\n__version__ = %q\n", engine.Version)) {
		return fmt.Errorf("%s/version.py has another version than engine.Version, %s: they ship together", sdk, engine.Version)
	}
	base := distribution + "-" + engine.Version
	out := archiver{zip: zip.NewWriter(w)}
	for _, pattern := range []string{sdk + "/*.py", sdk + "/py.typed"} {
		files, err := fs.Glob(source, pattern)
		if err != nil || len(files) == 0 {
			return fmt.Errorf("there is no %s: %v", pattern, err)
		}
		for _, file := range files {
			out.copy("nascent/"+path.Base(file), 0o644, source, file)
		}
	}
	for _, name := range names {
		out.copy(base+".data/scripts/"+name, 0o755, programs, name)
	}
	info := base + ".dist-info/"
	out.copy(info+"LICENSE", 0o644, source, "LICENSE")
	out.add(info+"METADATA", 0o644, fmt.Appendf(nil, metadata, engine.Version))
	about := fmt.Sprintf("Wheel-Version: 1.0\nGenerator: nascent %s\nRoot-Is-Purelib: false\n", engine.Version)
	for _, tag := range tags(arch) {
		about += "Tag: py3-none-" + tag + "\n"
	}
	out.add(info+"WHEEL", 0o644, []byte(about))
	out.add(info+"top_level.txt", 0o644, []byte("nascent\n"))
	fmt.Fprintf(&out.record, "%sRECORD,,\n", info)
	out.add(info+"RECORD", 0o644, out.record.Bytes())
	if out.err != nil {
		return out.err
	}
	return out.zip.Close()
}

// archiver writes files into a wheel, and keeps the list of them that wheels have.
type archiver struct {
	zip    *zip.Writer
	record bytes.Buffer
	err    error // the first
}

func (a *archiver) copy(name string, mode fs.FileMode, from fs.FS, file string) {
	text, err := fs.ReadFile(from, file)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.add(name, mode, text)
}

func (a *archiver) add(name string, mode fs.FileMode, text []byte) {
	if a.err != nil {
		return
	}
	sum := sha256.Sum256(text)
	fmt.Fprintf(&a.record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(text))
	// The earliest time that the format knows, whenever this is made.
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(mode)
	file, err := a.zip.CreateHeader(h)
	if err == nil {
		_, err = file.Write(text)
	}
	a.err = err
}
