package export

import (
	"strings"
	"testing"
)

// Of an older search, which took any names, is copied what can be.
func TestFilesOfOlderSearches(t *testing.T) {
	t.Parallel()
	files, others, err := Files([]byte(`{"id": 3, "files": [{"name": "../evil", "hash": "aa"}, {"name": "model.bin", "hash": "bb"},
		{"name": "two\nlines", "hash": "cc"}, {"name": "old", "hash": "dd", "missing": "not kept any more"},
		{"name": "flipped", "hash": "ee", "missing": "damaged"}]}`))
	if err != nil || len(files) != 1 || files[0].Name != "model.bin" {
		t.Errorf("%v is copied, %v; want model.bin alone", files, err)
	}
	if others == nil {
		t.Fatal("nothing is said of the others")
	}
	for _, want := range []string{
		"candidate 3: 4 of 5 files could not be copied: ", `"../evil" is no name for a file: it is files/aa of the search's directory`,
		`"two\nlines" is no name`, "old is not kept any more: raise checkpoints.keep", "flipped is damaged: put a copy back as files/ee ",
	} {
		if !strings.Contains(others.Error(), want) {
			t.Errorf("%q does not say %q", others, want)
		}
	}
}
