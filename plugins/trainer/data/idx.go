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
	"strconv"
	"strings"
)

// most bounds the numbers in one file, so that a wrong header asks for no
// absurd memory.
const most = 1 << 31

// readIDX reads samples and labels from a pair of IDX files, the format of
// MNIST (LeCun): big-endian, a magic number naming the type and the number of
// dimensions, the dimensions, the values. Either file may be compressed with
// gzip. Samples of one or two dimensions get one channel; layout says where that
// of three is.
func readIDX(samples, labels, layout string) (*raw, error) {
	x, err := readArray(samples)
	if err != nil {
		return nil, err
	}
	if len(x.dims) < 2 {
		return nil, fmt.Errorf("%s: holds %d dimension, but samples need at least two; "+
			"name the file of samples first, then that of labels", samples, len(x.dims))
	}
	y, err := readArray(labels)
	if err != nil {
		return nil, err
	}
	if len(y.dims) != 1 {
		return nil, fmt.Errorf("%s: holds %d dimensions, but labels have one; "+
			"name the file of samples first, then that of labels", labels, len(y.dims))
	}
	if y.dims[0] != x.dims[0] {
		return nil, fmt.Errorf("%s: holds %d labels for the %d samples of %s; take two files that belong together",
			labels, y.dims[0], x.dims[0], samples)
	}
	if x.dims[0] == 0 {
		return nil, fmt.Errorf("%s: holds no samples; give a file that has some", samples)
	}
	names := make([]string, y.len())
	for i := range names {
		v := y.at(i)
		if v != math.Trunc(v) || math.Abs(v) >= 1<<53 {
			return nil, fmt.Errorf("%s: label %d is %v, but classes are whole numbers; give a file of labels", labels, i, v)
		}
		names[i] = strconv.FormatFloat(v+0, 'f', -1, 64) // -0 is 0
	}
	r := &raw{path: samples, labelled: labels, labels: names, shape: x.dims[1:], narrow: x.narrow, wide: x.wide}
	if len(r.shape) < 3 {
		r.shape = append([]int{1}, r.shape...)
	}
	return r, r.arrange(layout, len(x.dims) == 4)
}

// array is the content of an IDX file: its values as float32 where that can be
// exact, else as float64.
type array struct {
	dims   []int
	narrow []float32
	wide   []float64
}

func (a *array) len() int { return len(a.narrow) + len(a.wide) }

func (a *array) at(i int) float64 {
	if a.wide != nil {
		return a.wide[i]
	}
	return float64(a.narrow[i])
}

// readArray reads one file.
func readArray(path string) (*array, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fail := func(err error) (*array, error) {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%s: ends too early; copy or download it again", path)
		}
		return nil, fmt.Errorf("%s: %w; copy or download it again", path, err)
	}
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return fail(err)
	}
	kind := idxTypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || kind.size == 0 || magic[3] == 0 || magic[3] > 4 {
		return nil, fmt.Errorf("%s: begins with %x, which is no IDX file of up to 4 dimensions; "+
			"give a file such as train-images-idx3-ubyte", path, magic)
	}
	a := &array{}
	total := 1
	for range magic[3] {
		var d uint32
		if err := binary.Read(f, binary.BigEndian, &d); err != nil {
			return fail(err)
		}
		if d > most || total*int(d) > most {
			return nil, fmt.Errorf("%s: its header announces more than %d values; give a smaller file", path, most)
		}
		a.dims = append(a.dims, int(d))
		total *= int(d)
	}
	buf := make([]byte, 4096*kind.size)
	for a.len() < total {
		chunk := buf[:min(4096, total-a.len())*kind.size]
		if _, err := io.ReadFull(f, chunk); err != nil {
			return fail(err)
		}
		for i := 0; i < len(chunk); i += kind.size {
			v := kind.read(chunk[i:])
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return nil, fmt.Errorf("%s: value %d is %v; replace it by a finite number", path, a.len(), v)
			case kind.wide:
				a.wide = append(a.wide, v)
			default:
				a.narrow = append(a.narrow, float32(v))
			}
		}
	}
	if _, err := f.Read(buf[:1]); err != io.EOF {
		if err != nil {
			return fail(err)
		}
		return nil, fmt.Errorf("%s: is longer than its header says; copy or download it again", path)
	}
	return a, nil
}

// idxType is how one value is stored.
type idxType struct {
	size int
	wide bool // more than float32 has place for
	read func([]byte) float64
}

var idxTypes = map[byte]idxType{
	0x08: {1, false, func(b []byte) float64 { return float64(b[0]) }},
	0x09: {1, false, func(b []byte) float64 { return float64(int8(b[0])) }},
	0x0b: {2, false, func(b []byte) float64 { return float64(int16(binary.BigEndian.Uint16(b))) }},
	0x0c: {4, true, func(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) }},
	0x0d: {4, false, func(b []byte) float64 { return float64(math.Float32frombits(binary.BigEndian.Uint32(b))) }},
	0x0e: {8, true, func(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }},
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
