package ledger

import (
	"fmt"
	"io/fs"
	"syscall"

	"github.com/nascent-nas/nascent/engine"
	"golang.org/x/sys/unix"
)

var _ engine.Roomy = (*Ledger)(nil)

// Room asks the file system how much is free, and counts what the search's own files take.
// Of a quota it knows what the file system tells.
func (l *Ledger) Room() (engine.Room, error) {
	if err := l.fit(); err != nil {
		return engine.Room{}, err
	}
	dir, err := l.root.Open(".")
	if err != nil {
		return engine.Room{}, err
	}
	defer dir.Close()
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &s); err != nil {
		return engine.Room{}, fmt.Errorf("cannot ask how much room there is in %s: %w", l.root.Name(), err)
	}
	room := engine.Room{Free: int64(s.Bavail) * int64(s.Bsize)}
	for _, name := range []string{FileName, indexName, reportName, logsName} {
		room.Used += taken(l.root.FS(), name)
	}
	files, err := l.takenNow()
	room.Used += files
	return room, err
}

// taken is how many bytes the files under a name take.
func taken(fsys fs.FS, name string) (n int64) {
	_ = fs.WalkDir(fsys, name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it is just being removed, or was never there
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			n += blocks(info)
		}
		return nil
	})
	return n
}

// blocks is what a file takes on the disk, which is less than its length where nothing was
// written.
func blocks(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
