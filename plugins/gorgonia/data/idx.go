package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// most bounds the numbers in one file, so that a wrong header asks for no
// absurd memory.
const most = 1 << 31

// ReadIDX reads samples and labels from a pair of IDX files, the format of
// MNIST (LeCun): big-endian, a magic number naming the type and the number of
// dimensions, the dimensions, the values. Either file may be compressed with
// gzip. Samples of two dimensions get one channel.
func ReadIDX(samples, labels string) (*Set, error) {
	dims, x, err := readIDX(samples)
	if err != nil {
		return nil, err
	}
	if len(dims) < 2 {
		return nil, fmt.Errorf("%s: holds %d dimension, but samples need at least two; name the file of samples first, then that of labels", samples, len(dims))
	}
	of, labelled, err := readIDX(labels)
	if err != nil {
		return nil, err
	}
	if len(of) != 1 {
		return nil, fmt.Errorf("%s: holds %d dimensions, but labels have one; name the file of samples first, then that of labels", labels, len(of))
	}
	if of[0] != dims[0] {
		return nil, fmt.Errorf("%s: holds %d labels for the %d samples of %s; take two files that belong together", labels, of[0], dims[0], samples)
	}
	if dims[0] == 0 {
		return nil, fmt.Errorf("%s: holds no samples; give a file that has some", samples)
	}
	s := &Set{Shape: dims[1:], X: x, Y: make([]int32, len(labelled))}
	if len(s.Shape) < 3 {
		s.Shape = append([]int{1}, s.Shape...)
	}
	for i, v := range labelled {
		if v < 0 || v != float32(int32(v)) || v >= 1<<16 {
			return nil, fmt.Errorf("%s: label %d is %v, but labels are whole numbers from 0; give a file of labels", labels, i, v)
		}
		s.Y[i] = int32(v)
		s.Classes = max(s.Classes, int(v)+1)
	}
	return s, nil
}

// readIDX returns the dimensions and the values of one file.
func readIDX(path string) (dims []int, values []float32, err error) {
	f, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	fail := func(err error) ([]int, []float32, error) {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, fmt.Errorf("%s: ends too early; copy or download it again", path)
		}
		return nil, nil, fmt.Errorf("%s: %w; copy or download it again", path, err)
	}
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return fail(err)
	}
	kind := idxTypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || kind.size == 0 || magic[3] == 0 || magic[3] > 4 {
		return nil, nil, fmt.Errorf("%s: begins with %x, which is no IDX file of up to 4 dimensions; give a file such as train-images-idx3-ubyte", path, magic)
	}
	total := 1
	for range magic[3] {
		var d uint32
		if err := binary.Read(f, binary.BigEndian, &d); err != nil {
			return fail(err)
		}
		if d > most || total*int(d) > most {
			return nil, nil, fmt.Errorf("%s: its header announces more than %d values; give a smaller file", path, most)
		}
		dims = append(dims, int(d))
		total *= int(d)
	}
	buf := make([]byte, 4096*kind.size)
	for len(values) < total {
		chunk := buf[:min(4096, total-len(values))*kind.size]
		if _, err := io.ReadFull(f, chunk); err != nil {
			return fail(err)
		}
		for i := 0; i < len(chunk); i += kind.size {
			v := kind.read(chunk[i:])
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, nil, fmt.Errorf("%s: value %d is %v; replace it by a finite number", path, len(values), v)
			}
			values = append(values, v)
		}
	}
	if _, err := f.Read(buf[:1]); err != io.EOF {
		if err != nil {
			return fail(err)
		}
		return nil, nil, fmt.Errorf("%s: is longer than its header says; copy or download it again", path)
	}
	return dims, values, nil
}

// idxType is how one value is stored.
type idxType struct {
	size int
	read func([]byte) float32
}

var idxTypes = map[byte]idxType{
	0x08: {1, func(b []byte) float32 { return float32(b[0]) }},
	0x09: {1, func(b []byte) float32 { return float32(int8(b[0])) }},
	0x0b: {2, func(b []byte) float32 { return float32(int16(binary.BigEndian.Uint16(b))) }},
	0x0c: {4, func(b []byte) float32 { return float32(int32(binary.BigEndian.Uint32(b))) }},
	0x0d: {4, func(b []byte) float32 { return math.Float32frombits(binary.BigEndian.Uint32(b)) }},
	0x0e: {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.BigEndian.Uint64(b))) }},
}

// file is an open file, unpacked while it is read if it is a gzip file.
type file struct {
	io.Reader
	f *os.File
}

func (f *file) Close() error { return f.f.Close() }

// open opens a file for reading and unpacks it if it begins as gzip does.
func open(path string) (*file, error) {
	if path == "" {
		return nil, errors.New("a data file has no name; give its path")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); %s", path, errors.Unwrap(err), remedy(path, err))
	}
	buffered := bufio.NewReaderSize(f, 1<<16)
	head, err := buffered.Peek(2)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, fmt.Errorf("%s: cannot be read (%w); name a file", path, err)
	}
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: is a damaged gzip file (%w); copy or download it again", path, err)
		}
		return &file{bufio.NewReaderSize(unpacked, 1<<16), f}, nil
	}
	return &file{buffered, f}, nil
}

// remedy is what to do about a data file that cannot be opened. What Debian's
// package dataset-NAME brings lies in /usr/share/datasets/NAME.
func remedy(path string, err error) string {
	below, there := strings.CutPrefix(filepath.Clean(path), "/usr/share/datasets/")
	if name, _, inside := strings.Cut(below, "/"); there && inside && errors.Is(err, fs.ErrNotExist) {
		return "on Debian: apt-get install dataset-" + name
	}
	return "check the path and its permissions"
}
