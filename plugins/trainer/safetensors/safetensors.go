// Package safetensors reads and writes named arrays, all float32 or all float64,
// in the safetensors format: the length of a JSON header as eight little-endian bytes, the header,
// the arrays one after the other. A file holds data and nothing that could be
// run, and reading one needs no more memory than the file is long.
package safetensors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// Number is what an array holds: dtype F32 or F64.
type Number interface{ float32 | float64 }

// Array is one named array, its last dimension innermost.
type Array[E Number] struct {
	Name  string
	Shape []int
	Data  []E
}

// Tensor is an array of float32.
type Tensor = Array[float32]

// dtype is the format's name of a type, and how many bytes it takes.
func dtype[E Number]() (string, int64) {
	if _, wide := any(E(0)).(float64); wide {
		return "F64", 8
	}
	return "F32", 4
}

// Bounds on what Read accepts.
const (
	mostHeader = 16 << 20
	mostRank   = 16
)

// metadataKey is the header's entry for free text.
const metadataKey = "__metadata__"

// entry is what the header says of one tensor.
type entry struct {
	Dtype   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Write writes tensors in their order, and metadata.
func Write[E Number](w io.Writer, tensors []Array[E], metadata map[string]string) error {
	header := []byte{'{'}
	add := func(key string, value any) error {
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if len(header) > 1 {
			header = append(header, ',')
		}
		header = append(append(append(header, k...), ':'), v...)
		return nil
	}
	if len(metadata) > 0 {
		if err := add(metadataKey, metadata); err != nil {
			return err
		}
	}
	seen := map[string]bool{metadataKey: true}
	kind, width := dtype[E]()
	at := int64(0)
	for _, t := range tensors {
		e := entry{Dtype: kind, Shape: []int64{}}
		size := 1
		for _, d := range t.Shape {
			e.Shape = append(e.Shape, int64(d))
			size *= d
		}
		if size != len(t.Data) {
			return fmt.Errorf("tensor %q has shape %v but %d values", t.Name, t.Shape, len(t.Data))
		}
		if seen[t.Name] {
			return fmt.Errorf("two tensors are called %q", t.Name)
		}
		seen[t.Name] = true
		e.Offsets = [2]int64{at, at + width*int64(size)}
		at = e.Offsets[1]
		if err := add(t.Name, e); err != nil {
			return err
		}
	}
	header = append(header, '}')
	for len(header)%8 != 0 {
		header = append(header, ' ')
	}
	if len(header) > mostHeader {
		return fmt.Errorf("the header has %d bytes, more than %d", len(header), mostHeader)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))
	b.Write(header)
	var word [8]byte
	for _, t := range tensors {
		for _, v := range t.Data {
			if width == 8 {
				binary.LittleEndian.PutUint64(word[:], math.Float64bits(float64(v)))
			} else {
				binary.LittleEndian.PutUint32(word[:], math.Float32bits(float32(v)))
			}
			b.Write(word[:width])
		}
	}
	return b.Flush()
}

// WriteFile writes a file at path, replacing what was there.
func WriteFile[E Number](path string, tensors []Array[E], metadata map[string]string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := Write(f, tensors, metadata); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}

// ReadFile reads the file at path. Its errors are one line and begin with the
// path.
func ReadFile[E Number](path string) ([]Array[E], map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	tensors, metadata, err := read[E](f, info.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: is no usable safetensors file: %w; restore it, or train again", path, err)
	}
	return tensors, metadata, nil
}

// read reads size bytes, all of which have to belong to the file. The tensors
// come in the order of their data; all have to hold what E says.
func read[E Number](r io.Reader, size int64) ([]Array[E], map[string]string, error) {
	var prefix [8]byte
	if size < 8 {
		return nil, nil, errors.New("it ends before the header")
	}
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, nil, fmt.Errorf("it ends before the header (%w)", err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length < 2 || length > mostHeader || int64(length) > size-8 {
		return nil, nil, fmt.Errorf("its header is said to have %d bytes", length)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, fmt.Errorf("it ends within the header (%w)", err)
	}
	names, entries, metadata, err := parse(header)
	if err != nil {
		return nil, nil, fmt.Errorf("its header is wrong: %w", err)
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		switch {
		case x[0] < y[0] || x[0] == y[0] && x[1] < y[1]:
			return -1
		case x == y:
			return 0
		}
		return 1
	})
	body := bufio.NewReaderSize(r, 1<<16)
	at, end := int64(0), size-8-int64(length)
	kind, width := dtype[E]()
	var tensors []Array[E]
	for _, i := range order {
		e := entries[i]
		n, err := count(e, end, kind)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", names[i], err)
		}
		if e.Offsets[0] != at || e.Offsets[1] != at+width*n || e.Offsets[1] > end {
			return nil, nil, fmt.Errorf("tensor %q: its offsets %v do not fit its shape %v, its neighbours or the file",
				names[i], e.Offsets, e.Shape)
		}
		at = e.Offsets[1]
		t := Array[E]{Name: names[i], Shape: make([]int, len(e.Shape)), Data: make([]E, n)}
		for j, d := range e.Shape {
			t.Shape[j] = int(d)
		}
		var word [8]byte
		for j := range t.Data {
			if _, err := io.ReadFull(body, word[:width]); err != nil {
				return nil, nil, fmt.Errorf("tensor %q: the file ends early (%w)", names[i], err)
			}
			if width == 8 {
				t.Data[j] = E(math.Float64frombits(binary.LittleEndian.Uint64(word[:])))
			} else {
				t.Data[j] = E(math.Float32frombits(binary.LittleEndian.Uint32(word[:])))
			}
		}
		tensors = append(tensors, t)
	}
	if at != end {
		return nil, nil, fmt.Errorf("%d bytes at its end belong to no tensor", end-at)
	}
	return tensors, metadata, nil
}

// count returns the number of values of a tensor of a dtype; they take at most
// limit bytes.
func count(e entry, limit int64, kind string) (int64, error) {
	if e.Dtype != kind {
		return 0, fmt.Errorf("type %q cannot be read here, only %s", e.Dtype, kind)
	}
	if len(e.Shape) > mostRank {
		return 0, fmt.Errorf("it has %d dimensions", len(e.Shape))
	}
	n := int64(1)
	for _, d := range e.Shape {
		if d < 0 || d > limit || d > 0 && n > limit/d {
			return 0, fmt.Errorf("its shape %v is larger than the file", e.Shape)
		}
		n *= d
	}
	return n, nil
}

// parse reads a header. Unlike a plain decoding it refuses a name that comes
// twice.
func parse(header []byte) (names []string, entries []entry, metadata map[string]string, err error) {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, nil, errors.New("it is no JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, nil, err
		}
		name, _ := t.(string)
		if seen[name] {
			return nil, nil, nil, fmt.Errorf("%q comes twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := d.Decode(&metadata); err != nil {
				return nil, nil, nil, fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, nil, nil, fmt.Errorf("%q: %w", name, err)
		}
		names, entries = append(names, name), append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, nil, err
	}
	if rest := bytes.TrimLeft(header[d.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, nil, errors.New("something follows the object")
	}
	return names, entries, metadata, nil
}
