package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/safe"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// FileName is the name of the ledger within a search directory.
const FileName = "ledger.db"

// newName is where a new ledger is made, before it gets its name whole.
const newName = "ledger.db.new"

var (
	errClosed   = errors.New("the ledger is closed")
	errReadOnly = errors.New("the ledger was opened for reading only; `nascent run` opens it for writing")
)

// Options change how a ledger is kept. The zero value is right for searches.
type Options struct {
	// NoSync leaves it to the operating system when a commit reaches the
	// disk: a power cut may then take or damage it. For tests that prove that
	// syncing matters, and for searches that nobody will miss.
	NoSync bool

	mount func(*os.Root) (mount, error) // for tests; default: what the operating system says
}

// Ledger is an engine.Ledger in a search directory.
type Ledger struct {
	*store
	root     *os.Root // the directory
	path     string   // of the bbolt file, for messages
	readOnly bool
	lock     *os.File
	owner    owner // this process; none of a reader
	db       *bbolt.DB
	file     *os.File // that db reads and writes; a reader's copy

	there map[string]bool // files that were kept when a reader's copy was made

	opened, locked fs.FileInfo // of file and lock, as they were found

	longest atomic.Int64 // bytes that the file was seen to have

	format int    // only Commit changes this
	totals totals // and these
	arena  []byte // of the records of one commit

	mu      sync.Mutex
	unfit   error // why the ledger cannot be used any more
	faulted bool  // bbolt lost its footing in a commit
}

var _ engine.Ledger = (*Ledger)(nil)

// Open opens the search directory for its one writer, and makes what is
// missing. What cannot be opened is left as it was.
//
// The error is a *LockedError where another process has it, wraps
// engine.ErrDamaged where the ledger is not what was written, and
// engine.ErrConfig where the directory is unfit: not writable, another user's,
// with links or somebody's own files where a search has its own (see Trust), not
// holding a ledger but something else, or written by a newer version.
func Open(dir string, o Options) (_ *Ledger, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, refused(err, "cannot find %s: %v", dir, err)
	}
	var parents, undo []string // what was made, in order: outside the directory and in it
	l := &Ledger{path: filepath.Join(dir, FileName), store: newStore(dir, false)}
	defer func() {
		if err != nil {
			for _, name := range slices.Backward(undo) {
				l.root.Remove(name) // while the lock still keeps others out
			}
			for _, path := range slices.Backward(parents) {
				os.Remove(path)
			}
			l.Close()
		}
	}()
	if parents, err = makeDirs(dir); err != nil {
		return nil, err
	}
	if l.root, err = os.OpenRoot(dir); err != nil {
		return nil, refused(err, "cannot open %s: %v; choose a directory that you may write", dir, cause(err))
	}
	if err = vetRoot(l.root, true); err != nil {
		return nil, err
	}
	m, err := o.mountOf(l.root)
	if err != nil {
		return nil, refused(err, "cannot look at the file system of %s: %v", dir, cause(err))
	}
	var created bool
	l.lock, created, err = lock(l.root, m, true, lockPatience)
	if created {
		undo = append(undo, lockName)
	}
	if err != nil {
		return nil, err
	}
	if l.owner, err = claim(l.root, m); err != nil {
		l.owner = owner{}
		return nil, err
	}
	undo = append(undo, ownerName)
	if _, err := l.root.Lstat(FileName); errors.Is(err, fs.ErrNotExist) {
		undo = append(undo, FileName)
		if err := create(l.root, o); err != nil {
			return nil, err
		}
	}
	if err = l.readThrough(); err != nil {
		return nil, err
	}
	err = l.openFile(o, func(_ string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := safe.OpenFile(l.root, FileName, flag&^os.O_CREATE, mode)
		l.file = f
		return f, err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{filesName, filesName + "/" + tempName} {
		if _, err := l.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			undo = append(undo, name)
		}
	}
	if err = l.store.open(l.root); err != nil {
		return nil, err
	}
	tidy(l.root)
	if l.opened, err = l.file.Stat(); err == nil {
		l.longest.Store(l.opened.Size())
		l.locked, err = l.lock.Stat()
	}
	return l, err
}

func (o Options) mountOf(root *os.Root) (mount, error) {
	if o.mount != nil {
		return o.mount(root)
	}
	return mountOf(root)
}

// Inspect reads a stopped search: a copy of its ledger as it is now, which stays
// so whoever goes on with the search in the meantime. Its Commit, Put, Collect
// and Remove refuse. Kept files are not copied: one may be collected by whoever goes
// on. Errors are as with Open; where there is no ledger it wraps fs.ErrNotExist.
func Inspect(dir string) (*Ledger, error) { return inspect(dir, Options{}) }

func inspect(dir string, o Options) (*Ledger, error) {
	return read(dir, func(l *Ledger) (*os.File, error) { return l.copied(o) })
}

// Received is Inspect for a search that runs: fill writes the Copy that the process which
// runs it made, to a file. An error of fill is returned as it is.
func Received(dir string, fill func(io.Writer) error) (*Ledger, error) {
	return read(dir, func(*Ledger) (*os.File, error) {
		return nameless(func(f *os.File) error { return fill(f) })
	})
}

// read opens what copy copies of a search's ledger.
func read(dir string, copy func(*Ledger) (*os.File, error)) (_ *Ledger, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, refused(err, "cannot find %s: %v", dir, err)
	}
	l := &Ledger{path: filepath.Join(dir, FileName), readOnly: true, store: newStore(dir, true)}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if l.root, err = os.OpenRoot(dir); err == nil {
		_, err = l.root.Lstat(FileName)
	}
	if err != nil {
		return nil, refused(err, "%s holds no search: %s: %v; begin one with `nascent run`", dir, FileName, cause(err))
	}
	if err = vetRoot(l.root, false); err != nil {
		return nil, err
	}
	if err = l.store.open(l.root); err != nil {
		return nil, err
	}
	if l.file, err = copy(l); err != nil {
		return nil, err
	}
	if err = l.vetPages(l.file); err != nil {
		return nil, err
	}
	return l, l.openFile(Options{}, func(string, int, os.FileMode) (*os.File, error) { return l.file, nil })
}

// makeDirs makes the directory and its parents, for the user alone, and
// returns those that it made.
func makeDirs(dir string) (made []string, err error) {
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil && info.IsDir() {
			break
		}
		if err == nil {
			return nil, refused(nil, "%s is no directory; name another for the search", at)
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return nil, refused(err, "cannot make %s: %v; choose a directory that you may write", dir, cause(err))
		}
		missing = append(missing, at)
	}
	for _, path := range slices.Backward(missing) {
		err := os.Mkdir(path, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			for _, path := range slices.Backward(made) {
				os.Remove(path)
			}
			return nil, refused(err, "cannot make %s: %v; choose a directory that you may write", dir, cause(err))
		}
		made = append(made, path)
		if err := syncPath(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return made, fmt.Errorf("cannot make %s durable: %w", path, cause(err))
		}
	}
	return made, nil
}

// create makes an empty ledger under another name and renames it when it is
// whole, so that no crash leaves half of one. Nobody can have it open yet: the
// lock file is ours.
func create(root *os.Root, o Options) error {
	err := root.Remove(newName)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = fill(root, o)
	}
	if err == nil {
		err = root.Rename(newName, FileName)
	}
	if err == nil {
		err = syncDir(root)
	}
	if err != nil {
		root.Remove(newName)
		return refused(err, "cannot make %s: %v; choose a directory that you may write, with room in it", filepath.Join(root.Name(), FileName), cause(err))
	}
	return nil
}

func fill(root *os.Root, o Options) (err error) {
	db, err := bbolt.Open(newName, 0o600, &bbolt.Options{
		PageSize: pageSize,
		NoSync:   o.NoSync,
		Timeout:  lockPatience,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			return safe.OpenFile(root, name, flag|os.O_EXCL, mode)
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Update(func(tx *bbolt.Tx) error { return migrate(tx, 0) })
}

// openFile has bbolt open a file that was verified.
func (l *Ledger) openFile(o Options, open func(name string, flag int, mode os.FileMode) (*os.File, error)) error {
	return guard(func() (err error) {
		l.db, err = bbolt.Open(l.path, 0o600, &bbolt.Options{ReadOnly: l.readOnly, NoSync: o.NoSync, Timeout: lockPatience, OpenFile: open})
		if errors.Is(err, berrors.ErrTimeout) { // the lock file that kept us out is gone, or it is no nascent
			locked := &LockedError{Dir: l.root.Name()}
			if info, err := l.root.Lstat(FileName); err == nil {
				locked.PID = flockHolder(info)
			}
			return locked
		}
		if err != nil {
			return refused(err, "cannot open %s: %v", l.path, cause(err))
		}
		return l.db.View(func(tx *bbolt.Tx) (err error) {
			if l.format, err = readFormat(tx, l.path); err != nil {
				return err
			}
			return l.readTotals(tx)
		})
	})
}

// readThrough reads ledger.db once, in order, and then its pages as bbolt will: that
// brings it into memory at the disk's speed and not page by page.
func (l *Ledger) readThrough() error {
	f, err := safe.OpenFile(l.root, FileName, os.O_RDONLY, 0)
	if err != nil {
		return refused(err, "cannot open %s: %v", l.path, cause(err))
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("cannot read %s: %w", l.path, cause(err))
	}
	return l.vetPages(f)
}

// vetPages finds whatever bbolt would stumble over in a file, before bbolt sees it.
func (l *Ledger) vetPages(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", l.path, cause(err))
	}
	err = verifyPages(f, info.Size())
	switch {
	case errors.Is(err, errNoLedger):
		return refused(nil, "%s is no ledger, or was cut short: %v; name a search directory, or put a copy back", l.path, err)
	case errors.Is(err, engine.ErrDamaged):
		return damaged("%s: %s", l.path, err.(*kindError).detail())
	}
	return err
}

// readTotals loads the totals, and sees that all buckets are there and end
// where the totals say.
func (l *Ledger) readTotals(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if tx.Bucket([]byte(name)) == nil {
			return damaged("bucket %s is missing", name)
		}
	}
	found, err := get(tx, bucketMeta, []byte(keyTotals), func(d *decoder) totals { return readTotals(d) })
	if err != nil {
		return err
	}
	if found == nil {
		return damaged("bucket meta, key totals is missing")
	}
	l.totals = *found
	for _, end := range []struct {
		bucket string
		next   uint64
	}{
		{bucketEvents, l.totals.events + 1},
		{bucketHistory, l.totals.history},
		{bucketSearch, l.totals.turns[0]},
		{bucketFinal, l.totals.turns[1]},
	} {
		next := uint64(0)
		if end.bucket == bucketEvents {
			next = 1
		}
		if k, _ := tx.Bucket([]byte(end.bucket)).Cursor().Last(); k != nil {
			last, err := number(end.bucket, k)
			if err != nil {
				return err
			}
			next = last + 1
		}
		if next != end.next {
			return damaged("bucket %s ends before key %d instead of %d", end.bucket, next, end.next)
		}
	}
	return nil
}

// fit returns the error that the ledger answers everything with, if any.
func (l *Ledger) fit() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unfit
}

// Close lets go of the directory. It may be called again.
func (l *Ledger) Close() error {
	l.mu.Lock()
	again, faulted := l.unfit == errClosed, l.faulted
	l.unfit = errClosed
	l.mu.Unlock()
	if again {
		return nil
	}
	var err, gone error
	if l.locked != nil && !faulted {
		gone = l.present()
	}
	switch {
	case faulted:
		// bbolt may still hold its own locks and would wait for itself.
		// Closing the file frees it for others; the mapping stays behind.
		err = l.file.Close()
	case l.db != nil:
		err = guard(l.db.Close)
	case l.file != nil:
		l.file.Close() // bbolt could not open it, and may have forgotten it
	}
	if l.lock != nil && !l.readOnly {
		l.disown()
	}
	unlock(l.lock, !l.readOnly)
	l.store.close()
	if l.root != nil {
		l.root.Close()
	}
	if err != nil {
		return fmt.Errorf("cannot close %s: %w", l.path, cause(err))
	}
	return gone
}
