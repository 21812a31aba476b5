package socket_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
)

// What is wrong with a request is said in the words of who wrote it.
func TestWrongJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"pause": true}`:              "pause takes an object, such as {}, and not bool",
		`{"resume": {}}`:               "resume takes true, and not object",
		`{"cancel": 5}`:                "cancel takes a list, and not number",
		`{"note": 5}`:                  "note takes a text, and not number",
		`{"note": "x", "at_turn": -1}`: "at_turn takes a whole number from 0, and not number -1",
		`[]`:                           "it takes an object, and not array",
		`{"nota": "x"}`:                `unknown field "nota"`,
		`{"set": {"workers": null}}`:   "workers: there must be some; give a whole number from 1",
	} {
		_, err := socket.ReadRequest(strings.NewReader(text))
		if !errors.Is(err, engine.ErrConfig) || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "json: ") {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}
