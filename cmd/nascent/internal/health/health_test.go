package health

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// An address without a host is this machine's alone.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Address{
		"9100":          {"tcp", "127.0.0.1:9100"},
		":9100":         {"tcp", ":9100"},
		"0.0.0.0:80":    {"tcp", "0.0.0.0:80"},
		"[::1]:9100":    {"tcp", "[::1]:9100"},
		"gpu7:0":        {"tcp", "gpu7:0"},
		"unix:/run/n.s": {"unix", "/run/n.s"},
		"":              {},
		"unix:":         {},
		"70000":         {},
		"host:port":     {},
		"http://h:80":   {},
		"a b:80":        {},
	} {
		got, err := ParseAddress(text)
		if got != want || (err == nil) != (want != Address{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// Before the search has begun there is nothing to tell, and that is told.
func TestBeforeItBegins(t *testing.T) {
	t.Parallel()
	s, err := Serve(Address{"tcp", "127.0.0.1:0"}, func() (*show.View, error) { return nil, errors.New("just beginning") })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for path, want := range map[string]string{"/metrics": "process_open_fds", "/healthz": "503 just beginning", "/": "404"} {
		r, err := http.Get("http://" + s.Addr + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		text := r.Status + " " + string(b)
		for _, part := range strings.SplitN(want, " ", 2) {
			if err != nil || !strings.Contains(text, part) || strings.Contains(text, "nascent_") {
				t.Errorf("%s: %s, %v", path, text, err)
			}
		}
	}
	if second, err := Serve(Address{"tcp", s.Addr}, nil); err == nil || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("an address that is taken is taken again: %v, %v", second, err)
	}
}
