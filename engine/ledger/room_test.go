package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What files take is counted once, and from then on as they come and go: it is what somebody
// counts who opens the search anew.
func TestRoomIsCountedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir)
	put := func(size int) string {
		t.Helper()
		path := filepath.Join(l.Temp(), "x")
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(size)}, size), 0o600); err != nil {
			t.Fatal(err)
		}
		ref, err := l.Put(path, "x")
		if err != nil {
			t.Fatal(err)
		}
		return ref.Hash
	}
	files := func() int64 {
		t.Helper()
		n, err := l.takenNow()
		if err != nil {
			t.Fatal(err)
		}
		if walked := taken(l.root.FS(), filesName); n != walked {
			t.Errorf("the files take %d bytes, and %d are counted", walked, n)
		}
		return n
	}
	before := put(5000)
	one := files()
	large := put(50_000)
	if two := files(); two < one+50_000 {
		t.Errorf("%d bytes, and then %d", one, two)
	}
	put(50_000) // again: it takes no more
	files()
	for _, hash := range []string{before, large} {
		l.named([]string{hash, hash})
	}
	if err := l.Remove([]string{large}); err != nil {
		t.Fatal(err)
	}
	if n := files(); n != one {
		t.Errorf("%d bytes once the second was removed, and %d with the first", n, one)
	}
	if err := os.WriteFile(filepath.Join(l.Temp(), "half"), make([]byte, 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := files(); n <= one {
		t.Errorf("%d bytes with what is not whole yet, %d without", n, one)
	}
	// Nobody looks at each of them again.
	if err := os.Remove(filepath.Join(dir, filesName, before)); err != nil {
		t.Fatal(err)
	}
	if n, err := l.takenNow(); err != nil || n <= one {
		t.Errorf("%d bytes, %v: the files were looked at one by one", n, err)
	}
}
