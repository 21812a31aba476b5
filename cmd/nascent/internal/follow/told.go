package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/nascent-nas/nascent/internal/safe"
)

// FileName is what the file is called that says how far each sink was told.
const FileName = "told.json"

// told says of each sink, by its name, the number of the record that it was told last.
type told struct {
	mu   sync.Mutex
	path string
	last map[string]uint64
}

func readTold(dir string) (*told, error) {
	t := &told{path: filepath.Join(dir, FileName), last: map[string]uint64{}}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := safe.OpenFile(root, FileName, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&t.last); err != nil {
		return nil, fmt.Errorf("%s does not read: %w; remove it: hooks then begin with what comes next, "+
			"others with the first candidate", t.path, err)
	}
	return t, nil
}

func (t *told) get(sink string) (number uint64, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	number, known = t.last[sink]
	return number, known
}

func (t *told) set(sink string, number uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[sink] = number
	return safe.Write(t.path, 0o600, func(w io.Writer) error { return json.NewEncoder(w).Encode(t.last) })
}
