package command

import (
	"os"
	"strings"
	"testing"
)

// What init writes is what the README shows, and it is short.
func TestReadmeShowsWhatInitWrites(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"evaluate.py.txt", "strategy.py.txt", "evaluator.go.txt", "strategy.go.txt"} {
		text, err := templates.ReadFile("templates/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), "\n"+string(text)) {
			t.Errorf("the README does not show %s as it is", name)
		}
		if n := strings.Count(string(text), "\n"); n >= 15 {
			t.Errorf("%s has %d lines, 15 or more", name, n)
		}
	}
}
