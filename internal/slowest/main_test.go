package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	const good = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1.5}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: no table here\n"}
{"Action":"skip","Package":"p","Test":"TestB","Elapsed":0}
{"Action":"output","Package":"p","Output":"ok  \tp\t1.6s\n"}
{"Action":"pass","Package":"p","Elapsed":1.6}
`
	var out strings.Builder
	if code := summarize(strings.NewReader(good), &out); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if s := out.String(); !strings.Contains(s, "1.50s  p TestA") || !strings.Contains(s, "TestB: b_test.go:3: no table here") ||
		!strings.HasSuffix(s, "ok  \tp\t1.6s\n") {
		t.Errorf("printed\n%s", s)
	}
	const bad = good + `{"Action":"output","Package":"q","Test":"TestC","Output":"c_test.go:1: wrong\n"}
{"Action":"fail","Package":"q","Test":"TestC","Elapsed":0}
{"Action":"output","Package":"q","Output":"FAIL\tq\t0.1s\n"}
{"Action":"fail","Package":"q","Elapsed":0.1}
`
	out.Reset()
	if code := summarize(strings.NewReader(bad), &out); code != 1 || !strings.Contains(out.String(), "c_test.go:1: wrong") {
		t.Errorf("exit status %d, printed\n%s", code, out.String())
	}
	if code := summarize(strings.NewReader(""), &out); code != 1 {
		t.Error("nothing at all passes")
	}
}
