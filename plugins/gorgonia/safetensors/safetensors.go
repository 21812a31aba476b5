// Package safetensors reads and writes named float32 arrays in the safetensors
// format: the length of a JSON header as eight little-endian bytes, the header,
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

// Tensor is one named array, its last dimension innermost.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
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
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
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
	at := int64(0)
	for _, t := range tensors {
		e := entry{Dtype: "F32", Shape: []int64{}}
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
		e.Offsets = [2]int64{at, at + 4*int64(size)}
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
	var word [4]byte
	for _, t := range tensors {
		for _, v := range t.Data {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			b.Write(word[:])
		}
	}
	return b.Flush()
}

// WriteFile writes a file at path, replacing what was there.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
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
func ReadFile(path string) ([]Tensor, map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	tensors, metadata, err := Read(f, info.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: is no usable safetensors file: %w; restore it, or train again", path, err)
	}
	return tensors, metadata, nil
}

// Read reads size bytes, all of which have to belong to the file. The tensors
// come in the order of their data.
func Read(r io.Reader, size int64) ([]Tensor, map[string]string, error) {
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
	var tensors []Tensor
	for _, i := range order {
		e := entries[i]
		n, err := count(e, end)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", names[i], err)
		}
		if e.Offsets[0] != at || e.Offsets[1] != at+4*n || e.Offsets[1] > end {
			return nil, nil, fmt.Errorf("tensor %q: its offsets %v do not fit its shape %v, its neighbours or the file", names[i], e.Offsets, e.Shape)
		}
		at = e.Offsets[1]
		t := Tensor{Name: names[i], Shape: make([]int, len(e.Shape)), Data: make([]float32, n)}
		for j, d := range e.Shape {
			t.Shape[j] = int(d)
		}
		var word [4]byte
		for j := range t.Data {
			if _, err := io.ReadFull(body, word[:]); err != nil {
				return nil, nil, fmt.Errorf("tensor %q: the file ends early (%w)", names[i], err)
			}
			t.Data[j] = math.Float32frombits(binary.LittleEndian.Uint32(word[:]))
		}
		tensors = append(tensors, t)
	}
	if at != end {
		return nil, nil, fmt.Errorf("%d bytes at its end belong to no tensor", end-at)
	}
	return tensors, metadata, nil
}

// count returns the number of values of a tensor; they take at most limit
// bytes.
func count(e entry, limit int64) (int64, error) {
	if e.Dtype != "F32" {
		return 0, fmt.Errorf("type %q cannot be read here, only F32", e.Dtype)
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
