package index

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/internal/safe"
)

// FileName is the name of the index within a search directory.
const FileName = "ledger.index"

// Index is what a ledger's History holds, as columns.
type Index struct {
	Table

	dir   string
	mark  ledger.Mark
	state []byte // of the ledger as it is, if somebody remembered something

	base  int      // the position of the Table's first row
	sums  []uint32 // of the ledger's records at the ends of blocks, those that are written
	last  uint32   // the ledger's checksum of the last row
	saved int      // positions in whole blocks of the file
	end   int64    // where these end
	head  bool     // the file begins as it should

	size  int64 // of the file as it was read or written
	whole int64 // of these bytes, those that could be read
	alone bool  // nobody else keeps it
}

// Open reads the index of a search, takes from the ledger what it lacks and, if it is to
// keep that, writes it to the file where it may: a directory that is another's, or that
// nobody may write, stays as it is, and so does a file that somebody has written since.
// The ledger is not needed any more then. Where a search runs Follow keeps what is new,
// and nobody else.
func Open(dir string, led *ledger.Ledger, keep bool) (*Index, error) {
	return OpenAlong(dir, led, keep, nil)
}

// OpenAlong is Open, and calls along, if there is one, whenever there are more rows: for
// who shows those that are there while the others are read.
func OpenAlong(dir string, led *ledger.Ledger, keep bool, along func(*Index)) (*Index, error) {
	x := &Index{dir: dir}
	if err := x.open(led); err != nil {
		return nil, err
	}
	had, full := x.Len(), func() {}
	if along != nil {
		along(x)
		full = func() { along(x) }
	}
	if err := x.catchUp(led, full); err != nil {
		return nil, err
	}
	if keep && (x.Len() > had || !x.head || x.whole < x.size) {
		_ = x.save(x.state) // where it cannot be kept it is read again
	}
	return x, nil
}

// Of is the index of candidates that are at hand, in no file.
func Of(candidates iter.Seq[engine.Candidate]) *Index {
	x := &Index{}
	x.Add(candidates)
	return x
}

// Add appends those of some candidates that it lacks, in no file: results that no commit
// has made durable yet.
func (x *Index) Add(candidates iter.Seq[engine.Candidate]) {
	for c := range candidates {
		if _, ok := x.Find(c.ID); !ok {
			x.add(&ledger.Entry{
				Job:    engine.JobRecord{Job: c.Job, Packed: c.Genome.Packed()},
				Result: engine.ResultRecord{ID: c.ID, Attempts: c.Attempts, Lost: c.Lost, Result: c.Result},
			})
		}
	}
}

// open loads the file, if it is one of this ledger.
func (x *Index) open(led *ledger.Ledger) (err error) {
	if x.mark, err = led.Mark(); err != nil {
		return err
	}
	x.reserve(int(min(x.mark.History, maxReserved)))
	x.load()
	at, ok, err := led.SumAt(uint64(max(1, x.Len()) - 1))
	if err != nil {
		return err
	}
	if x.Len() > 0 && (!ok || at != x.last) {
		x.reset()
	}
	return nil
}

// maxReserved is for how many rows room is made before they are read.
const maxReserved = 10_000_000

// reset forgets what the file says.
func (x *Index) reset() { *x = Index{dir: x.dir, mark: x.mark, size: x.size, alone: x.alone} }

// load reads the file as far as it is whole.
func (x *Index) load() {
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		return
	}
	defer root.Close()
	f, err := safe.OpenFile(root, FileName, os.O_RDONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return
	}
	x.size = info.Size()
	r, head := bufio.NewReaderSize(f, 1<<16), make([]byte, headSize)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head, x.headBytes()) {
		return
	}
	x.head, x.end, x.whole = true, int64(headSize), int64(headSize)
	var block []byte
	for {
		var ok bool
		if block, ok = readBlock(r, block, x.size-x.whole); !ok {
			return
		}
		x.whole += int64(len(block))
		payload := block[frameSize:]
		if block[0] == stateBlock && len(payload) >= markSize && bytes.Equal(payload[:markSize], x.markBytes()) {
			x.state = bytes.Clone(payload[markSize:])
		}
		if block[0] != rowsBlock {
			return // the last one
		}
		if x.last, err = readRows(payload, &x.Table, 0); err != nil || uint64(x.Len()) > x.mark.History {
			x.reset() // another version wrote it under this one's name, or it is of another future
			return
		}
		if x.Len()%blockRows == 0 { // all but the last one
			x.saved, x.end = x.Len(), x.whole
		}
	}
}

func (x *Index) headBytes() []byte {
	b := append([]byte(magic), x.mark.Search[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

const markSize = 8 + 4 + 4

func (x *Index) markBytes() []byte {
	b := binary.LittleEndian.AppendUint64(nil, x.mark.History)
	b = binary.LittleEndian.AppendUint32(b, x.mark.Last)
	return binary.LittleEndian.AppendUint32(b, x.mark.State)
}

// catchUp adds the rows that the ledger has besides. full, if there is one, is called
// whenever another block of them is full.
func (x *Index) catchUp(led *ledger.Ledger, full func()) error {
	for e, err := range led.Entries(uint64(x.base + x.Len())) {
		if err != nil {
			return err
		}
		x.add(&e)
		x.last = e.Sum
		if (x.base+x.Len())%blockRows == 0 {
			x.sums = append(x.sums, e.Sum)
			if full != nil {
				full()
			}
		}
	}
	return nil
}

// State is what was remembered of the ledger as it is; false if nothing was.
func (x *Index) State() ([]byte, bool) { return x.state, x.state != nil }

// Remember writes down something about the ledger as it was when the index was opened,
// for State: it is forgotten with the next commit. It does so where it may.
func (x *Index) Remember(state []byte) { _ = x.save(state) }

// save writes what the file lacks, and the state. After an error the index is of no
// further use for that.
func (x *Index) save(state []byte) error {
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Stat(".")
	if err == nil {
		err = safe.Owned(x.dir, info)
	}
	if err != nil {
		return err
	}
	f, err := safe.OpenFile(root, FileName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // somebody else is at it, who knows as much
	}
	if info, err = f.Stat(); err != nil {
		return err
	}
	if !x.alone && info.Size() != x.size {
		return nil // somebody has been at it since, who knows as much or more
	}
	if !ours(f) {
		return errors.New(FileName + " is something else")
	}
	if err = x.write(f, state); err != nil {
		f.Truncate(0)
	}
	return err
}

// ours tells whether a file is an index, of whatever version, or empty.
func ours(f *os.File) bool {
	b := make([]byte, len("nascent index "))
	n, err := f.ReadAt(b, 0)
	return n == 0 && errors.Is(err, io.EOF) || bytes.Equal(b[:n], []byte("nascent index "))
}

func (x *Index) write(f *os.File, state []byte) error {
	if !x.head {
		if x.base > 0 {
			return errBlock // its first rows are not at hand any more
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		x.head, x.saved, x.end = true, 0, int64(headSize)
		if _, err := f.WriteAt(x.headBytes(), 0); err != nil {
			return err
		}
	}
	at := x.end
	put := func(kind byte, payload []byte) error {
		if len(payload) > maxBlock {
			return errBlock // whoever reads it would not
		}
		block := framed(kind, payload)
		_, err := f.WriteAt(block, at)
		at += int64(len(block))
		return err
	}
	for from := x.saved - x.base; from < x.Len(); from += blockRows {
		to, last := min(from+blockRows, x.Len()), x.last
		if to-from == blockRows && len(x.sums) > 0 {
			last, x.sums = x.sums[0], x.sums[1:]
		}
		if err := put(rowsBlock, appendRows(nil, &x.Table, x.base, from, to, last)); err != nil {
			return err
		}
		if to-from == blockRows {
			x.saved, x.end = x.base+to, at
		}
	}
	if state != nil {
		if err := put(stateBlock, slices.Concat(x.markBytes(), state)); err != nil {
			return err
		}
	}
	x.size = at
	return f.Truncate(at)
}

// forget drops the rows of whole blocks that are in the file.
func (x *Index) forget() {
	if n := x.saved - x.base; n > 0 {
		var tail Table
		if n < x.Len() {
			if _, err := readRows(appendRows(nil, &x.Table, x.base, n, x.Len(), x.last), &tail, x.saved); err != nil {
				return
			}
		}
		x.Table, x.base = tail, x.saved
	}
}

// Follow appends what a search commits, until stop is closed, and then what it still
// lacks. It begins at once, looks every so often, and never waits for a disk; what it
// cannot write is left to the next reader.
func Follow(dir string, led *ledger.Ledger, every time.Duration, stop <-chan struct{}) {
	x := &Index{dir: dir, alone: true}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for more := true; more; {
		select {
		case <-stop:
			more = false
		case <-tick.C:
		}
		if x.mark.History == 0 && (x.open(led) != nil || x.mark.History == 0) {
			continue // nothing was consumed yet
		}
		var failed error
		keep := func() {
			if failed == nil {
				failed = x.save(nil)
				x.forget()
			}
		}
		had := x.base + x.Len()
		if x.catchUp(led, keep) != nil {
			return
		}
		if x.base+x.Len() > had {
			keep()
		}
		if failed != nil {
			return
		}
	}
}
