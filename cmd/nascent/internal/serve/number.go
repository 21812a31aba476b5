package serve

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// number is a float in an answer, with seven digits; null where there is none.
type number float64

// rounded is what an answer has of it.
func (n number) rounded() float64 {
	x, _ := strconv.ParseFloat(strconv.FormatFloat(float64(n), 'g', 7, 64), 64)
	return x
}

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	x := float64(n)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.AppendFloat(nil, x, 'f', -1, 64), nil
	}
	return strconv.AppendFloat(nil, x, 'g', 7, 64), nil
}

// inAnswer is a value as JSON, in which letters that mean something to HTML are as they are:
// the page makes texts of them, and nothing else.
func inAnswer(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// inJSON is how many bytes a text has in an answer, with quotation marks and a comma.
func inJSON(text string) int {
	b, _ := inAnswer(text)
	return len(b) + 1
}

// fit are the first of a list that have at most so many bytes in an answer.
func fit[T any](all []T, room int) []T {
	for i := range all {
		b, err := inAnswer(all[i])
		if room -= len(b) + 1; room < 0 || err != nil {
			return all[:i]
		}
	}
	return all
}

// clipped is a text of at most so many bytes in an answer, where some letters take six.
func clipped(text string, room int) string {
	text = clip(text, room)
	for len(text) > 8 && inJSON(text) > room+8 {
		text = clip(text, len(text)/2)
	}
	return text
}
