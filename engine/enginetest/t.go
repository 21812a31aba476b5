package enginetest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// T is the part of *testing.T that the suites report to.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any) // does not return
	Failed() bool
	Cleanup(func())
}

// sub runs f as a part of the test, as a subtest where t can have some.
func sub(t T, name string, f func(T)) {
	t.Helper()
	switch t := t.(type) {
	case *testing.T:
		t.Run(name, func(s *testing.T) { f(s) })
	default:
		f(&named{T: t, name: name})
	}
}

// named puts its name before what it reports.
type named struct {
	T
	name string
}

func (n *named) Errorf(format string, args ...any) {
	n.T.Helper()
	n.T.Errorf("%s: "+format, append([]any{n.name}, args...)...)
}

func (n *named) Fatalf(format string, args ...any) {
	n.T.Helper()
	n.T.Fatalf("%s: "+format, append([]any{n.name}, args...)...)
}

// testingT returns the *testing.T behind t, if there is one.
func testingT(t T) *testing.T {
	switch t := t.(type) {
	case *testing.T:
		return t
	case *named:
		return testingT(t.T)
	case *recorder:
		return t.real
	}
	return nil
}

// Record runs f and returns what it reported as errors. It is for tests of
// suites: a suite that finds a planted fault fails the T that it is given, and
// not t.
func Record(t *testing.T, f func(T)) []string {
	t.Helper()
	r := &recorder{real: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.end()
		f(r)
	}()
	<-done
	return r.errors
}

type recorder struct {
	real *testing.T

	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Logf(format string, args ...any) {
	r.real.Helper()
	r.real.Logf(format, args...)
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errors) > 0
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// end runs the cleanups, the last one first.
func (r *recorder) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

// oneLine reports an error that does not read as one: cause and remedy on a
// single line.
func oneLine(t T, what string, err error) {
	t.Helper()
	if text := err.Error(); text == "" || strings.ContainsAny(text, "\r\n") {
		t.Errorf("%s: an error is one line that says the cause and the remedy; this is %q", what, text)
	}
}
