package option

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// truth is true or false.
type truth struct {
	to        *bool
	otherwise bool
}

func (v *truth) reset(*Option) { *v.to = v.otherwise }

func (v *truth) read(_ *Option, raw json.RawMessage) *genome.Mistake {
	if json.Unmarshal(raw, v.to) != nil {
		return &genome.Mistake{Problem: short(raw) + " is neither true nor false"}
	}
	return nil
}

func (v *truth) check(*Option) *genome.Mistake { return nil }

func (v *truth) describe(_ *Option, d *Described) {
	d.Default, d.Bounds = fmt.Sprint(v.otherwise), "true or false"
}

// choice is one of several words.
type choice struct {
	to    *string
	words []string
}

func split(words string) []string {
	out := strings.Split(words, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

func (v *choice) reset(*Option) { *v.to = v.words[0] }

func (v *choice) read(_ *Option, raw json.RawMessage) *genome.Mistake {
	var w string
	if json.Unmarshal(raw, &w) != nil {
		return v.mistake(short(raw), "")
	}
	if !slices.Contains(v.words, w) {
		return v.mistake(short(raw), w)
	}
	*v.to = w
	return nil
}

func (v *choice) check(*Option) *genome.Mistake {
	if !slices.Contains(v.words, *v.to) {
		return v.mistake(fmt.Sprintf("%q", *v.to), *v.to)
	}
	return nil
}

func (v *choice) mistake(text, word string) *genome.Mistake {
	if len(v.words) == 1 {
		return &genome.Mistake{Problem: fmt.Sprintf("%s is not %s", text, v.words[0])}
	}
	m := &genome.Mistake{Problem: fmt.Sprintf("%s is none of %s", text, strings.Join(v.words, ", "))}
	if near := Nearest(word, v.words); word != "" && near != "" {
		m.Remedy = "did you mean " + near + "?"
	}
	return m
}

func (v *choice) describe(_ *Option, d *Described) {
	d.Default, d.Bounds = v.words[0], strings.Join(v.words, ", ")
}

// text is a text.
type text struct {
	to        *string
	otherwise string
}

func (v *text) reset(*Option) { *v.to = v.otherwise }

func (v *text) read(_ *Option, raw json.RawMessage) *genome.Mistake {
	if json.Unmarshal(raw, v.to) != nil {
		return &genome.Mistake{Problem: short(raw) + " is no text"}
	}
	return nil
}

func (v *text) check(*Option) *genome.Mistake { return nil }

func (v *text) describe(_ *Option, d *Described) { d.Default, d.Bounds = v.otherwise, "a text" }

// duration is a time.Duration.
type duration struct {
	to        *time.Duration
	otherwise time.Duration
}

func (v *duration) reset(*Option) { *v.to = v.otherwise }

func (v *duration) read(_ *Option, raw json.RawMessage) *genome.Mistake {
	d, err := parseDuration(raw)
	if err != nil {
		return &genome.Mistake{Problem: short(raw) + " is no duration", Remedy: "write 5ms, 2s, 1h or a number of seconds"}
	}
	*v.to = d
	return v.check(nil)
}

func (v *duration) check(*Option) *genome.Mistake {
	if *v.to < 0 {
		return &genome.Mistake{Problem: fmt.Sprintf("%s is negative", *v.to), Remedy: "use 0 or more"}
	}
	return nil
}

func (v *duration) describe(_ *Option, d *Described) {
	d.Default, d.Bounds = seconds(v.otherwise), "a duration"
}

// parseDuration reads a duration: "5ms", or a number of seconds.
func parseDuration(raw json.RawMessage) (time.Duration, error) {
	var number float64
	if json.Unmarshal(raw, &number) == nil {
		if number *= float64(time.Second); !(number > -1<<63 && number < 1<<63) {
			return 0, errors.New("too long")
		}
		return time.Duration(number), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return 0, err
	}
	return time.ParseDuration(text)
}

// other is whatever reads itself from JSON.
type other struct {
	to        any
	otherwise string
	form      string
}

func (v *other) reset(o *Option) {
	if v.otherwise != "" {
		if m := v.read(o, json.RawMessage(v.otherwise)); m != nil {
			panic(fmt.Sprintf("option: the default of %s: %v", o.Name, m))
		}
	}
}

func (v *other) read(_ *Option, raw json.RawMessage) *genome.Mistake {
	switch m := mistake(Decode(raw, v.to)); {
	case m == nil:
		return nil
	case m.Key == "" && m.Remedy == "" && !itself(reflect.TypeOf(v.to).Elem()):
		return &genome.Mistake{Problem: fmt.Sprintf("%s is not %s", short(raw), v.form)}
	default:
		return m
	}
}

func (v *other) check(*Option) *genome.Mistake { return nil }

func (v *other) describe(_ *Option, d *Described) { d.Default, d.Bounds = v.otherwise, v.form }
