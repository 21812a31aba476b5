package index

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// A file is a head and blocks:
//
//	head   "nascent index 2\n", the SHA-256 of what the search recorded when it began, CRC
//	block  kind, length and CRC-32C of the payload (1 + 4 + 4 bytes), payload
//
// A block of rows has up to blockRows of them, all but the last one just as many: its
// first position, how many, the checksum of the ledger's record at the last position,
// and then column by column. Numbers are varints, floats and checksums little-endian;
// words are numbered in the block. A block of state, the last one if there is any, has
// the mark of a state of the ledger and what somebody wants to remember of it.

const (
	magic     = "nascent index 2\n"
	headSize  = len(magic) + 32 + 4
	frameSize = 1 + 4 + 4
	blockRows = 4096

	rowsBlock  = 'R'
	stateBlock = 'S'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// framed is a block of a kind.
func framed(kind byte, payload []byte) []byte {
	b := make([]byte, frameSize, frameSize+len(payload))
	b[0] = kind
	binary.LittleEndian.PutUint32(b[1:], uint32(len(payload)))
	b = append(b, payload...)
	binary.LittleEndian.PutUint32(b[5:], blockSum(b))
	return b
}

func blockSum(block []byte) uint32 {
	return crc32.Update(crc32.Checksum(block[:5], castagnoli), castagnoli, block[frameSize:])
}

// maxBlock bounds a block, so that a damaged length takes no memory.
const maxBlock = 1 << 30

// readBlock reads a block, of which at most left bytes can be there, into the memory of
// buf; false if it is not whole.
func readBlock(r io.Reader, buf []byte, left int64) (block []byte, ok bool) {
	var frame [frameSize]byte
	if _, err := io.ReadFull(r, frame[:]); err != nil {
		return buf, false
	}
	n := int64(binary.LittleEndian.Uint32(frame[1:]))
	if n > min(left-frameSize, maxBlock) {
		return buf, false
	}
	block = append(slices.Grow(buf[:0], frameSize+int(n)), frame[:]...)[:frameSize+n]
	if _, err := io.ReadFull(r, block[frameSize:]); err != nil {
		return block, false
	}
	return block, binary.LittleEndian.Uint32(block[5:]) == blockSum(block)
}

// appendRows writes rows of a table as a payload. The first row of the table stands at
// position base; last is the checksum of the ledger's record of the last one.
func appendRows(b []byte, t *Table, base, from, to int, last uint32) []byte {
	uint := func(x uint64) { b = binary.AppendUvarint(b, x) }
	float := func(x float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x)) }
	text := func(s string) { uint(uint64(len(s))); b = append(b, s...) }
	uint(uint64(base + from))
	uint(uint64(to - from))
	b = binary.LittleEndian.AppendUint32(b, last)
	for _, id := range t.IDs[from:to] {
		uint(uint64(id))
	}
	for _, w := range t.words() {
		here := map[uint32]uint64{}
		var texts []string
		for _, code := range w.Codes[from:to] {
			if _, ok := here[code]; !ok {
				here[code] = uint64(len(texts))
				texts = append(texts, w.Texts[code])
			}
		}
		uint(uint64(len(texts)))
		for _, s := range texts {
			text(s)
		}
		for _, code := range w.Codes[from:to] {
			uint(here[code])
		}
	}
	for row := from; row < to; row++ {
		b = binary.AppendVarint(b, int64(t.Fidelity[row]))
		uint(uint64(t.Attempts[row]))
		uint(t.Seed[row])
		flags := uint64(0)
		for i, on := range []bool{t.Stopped[row], t.Replicate[row], t.Resume[row] != 0, t.Inherit[row] != 0, t.Reuse[row] != 0} {
			if on {
				flags |= 1 << i
			}
		}
		uint(flags)
		for _, id := range []engine.ID{t.Resume[row], t.Inherit[row], t.Reuse[row]} {
			if id != 0 {
				uint(uint64(id))
			}
		}
		parents := t.Parents(row)
		uint(uint64(len(parents)))
		for _, id := range parents {
			uint(uint64(id))
		}
	}
	for _, column := range [][]float64{t.Budget, t.Seconds, t.Lost} {
		for _, x := range column[from:to] {
			float(x)
		}
	}
	appendUsage(&b, t.Usage[from:to])
	for _, packed := range t.Packed[from:to] {
		uint(uint64(len(packed)))
	}
	for _, packed := range t.Packed[from:to] {
		b = append(b, packed...)
	}
	var metrics []string // so that the same rows make the same block
	for _, name := range t.metrics {
		if slices.ContainsFunc(t.values[name][from:to], func(x float64) bool { return !math.IsNaN(x) }) {
			metrics = append(metrics, name)
		}
	}
	uint(uint64(len(metrics)))
	for _, name := range metrics {
		text(name)
		for _, x := range t.values[name][from:to] {
			float(x)
		}
	}
	return b
}

// appendUsage writes a 0 if nothing is known of any row, else a 1 and each.
func appendUsage(b *[]byte, rows []engine.Usage) {
	if !slices.ContainsFunc(rows, func(u engine.Usage) bool { return u != engine.Usage{} }) {
		*b = append(*b, 0)
		return
	}
	*b = append(*b, 1)
	for _, u := range rows {
		*b = binary.LittleEndian.AppendUint64(*b, math.Float64bits(u.CPU))
		*b = binary.AppendVarint(*b, u.Memory)
		*b = binary.AppendVarint(*b, u.GPUMemory)
	}
}

// usage reads what appendUsage wrote.
func (r *reader) usage(out []engine.Usage, n int) []engine.Usage {
	if r.uint() == 0 {
		return append(out, make([]engine.Usage, n)...)
	}
	for range n {
		u := engine.Usage{}
		if raw := r.take(8); len(raw) == 8 {
			u.CPU = math.Float64frombits(binary.LittleEndian.Uint64(raw))
		}
		u.Memory, u.GPUMemory = r.int(), r.int()
		out = append(out, u)
	}
	return out
}

var errBlock = errors.New("the block is not whole")

// reader takes a payload apart. After the first error all that it returns is zero.
type reader struct {
	b    []byte
	fail bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail, r.b = true, nil
		return nil
	}
	x := r.b[:n]
	r.b = r.b[n:]
	return x
}

func (r *reader) uint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) int() int64 {
	x := r.uint() // as binary.AppendVarint writes it: the sign last
	return int64(x>>1) ^ -int64(x&1)
}

func (r *reader) text() string { return string(r.take(r.uint())) }

// floats appends n numbers.
func (r *reader) floats(out []float64, n int) []float64 {
	raw := r.take(8 * uint64(n))
	for ; len(raw) >= 8; raw = raw[8:] {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
	}
	return out
}

// readRows appends the rows of a payload to a table that ends where they begin, and
// returns the checksum of the ledger's record of the last one. base is as in appendRows.
func readRows(payload []byte, t *Table, base int) (last uint32, err error) {
	r := &reader{b: payload}
	from, rows := r.uint(), int(r.uint())
	if raw := r.take(4); !r.fail {
		last = binary.LittleEndian.Uint32(raw)
	}
	if r.fail || from != uint64(base+t.Len()) || rows < 1 || rows > blockRows {
		return 0, errBlock
	}
	for range rows {
		t.IDs = append(t.IDs, engine.ID(r.uint()))
	}
	for _, w := range t.words() {
		n := r.uint()
		if n > uint64(rows) {
			return 0, errBlock
		}
		codes := make([]uint32, n)
		for i := range codes {
			w.add(r.text())
			codes[i] = w.Codes[len(w.Codes)-1]
			w.Codes = w.Codes[:len(w.Codes)-1]
		}
		for range rows {
			code := r.uint()
			if code >= n {
				return 0, errBlock
			}
			w.Codes = append(w.Codes, codes[code])
		}
	}
	for range rows {
		t.Fidelity = append(t.Fidelity, int(r.int()))
		t.Attempts = append(t.Attempts, int(r.uint()))
		t.Seed = append(t.Seed, r.uint())
		flags := r.uint()
		t.Stopped, t.Replicate = append(t.Stopped, flags&1 != 0), append(t.Replicate, flags&2 != 0)
		for i, column := range []*[]engine.ID{&t.Resume, &t.Inherit, &t.Reuse} {
			id := engine.ID(0)
			if flags&(4<<i) != 0 {
				id = engine.ID(r.uint())
			}
			*column = append(*column, id)
		}
		n := r.uint()
		if n > uint64(len(r.b)) {
			return 0, errBlock
		}
		for range n {
			t.parents = append(t.parents, engine.ID(r.uint()))
		}
		t.ends = append(t.ends, len(t.parents))
	}
	for _, column := range []*[]float64{&t.Budget, &t.Seconds, &t.Lost} {
		*column = r.floats(*column, rows)
	}
	t.Usage = r.usage(t.Usage, rows)
	lengths, all := make([]uint64, rows), uint64(0)
	for i := range lengths {
		lengths[i] = r.uint()
		all += lengths[i]
	}
	packed := string(r.take(all))
	if r.fail || uint64(len(packed)) != all {
		return 0, errBlock
	}
	for _, n := range lengths {
		if n > uint64(len(packed)) {
			return 0, errBlock
		}
		t.Packed = append(t.Packed, packed[:n])
		packed = packed[n:]
	}
	for n := r.uint(); n > 0 && !r.fail; n-- {
		name := r.text()
		if x := t.column(name, t.Len()-rows); !r.fail && len(x) == t.Len()-rows {
			t.values[name] = r.floats(x, rows)
		}
	}
	t.level()
	if r.fail || len(r.b) > 0 {
		return 0, errBlock
	}
	return last, nil
}
