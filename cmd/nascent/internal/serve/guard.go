package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Tokens say who may do what. An empty one lets nobody in where it is asked for.
type Tokens struct {
	Write string // may change something; "": nobody may
	Read  string // may look; "": everybody who reaches the address may
}

// ReadTokens reads the file of --token: the token for writing on the first line and, on
// the second, if there is one, that for reading alone.
func ReadTokens(path string) (t Tokens, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return t, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return t, fmt.Errorf("others may read it (mode %04o); keep it to yourself: chmod 600 %s", info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return t, err
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 || len(lines) > 2 || strings.ContainsAny(string(text[:1]), "\r\n") { // an empty first line: whose is the second?
		return t, fmt.Errorf("it has %d words; write the token for writing on its first line and, "+
			"for people who may only look, another one on the second", len(lines))
	}
	for _, l := range lines {
		if len(l) < 16 {
			return t, fmt.Errorf("a token of %d letters can be guessed; take at least 16, for example of: openssl rand -hex 16", len(l))
		}
	}
	t.Write = lines[0]
	if len(lines) == 2 {
		t.Read = lines[1]
	}
	if t.Read == t.Write {
		return t, errors.New("both tokens are the same, so who may look could write: take another one for the second line")
	}
	return t, nil
}

// guard lets through who may, before h.
type guard struct {
	h      http.Handler
	tokens Tokens
	names  []string // of this machine, besides addresses and localhost
	policy string   // what the page may load
}

// policy is the page's Content-Security-Policy: it loads what this server has, and runs no
// script but its own.
func policy() string {
	text, _ := files.ReadFile("web/page.html")
	_, names, _ := strings.Cut(string(text), `<script type="importmap">`)
	names, _, _ = strings.Cut(names, "</script>")
	hash := sha256.Sum256([]byte(names))
	return "default-src 'none'; script-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// cookie keeps a token. Browsers send cookies to all ports of a host, so its name has the
// port: there may be several servers.
func cookie(r *http.Request) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "" {
		return "nascent-token-" + port
	}
	return "nascent-token"
}

// turnAway tells somebody who brings no token, or a wrong one, how to come in: in words where a
// person reads it.
func turnAway(w http.ResponseWriter, r *http.Request, text string) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		refuse(w, http.StatusUnauthorized, text)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprintln(w, "nascent: "+text)
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", g.policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !g.addressed(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("this server does not answer for the name %.100q: use its address, or localhost", r.Host))
		return
	}
	if given := r.URL.Query().Get("token"); given != "" && r.Method == http.MethodGet { // a link that somebody was sent
		if !same(given, g.tokens.Write) && !same(given, g.tokens.Read) {
			turnAway(w, r, "the token in this address is none of this server's: ask whoever started it for the one of now")
			return
		}
		http.SetCookie(w, &http.Cookie{Name: cookie(r), Value: given, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		q := r.URL.Query()
		q.Del("token")
		http.Redirect(w, r, (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String(), http.StatusSeeOther)
		return
	}
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case writes && !sameOrigin(r):
		refuse(w, http.StatusForbidden, "a page of another origin asked for a change; only this server's own page may")
	case writes && g.tokens.Write == "":
		refuse(w, http.StatusForbidden, "this page is read-only; start it with --token FILE to change something")
	case writes && !brings(r, g.tokens.Write):
		refuse(w, http.StatusUnauthorized, "this needs the token for writing")
	case !writes && g.tokens.Read != "" && !brings(r, g.tokens.Write) && !brings(r, g.tokens.Read):
		turnAway(w, r, "this page needs a token: open it with ?token=TOKEN at the end of its address")
	default:
		g.h.ServeHTTP(w, r)
	}
}

// addressed tells whether a request means this server: by an address, for a name might be
// another site's whose owner has it lead here.
func (g *guard) addressed(host string) bool {
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "" {
			return false
		}
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	for _, n := range g.names {
		if name == strings.ToLower(n) {
			return true
		}
	}
	return false
}

// sameOrigin tells whether a request comes from the server's own page, or from a program
// that is no browser.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

// brings tells whether a request brings a token.
func brings(r *http.Request, token string) bool {
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if given == "" {
		if c, err := r.Cookie(cookie(r)); err == nil {
			given = c.Value
		}
	}
	return same(given, token)
}

// same tells whether what is given is a token that there is, in a time that tells nothing else.
func same(given, token string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(token))
	return given != "" && token != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
