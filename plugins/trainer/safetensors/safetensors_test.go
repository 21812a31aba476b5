package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func sample() ([]Tensor, map[string]string) {
	return []Tensor{
		{"weight", []int{2, 3}, []float32{1, -2, float32(math.Inf(1)), 4, 0x1p-149, 6}},
		{"a \"quoted\" näme", []int{}, []float32{7}},
		{"none", []int{0, 4}, []float32{}},
		{"bias", []int{1}, []float32{-0.5}},
	}, map[string]string{"step": "12", "kernels": "avx2"}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	tensors, metadata := sample()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteFile(path, tensors, metadata); err != nil {
		t.Fatal(err)
	}
	got, meta, err := ReadFile[float32](path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, tensors) || !reflect.DeepEqual(meta, metadata) {
		t.Errorf("read %v %v", got, meta)
	}
	var b bytes.Buffer
	if err := Write[float32](&b, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got, _, err := read[float32](&b, int64(b.Len())); err != nil || len(got) != 0 {
		t.Error("an empty file", got, err)
	}
}

// TestFormat fixes the bytes, as the format's own description has them.
func TestFormat(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, []Tensor{{"w", []int{2}, []float32{1, 2}}}, map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	header += strings.Repeat(" ", -len(header)&7)
	if want := file(header, "\x00\x00\x80\x3f\x00\x00\x00\x40"); !bytes.Equal(b.Bytes(), want) {
		t.Errorf("wrote %q, want %q", b.Bytes(), want)
	}
}

func file(header, body string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+body...)
}

func TestHostile(t *testing.T) {
	t.Parallel()
	one := func(text string) []byte { return file(`{"w":`+text+`}`, "12345678") }
	for name, b := range map[string][]byte{
		"nothing":             {},
		"half a length":       {1, 2, 3},
		"a length alone":      binary.LittleEndian.AppendUint64(nil, 2),
		"a huge header":       append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "{}"...),
		"a header too long":   append(binary.LittleEndian.AppendUint64(nil, 3), "{}"...),
		"no JSON":             file("hello you", ""),
		"a list":              file("[]", ""),
		"an open object":      file(`{"w":`, ""),
		"more after it":       file(`{} {}`, ""),
		"trailing bytes":      file(`{}`, "123"),
		"not an entry":        one(`5`),
		"another type":        one(`{"dtype":"F64","shape":[1],"data_offsets":[0,8]}`),
		"too short":           one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`),
		"too long":            one(`{"dtype":"F32","shape":[3],"data_offsets":[0,12]}`),
		"shape and offsets":   one(`{"dtype":"F32","shape":[1],"data_offsets":[0,8]}`),
		"a hole":              one(`{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`),
		"negative offsets":    one(`{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}`),
		"a negative shape":    one(`{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}`),
		"an overflow":         one(`{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}`),
		"an overflow to two":  one(`{"dtype":"F32","shape":[9223372036854775807,2],"data_offsets":[0,8]}`),
		"zero times huge":     one(`{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}`),
		"many dimensions":     one(`{"dtype":"F32","shape":[` + strings.Repeat("1,", 100) + `2],"data_offsets":[0,8]}`),
		"a fraction":          one(`{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}`),
		"the same name twice": file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678"),
		"an overlap":          file(`{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "12345678"),
		"metadata not text":   file(`{"__metadata__":{"a":1}}`, ""),
		"deep nesting":        file(`{"__metadata__":`+strings.Repeat("[", 100000)+`}`, ""),
	} {
		got, _, err := read[float32](bytes.NewReader(b), int64(len(b)))
		if err == nil {
			t.Errorf("%s: read %v", name, got)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", name, err)
		}
	}
	if _, _, err := ReadFile[float32](filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("an absent file was read")
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	for _, tensors := range [][]Tensor{
		{{"w", []int{2}, []float32{1}}},
		{{"w", nil, []float32{1}}, {"w", nil, []float32{2}}},
		{{"__metadata__", nil, []float32{1}}},
	} {
		if err := Write(&bytes.Buffer{}, tensors, nil); err == nil {
			t.Errorf("wrote %v", tensors)
		}
	}
}

func FuzzRead(f *testing.F) {
	tensors, metadata := sample()
	var b bytes.Buffer
	if err := Write(&b, tensors, metadata); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "12345678"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, metadata, err := read[float32](bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := Write(&first, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		again, meta, err := read[float32](bytes.NewReader(first.Bytes()), int64(first.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(&second, again, meta); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Error(fmt.Sprint("what was read does not survive writing and reading: ", err))
		}
	})
}

// Arrays of float64 keep every bit, and are not read as float32.
func TestDoubles(t *testing.T) {
	t.Parallel()
	arrays := []Array[float64]{{"a", []int{2, 2}, []float64{1, -0x1p-1074, math.Pi, math.Inf(-1)}}, {"b", []int{1}, []float64{1e300}}}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteFile(path, arrays, nil); err != nil {
		t.Fatal(err)
	}
	if got, _, err := ReadFile[float64](path); err != nil || !reflect.DeepEqual(got, arrays) {
		t.Errorf("read %v, %v", got, err)
	}
	if _, _, err := ReadFile[float32](path); err == nil || !strings.Contains(err.Error(), `type "F64" cannot be read here, only F32`) {
		t.Errorf("read as float32: %v", err)
	}
}
