package genome

import (
	"encoding/binary"
	"sync"
)

// A genome in work is a slice of codes, one number for each gene that is
// present, depth first. Each kind of gene says in its file what its codes are.

// pack writes codes as variable-length integers.
func pack(codes []uint64) string {
	var buf [512]byte
	b := buf[:0]
	for _, c := range codes {
		b = binary.AppendUvarint(b, c)
	}
	return string(b)
}

// unpack appends the codes of a packed string. It stops at damage; check then
// finds that something is missing.
func unpack(codes []uint64, packed string) []uint64 {
	for i := 0; i < len(packed); {
		c := uint64(packed[i])
		i++
		if c >= 0x80 {
			c &= 0x7f
			for shift := 7; ; shift += 7 {
				if i == len(packed) || shift > 63 {
					return codes
				}
				x := packed[i]
				i++
				c |= uint64(x&0x7f) << shift
				if x < 0x80 {
					break
				}
			}
		}
		codes = append(codes, c)
	}
	return codes
}

// scratch is memory for one genome in work, which goes from one use to the next.
type scratch struct {
	codes  []uint64
	text   []byte
	parser parser
	tree   treeBuilder
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// unpacked returns the codes of a packed string; done gives them back.
func unpacked(packed string) *scratch {
	w := scratches.Get().(*scratch)
	w.codes = unpack(w.codes[:0], packed)
	return w
}

func (w *scratch) done() { scratches.Put(w) }
