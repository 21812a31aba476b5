package data

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadings: the files of testdata/data are read as they say themselves.
func TestReadings(t *testing.T) {
	t.Parallel()
	const folder = "../../../testdata/data"
	text, err := os.ReadFile(filepath.Join(folder, "readings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var readings []struct {
		Name             string
		Data             Options
		Torch            bool
		Shape            []int
		Columns, Classes []string
		Labels           []int32
		Samples          [][]float64
		Offset           []float64
		TestLabels       []int32 `json:"test_labels"`
		Trained          []string
		Splits           string
		Refused          []string
	}
	if err := json.Unmarshal(text, &readings); err != nil {
		t.Fatal(err)
	}
	for _, r := range readings {
		if r.Torch {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			o := r.Data
			for _, files := range [][]string{o.Files, o.TestFiles} {
				for i := range files {
					files[i] = filepath.Join(folder, files[i])
				}
			}
			d, err := Load(o)
			if r.Refused != nil {
				wantError(t, err, r.Refused...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s := d.train.set
			if !slices.Equal(s.Shape, r.Shape) || !slices.Equal(s.Columns, r.Columns) || !slices.Equal(s.Classes, r.Classes) ||
				!slices.Equal(s.Y, r.Labels) || !slices.Equal(s.Offset, r.Offset) {
				t.Errorf("read as %v %q %q %v %v", s.Shape, s.Columns, s.Classes, s.Y, s.Offset)
			}
			for i, v := range slices.Concat(r.Samples...) {
				offset := 0.0
				if s.Offset != nil {
					offset = s.Offset[i%s.groups()]
				}
				if got := float64(s.X[i]) + offset; got != v && s.X[i] != float32(v) {
					t.Errorf("value %d is %v, want %v", i, got, v)
				}
			}
			if r.TestLabels != nil && !slices.Equal(d.test.set.Y, r.TestLabels) {
				t.Errorf("test labels are %v, want %v", d.test.set.Y, r.TestLabels)
			}
			for _, name := range r.Trained {
				class := int32(slices.Index(s.Classes, name))
				if !slices.ContainsFunc(d.train.index, func(at int) bool { return s.Y[at] == class }) {
					t.Errorf("there is no sample of class %s to train on", name)
				}
			}
			if !strings.Contains(d.Splits, r.Splits) {
				t.Errorf("%q does not say %q", d.Splits, r.Splits)
			}
		})
	}
}
