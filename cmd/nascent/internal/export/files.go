package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/internal/safe"
)

// Files are the files that a candidate's job kept, as Describe wrote them.
func Files(text []byte) ([]show.File, error) {
	var m Model
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	if len(m.Files) == 0 {
		return nil, fmt.Errorf("candidate %s kept no files; its evaluator keeps some with job.keep", m.ID)
	}
	for _, f := range m.Files {
		if f.Missing != "" {
			return nil, fmt.Errorf("candidate %s: its file %s is %s; raise checkpoints.keep, or take the files of one of the best",
				m.ID, f.Name, f.Missing)
		}
		if !filepath.IsLocal(f.Name) || filepath.Base(f.Name) != f.Name {
			return nil, fmt.Errorf("candidate %s: %q is no name for a file; it is files/%s of the search's directory", m.ID, f.Name, f.Hash)
		}
	}
	return m.Files, nil
}

// WriteFile writes a kept file of the search in dir, and sees that it is whole.
func WriteFile(out io.Writer, dir string, file show.File) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := safe.Folder(root, "files")
	if err != nil {
		return err
	}
	defer files.Close()
	f, err := safe.OpenFile(files, file.Hash, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, h), f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != file.Hash {
		return fmt.Errorf("the file %s is damaged: its content has the hash %s, not %s", file.Name, got, file.Hash)
	}
	return nil
}
