package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nascent-nas/nascent/internal/safe"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// A reader works on a copy of the ledger, in a file that has no name and goes with the
// process. So it sees one state however long it takes, and lets go of the search's lock
// before it looks at anything. Of a search that runs the copy is made by the process that
// runs it.

// Copy makes a copy of the ledger as of its newest commit, for Received. It may be called
// beside the writer.
func (l *Ledger) Copy() (*os.File, error) {
	f, err := nameless(func(out *os.File) error {
		return l.view(func(tx *bbolt.Tx) error {
			if _, err := tx.WriteTo(out); err != nil {
				return err
			}
			return orderMetas(out, tx.DB().Info().PageSize)
		})
	})
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// orderMetas puts the metas of a copy where bbolt writes those of their transactions: it
// copies the newer one to the first page.
func orderMetas(f *os.File, size int) error {
	newer, _, err := readMeta(f, 0, 0)
	if err != nil || newer.txid%2 == 0 {
		return err
	}
	var pages [2][]byte
	for i := range pages {
		pages[i] = make([]byte, size)
		if _, err := f.ReadAt(pages[i], int64(i*size)); err != nil {
			return err
		}
	}
	for i, b := range [][]byte{pages[1], pages[0]} {
		binary.LittleEndian.PutUint64(b, uint64(i)) // the page's number, which no checksum covers
		if _, err := f.WriteAt(b, int64(i*size)); err != nil {
			return err
		}
	}
	return nil
}

// copied copies the ledger of a stopped search, and lists the files that it keeps at that
// moment.
func (l *Ledger) copied(o Options) (*os.File, error) {
	m, err := o.mountOf(l.root)
	if err != nil {
		return nil, refused(err, "cannot look at the file system of %s: %v", l.root.Name(), cause(err))
	}
	held, _, err := lock(l.root, m, false, lockPatience)
	if err != nil {
		return nil, err
	}
	defer unlock(held, false)
	if err := elsewhere(l.root, m, self(m)); err != nil {
		return nil, err
	}
	f, err := safe.OpenFile(l.root, FileName, os.O_RDONLY, 0)
	if err != nil {
		return nil, refused(err, "cannot open %s: %v", l.path, cause(err))
	}
	defer f.Close() // and with it goes its lock
	if err := l.share(f); err != nil {
		return nil, err
	}
	hashes, err := l.store.list()
	if err != nil {
		return nil, err
	}
	l.there = map[string]bool{}
	for _, hash := range hashes {
		l.there[hash] = true
	}
	return nameless(func(out *os.File) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(out, f); err != nil {
			return fmt.Errorf("cannot read %s: %w", l.path, cause(err))
		}
		return nil
	})
}

// share takes bbolt's own lock on a ledger: where the lock file is gone, or never was, it
// still tells of a writer, and keeps one out.
func (l *Ledger) share(f *os.File) error {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPause) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return refused(err, "cannot lock %s: %v; keep searches on a file system that knows locks", l.path, err)
		}
		if time.Now().Before(deadline) {
			continue
		}
		locked := &LockedError{Dir: l.root.Name()}
		if info, err := f.Stat(); err == nil {
			locked.PID = flockHolder(info)
		}
		return locked
	}
}

// nameless makes a file without a name and has it filled: among the temporary files or,
// where these have no room, in memory.
func nameless(fill func(*os.File) error) (*os.File, error) {
	var noRoom error
	for _, make := range []func() (*os.File, error){
		func() (*os.File, error) { return os.OpenFile(os.TempDir(), os.O_RDWR|unix.O_TMPFILE, 0o600) },
		func() (*os.File, error) {
			fd, err := unix.MemfdCreate(FileName, unix.MFD_CLOEXEC)
			return os.NewFile(uintptr(fd), FileName), err
		},
	} {
		f, err := make()
		if err != nil {
			noRoom = err
			continue
		}
		if err = fill(f); err == nil {
			return f, nil
		}
		f.Close()
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
			return nil, err
		}
		noRoom = err
	}
	return nil, fmt.Errorf("cannot copy %s to read it: %w; make room for temporary files, or set TMPDIR", FileName, cause(noRoom))
}
