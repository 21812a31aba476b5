package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// idx is the bytes of an IDX file.
func idx(kind byte, dims []uint32, values []byte) []byte {
	b := []byte{0, 0, kind, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, values...)
}

// wantError checks for one line that names the file and holds all words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func loadIDX(samples, labels string) (*Set, error) {
	return readSet(Options{Source: "idx"}, []string{samples, labels}, nil)
}

func loadCSV(path string, c Columns) (*Set, error) {
	return readSet(Options{Source: "csv", Label: c.Label, Drop: c.Drop}, []string{path}, nil)
}

func TestIDX(t *testing.T) {
	t.Parallel()
	images := idx(8, []uint32{3, 2, 2}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255})
	labels := idx(8, []uint32{3}, []byte{2, 0, 1})
	for name, pack := range map[string]func([]byte) []byte{"plain": slices.Clone[[]byte], "gzip": zipped} {
		s, err := loadIDX(write(t, "images", pack(images)), write(t, "labels", pack(labels)))
		if err != nil {
			t.Fatal(name, err)
		}
		if !slices.Equal(s.Shape, []int{1, 2, 2}) || len(s.Classes) != 3 || !slices.Equal(s.Y, []int32{2, 0, 1}) || s.X[11] != 255 || s.X[4] != 4 {
			t.Errorf("%s: read %+v", name, s)
		}
	}
	floats := idx(0x0d, []uint32{2, 2}, []byte{0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	s, err := loadIDX(write(t, "floats", floats), write(t, "label", idx(8, []uint32{2}, []byte{0, 1})))
	if err != nil || s.X[0] != 1 || s.X[1] != -2 || !slices.Equal(s.Shape, []int{1, 2}) {
		t.Errorf("floats: %+v, %v", s, err)
	}
}

func TestIDXErrors(t *testing.T) {
	t.Parallel()
	images := idx(8, []uint32{2, 2}, []byte{1, 2, 3, 4})
	labels := idx(8, []uint32{2}, []byte{1, 0})
	for _, c := range []struct {
		name           string
		images, labels []byte
		words          []string
	}{
		{"no idx", []byte("PNG file"), labels, []string{"images", "no IDX file"}},
		{"short header", images[:6], labels, []string{"images", "ends too early"}},
		{"short data", images[:13], labels, []string{"images", "ends too early"}},
		{"long data", append(slices.Clone(images), 0), labels, []string{"images", "longer than its header"}},
		{"empty", nil, labels, []string{"images", "ends too early"}},
		{"huge", idx(8, []uint32{1 << 20, 1 << 20}, nil), labels, []string{"images", "announces more than"}},
		{"huge dimension", idx(8, []uint32{math.MaxUint32, 0}, nil), labels, []string{"images", "announces more than"}},
		{"swapped", labels, images, []string{"images", "samples first"}},
		{"labels of two dimensions", images, images, []string{"labels", "labels have one"}},
		{"other number", images, idx(8, []uint32{1}, []byte{1}), []string{"labels", "1 labels for the 2 samples"}},
		{"label between classes", images, idx(0x0d, []uint32{2}, []byte{0, 0, 0, 0, 0x3f, 0, 0, 0}), []string{"labels", "label 1 is 0.5"}},
		{"one class", images, idx(8, []uint32{2}, []byte{7, 7}), []string{"labels", `all samples are of class "7"`}},
		{"broken gzip", zipped(images)[:20], labels, []string{"images", "again"}},
		{"nan", idx(0x0d, []uint32{2, 1}, []byte{0x7f, 0xc0, 0, 0, 0, 0, 0, 0}), labels, []string{"images", "value 0 is NaN"}},
	} {
		_, err := loadIDX(write(t, "images", c.images), write(t, "labels", c.labels))
		t.Log(c.name, err)
		wantError(t, err, c.words...)
	}
	_, err := loadIDX("/nowhere/images", "/nowhere/labels")
	wantError(t, err, "/nowhere/images", "check the path")
	_, err = loadIDX("/usr/share/datasets/no-such-clothes/images.gz", "labels")
	wantError(t, err, "no-such-clothes/images.gz", "apt-get install dataset-no-such-clothes")
	_, err = loadIDX("/usr/share/datasets/images.gz", "labels")
	wantError(t, err, "check the path")
	_, err = loadIDX(t.TempDir(), "")
	wantError(t, err, "name a file")
}

func TestCSV(t *testing.T) {
	t.Parallel()
	text := "id,a,species,b\n1,0.5,cat,-1\n2,1e2,dog,2\n3,0,cat,3\n"
	for name, pack := range map[string]func([]byte) []byte{"plain": slices.Clone[[]byte], "gzip": zipped} {
		s, err := loadCSV(write(t, "x.csv", pack([]byte(text))), Columns{"species", []string{"id"}})
		if err != nil {
			t.Fatal(name, err)
		}
		if !slices.Equal(s.Classes, []string{"cat", "dog"}) || !slices.Equal(s.Y, []int32{0, 1, 0}) ||
			!slices.Equal(s.X, []float32{.5, -1, 100, 2, 0, 3}) || !slices.Equal(s.Shape, []int{2}) || !slices.Equal(s.Columns, []string{"a", "b"}) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestCSVErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		columns    Columns
		words      []string
	}{
		{"no label", "a,b\n1,2\n", Columns{Label: "y"}, []string{`no column "y"`, "a, b", "data.label"}},
		{"no such drop", "a,y\n1,2\n", Columns{"y", []string{"z"}}, []string{`no column "z"`}},
		{"no number", "a,y\n1,0\nx,1\n", Columns{Label: "y"}, []string{"x.csv:3", `"a" holds "x"`}},
		{"not finite", "a,y\nNaN,0\n", Columns{Label: "y"}, []string{"x.csv:2", "finite"}},
		{"too few fields", "a,y\n1\n", Columns{Label: "y"}, []string{"x.csv:2", "wrong number of fields"}},
		{"quote", "a,y\n1,\"2\n", Columns{Label: "y"}, []string{"x.csv:", "quote"}},
		{"empty label", "a,y\n1,\n", Columns{Label: "y"}, []string{"x.csv:2", "empty"}},
		{"one class", "a,y\n1,2\n", Columns{Label: "y"}, []string{"all samples are of class"}},
		{"no features", "y\n1\n2\n", Columns{Label: "y"}, []string{"no column besides"}},
		{"no samples", "a,y\n", Columns{Label: "y"}, []string{"no samples"}},
		{"empty", "", Columns{Label: "y"}, []string{"is empty"}},
	} {
		_, err := loadCSV(write(t, "x.csv", []byte(c.text)), c.columns)
		t.Log(c.name, err)
		wantError(t, err, append(c.words, "x.csv")...)
	}
}

func options(t *testing.T, text string) Options {
	t.Helper()
	var o Options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// column is a feature that tells the samples apart.
func column(p *Part) (x []float64, classes map[int32]int) {
	f := p.Features()
	row, y := make([]float32, f), make([]int32, 1)
	classes = map[int32]int{}
	for i := range p.Len() {
		p.Gather(row, y, []int{i})
		x = append(x, float64(row[0]))
		classes[y[0]]++
	}
	return x, classes
}

func TestSplit(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("x,label\n")
	for i := range 100 {
		text.WriteString(strings.Repeat("1", i%7+1) + "." + string(rune('0'+i%10)) + "," + []string{"a", "b", "b", "b"}[i%4] + "\n")
	}
	path := write(t, "x.csv", []byte(text.String()))
	o := options(t, `{"source": "csv", "files": ["`+path+`"], "test": 20, "validation": 0.25}`)
	d, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	train, validation := d.Search()
	whole, test := d.Final()
	if train.Len() != 60 || validation.Len() != 20 || whole.Len() != 80 || test.Len() != 20 {
		t.Fatal(train.Len(), validation.Len(), whole.Len(), test.Len(), d.Splits)
	}
	seen := map[int]int{}
	for _, p := range []*Part{train, validation, test} {
		if !slices.IsSorted(p.index) {
			t.Error("a part is not in order")
		}
		for _, at := range p.index {
			seen[at]++
		}
		if _, classes := column(p); math.Abs(float64(classes[0])*4-float64(p.Len())) > 4 {
			t.Errorf("a quarter of each part is of class a: got %v of %d", classes, p.Len())
		}
	}
	if len(seen) != 100 {
		t.Errorf("the parts hold %d different samples of 100", len(seen))
	}
	for _, p := range []*Part{train, whole} {
		x, _ := column(p)
		mean, sd := moments(x)
		if math.Abs(mean) > 1e-5 || math.Abs(sd-1) > 1e-5 {
			t.Errorf("what is trained on has mean %v and standard deviation %v", mean, sd)
		}
	}
	if train.shift[0] != validation.shift[0] || whole.shift[0] != test.shift[0] || train.shift[0] == whole.shift[0] {
		t.Error("a part is standardised by other samples than those trained on")
	}
	again, err := Load(o)
	if err != nil || again.Fingerprint != d.Fingerprint || !slices.Equal(again.train.index, train.index) {
		t.Error("the split differs from one load to the next", err)
	}
	o.Seed = 2
	if other, err := Load(o); err != nil || other.Fingerprint == d.Fingerprint || slices.Equal(other.train.index, train.index) {
		t.Error("the data seed changes nothing", err)
	}
	o.Samples = 40
	if fewer, err := Load(o); err != nil || fewer.whole.Len() != 40 || fewer.train.Len() != 30 {
		t.Error("samples", err)
	}
}

func moments(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}

func TestTestFiles(t *testing.T) {
	t.Parallel()
	train := write(t, "train.csv", []byte("x,label\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n"))
	test := write(t, "test.csv", []byte("x,label\n1,b\n2,b\n"))
	d, err := Load(options(t, `{"source":"csv","files":["`+train+`"],"test_files":["`+test+`"],"validation":2}`))
	if err != nil {
		t.Fatal(err)
	}
	whole, tested := d.Final()
	if _, classes := column(tested); whole.Len() != 6 || tested.Len() != 2 || classes[1] != 2 {
		t.Error(d.Splits, classes)
	}
	bad := write(t, "bad.csv", []byte("x,label\n1,c\n"))
	_, err = Load(options(t, `{"source":"csv","files":["`+train+`"],"test_files":["`+bad+`"]}`))
	wantError(t, err, "bad.csv", `class "c"`)
	wide := write(t, "wide.csv", []byte("x,z,label\n1,1,a\n"))
	_, err = Load(options(t, `{"source":"csv","files":["`+train+`"],"test_files":["`+wide+`"]}`))
	wantError(t, err, "wide.csv", "feature columns x, z")
}

func TestOptionErrors(t *testing.T) {
	t.Parallel()
	for text, words := range map[string][]string{
		`"cifar"`:                                   {"cifar", "mnist1d, idx or csv"},
		`{"source":"idx"}`:                          {"data.files names 0", "labels"},
		`{"source":"csv","files":["a","b"]}`:        {"one CSV file"},
		`{"files":["a"]}`:                           {"mnist1d is made"},
		`{"samples":5}`:                             {"data.samples is 5"},
		`{"samples":-5}`:                            {"data.samples is -5"},
		`{"test":0.5}`:                              {"data.test is 0.5"},
		`{"validation":1.5}`:                        {"data.validation is 1.5"},
		`{"validation":4000}`:                       {"data.validation is 4000"},
		`{"validation":-1}`:                         {"data.validation is -1"},
		`{"source":"csv","files":["/nowhere.csv"]}`: {"/nowhere.csv", "check the path"},
	} {
		_, err := Load(options(t, text))
		wantError(t, err, words...)
	}
	var o Options
	wantError(t, json.Unmarshal([]byte(`{"sauce":"idx"}`), &o), "sauce", "source, files")
}

// TestReads: a network reads what has its shape, and lists of numbers; nothing that
// only happens to have as many.
func TestReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		input, shape []int
		want         string // "" if it reads them
	}{
		{[]int{3, 8, 8}, []int{3, 8, 8}, ""},
		{[]int{192}, []int{3, 8, 8}, ""},
		{[]int{1, 192}, []int{3, 8, 8}, ""},
		{[]int{1, 28, 28}, []int{784}, ""},
		{[]int{40}, []int{1, 40}, ""},
		{[]int{3, 8, 8}, []int{8, 8, 3}, "is [3 8 8], but a sample of the data has shape [8 8 3]: set data.layout to channels_last"},
		{[]int{3, 8, 9}, []int{3, 9, 8}, "set it so"},
		{[]int{28, 28}, []int{1, 28, 28}, "set it so"},
		{[]int{41}, []int{1, 40}, "set it so"},
	} {
		err := Reads(c.input, c.shape)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("input %v, samples %v: %v, want %q", c.input, c.shape, err, c.want)
		}
	}
}
