package follow

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nascent-nas/nascent/engine"
)

// TensorBoard writes event files that TensorBoard reads: scalars.
//
//	search/METRIC                   of each candidate that is ok
//	best/METRIC                     of the best so far
//	remeasure/METRIC, test/METRIC   at the end of the search
//	usage/cpu, usage/memory, usage/gpu_memory
//	                                what each job took of the machine, where it is known
//
// Steps are the numbers of the records.
// A run of the search writes a file of its own. What it finds told, but not recorded as
// told, it tells again: TensorBoard forgets what was written before at the same steps.
type TensorBoard struct {
	Dir string // where a directory for the search is made, absolute

	file *os.File
}

// Name implements Sink.
func (b *TensorBoard) Name() string { return "tensorboard " + b.Dir }

// Past implements Sink.
func (b *TensorBoard) Past() bool { return true }

// Take implements Sink.
func (b *TensorBoard) Take(_ context.Context, s *Search, records []Record) (int, error) {
	if b.file == nil {
		if err := b.open(s, records[0].Number); err != nil {
			return 0, err
		}
	}
	var out []byte
	for i := range records {
		out = append(out, scalars(&records[i])...)
	}
	if _, err := b.file.Write(out); err != nil {
		b.file.Close()
		b.file = nil // another file begins where this one may be torn
		return 0, err
	}
	return len(records), nil
}

// open begins a file. What earlier ones hold from a step on is void.
func (b *TensorBoard) open(s *Search, step uint64) error {
	dir := filepath.Join(b.Dir, s.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := time.Now()
	path := filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%010d.%09d.%s.%d", now.Unix(), now.Nanosecond(), host, os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	began := event(now, step, func(e []byte) []byte { // session_log: status START
		return protowire.AppendBytes(protowire.AppendTag(e, 7, protowire.BytesType), []byte{1 << 3, 1})
	})
	if _, err := f.Write(append(version(now), began...)); err != nil {
		f.Close()
		return err
	}
	b.file = f
	return nil
}

// Close implements io.Closer.
func (b *TensorBoard) Close() error {
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}

// scalars are the event of a record.
func scalars(r *Record) []byte {
	c := r.Candidate
	if c == nil {
		return nil
	}
	var values []scalar
	if c.Status == engine.OK {
		for _, m := range c.Metrics {
			values = append(values, scalar{string(c.Phase) + "/" + m.Name, m.Value})
		}
	}
	for _, name := range engine.UsageNames {
		if x, known := c.Usage.Get(name); known {
			values = append(values, scalar{"usage/" + name, x})
		}
	}
	if r.Leads && r.Best != nil {
		for _, m := range r.Best.Metrics {
			values = append(values, scalar{"best/" + m.Name, m.Value})
		}
	}
	if len(values) == 0 {
		return nil
	}
	return event(time.Now(), r.Number, func(e []byte) []byte {
		var summary []byte
		for _, v := range values {
			summary = protowire.AppendBytes(protowire.AppendTag(summary, 1, protowire.BytesType), v.encode())
		}
		return protowire.AppendBytes(protowire.AppendTag(e, 5, protowire.BytesType), summary)
	})
}

// scalar is a Summary.Value.
type scalar struct {
	tag   string
	value float64
}

func (v scalar) encode() []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), v.tag)
	return protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(float32(v.value)))
}

// version is the event that a file begins with.
func version(now time.Time) []byte {
	return event(now, 0, func(e []byte) []byte {
		return protowire.AppendString(protowire.AppendTag(e, 3, protowire.BytesType), "brain.Event:2")
	})
}

// event is an Event as a record of a file: its length and the checksum of that, the
// message and its checksum.
func event(now time.Time, step uint64, what func([]byte) []byte) []byte {
	seconds := float64(now.UnixNano()) / 1e9
	e := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(seconds))
	e = protowire.AppendVarint(protowire.AppendTag(e, 2, protowire.VarintType), step)
	e = what(e)
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(e)))
	out = binary.LittleEndian.AppendUint32(out, masked(out))
	return binary.LittleEndian.AppendUint32(append(out, e...), masked(e))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is a checksum as these files have it.
func masked(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
