package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
)

// Where locks reach is read from the kind of the file system and how it is mounted.
func TestWhereLocksReach(t *testing.T) {
	t.Parallel()
	const table = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 22 0:45 /home /home rw,nosuid shared:2 master:1 - nfs4 filer:/export rw,vers=4.2,sec=sys,local_lock=none,addr=10.0.0.2
41 22 0:46 / /scratch rw - nfs filer:/scratch rw,vers=3,nolock,local_lock=all
42 22 0:47 / /lustre rw - lustre 10.0.0.9@tcp:/fs rw,flock,user_xattr
43 22 0:48 / /lustre2 rw - lustre 10.0.0.9@tcp:/fs rw,localflock
44 22 0:49 / /old rw - lustre 10.0.0.9@tcp:/fs rw
45 22 0:50 / /gfs rw - gfs2 /dev/vdb rw,localflocks
46 22 0:51 / /oc rw - ocfs2 /dev/vdc rw,cluster_stack=o2cb
47 22 0:52 / /mnt/my\040disk rw - fuse.sshfs me@far:/ rw,user_id=0
`
	for _, c := range []struct {
		kind          int64
		device        string
		reaches       bool
		reason, order string
	}{
		{0xEF53, "254:0", true, "", ""},
		{0xEF53, "254:9", true, "", ""}, // it needs no options
		{kindNFS, "0:45", true, "", ""},
		{kindNFS, "0:46", false, "NFS is mounted so that locks reach this machine alone", "local_lock=none"},
		{kindNFS, "0:99", false, "not listed", ""},
		{kindLustre, "0:47", true, "", ""},
		{kindLustre, "0:48", false, "Lustre is mounted so that locks reach this machine alone", "mount it with flock"},
		{kindLustre, "0:49", false, "Lustre is mounted", "mount it with flock"},
		{kindGFS2, "0:50", false, "GFS2 is mounted", "without localflocks"},
		{kindOCFS2, "0:51", true, "", ""},
		{kindCeph, "0:1", true, "", ""},
		{kindFUSE, "0:52", false, "FUSE does not tell", "NFS, Lustre or CephFS"},
		{kindBeeGFS, "0:53", false, "BeeGFS does not tell", ""},
		{0x1234, "0:53", false, "a file system of kind 0x1234 does not tell", ""},
	} {
		m := mount{c.kind, c.device, optionsOf(table, c.device)}
		why, remedy := m.narrow()
		if (why == "") != c.reaches || !strings.Contains(why, c.reason) || !strings.Contains(remedy, c.order) {
			t.Errorf("kind %#x at %s: %q, %q; want %q, %q", c.kind, c.device, why, remedy, c.reason, c.order)
		}
	}
}

// The directory of the tests is looked at as it is.
func TestMountOfThisMachine(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	m, err := mountOf(root)
	if err != nil || m.kind == 0 || !strings.Contains(m.device, ":") {
		t.Errorf("%+v %v", m, err)
	}
}

// on are options of a directory on such a file system, as a machine has it mounted.
func on(kind int64, options ...string) Options {
	return Options{NoSync: true, mount: func(*os.Root) (mount, error) { return mount{kind, "0:7", options}, nil }}
}

// Where locks reach all machines, what a dead one left keeps nobody out; where they do
// not, it does, unless it was of this machine.
func TestOwnerOnAnotherMachine(t *testing.T) {
	t.Parallel()
	elsewhere := owner{"node7", "another-boot/0:7", 12, "345", "TOKEN"}.String()
	here := self(mount{device: "0:7"})
	here.pid, here.start = 1<<22+1, "1" // no process of that number is there
	for _, c := range []struct {
		name   string
		left   string
		o      Options
		locked bool
	}{
		{"none", "", on(kindFUSE), false},
		{"of this machine", here.String(), on(kindFUSE), false},
		{"elsewhere", elsewhere, on(kindFUSE), true},
		{"half written", "node7", on(kindFUSE), true},
		{"elsewhere, locks of this machine alone", elsewhere, on(kindNFS, "local_lock=flock"), true},
		{"elsewhere, locks of all", elsewhere, on(kindNFS, "local_lock=none"), false},
		{"elsewhere, a directory that was copied", elsewhere, on(0xEF53), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "search")
			closed(t, open(t, dir))
			path := filepath.Join(dir, ownerName)
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("a ledger that was closed leaves its owner: %v", err)
			}
			if c.left != "" {
				if err := os.WriteFile(path, []byte(c.left), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write := func() error {
				l, err := Open(dir, c.o)
				if err == nil {
					closed(t, l)
				}
				return err
			}
			read := func() error {
				l, err := inspect(dir, c.o)
				if err == nil {
					closed(t, l)
				}
				return err
			}
			for what, f := range map[string]func() error{"read": read, "write": write} {
				err := f()
				var locked *LockedError
				if errors.As(err, &locked) != c.locked || !c.locked && err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if !c.locked {
					continue
				}
				oneLine(t, err)
				if b, _ := os.ReadFile(path); string(b) != c.left {
					t.Errorf("%s: the owner is now %q", what, b)
				}
				if c.left == elsewhere && (locked.PID != 12 || locked.Host != "node7" || !strings.Contains(err.Error(), "process 12 on node7")) {
					t.Errorf("%s: %v", what, err)
				}
				if !strings.Contains(err.Error(), "remove "+path) {
					t.Errorf("%s: no remedy: %v", what, err)
				}
			}
			if c.locked { // who is sure removes it
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(read(), write()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A process that was taken for gone writes nothing more, and says who has the search.
func TestFencedOff(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]string{
		"process 12 on node7 has taken the search over": owner{"node7", "another-boot/0:7", 12, "345", "TOKEN"}.String(),
		"was removed while the search ran":              "",
	} {
		dir := filepath.Join(t.TempDir(), "search")
		l := open(t, dir)
		s := script{}
		if err := l.Commit(s.next()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, ownerName)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if left != "" {
			if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := s.turns
		for range 2 {
			if err := l.Commit(s.next()); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v; want %s", err, name)
			}
		}
		l.Close()
		if b, err := os.ReadFile(path); left != "" && string(b) != left {
			t.Errorf("the owner's file is %q, %v", b, err)
		}
		again := open(t, dir)
		if got := again.totals.turns[0]; got != before {
			t.Errorf("%d turns, want %d", got, before)
		}
		closed(t, again)
	}
}

// A client of a machine that exports its file system locks by fcntl(2), and is seen.
func TestLockedByAClient(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "search")
	o := on(0xEF53)
	closed(t, open(t, dir))
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Skipf("there are no such locks here: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ownerName), []byte(owner{"node7", "another-boot/0:7", 12, "345", "TOKEN"}.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(string, Options) (*Ledger, error){"write": Open, "read": inspect} {
		_, err := open(dir, o)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Host != "node7" || !strings.Contains(err.Error(), "in use by process 12 on node7") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of two that begin at once where locks reach one machine alone, one gets the directory.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const n = 16
	got := make(chan error, n)
	for i := range n {
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		go func() {
			_, err := claim(root, mount{kind: kindFUSE, device: fmt.Sprint("0:", i)}) // each has it mounted elsewhere
			got <- err
		}()
	}
	owners := 0
	for range n {
		err := <-got
		var locked *LockedError
		switch {
		case err == nil:
			owners++
		case !errors.As(err, &locked):
			t.Error(err)
		}
	}
	if owners != 1 {
		t.Errorf("%d have it", owners)
	}
}

// A file of somebody's own that is called so is left alone.
func TestOwnFileNamedOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ownerName), []byte("Ada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, Options{})
	if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "owner is there already") {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == ownerName }) {
		t.Errorf("there are %v", entries)
	}
}
