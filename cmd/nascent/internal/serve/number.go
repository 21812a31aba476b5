package serve

import (
	"encoding/json"
	"math"
	"strconv"
)

// number is a float in an answer, with six digits; null where there is none.
type number float64

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

// inJSON is how many bytes a text has in an answer, with quotation marks and a comma.
func inJSON(text string) int {
	b, _ := json.Marshal(text)
	return len(b) + 1
}
