package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// Setup is what an evaluator gets to know of the search, and where its Open
// says what it found.
type Setup struct {
	Space   *genome.Space
	Workers int             // how many jobs the engine keeps going at once, over all processes
	Slots   int             // how many of them this process gets at once; Open may change it
	Options json.RawMessage // the evaluator's options, a JSON object

	// Place tells the search's processes of this evaluator apart: 0 for the first.
	// One that is started in another's place has its number. Results may not depend
	// on it: it is for choosing among equal things, such as GPUs.
	Place int

	// Plugin is what is being opened, a copy of the value that was given: Open
	// may fill in what follows from the options (Metrics, Optional, Evaluate).
	Plugin *EvaluatorPlugin

	// Pool is set by Open where only some genomes can be measured: their packed
	// forms. Others are then not proposed.
	Pool [][]byte

	Data   string // set by Open: text that changes when the data does; part of the identity
	Splits string // set by Open: in words, what is trained, validated and tested on
}

// Decode reads the options into the struct that into points to, by its json
// tags; fields of embedded structs count as its own. It refuses unknown keys, and
// names those that there are.
func (s *Setup) Decode(into any) error { return DecodeOptions(s.Options, into) }

// Path is the file that a path in the options means. A relative one starts where
// the search.yaml lies or, where nothing is there, in the working directory.
func (s *Setup) Path(path string) string {
	folder := os.Getenv(proto.EnvFolder)
	if path == "" || filepath.IsAbs(path) || folder == "" {
		return path
	}
	there := filepath.Join(folder, path)
	if _, err := os.Stat(there); err != nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return there
}

// BadOption makes a mistake in one option, for Open to return; the text says what to
// do about it, too.
func BadOption(key, format string, args ...any) error {
	return &genome.Mistake{Key: key, Problem: fmt.Sprintf(format, args...)}
}

// Duration is a time.Duration for options: "5ms", "2h", or a number of seconds.
type Duration time.Duration

// UnmarshalJSON reads a duration.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var seconds float64
	if json.Unmarshal(b, &seconds) == nil {
		*d = Duration(seconds * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%s is no duration: write 5ms, 2s, 1h or a number of seconds", b)
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no duration: write 5ms, 2s, 1h or a number of seconds", text)
	}
	*d = Duration(v)
	return nil
}

// DecodeOptions reads options, a JSON object, into the struct that into points to,
// as Setup.Decode does for evaluators: a strategy's Open calls it with its
// setup.Options. It decodes one key after the other, so that an error can name
// its key. Keys are matched exactly.
func DecodeOptions(options json.RawMessage, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("sdk: Decode wants a pointer to a struct, not %T", into)
	}
	target = target.Elem()
	fields := map[string]reflect.Value{}
	var known []string
	for _, f := range reflect.VisibleFields(target.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = target.FieldByIndex(f.Index)
		known = append(known, name)
	}
	given, err := optionMap(options)
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(given) {
		field, ok := fields[key]
		if !ok {
			if near := option.Nearest(key, known); near != "" {
				return BadOption(key, "there is no such option: did you mean %s?", near)
			}
			if len(known) == 0 {
				return BadOption(key, "there is no such option, and no other: leave it out")
			}
			return BadOption(key, "there is no such option: use one of %s", strings.Join(known, ", "))
		}
		var m *genome.Mistake
		if err := option.Decode(given[key], field.Addr().Interface()); errors.As(err, &m) {
			return m.Within(key)
		} else if err != nil {
			return BadOption(key, "%v", err)
		}
	}
	return nil
}

func optionMap(options json.RawMessage) (map[string]json.RawMessage, error) {
	given := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(options)) == 0 {
		return given, nil
	}
	d := json.NewDecoder(bytes.NewReader(options))
	if err := d.Decode(&given); err != nil {
		return nil, fmt.Errorf("options are no JSON object: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("options are more than one JSON object")
	}
	return given, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// identityOf is the canonical text of everything that results depend on.
func identityOf(options json.RawMessage, operational []string, data string) (string, error) {
	var all map[string]any
	if len(bytes.TrimSpace(options)) > 0 {
		d := json.NewDecoder(bytes.NewReader(options))
		d.UseNumber()
		if err := d.Decode(&all); err != nil {
			return "", fmt.Errorf("options are no JSON object: %v", err)
		}
	}
	if all == nil {
		all = map[string]any{}
	}
	for _, key := range operational {
		delete(all, key)
	}
	text, err := json.Marshal(all) // keys sorted
	if err != nil {
		return "", err
	}
	if data != "" {
		return string(text) + " data " + data, nil
	}
	return string(text), nil
}
