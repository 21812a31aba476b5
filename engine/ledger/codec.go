package ledger

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"

	"github.com/nascent-nas/nascent/engine"
)

// Every record value is a version byte, the record's fields, and a checksum:
// CRC-32C over the bucket's name, a zero byte, the key, and all bytes before
// the checksum. So a value that wandered to another key is as wrong as one
// with a flipped bit.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = 4

func checksum(bucket string, key, payload []byte) uint32 {
	var scratch [64]byte
	head := append(append(append(scratch[:0], bucket...), 0), key...)
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// words are the strings that nearly every record repeats. In a record they
// take one byte. The list belongs to the format: its order never changes and
// it only grows at the end, together with the format's number.
var words = []string{
	"", "search", "remeasure", "test", "train", "supernet", "score", "ok", "invalid", "failed",
	"random", "mutate", "cross", "cross+mutate", "same", "start", "given", "baseline",
	"accuracy", "loss", "train_accuracy", "train_loss", "parameters", "macs", "seconds", "memory",
	"maximize", "minimize", "checkpoint", "new", "running", "stopped", "finished",
}

var wordIndex = func() map[string]uint64 {
	m := make(map[string]uint64, len(words))
	for i, w := range words {
		m[w] = uint64(i)
	}
	return m
}()

// encoder appends fields to b.
type encoder struct{ b []byte }

func (e *encoder) byte(x byte)      { e.b = append(e.b, x) }
func (e *encoder) uint(x uint64)    { e.b = binary.AppendUvarint(e.b, x) }
func (e *encoder) int(x int64)      { e.b = binary.AppendVarint(e.b, x) }
func (e *encoder) float(x float64)  { e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(x)) }
func (e *encoder) bytes(x []byte)   { e.uint(uint64(len(x))); e.b = append(e.b, x...) }
func (e *encoder) string(x string)  { e.uint(uint64(len(x))); e.b = append(e.b, x...) }
func (e *encoder) near(x, y uint64) { e.int(int64(x - y)) } // x, known to lie close to y

// word writes a string that is probably in words: index*2+1, or length*2 and
// the bytes.
func (e *encoder) word(x string) {
	if i, ok := wordIndex[x]; ok {
		e.uint(i<<1 | 1)
		return
	}
	e.uint(uint64(len(x)) << 1)
	e.b = append(e.b, x...)
}

func (e *encoder) ids(ids []engine.ID, base engine.ID) {
	e.uint(uint64(len(ids)))
	for _, id := range ids {
		e.near(uint64(id), uint64(base))
		base = id
	}
}

func (e *encoder) values(vs engine.Values) {
	e.uint(uint64(len(vs)))
	for _, v := range vs {
		e.word(v.Name)
		e.float(v.Value)
	}
}

// curve writes the metrics' names once if all points have the same.
func (e *encoder) curve(points []engine.Point) {
	e.uint(uint64(len(points)))
	if len(points) == 0 {
		return
	}
	if !sameNames(points) {
		e.byte(0)
		for _, p := range points {
			e.float(p.Step)
			e.values(p.Metrics)
		}
		return
	}
	e.byte(1)
	e.uint(uint64(len(points[0].Metrics)))
	for _, v := range points[0].Metrics {
		e.word(v.Name)
	}
	for _, p := range points {
		e.float(p.Step)
		for _, v := range p.Metrics {
			e.float(v.Value)
		}
	}
}

func sameNames(points []engine.Point) bool {
	first := points[0].Metrics
	for _, p := range points[1:] {
		if len(p.Metrics) != len(first) {
			return false
		}
		for i := range first {
			if p.Metrics[i].Name != first[i].Name {
				return false
			}
		}
	}
	return true
}

// files writes each hash as 32 bytes, or as text where it is no sha256 in
// lower-case hex.
func (e *encoder) files(files []engine.FileRef) {
	e.uint(uint64(len(files)))
	for _, f := range files {
		e.word(f.Name)
		e.int(f.Size)
		if raw, ok := rawHash(f.Hash); ok {
			e.byte(1)
			e.b = append(e.b, raw...)
		} else {
			e.byte(0)
			e.string(f.Hash)
		}
	}
}

// rawHash is the 32 bytes of a file's hash, if text is their only spelling.
func rawHash(text string) ([]byte, bool) {
	raw, err := hex.DecodeString(text)
	return raw, err == nil && len(raw) == 32 && hex.EncodeToString(raw) == text
}

// seal appends the checksum to the record that begins at from and returns it.
func (e *encoder) seal(bucket string, key []byte, from int) []byte {
	e.b = binary.LittleEndian.AppendUint32(e.b, checksum(bucket, key, e.b[from:]))
	return e.b[from:len(e.b):len(e.b)]
}

// decoder takes fields from b. After the first error all that it returns is
// zero. It allocates nothing that b is too short to fill.
type decoder struct {
	b    []byte
	err  error
	seen map[string]string // strings met before, to have each only once in memory
}

const maxSeen = 1024

var (
	errShort   = errors.New("ends too early")
	errLong    = errors.New("goes on after its end")
	errNumber  = errors.New("holds a number out of range")
	errWord    = errors.New("holds an unknown word")
	errVersion = errors.New("has an unknown version")
	errSum     = errors.New("its checksum does not match")
)

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

// take returns the next n bytes, which belong to the caller no longer than the
// record does.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	x := d.b[:n]
	d.b = d.b[n:]
	return x
}

func (d *decoder) byte() byte {
	x := d.take(1)
	if len(x) == 0 {
		return 0
	}
	return x[0]
}

func (d *decoder) uint() uint64 {
	x, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errNumber)
		return 0
	}
	d.b = d.b[n:]
	return x
}

func (d *decoder) int() int64 {
	x := d.uint() // as binary.AppendVarint writes it: the sign last
	return int64(x>>1) ^ -int64(x&1)
}

func (d *decoder) float() float64 {
	x := d.take(8)
	if len(x) < 8 {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(x))
}

func (d *decoder) near(y uint64) uint64 { return y + uint64(d.int()) }

// bytes returns a copy; nil for none.
func (d *decoder) bytes() []byte {
	x := d.take(d.uint())
	if len(x) == 0 {
		return nil
	}
	return append([]byte(nil), x...)
}

func (d *decoder) string() string { return string(d.take(d.uint())) }

func (d *decoder) word() string {
	n := d.uint()
	if n&1 == 1 {
		if n>>1 >= uint64(len(words)) {
			d.fail(errWord)
			return ""
		}
		return words[n>>1]
	}
	x := d.take(n >> 1)
	if s, ok := d.seen[string(x)]; ok {
		return s
	}
	s := string(x)
	if d.seen != nil && len(d.seen) < maxSeen {
		d.seen[s] = s
	}
	return s
}

// count reads how many elements follow, each at least size bytes long.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.b)/size) {
		d.fail(errShort)
		return 0
	}
	return int(n)
}

func (d *decoder) ids(base engine.ID) []engine.ID {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	ids := make([]engine.ID, n)
	for i := range ids {
		base = engine.ID(d.near(uint64(base)))
		ids[i] = base
	}
	return ids
}

func (d *decoder) values() engine.Values {
	n := d.count(1 + 8)
	if n == 0 {
		return nil
	}
	vs := make(engine.Values, n)
	for i := range vs {
		vs[i].Name = d.word()
		vs[i].Value = d.float()
	}
	return vs
}

func (d *decoder) curve() []engine.Point {
	n := d.count(8)
	if n == 0 {
		return nil
	}
	switch d.byte() {
	case 0:
		points := make([]engine.Point, n)
		for i := range points {
			points[i].Step = d.float()
			points[i].Metrics = d.values()
		}
		return points
	case 1:
	default:
		d.fail(errNumber)
		return nil
	}
	width := d.count(1)
	names := make([]string, width)
	for i := range names {
		names[i] = d.word()
	}
	if uint64(n)*uint64(8+8*width) > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	points := make([]engine.Point, n)
	cells := make(engine.Values, n*width)
	for i := range points {
		points[i].Step = d.float()
		if width == 0 {
			continue
		}
		points[i].Metrics = cells[i*width : (i+1)*width : (i+1)*width]
		for j := range width {
			points[i].Metrics[j] = engine.Value{Name: names[j], Value: d.float()}
		}
	}
	return points
}

func (d *decoder) files() []engine.FileRef {
	n := d.count(4)
	if n == 0 {
		return nil
	}
	files := make([]engine.FileRef, n)
	for i := range files {
		f := &files[i]
		f.Name = d.word()
		f.Size = d.int()
		switch d.byte() {
		case 0:
			f.Hash = d.string()
		case 1:
			f.Hash = hex.EncodeToString(d.take(32))
		default:
			d.fail(errNumber)
		}
	}
	return files
}

// grown writes the version byte of a kind of record that has a second one, which
// only records are written in that need it: an older version reads the others.
func (e *encoder) grown(yes bool) {
	if yes {
		e.byte(2)
	} else {
		e.byte(1)
	}
}

// grown reads what the encoder's wrote.
func (d *decoder) grown() bool {
	v := d.byte()
	if v != 1 && v != 2 {
		d.fail(errVersion)
	}
	return v == 2
}

// version reads the version byte of a kind of record that has only one.
func (d *decoder) version() {
	if d.byte() != 1 {
		d.fail(errVersion)
	}
}

// done tells how the decoding went; a record with bytes left is wrong too.
func (d *decoder) done() error {
	if d.err == nil && len(d.b) > 0 {
		return errLong
	}
	return d.err
}

// unseal checks the checksum of a value and returns the bytes before it.
func unseal(bucket string, key, value []byte) ([]byte, error) {
	if len(value) < sumSize {
		return nil, errShort
	}
	payload := value[:len(value)-sumSize]
	if binary.LittleEndian.Uint32(value[len(payload):]) != checksum(bucket, key, payload) {
		return nil, errSum
	}
	return payload, nil
}
