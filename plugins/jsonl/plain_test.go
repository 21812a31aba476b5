package jsonl

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestPlainAnswers(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"id":7,"scratch":false,"metrics":{"accuracy":0.5}}`:                true,
		`{"id":7,"scratch":false,"metrics":{"a b":-1e-300,"c":1e+22,"d":0}}`: true,
		`{"id":7,"scratch":false,"metrics":{"a":1,"a":2}}`:                   false,
		`{"id":7,"scratch":false,"metrics":{}}`:                              false,
		`{"id":7,"scratch":false,"metrics":{"a":1}},`:                        false,
		`{"id":7,"scratch":false,"metrics":{"a":1},"stopped":true}`:          false,
		`{"id":7,"metrics":{"a":1}}`:                                         false,
		`{"id":7,"scratch":false,"metrics":{"a":1,}}`:                        false,
		`{"id":7,"scratch":false,"metrics":{"a":01}}`:                        false,
		`{"id":7,"scratch":false,"metrics":{"a":1.}}`:                        false,
		`{"id":7,"scratch":false,"metrics":{"a":1e}}`:                        false,
		`{"id":7,"scratch":false,"metrics":{"a":-}}`:                         false,
		`{"id":7,"scratch":false,"metrics":{"a":+1}}`:                        false,
		`{"id":7,"scratch":false,"metrics":{"a":1e999}}`:                     false,
		`{"id":7,"scratch":false,"metrics":{"a":NaN}}`:                       false,
		`{"id":7,"scratch":false,"metrics":{"a\u0062":1}}`:                   false,
		`{"id":,"scratch":false,"metrics":{"a":1}}`:                          false,
		`{"id":99999999999999999999999,"scratch":false,"metrics":{"a":1}}`:   false,
		`{"id":7,"scratch":false,"metrics":{"a":1`:                           false,
		`{"hello":{}}`: false,
	} {
		var quick, slow message
		if got := quick.plain([]byte(line + "\n")); got != want {
			t.Errorf("%s: %v", line, got)
			continue
		}
		if !want {
			continue
		}
		if err := json.Unmarshal([]byte(line), &slow); err != nil || !reflect.DeepEqual(quick, slow) {
			t.Errorf("%s: %+v, and by encoding/json %+v, %v", line, quick, slow, err)
		}
	}
}
