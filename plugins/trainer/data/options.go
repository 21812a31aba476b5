package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Options say where samples come from and how they are split. A JSON string
// stands for an object with that source alone.
type Options struct {
	Source     string                   `json:"source"`     // mnist1d (default), idx or csv
	Files      []string                 `json:"files"`      // idx: samples, labels; csv: one file
	TestFiles  []string                 `json:"test_files"` // likewise; without them part of Files is kept for testing
	Label      string                   `json:"label"`      // csv: the column with the class, default "label"
	Drop       []string                 `json:"drop"`       // csv: columns to leave out
	Layout     string                   `json:"layout"`     // idx of four dimensions: channels_first or channels_last
	Samples    int                      `json:"samples"`    // for training and validation together; mnist1d: default 4000, files: default all
	Validation *float64                 `json:"validation"` // samples (1 or more) or share (below 1) of them, default 0.2
	Test       *float64                 `json:"test"`       // samples or share for testing; mnist1d: default 10000, files: default all test files, or 0.2 of Files
	At         func(path string) string `json:"-"`          // where a path leads; nil: relative ones start in the working directory
	Seed       uint64                   `json:"seed"`       // of generated samples and of the split, default 1
}

// UnmarshalJSON takes an object, strictly, or the name of a source.
func (o *Options) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte{'"'}) {
		return json.Unmarshal(b, &o.Source)
	}
	type plain Options
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(o)); err != nil {
		return fmt.Errorf("data: %s; it takes source, files, test_files, label, drop, layout, samples, validation, test and seed",
			strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// Data is what a search trains, validates and tests on. It is immutable and
// safe for concurrent use.
type Data struct {
	train, validation, whole, test *Part

	Shape       []int    // of one sample
	Classes     []string // by name
	Fingerprint string   // equal for equal data and splits
	Splits      string   // in words
}

// Search returns what candidates are trained and validated on.
func (d *Data) Search() (train, validation *Part) { return d.train, d.validation }

// Final returns what the winner is trained and tested on: everything that
// Search returns, and data that nothing else has seen.
func (d *Data) Final() (train, test *Part) { return d.whole, d.test }

// Load makes or reads the data.
func Load(o Options) (*Data, error) {
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Label == "" {
		o.Label = "label"
	}
	if o.Layout != "" && (o.Source != "idx" || o.Layout != channelsFirst && o.Layout != channelsLast) {
		return nil, fmt.Errorf("data.layout is %q of source %q; it is channels_first or channels_last, and for idx", o.Layout, o.Source)
	}
	if o.Samples < 0 {
		return nil, fmt.Errorf("data.samples is %d; give a number of samples, or leave it out", o.Samples)
	}
	var pool, test *Set
	var from string
	var err error
	switch o.Source {
	case "", "mnist1d":
		pool, test, from, err = made(o)
	case "idx", "csv":
		pool, test, from, err = read(o)
	default:
		err = fmt.Errorf("data.source %q is unknown; use mnist1d, idx or csv (the torch evaluator reads more)", o.Source)
	}
	if err != nil {
		return nil, err
	}
	return split(o, pool, test, from)
}

// made makes MNIST-1D: a pool and independent samples for testing.
func made(o Options) (pool, test *Set, from string, err error) {
	if len(o.Files)+len(o.TestFiles)+len(o.Drop) > 0 {
		return nil, nil, "", fmt.Errorf("data.files, test_files and drop belong to the sources idx and csv; mnist1d is made, not read")
	}
	if o.Samples == 0 {
		o.Samples = 4000
	}
	tests := 10000.0
	if o.Test != nil {
		tests = *o.Test
	}
	if o.Samples < 2*digits || o.Samples > 10_000_000 {
		return nil, nil, "", fmt.Errorf("data.samples is %d; mnist1d can have 20 to 10000000", o.Samples)
	}
	if !(tests >= digits && tests <= 10_000_000) || tests != math.Floor(tests) {
		return nil, nil, "", fmt.Errorf("data.test is %v; mnist1d makes 10 to 10000000 fresh samples", tests)
	}
	return mnist1d(o.Samples, o.Seed, "train"), mnist1d(int(tests), o.Seed, "test"),
		fmt.Sprintf("MNIST-1D made with data seed %d", o.Seed), nil
}

// read reads files; test is nil if no test files were named.
func read(o Options) (pool, test *Set, from string, err error) {
	want, what := 1, "one CSV file"
	if o.Source == "idx" {
		want, what = 2, "a file of samples and a file of labels"
	}
	if len(o.Files) != want {
		return nil, nil, "", fmt.Errorf("data.files names %d files; source %s needs %s", len(o.Files), o.Source, what)
	}
	if len(o.TestFiles) != 0 && len(o.TestFiles) != want {
		return nil, nil, "", fmt.Errorf("data.test_files names %d files; source %s needs %s, or none", len(o.TestFiles), o.Source, what)
	}
	from = strings.Join(o.Files, " and ")
	if pool, err = readSet(o, o.Files, nil); err == nil && o.TestFiles != nil {
		test, err = readSet(o, o.TestFiles, pool)
	}
	return pool, test, from, err
}

func readSet(o Options, files []string, like *Set) (*Set, error) {
	if o.At != nil {
		files = slices.Clone(files)
		for i := range files {
			files[i] = o.At(files[i])
		}
	}
	var r *raw
	var err error
	if o.Source == "idx" {
		r, err = readIDX(files[0], files[1], o.Layout)
	} else {
		r, err = readCSV(files[0], Columns{Label: o.Label, Drop: o.Drop})
	}
	if err != nil {
		return nil, err
	}
	return r.set(like)
}

// split divides the pool. Without a test set, part of the pool becomes one,
// before anything else is taken.
func split(o Options, pool, test *Set, from string) (*Data, error) {
	index, tested := count(pool.Len()), []int(nil)
	source := "fresh"
	switch {
	case test == nil:
		n, err := amount("test", o.Test, 0.2, len(index))
		if err != nil {
			return nil, err
		}
		test, source = pool, "held out"
		tested, index = divide(pool, index, n, rng.Derive(o.Seed, "test"))
		if err := complete(pool, index, tested); err != nil {
			return nil, fmt.Errorf("data.test: %w", err)
		}
	case o.TestFiles != nil:
		n, err := amount("test", o.Test, float64(test.Len()), test.Len()+1)
		if err != nil {
			return nil, err
		}
		source = "from " + strings.Join(o.TestFiles, " and ")
		tested, _ = divide(test, count(test.Len()), n, rng.Derive(o.Seed, "test"))
	default:
		tested = count(test.Len())
	}
	if o.Samples > len(index) {
		return nil, fmt.Errorf("data.samples is %d, but there are only %d; ask for fewer, or leave it out", o.Samples, len(index))
	}
	if o.Samples > 0 {
		var rest []int
		index, rest = divide(pool, index, o.Samples, rng.Derive(o.Seed, "samples"))
		if err := complete(pool, index, rest); err != nil {
			return nil, fmt.Errorf("data.samples: %w", err)
		}
	}
	n, err := amount("validation", o.Validation, 0.2, len(index))
	if err != nil {
		return nil, err
	}
	validated, trained := divide(pool, index, n, rng.Derive(o.Seed, "validation"))
	if err := complete(pool, trained, validated); err != nil {
		return nil, fmt.Errorf("data.validation: %w", err)
	}
	h := sha256.New()
	fmt.Fprintln(h, pool.hash(), test.hash(), trained, validated, tested)
	return &Data{
		train:       part(pool, trained, pool, trained),
		validation:  part(pool, validated, pool, trained),
		whole:       part(pool, index, pool, index),
		test:        part(test, tested, pool, index),
		Shape:       pool.Shape,
		Classes:     pool.Classes,
		Fingerprint: fmt.Sprintf("%x", h.Sum(nil)[:16]),
		Splits: fmt.Sprintf("%s: search trains on %d samples and validates on %d; test trains on those %d and tests on %d %s",
			from, len(trained), len(validated), len(index), len(tested), source) +
			missing(pool, validated, "validation") + missing(test, tested, "test"),
	}, nil
}

// missing says which classes a part has no sample of.
func missing(s *Set, index []int, what string) string {
	names := without(s, index)
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s has no sample of class %s", what, listed(names))
}

// amount reads a number of samples, or a share of all there are; it is at
// least 1 and leaves at least 1.
func amount(name string, asked *float64, otherwise float64, all int) (int, error) {
	v := otherwise
	if asked != nil {
		v = *asked
	}
	n := math.Floor(v)
	if v < 1 {
		n = math.Round(v * float64(all))
	}
	if !(v > 0) || v >= 1 && n != v || n < 1 || n >= float64(all) {
		return 0, fmt.Errorf("data.%s is %v of %d samples; give a share between 0 and 1 or a whole number of samples, leaving some of both",
			name, v, all)
	}
	return int(n), nil
}
