package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/ledger"
)

// beginner is somebody who reads what a command prints, and goes on with a search as soon
// as there is something.
type beginner struct {
	dir  string
	err  error
	once bool
}

func (b *beginner) Write(p []byte) (int, error) {
	if !b.once {
		b.once = true
		var led *ledger.Ledger
		if led, b.err = ledger.Open(b.dir, ledger.Options{NoSync: true}); b.err == nil {
			b.err = led.Close()
		}
	}
	return len(p), nil
}

// Nobody who looks at a search keeps others from going on with it, however slowly what is
// printed is read.
func TestReadersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	largeSearch(t, dir, 60)
	largeSearch(t, other, 40)
	for _, args := range [][]string{
		{"status", dir}, {"list", dir}, {"list", dir, "--json"}, {"show", dir}, {"show", dir, "5"}, {"show", dir, "--json"},
		{"digest", dir}, {"check", dir}, {"replay", dir}, {"importance", dir}, {"compare", dir, other}, {"compare", other, dir},
		{"export", dir}, {"export", dir, "--format", "json"}, {"export", dir, "--format", "parquet"}, {"export", dir, "best"},
		{"import", other, dir, "--dry-run"}, {"import", dir, other, "--dry-run"}, {"stop", dir},
	} {
		said := strings.ReplaceAll(strings.ReplaceAll(strings.Join(args, " "), dir, "A"), other, "B")
		t.Run(said, func(t *testing.T) {
			var wrong bytes.Buffer
			b := &beginner{dir: dir}
			if status := Main(args, nil, b, &wrong); status != exitOK {
				t.Fatalf("status %d: %s", status, &wrong)
			}
			if !b.once || b.err != nil {
				t.Errorf("looked at: %t; who goes on with it meanwhile: %v", b.once, b.err)
			}
		})
	}
}
