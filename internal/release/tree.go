package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed share
var share embed.FS

// file is one that is installed.
type file struct {
	name string // below the prefix
	mode fs.FileMode
	text []byte
}

// tree is all that is installed below a prefix, in order of the names.
func tree(b *builder, arch, prefix string) ([]file, error) {
	inUnit, err := unitWord(prefix + "/bin/nascent")
	if err != nil {
		return nil, err
	}
	programs, err := b.programs(arch)
	if err != nil {
		return nil, err
	}
	var files []file
	add := func(name string, mode fs.FileMode, text []byte, err error) error {
		files = append(files, file{name, mode, text})
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(programs, name))
		if err := add("bin/"+name, 0o755, text, err); err != nil {
			return nil, err
		}
	}
	for shell, name := range map[string]string{
		"bash": "share/bash-completion/completions/nascent",
		"zsh":  "share/zsh/site-functions/_nascent",
		"fish": "share/fish/vendor_completions.d/nascent.fish",
	} {
		text, err := b.say("completion", shell)
		if err := add(name, 0o644, text, err); err != nil {
			return nil, err
		}
	}
	pages := filepath.Join(b.dir, "man1")
	if _, err := b.say("man", pages); err != nil {
		return nil, err
	}
	from := os.DirFS(b.root)
	for _, c := range []struct {
		from fs.FS
		name string
		to   string
	}{
		{os.DirFS(pages), "*.1", "share/man/man1"},
		{from, "LICENSE", "share/doc/nascent"},
		{from, "docs/install.md", "share/doc/nascent"},
		{share, "share/Containerfile", "share/doc/nascent"},
		{share, "share/nascent@.service", "share/systemd/user"},
	} {
		found, err := fs.Glob(c.from, c.name)
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("there is no %s: %v", c.name, err)
		}
		for _, name := range found {
			text, err := fs.ReadFile(c.from, name)
			if path.Ext(name) == ".service" {
				text = bytes.ReplaceAll(text, []byte("@NASCENT@"), []byte(inUnit))
			}
			if err := add(c.to+"/"+path.Base(name), 0o644, text, err); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// unitWord is the path of a program as ExecStart= in a unit of systemd has it: specifiers
// begin with %, words end at blanks. There is no way to write some characters, however
// they are quoted: systemd refuses to run such a path.
func unitWord(path string) (string, error) {
	bad := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`"'\`, r) }
	if i := strings.IndexFunc(path, bad); i >= 0 {
		r, _ := utf8.DecodeRuneInString(path[i:])
		return "", fmt.Errorf("PREFIX has the character %q, with which systemd runs no program: choose a path without it", r)
	}
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsFunc(path, unicode.IsSpace) {
		path = `"` + path + `"`
	}
	return path, nil
}

// install puts the tree below the prefix.
func (r release) install(b *builder, arch string) error {
	files, err := tree(b, arch, r.prefix)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := put(filepath.Join(r.destdir, r.prefix, filepath.FromSlash(f.name)), f.mode, f.text); err != nil {
			return fmt.Errorf("%w; choose another PREFIX, such as one in your home directory", err)
		}
	}
	fmt.Println("installed: " + filepath.Join(r.destdir, r.prefix, "bin", "nascent"))
	return nil
}

// archive writes the tree as an archive, and returns its name.
func (r release) archive(b *builder, arch string) (string, error) {
	files, err := tree(b, arch, r.prefix)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := writeArchive(&text, stem(arch), files); err != nil {
		return "", err
	}
	name := stem(arch) + ".tar.gz"
	return name, put(filepath.Join(r.out, name), 0o644, text.Bytes())
}

// writeArchive writes files below a directory as a tar file, compressed. It has neither
// times nor owners.
func writeArchive(w io.Writer, dir string, files []file) error {
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	for _, f := range files {
		h := &tar.Header{Name: dir + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.text)), Format: tar.FormatUSTAR}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(f.text); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zip.Close()
}

// sums writes the checksums of the files of a directory, as sha256sum -c reads them.
func sums(dir string, names []string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(content), name)
	}
	return put(filepath.Join(dir, "SHA256SUMS"), 0o644, []byte(text.String()))
}
