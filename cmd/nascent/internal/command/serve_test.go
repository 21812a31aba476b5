package command

import (
	"os"
	"strings"
	"testing"
)

// A search that may be read but not written is refused as wrong input.
func TestServeWhereNobodyMayWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		dir = "/sys/kernel" // where root may not either
		if err := os.Mkdir(dir+"/nascent-probe", 0o700); !os.IsPermission(err) {
			t.Skipf("no directory is known that root may not write: making one in %s: %v", dir, err)
		}
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	server, err := (&app{}).serve(&target{dir: dir}, nil, nil, nil)
	if err == nil {
		server.Close()
		t.Fatal("a socket was made where nobody may write")
	}
	if exitStatus(err) != exitInput || !strings.Contains(err.Error(), "that you may write") {
		t.Errorf("status %d: %v", exitStatus(err), err)
	}
}
