package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// Every command has a page, which says what its help says, and which man's own programs
// read without a complaint.
func TestMan(t *testing.T) {
	t.Parallel()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "man1")
	var stderr bytes.Buffer
	if status := Main([]string{"man", dir}, nil, &stderr, &stderr); status != exitOK || stderr.Len() > 0 {
		t.Fatalf("%d: %s", status, stderr.Bytes())
	}
	groff, missing := exec.LookPath("groff")
	if missing != nil {
		t.Log("there is no groff here: what the pages look like was not tried")
	}
	root := (&app{}).root()
	for _, c := range append(root.Commands(), root) {
		if c.Hidden { // for programs
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, manName(c)+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		if missing != nil {
			continue
		}
		cmd := exec.Command(groff, "-man", "-Tascii", "-ww", "-P-c", "-P-b", "-P-u")
		cmd.Stdin = bytes.NewReader(page)
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		text, err := cmd.Output()
		if err != nil || complaint.Len() > 0 {
			t.Errorf("%s: %v %s", c.Name(), err, complaint.Bytes())
		}
		shown := strings.Join(strings.Fields(string(text)), " ")
		for _, want := range []string{c.Long, c.Example} {
			for line := range strings.Lines(want) {
				if line = strings.Join(strings.Fields(line), " "); !strings.Contains(shown, line) {
					t.Errorf("the page of %s does not say %q:\n%s", c.Name(), line, text)
				}
			}
		}
	}
}
