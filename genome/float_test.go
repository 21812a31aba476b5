package genome

import (
	"math"
	"strconv"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

func TestFloatsAreWrittenShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 120: "120", 0.001: "0.001", -0.00015: "-0.00015", 0.0001: "0.0001", 0.00001: "1e-5", 1234567: "1234567",
		-1234567.5: "-1234567.5", 1e6: "1000000", 1e7: "1e7", 2.5e12: "2.5e12", 1e-300: "1e-300", 10.5: "10.5", math.Inf(-1): "-Inf",
	} {
		if got := string(appendFloat(nil, v)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	r := rng.New(1)
	for range 10000 {
		v := (r.Float64() - 0.5) * math.Pow(10, float64(r.Intn(20)-10))
		if r.Bool() {
			v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', r.Intn(4), 64), 64)
		}
		text := string(appendFloat([]byte("x="), v))
		if back, err := strconv.ParseFloat(text[2:], 64); err != nil || back != v {
			t.Fatalf("%v became %s", v, text)
		}
		if a := math.Abs(v); a >= 1e-4 && a < 1e7 && text[2:] != strconv.FormatFloat(v, 'f', -1, 64) {
			t.Fatalf("%v became %s", v, text)
		}
	}
}
