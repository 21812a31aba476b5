package torch

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/data"
)

// TestDataLikeGo: the same options give the same samples in the same parts,
// standardised by the same numbers, in Go and in Python.
func TestDataLikeGo(t *testing.T) {
	t.Parallel()
	needTorch(t)
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r := rng.New(3)
	pair := func(name string, n int) string {
		x := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
		x = append(x, 0, 0, 0, 3, 0, 0, 0, 2)
		y := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(n))
		for range n {
			for range 6 {
				x = append(x, byte(r.Intn(256)))
			}
			y = append(y, byte(r.Intn(3)))
		}
		return fmt.Sprintf("[%q, %q]", write(name+"-x", x), write(name+"-y", y))
	}
	var table bytes.Buffer
	fmt.Fprintln(&table, "a,b,label,c")
	for range 200 {
		fmt.Fprintf(&table, "%d,%d.5,%d,0\n", r.Intn(1000), r.Intn(9), r.Intn(12))
	}
	csv := fmt.Sprintf("[%q]", write("table.csv", table.Bytes()))
	idx, idxTest := pair("train", 301), pair("test", 97)

	cases := []string{
		`"mnist1d"`,
		`{"samples": 503, "validation": 100, "test": 77, "seed": 5}`,
		`{"samples": 200, "validation": 0.35, "test": 10}`,
		`{"source": "idx", "files": ` + idx + `}`,
		`{"source": "idx", "files": ` + idx + `, "test": 0.5, "samples": 60, "validation": 7, "seed": 9}`,
		`{"source": "idx", "files": ` + idx + `, "test_files": ` + idxTest + `, "samples": 200}`,
		`{"source": "idx", "files": ` + idx + `, "test_files": ` + idxTest + `, "test": 20}`,
		`{"source": "csv", "files": ` + csv + `}`,
		`{"source": "csv", "files": ` + csv + `, "drop": ["b"], "test_files": ` + csv + `}`,
	}
	cases = append(cases, readByBoth(t)...)
	// The first samples of every part, as they are trained on.
	type answer struct {
		Fingerprint, Splits string
		Samples             [4][]float32
		Labels              [4][]int32
	}
	var options []json.RawMessage
	for _, c := range cases {
		options = append(options, json.RawMessage(c))
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	var got []answer
	if err := json.Unmarshal([]byte(runPython(t, "testdata/data.py", string(text))), &got); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		var o data.Options
		if err := json.Unmarshal([]byte(c), &o); err != nil {
			t.Fatal(err)
		}
		d, err := data.Load(o)
		if err != nil {
			t.Fatal(err)
		}
		if got[i].Fingerprint != d.Fingerprint || got[i].Splits != d.Splits {
			t.Errorf("%s:\n got %s, %s\nwant %s, %s", c, got[i].Fingerprint, got[i].Splits, d.Fingerprint, d.Splits)
		}
		train, validation := d.Search()
		whole, test := d.Final()
		for j, p := range []*data.Part{train, validation, whole, test} {
			n := min(5, p.Len())
			x, y := make([]float32, n*p.Features()), make([]int32, n)
			p.Gather(x, y, []int{0, 1, 2, 3, 4}[:n])
			if fmt.Sprint(got[i].Samples[j]) != fmt.Sprint(x) || fmt.Sprint(got[i].Labels[j]) != fmt.Sprint(y) {
				t.Errorf("%s: part %d begins with %v %v, want %v %v", c, j, got[i].Samples[j], got[i].Labels[j], x, y)
			}
		}
	}
}

// readByBoth are data options of the files in testdata/data that both evaluators read.
func readByBoth(t *testing.T) (options []string) {
	t.Helper()
	folder, err := filepath.Abs("../../../testdata/data")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "readings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var readings []struct {
		Data    map[string]any
		Torch   bool
		Refused []string
	}
	if err := json.Unmarshal(text, &readings); err != nil {
		t.Fatal(err)
	}
	for _, r := range readings {
		if r.Torch || r.Refused != nil {
			continue
		}
		for _, key := range []string{"files", "test_files"} {
			files, _ := r.Data[key].([]any)
			for i := range files {
				files[i] = filepath.Join(folder, files[i].(string))
			}
		}
		text, err := json.Marshal(r.Data)
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, string(text))
	}
	if len(options) < 15 {
		t.Fatalf("only %d", len(options))
	}
	return options
}
