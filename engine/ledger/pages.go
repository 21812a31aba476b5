package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt maps its file into memory and believes what it finds there: a damaged
// page number or length is a fault that ends the process, and a damaged newest
// meta page silently takes the search one transaction back. So the pages are
// read here first, from the file and with every bound checked. After that
// bbolt finds its tree, its keys and its free pages as it left them; the
// content of records is the business of their checksums.
//
// The layout is that of bbolt's format 2, in the byte order of the machine
// (little-endian on all that Nascent runs on): a page is a header (number,
// flags, count, overflow) and count elements; pages 0 and 1 hold the two
// newest metas.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader = 16
	branchSize = 16 // pos, ksize, child
	leafSize   = 16 // flags, pos, ksize, vsize
	metaSize   = 64

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	bucketElement = 0x01
	bucketHeader  = 16 // root page, sequence

	pageSize = 4096 // of files that Open creates, on every machine
	maxDepth = 64
)

var errNoLedger = errors.New("it was not written by bbolt")

type boltMeta struct {
	page                  int
	pageSize              uint32
	root, freelist, pages uint64 // pages: how many the file has, the free ones included
	txid                  uint64
}

// readMeta reads a meta page; ours tells whether it looks like one at all.
func readMeta(f io.ReaderAt, offset int64, page int) (m boltMeta, ours bool, err error) {
	var b [metaSize]byte
	n, err := f.ReadAt(b[:], offset+pageHeader)
	le := binary.LittleEndian
	ours = n >= 4 && le.Uint32(b[0:]) == boltMagic
	if errors.Is(err, io.EOF) {
		return m, ours, errors.New("the file ends within it")
	} else if err != nil {
		return m, ours, err
	}
	h := fnv.New64a()
	h.Write(b[:56])
	switch {
	case !ours:
		return m, ours, errors.New("its first bytes are wrong")
	case le.Uint64(b[56:]) != h.Sum64():
		return m, ours, errors.New("its checksum does not match")
	case le.Uint32(b[4:]) != boltVersion:
		return m, ours, fmt.Errorf("bbolt's format %d is not known", le.Uint32(b[4:]))
	}
	m = boltMeta{page, le.Uint32(b[8:]), le.Uint64(b[16:]), le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])}
	if m.pageSize < 512 || m.pageSize > 1<<20 || m.pageSize&(m.pageSize-1) != 0 {
		return m, ours, fmt.Errorf("a page size of %d cannot be", m.pageSize)
	}
	return m, ours, nil
}

// newestMeta returns the meta of the last commit. Both have to be whole and of
// consecutive transactions: where one is not, nobody can tell whether it was
// the newest.
func newestMeta(f io.ReaderAt) (boltMeta, error) {
	first, ours0, err0 := readMeta(f, 0, 0)
	var second boltMeta
	var ours1 bool
	var err1 error
	if err0 == nil {
		second, ours1, err1 = readMeta(f, int64(first.pageSize), 1)
	} else {
		for size := int64(512); size <= 1<<16; size *= 2 {
			if m, ours, err := readMeta(f, size, 1); ours || size == pageSize {
				second, ours1, err1 = m, ours || ours1, err
			}
			if err1 == nil && ours1 {
				break
			}
		}
	}
	switch {
	case !ours0 && !ours1:
		return boltMeta{}, errNoLedger
	case err0 != nil:
		return boltMeta{}, damaged("meta page 0: %v; the newest commit may be lost", err0)
	case err1 != nil:
		return boltMeta{}, damaged("meta page 1: %v; the newest commit may be lost", err1)
	case first.pageSize != second.pageSize:
		return boltMeta{}, damaged("the meta pages disagree about the page size")
	}
	older, newer := first, second
	if newer.txid < older.txid {
		older, newer = newer, older
	}
	if newer.txid != older.txid+1 || newer.txid%2 != uint64(newer.page) {
		return boltMeta{}, damaged("the meta pages are of transactions %d and %d, which do not follow each other; a commit is lost", older.txid, newer.txid)
	}
	return newer, nil
}

// walker reads the pages that a meta leads to.
type walker struct {
	f    io.ReaderAt
	meta boltMeta
	used []bool
}

// verifyPages reads all pages that bbolt would, of a file of size bytes.
func verifyPages(f io.ReaderAt, size int64) error {
	if size == 0 {
		return damaged("its file is empty")
	}
	meta, err := newestMeta(f)
	if err != nil {
		return err
	}
	if meta.pages < 2 || meta.pages > uint64(size)/uint64(meta.pageSize) {
		return damaged("its file was cut short: %d bytes of at least %d", size, meta.pages*uint64(meta.pageSize))
	}
	w := walker{f, meta, make([]bool, meta.pages)}
	w.used[0], w.used[1] = true, true
	if err := w.freelist(); err != nil {
		return err
	}
	if err := w.walk(meta.root, nil, nil, 0, true); err != nil {
		return err
	}
	for id, used := range w.used {
		if !used {
			return damaged("page %d is neither in use nor free", id)
		}
	}
	return nil
}

// claim notes that a page is used, which happens only once.
func (w *walker) claim(id uint64) error {
	if id < 2 || id >= uint64(len(w.used)) {
		return damaged("page %d is beyond the end", id)
	}
	if w.used[id] {
		return damaged("page %d is used twice", id)
	}
	w.used[id] = true
	return nil
}

// page reads one page with its overflow.
func (w *walker) page(id uint64) ([]byte, error) {
	if err := w.claim(id); err != nil {
		return nil, err
	}
	b := make([]byte, w.meta.pageSize)
	offset := int64(id) * int64(w.meta.pageSize)
	if _, err := w.f.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("cannot read page %d: %w", id, err)
	}
	if n := binary.LittleEndian.Uint64(b); n != id {
		return nil, damaged("page %d says that it is page %d", id, n)
	}
	more := uint64(binary.LittleEndian.Uint32(b[12:]))
	if more >= uint64(len(w.used)) {
		return nil, damaged("page %d is longer than the file", id)
	}
	if more == 0 {
		return b, nil
	}
	for i := range more {
		if err := w.claim(id + 1 + i); err != nil {
			return nil, err
		}
	}
	b = make([]byte, (more+1)*uint64(w.meta.pageSize))
	if _, err := w.f.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("cannot read page %d: %w", id, err)
	}
	return b, nil
}

func (w *walker) freelist() error {
	id := w.meta.freelist
	b, err := w.page(id)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint16(b[8:]) != freelistPage {
		return damaged("page %d should be the list of free pages", id)
	}
	count, b := uint64(le.Uint16(b[10:])), b[pageHeader:]
	if count == 0xFFFF { // does not fit: it is the first entry
		count, b = le.Uint64(b), b[8:]
	}
	if count > uint64(len(b)/8) {
		return damaged("the list of free pages is longer than its page")
	}
	for i := range count {
		if err := w.claim(le.Uint64(b[8*i:])); err != nil {
			return err
		}
	}
	return nil
}

// walk reads the tree under a page, whose keys are at least low and less than
// high (nil: no bound). The top tree holds buckets, theirs hold records.
func (w *walker) walk(id uint64, low, high []byte, depth int, top bool) error {
	b, err := w.page(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return damaged("page %d is too deep in its tree", id)
	}
	return w.elements(fmt.Sprintf("page %d", id), b, low, high, depth, top)
}

func (w *walker) elements(where string, b, low, high []byte, depth int, top bool) error {
	le := binary.LittleEndian
	kind, count := le.Uint16(b[8:]), int(le.Uint16(b[10:]))
	if kind != branchPage && kind != leafPage {
		return damaged("%s has flags %#x instead of a tree's", where, kind)
	}
	if pageHeader+count*leafSize > len(b) { // both kinds of element have the same size
		return damaged("%s is too short for its %d elements", where, count)
	}
	if kind == branchPage && count == 0 {
		return damaged("%s is a branch without children", where)
	}
	// part is size bytes at pos, which counts from the element's beginning.
	part := func(i int, pos, size uint64) ([]byte, bool) {
		from := uint64(pageHeader+i*leafSize) + pos
		if from < uint64(pageHeader+count*leafSize) || from+size > uint64(len(b)) {
			return nil, false
		}
		return b[from : from+size], true
	}
	keys := make([][]byte, count)
	for i := range keys {
		e := b[pageHeader+i*leafSize:]
		pos, size := uint64(le.Uint32(e[0:])), uint64(le.Uint32(e[4:]))
		if kind == leafPage {
			pos, size = uint64(le.Uint32(e[4:])), uint64(le.Uint32(e[8:]))
		}
		key, ok := part(i, pos, size)
		if !ok || size == 0 {
			return damaged("%s: the key of element %d lies outside", where, i)
		}
		if i > 0 && bytes.Compare(keys[i-1], key) >= 0 || i == 0 && bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0 {
			return damaged("%s: the key of element %d is out of order", where, i)
		}
		keys[i] = key
	}
	for i, key := range keys {
		e := b[pageHeader+i*leafSize:]
		if kind == branchPage {
			next := high
			if i+1 < count {
				next = keys[i+1]
			}
			if err := w.walk(le.Uint64(e[8:]), key, next, depth+1, top); err != nil {
				return err
			}
			continue
		}
		flags, pos, ksize, vsize := le.Uint32(e[0:]), uint64(le.Uint32(e[4:])), uint64(le.Uint32(e[8:])), uint64(le.Uint32(e[12:]))
		value, ok := part(i, pos+ksize, vsize)
		switch {
		case !ok:
			return damaged("%s: the value of element %d lies outside", where, i)
		case top && flags != bucketElement, !top && flags != 0:
			return damaged("%s: element %d has flags %#x", where, i, flags)
		case !top:
			continue
		}
		if err := w.bucket(string(key), value, depth); err != nil {
			return err
		}
	}
	return nil
}

// bucket reads one bucket, which is a page of its own or, when small, lies in
// the value itself.
func (w *walker) bucket(name string, value []byte, depth int) error {
	if len(value) < bucketHeader {
		return damaged("bucket %q is too short", name)
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.walk(root, nil, nil, depth+1, false)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader {
		return damaged("bucket %q is too short", name)
	}
	if binary.LittleEndian.Uint16(inline[8:]) != leafPage {
		return damaged("bucket %q: its page is no leaf", name)
	}
	return w.elements(fmt.Sprintf("bucket %q", name), inline, nil, nil, depth, false)
}
