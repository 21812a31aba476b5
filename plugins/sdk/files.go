package sdk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// files is the store as a strategy in a plugin process sees it: what the
// decision before named, and what this turn adds. The host takes new files over
// when it gets the decision.
type files struct {
	scratch string            // of this process
	paths   map[string]string // by hash
}

// begin forgets all but the files that come with a turn.
func (f *files) begin(given []*proto.File) (refs []engine.FileRef) {
	f.paths = map[string]string{}
	for _, w := range given {
		f.paths[w.Hash] = w.Path
		refs = append(refs, engine.FileRef{Name: w.Name, Hash: w.Hash, Size: w.Size})
	}
	return refs
}

// handOver tells the host where a decision's files lie.
func (f *files) handOver(named []*proto.File) {
	for _, w := range named {
		w.Path = f.paths[w.Hash]
	}
}

// Put implements engine.Files.
func (f *files) Put(path, name string) (engine.FileRef, error) {
	if rel, err := filepath.Rel(f.scratch, path); err != nil || !filepath.IsLocal(rel) {
		return engine.FileRef{}, fmt.Errorf("%s is kept elsewhere; files to be kept are written in the directory that Temp names", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return engine.FileRef{}, err
	}
	defer file.Close()
	h := sha256.New()
	size, err := io.Copy(h, file)
	if err != nil {
		return engine.FileRef{}, err
	}
	ref := engine.FileRef{Name: name, Hash: hex.EncodeToString(h.Sum(nil)), Size: size}
	if _, known := f.paths[ref.Hash]; known {
		return ref, os.Remove(path)
	}
	target := filepath.Join(f.scratch, ref.Hash)
	if err := os.Rename(path, target); err != nil {
		return engine.FileRef{}, err
	}
	if f.paths == nil {
		f.paths = map[string]string{}
	}
	f.paths[ref.Hash] = target
	return ref, nil
}

// Path implements engine.Files.
func (f *files) Path(hash string) (string, error) {
	path, ok := f.paths[hash]
	if !ok {
		return "", fmt.Errorf("the file %s is not kept: the decision before this turn did not name it", hash)
	}
	return path, nil
}

// Temp implements engine.Files.
func (f *files) Temp() string { return f.scratch }
