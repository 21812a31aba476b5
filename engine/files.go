package engine

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFileName is how long the name of a kept file may be, in bytes: file systems take
// 255.
const maxFileName = 200

// CheckFileName refuses names of files that a job keeps or saves if no file could be
// copied out under them, or if they could be taken for something else where they are
// shown. It says which are allowed.
func CheckFileName(name string) error {
	bad := func(r rune) bool { return r == '/' || r == '\\' || !unicode.IsPrint(r) }
	if name != "" && name != "." && name != ".." && len(name) <= maxFileName && utf8.ValidString(name) && !strings.ContainsFunc(name, bad) {
		return nil
	}
	return fmt.Errorf("%.60q is no name for a file: it takes up to %d bytes that can be printed, no / or \\, and is not . or .., "+
		"such as checkpoint or model.bin", name, maxFileName)
}

// Paths is where files of a search's store can be read, by their names: nil if
// there are none.
func Paths(store Files, refs []FileRef) (map[string]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	if store == nil {
		return nil, errors.New("the search has no store of files")
	}
	out := map[string]string{}
	for _, ref := range refs {
		path, err := store.Path(ref.Hash)
		if err != nil {
			return nil, err
		}
		out[ref.Name] = path
	}
	return out, nil
}

// WithFile returns files with ref in place of one of the same name. What it is
// given stays as it is.
func WithFile(files []FileRef, ref FileRef) []FileRef {
	var out []FileRef
	for _, f := range files {
		if f.Name != ref.Name {
			out = append(out, f)
		}
	}
	return append(out, ref)
}

// sizeOf is how many bytes files have together.
func sizeOf(files []FileRef) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}
