package serve

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who asks under another's name, from another's page, or without a token, is turned away.
func TestGuard(t *testing.T) {
	t.Parallel()
	const write, read = "0123456789abcdef-w", "0123456789abcdef-r"
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	open := &guard{h: ok}
	named := &guard{h: ok, names: []string{"gpu7"}}
	writing := &guard{h: ok, tokens: Tokens{Write: write}}
	closed := &guard{h: ok, tokens: Tokens{Write: write, Read: read}}
	for _, c := range []struct {
		name   string
		g      *guard
		method string
		url    string
		header string // NAME: VALUE, several apart by ;
		want   int
	}{
		{"by its address", open, "GET", "http://127.0.0.1:8170/", "", 418},
		{"by an address of six", open, "GET", "http://[::1]:8170/", "", 418},
		{"as localhost", open, "GET", "http://LocalHost:8170/", "", 418},
		{"by a name that leads here", open, "GET", "http://rebound.example:8170/", "", 421},
		{"by a name like an address", open, "GET", "http://127.0.0.1.example/", "", 421},
		{"by a name behind an address", open, "GET", "http://127.0.0.1/", "Host: 127.0.0.1:8170.evil.example", 421},
		{"by its own name", named, "GET", "http://gpu7:8170/", "", 418},
		{"by its own name, unasked", open, "GET", "http://gpu7:8170/", "", 421},
		{"writing without any token", open, "POST", "http://127.0.0.1/", "", 403},
		{"writing without the token", writing, "POST", "http://127.0.0.1/", "", 401},
		{"writing with another", writing, "POST", "http://127.0.0.1/", "Authorization: Bearer " + read, 401},
		{"writing with it", writing, "POST", "http://127.0.0.1/", "Authorization: Bearer " + write, 418},
		{"writing with a cookie", writing, "POST", "http://127.0.0.1/", "Cookie: nascent-token=" + write + ";Origin: http://127.0.0.1", 418},
		{"writing from another page", writing, "POST", "http://127.0.0.1/", "Cookie: nascent-token=" + write + ";Origin: http://evil.example", 403},
		{"writing from another port", writing, "POST", "http://127.0.0.1:1/", "Cookie: nascent-token=" + write + ";Origin: http://127.0.0.1:2", 403},
		{"writing from no page", writing, "POST", "http://127.0.0.1/", "Cookie: nascent-token=" + write + ";Origin: null", 403},
		{"writing across sites", writing, "DELETE", "http://127.0.0.1/", "Cookie: nascent-token=" + write + ";Sec-Fetch-Site: cross-site", 403},
		{"writing from another site's page", writing, "POST", "http://127.0.0.1/", "Cookie: nascent-token=" + write + ";Sec-Fetch-Site: same-site", 403},
		{"looking where all may", writing, "GET", "http://127.0.0.1/", "", 418},
		{"looking without a token", closed, "GET", "http://127.0.0.1/api", "", 401},
		{"looking with that for reading", closed, "GET", "http://127.0.0.1/api", "Authorization: Bearer " + read, 418},
		{"looking with that for writing", closed, "GET", "http://127.0.0.1/api", "Cookie: nascent-token=" + write, 418},
		{"writing with that for reading", closed, "POST", "http://127.0.0.1/api", "Authorization: Bearer " + read, 401},
		{"looking with the cookie of another port", closed, "GET", "http://127.0.0.1:1/api", "Cookie: nascent-token-2=" + read, 401},
		{"looking with that of this one", closed, "GET", "http://127.0.0.1:2/api", "Cookie: nascent-token-1=x;Cookie: nascent-token-2=" + read, 418},
		{"by a link with a wrong token", closed, "GET", "http://127.0.0.1/?token=" + read + "x", "", 401},
		{"by a link", closed, "GET", "http://127.0.0.1/?token=" + read, "", 303},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		if host, ok := strings.CutPrefix(c.header, "Host: "); ok { // what net/url would not take
			r.Host = host
		}
		for h := range strings.SplitSeq(c.header, ";") {
			if name, value, ok := strings.Cut(h, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		w := httptest.NewRecorder()
		c.g.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
		location := w.Header().Get("Location")
		if c.want == 303 && (location != "/" || !strings.Contains(w.Header().Get("Set-Cookie"), "HttpOnly; SameSite=Strict")) {
			t.Errorf("%s: it leads to %q", c.name, location)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{
		"0123456789abcdef\n":                   "",
		"0123456789abcdef\nfedcba9876543210\n": "",
		"short":                                "can be guessed",
		"":                                     "0 words",
		"0123456789abcdef\nshort\n":            "a token of 5 letters can be guessed",
		"0123456789abcdef a b":                 "3 words",
		"\n0123456789abcdef\n":                 "on its first line",
		"0123456789abcdef\n0123456789abcdef\n": "are the same",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadTokens(path)
		if want == "" && (err != nil || got.Write != "0123456789abcdef") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if err := os.WriteFile(path, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTokens(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("what everybody may read: %v", err)
	}
}
