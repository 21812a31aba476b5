package show

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"accuracy 0.9":                "accuracy 0.9",
		"größer ± 日本 ●█":              "größer ± 日本 ●█",
		"\x1b[31mred\x1b[0m":          `\u001b[31mred\u001b[0m`,
		"\x1b]0;title\a":              `\u001b]0;title\u0007`,
		"\u009b31m":                   `\u009b31m`,
		"two\nlines\r\n\tand a tab":   "two lines   and a tab",
		"back\bspace \x7f":            `back\u0008space \u007f`,
		"\u202egnp.exe \u2066x\u2069": `\u202egnp.exe \u2066x\u2069`,
		"no character \xff\x9b":       "no character \ufffd\ufffd",
		"\U000e0041":                  `\udb40\udc41`,
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q is printed as %q; want %q", text, got, want)
		}
	}
}

// However a text comes in pieces, the same is printed, and nothing of it commands
// the terminal.
func TestPrinterPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		text = append(text, rapid.String().Draw(t, "text")...)
		text = append(text, '.') // the last character is whole
		var once, pieces bytes.Buffer
		NewPrinter(&once).Write(text)
		p := NewPrinter(&pieces)
		for i := range text {
			p.Write(text[i : i+1])
		}
		if once.String() != pieces.String() {
			t.Fatalf("%q is printed as %q at once, as %q byte by byte", text, once.String(), pieces.String())
		}
		if i := strings.IndexFunc(once.String(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
			t.Fatalf("%q is printed as %q", text, once.String())
		}
	})
}

// JSON that was printed says what it said.
func TestPrinterJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{rapid.String().Draw(t, "key"): rapid.String().Draw(t, "value") + "\x1b[0m\u009b\u202e\U000e0041"}
		var b bytes.Buffer
		enc := json.NewEncoder(NewPrinter(&b))
		enc.SetEscapeHTML(false)
		if err := enc.Encode(want); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, b.Bytes())
		}
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("%q: %q became %q", k, v, got[k])
			}
		}
	})
}
