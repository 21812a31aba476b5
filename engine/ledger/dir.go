package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nascent-nas/nascent/internal/safe"
)

// layout is all that may be written in a search directory, by this package and
// by those who run a search. A directory that somebody sent may hold anything
// under these names, so each is looked at before the first is opened, and then
// opened within the directory, without following a link.
var layout = []struct {
	name string
	kind fs.FileMode // 0: a regular file
}{
	{"search.yaml", 0},
	{FileName, 0},
	{newName, 0},
	{lockName, 0},
	{ownerName, 0},
	{"sock", fs.ModeSocket},
	{"sock.new", fs.ModeSocket},
	{indexName, 0},
	{reportName, 0},
	{filesName, fs.ModeDir},
	{filesName + "/" + tempName, fs.ModeDir},
	{logsName, fs.ModeDir},
}

// Others write these.
const (
	indexName  = "ledger.index"
	logsName   = "logs"
	reportName = "report.html"
)

// Vet looks whether dir can be a search directory, and touches nothing: none of
// the names that a search uses may be a link, a pipe or another thing that does
// not belong there. A directory that is not there is no error. dir itself may be
// reached by a link. The error wraps engine.ErrConfig.
func Vet(dir string) error { return vet(dir, false) }

// Trust is Vet for those who will write in dir or run what it names: the
// directory and all that a search uses in it must also belong to this user or to
// root, whoever asks. Another's may only be looked at.
func Trust(dir string) error { return vet(dir, true) }

func vet(dir string, trust bool) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return refused(err, "cannot open %s: %v; name a search directory", dir, cause(err))
	}
	defer root.Close()
	return vetRoot(root, trust)
}

func vetRoot(root *os.Root, trust bool) error {
	owned := func(name string, info fs.FileInfo) error {
		if !trust {
			return nil
		}
		return safe.Owned(filepath.Join(root.Name(), name), info)
	}
	info, err := root.Stat(".")
	if err == nil {
		err = owned(".", info)
	}
	for _, it := range layout {
		if err != nil {
			break
		}
		if info, err = safe.Kind(root, it.name, it.kind); err == nil {
			err = owned(it.name, info)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil && trust {
		err = vetLogs(root)
	}
	if err == nil && trust {
		if _, missing := root.Lstat(FileName); errors.Is(missing, fs.ErrNotExist) {
			err = vacant(root)
		}
	}
	if err != nil {
		return refused(err, "%v", cause(err))
	}
	return nil
}

// vetLogs looks at the files that plugins' words are appended to.
func vetLogs(root *os.Root) error {
	logs, err := safe.Folder(root, logsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer logs.Close()
	entries, err := fs.ReadDir(logs.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".log") {
			continue
		}
		info, err := safe.Kind(logs, e.Name(), 0)
		if err == nil {
			err = safe.Owned(filepath.Join(root.Name(), logsName, e.Name()), info)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// What the files say that tell of a writer.
var (
	writer = regexp.MustCompile(`^(\d+ \d+\n)?$`)
	owners = regexp.MustCompile(`^(\S+ \S+ \d+ \d+ \S+\n)?$`)
)

// vacant sees that a search may begin in a directory without a ledger: names of
// a search that are somebody's own files would be emptied or removed.
func vacant(root *os.Root) error {
	taken := func(name, what string) error {
		return refused(nil, "%s is there already and %s; choose another directory for the search, or move it away", filepath.Join(root.Name(), name), what)
	}
	for name, form := range map[string]*regexp.Regexp{lockName: writer, ownerName: owners} {
		if f, err := safe.OpenFile(root, name, os.O_RDONLY, 0); err == nil {
			text, err := io.ReadAll(io.LimitReader(f, 1000))
			f.Close()
			if err != nil || !form.Match(text) {
				return taken(name, "is not that of a search")
			}
		}
	}
	entries, err := fs.ReadDir(root.FS(), filesName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot list %s: %w", filepath.Join(root.Name(), filesName), cause(err))
	}
	for _, e := range entries {
		if _, ours := rawHash(e.Name()); !ours && e.Name() != tempName {
			return taken(filesName, "holds "+e.Name()+", which no search keeps")
		}
	}
	if entries, _ = fs.ReadDir(root.FS(), filesName+"/"+tempName); len(entries) > 0 {
		return taken(filesName+"/"+tempName, "holds "+entries[0].Name()+", which would be removed")
	}
	if _, err := root.Lstat(reportName); err == nil {
		return taken(reportName, "would be replaced by the report of this search")
	}
	return nil
}

// tidy removes what a crash left of files that were being written. Nobody else
// writes here: the lock is held.
func tidy(root *os.Root) {
	entries, _ := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), safe.Unfinished) && e.Type().IsRegular() {
			root.Remove(e.Name())
		}
	}
}

// present tells whether the directory still leads to what is open: a search whose
// ledger has no name any more would go on to its end, and leave nothing.
func (l *Ledger) present() error {
	dir := filepath.Dir(l.path)
	for _, it := range []struct {
		name string
		open fs.FileInfo
		left string
	}{
		{FileName, l.opened, "what it held is lost; put a copy back, or begin anew with `nascent run`"},
		{lockName, l.locked, "where " + FileName + " is still there nothing is lost; go on with `nascent run`"},
	} {
		now, err := l.root.Lstat(it.name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s was removed while the search ran: %s", filepath.Join(dir, it.name), it.left)
		case err != nil:
			return fmt.Errorf("cannot look at %s: %w; see to the directory, and go on with `nascent run`", filepath.Join(dir, it.name), cause(err))
		case !os.SameFile(it.open, now):
			return fmt.Errorf("%s was replaced while the search ran: %s", filepath.Join(dir, it.name), it.left)
		case it.name == FileName && now.Size() < l.longest.Load(): // bbolt never shrinks it
			return damaged("%s was cut short while the search ran, from %d bytes to %d", filepath.Join(dir, it.name), l.longest.Load(), now.Size())
		}
	}
	if err := l.owned(); err != nil {
		return err
	}
	open, err := l.root.Stat(".")
	if err == nil {
		var now fs.FileInfo
		if now, err = os.Stat(dir); err == nil && os.SameFile(open, now) {
			return nil
		}
	}
	return fmt.Errorf("%s was moved away while the search ran: nothing is lost; go on where it is now, with `nascent run`", dir)
}
