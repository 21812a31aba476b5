package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/safe"
)

// Files are the files that a candidate's job kept, as Describe wrote them: those that
// can be copied, and an error that says of the others why they cannot. That none were
// kept is an error of its own.
func Files(text []byte) (files []show.File, others, err error) {
	var m Model
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, nil, err
	}
	if len(m.Files) == 0 {
		return nil, nil, fmt.Errorf("candidate %s kept no files; its evaluator keeps some with job.keep", m.ID)
	}
	var not []string
	for _, f := range m.Files {
		switch {
		case f.Missing == show.FileDamaged:
			not = append(not, fmt.Sprintf("%s is damaged: put a copy back as files/%s of the search's directory", f.Name, f.Hash))
		case f.Missing != "":
			not = append(not, fmt.Sprintf("%s is %s: raise checkpoints.keep, or take the files of one of the best", f.Name, f.Missing))
		case engine.CheckFileName(f.Name) != nil: // an older search took any
			not = append(not, fmt.Sprintf("%.60q is no name for a file: it is files/%s of the search's directory", f.Name, f.Hash))
		default:
			files = append(files, f)
		}
	}
	if len(not) > 0 {
		others = fmt.Errorf("candidate %s: %d of %s could not be copied: %s",
			m.ID, len(not), show.Plural(len(m.Files), "file"), strings.Join(not, "; "))
	}
	return files, others, nil
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
