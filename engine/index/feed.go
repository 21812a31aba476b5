package index

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"os"

	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/internal/safe"
)

// Cursor is what somebody has of a search: how many rows, and by what they are known to
// be of it.
type Cursor struct {
	Search [sha256.Size]byte // see ledger.Mark
	Rows   uint64
	Last   uint32 // the ledger's checksum of the last one
}

// Cursor tells what the index has.
func (x *Index) Cursor() Cursor { return Cursor{x.mark.Search, uint64(x.base + x.Len()), x.last} }

// Load reads the index of a search as far as its file is whole, without the ledger, which
// another process may hold. Whether it is of that search Holds tells who has the ledger.
// There are no rows where there is no file.
func Load(dir string) *Index {
	x := &Index{dir: dir}
	if root, err := os.OpenRoot(dir); err == nil {
		defer root.Close()
		if f, err := safe.OpenFile(root, FileName, os.O_RDONLY, 0); err == nil {
			defer f.Close()
			head := make([]byte, headSize)
			if _, err := io.ReadFull(f, head); err == nil && bytes.HasPrefix(head, []byte(magic)) {
				copy(x.mark.Search[:], head[len(magic):])
				x.mark.History = math.MaxUint64 // nobody knows
				x.load()
				x.mark.History = 0
			}
		}
	}
	return x
}

// Holds tells whether the rows of a cursor are those that a ledger begins with.
func Holds(led *ledger.Ledger, c Cursor) (bool, error) {
	m, err := led.Mark()
	if err != nil || c.Rows == 0 || m.Search != c.Search {
		return false, err
	}
	at, ok, err := led.SumAt(c.Rows - 1)
	return ok && at == c.Last, err
}

// Send writes the rows of a ledger from a position on, for Receive: block after block, as
// they are read.
func Send(w io.Writer, led *ledger.Ledger, from uint64) error {
	tail := Table{}
	var last uint32
	flush := func() error {
		if tail.Len() == 0 {
			return nil
		}
		_, err := w.Write(framed(rowsBlock, appendRows(nil, &tail, int(from), 0, tail.Len(), last)))
		from += uint64(tail.Len())
		tail = Table{}
		return err
	}
	for e, err := range led.Entries(from) {
		if err != nil {
			return err
		}
		if tail.add(&e); tail.Len() == blockRows {
			last = e.Sum
			if err := flush(); err != nil {
				return err
			}
		}
		last = e.Sum
	}
	return flush()
}

// Write writes the rows from a position on, as Send does.
func (x *Index) Write(w io.Writer, from uint64) error {
	for at := int(from) - x.base; at < x.Len(); at += blockRows {
		to := min(at+blockRows, x.Len())
		if _, err := w.Write(framed(rowsBlock, appendRows(nil, &x.Table, x.base, at, to, x.last))); err != nil {
			return err
		}
	}
	return nil
}

// ErrFeed says that what came is not what Send writes, or not what comes next.
var ErrFeed = errors.New("the rows that came are not those that follow")

// Receive adds a block of rows that Send or Write wrote; io.EOF where none follows. search is that
// of the first ones.
func (x *Index) Receive(r io.Reader, search [sha256.Size]byte) error {
	var first [1]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return err
	}
	block, ok := readBlock(io.MultiReader(bytes.NewReader(first[:]), r), nil, maxBlock+frameSize)
	if !ok || block[0] != rowsBlock {
		return ErrFeed
	}
	last, err := readRows(block[frameSize:], &x.Table, x.base)
	if err != nil {
		return ErrFeed
	}
	x.mark.Search, x.last = search, last
	if x.at != nil {
		for i := len(x.at); i < x.Len(); i++ {
			x.at[x.IDs[i]] = i
		}
	}
	return nil
}
