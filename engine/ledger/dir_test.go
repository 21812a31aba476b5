package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/internal/safe"
)

// victim is a directory outside of a search, with content that must stay.
func victim(t *testing.T) (dir string, same func()) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"thesis.tex": "precious", "sub/y": "x", strings.Repeat("a", 64): "no checkpoint", "exec.log": "a log"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	list := func() string {
		var b strings.Builder
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			info, err2 := d.Info()
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}
			text, _ := os.ReadFile(path)
			b.WriteString(path + " " + info.Mode().String() + " " + string(text) + "\n")
			return nil
		})
		return b.String()
	}
	before := list()
	return dir, func() {
		t.Helper()
		if now := list(); now != before {
			t.Errorf("changed outside of the search: before\n%snow\n%s", before, now)
		}
	}
}

// refusals opens a directory in every way. A reader need not refuse what only
// writing would harm.
func refusals(t *testing.T, what, dir string, readers bool) {
	t.Helper()
	left := names(t, dir)
	all := opening(dir)
	all["Trust"] = Trust(dir)
	if readers {
		all["Vet"] = Vet(dir)
	} else {
		for _, name := range []string{"Inspect", "Check"} {
			if err := all[name]; err != nil {
				t.Errorf("%s: %s: %v", what, name, err)
			}
			delete(all, name)
		}
	}
	for name, err := range all {
		if !errors.Is(err, engine.ErrConfig) {
			t.Errorf("%s: %s: %v", what, name, err)
			continue
		}
		oneLine(t, err)
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %s names no path: %v", what, name, err)
		}
	}
	if now := names(t, dir); !slices.Equal(left, now) {
		t.Errorf("%s: before %v, now %v", what, left, now)
	}
}

// Nothing that a search uses in its directory may lead elsewhere, or be what one
// waits for; whatever it is is refused before anything is touched.
func TestStrangeThingsInTheDirectory(t *testing.T) {
	t.Parallel()
	outside, same := victim(t)
	things := map[string]func(path string) error{
		"a link to a file":      func(path string) error { return os.Symlink(filepath.Join(outside, "thesis.tex"), path) },
		"a link to a directory": func(path string) error { return os.Symlink(outside, path) },
		"a link to nothing":     func(path string) error { return os.Symlink(filepath.Join(outside, "fresh"), path) },
		"a link within":         func(path string) error { return os.Symlink("other", path) },
		"a pipe":                func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a socket": func(path string) error {
			short := filepath.Join(os.TempDir(), "nascent-test-"+filepath.Base(t.TempDir())+filepath.Base(path))
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return errors.Join(l.Close(), os.Rename(short, path))
		},
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"a file":      func(path string) error { return os.WriteFile(path, nil, 0o644) },
	}
	for _, begun := range []bool{true, false} {
		for _, it := range append(layout[:len(layout):len(layout)], layout[len(layout)-1]) {
			for thing, make := range things {
				if thing == "a directory" && it.kind == fs.ModeDir || thing == "a file" && it.kind == 0 || thing == "a socket" && it.kind == fs.ModeSocket {
					continue
				}
				dir := filepath.Join(t.TempDir(), "search")
				if begun {
					l := open(t, dir)
					if err := l.Commit(new(script).next()); err != nil {
						t.Fatal(err)
					}
					closed(t, l)
				}
				path := filepath.Join(dir, it.name)
				err := errors.Join(os.RemoveAll(path), os.MkdirAll(filepath.Join(dir, "other"), 0o755), os.MkdirAll(filepath.Dir(path), 0o755), make(path))
				if err != nil {
					t.Fatal(err)
				}
				refusals(t, it.name+" is "+thing, dir, true)
			}
		}
	}
	dir := scripted(t, 1)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, logsName), 0o700),
		os.Symlink(filepath.Join(outside, "exec.log"), filepath.Join(dir, logsName, "exec.log"))); err != nil {
		t.Fatal(err)
	}
	refusals(t, "a log is a link", dir, false)
	same()
}

// The directory itself may be reached by a link: whoever named it made it.
func TestDirectoryReachedByALink(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 1)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := Check(link); err != nil {
		t.Error(err)
	}
	l := open(t, link)
	s := script{turns: 1, ids: perTurn}
	if err := l.Commit(s.next()); err != nil {
		t.Error(err)
	}
	closed(t, l)
}

// What becomes a link while the search runs is not followed.
func TestLinksMadeLater(t *testing.T) {
	t.Parallel()
	outside, same := victim(t)
	dir := scripted(t, 1)
	l := open(t, dir)
	path := filepath.Join(l.Temp(), "x")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(dir, filesName)
	if err := errors.Join(os.Rename(files, files+".old"), os.Symlink(outside, files)); err != nil {
		t.Fatal(err)
	}
	if err := l.Collect(nil); err != nil {
		t.Error(err)
	}
	if err := l.Remove([]string{strings.Repeat("a", 64)}); err != nil {
		t.Error(err)
	}
	l.Put(path, "x")
	ours := filepath.Join(files+".old", strings.Repeat("b", 64))
	if err := os.Symlink(filepath.Join(outside, "thesis.tex"), ours); err != nil {
		t.Fatal(err)
	}
	if p, err := l.Path(strings.Repeat("b", 64)); err == nil {
		t.Errorf("a link is a kept file: %s", p)
	}
	closed(t, l)
	same()
}

func TestOtherUsersFiles(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can give files to another user")
	}
	for _, name := range []string{".", FileName, lockName, filesName, filesName + "/" + tempName, "search.yaml", "report.html", logsName,
		logsName + "/exec.log"} {
		dir := scripted(t, 2)
		err := errors.Join(os.Mkdir(filepath.Join(dir, logsName), 0o700), os.WriteFile(filepath.Join(dir, "search.yaml"), nil, 0o644),
			os.WriteFile(filepath.Join(dir, "report.html"), nil, 0o644), os.WriteFile(filepath.Join(dir, logsName, "exec.log"), nil, 0o644))
		if err := errors.Join(err, os.Chown(filepath.Join(dir, name), 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		refusals(t, name+" is another user's", dir, false)
	}
	// A reader makes no lock in another's directory.
	dir := scripted(t, 2)
	if err := errors.Join(os.Remove(filepath.Join(dir, lockName)), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	refusals(t, "another user's, without a lock", dir, false)
}

// What is written in place must not change under another name, as in a copy made
// with cp -l.
func TestSecondNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{FileName, lockName} {
		dir := scripted(t, 2)
		second := filepath.Join(t.TempDir(), "copy")
		if err := os.Link(filepath.Join(dir, name), second); err != nil {
			t.Fatal(err)
		}
		for way, err := range opening(dir) {
			if refused := errors.Is(err, engine.ErrConfig); refused != (way == "Open") {
				t.Errorf("%s with a second name: %s: %v", name, way, err)
			}
		}
	}
}

// Somebody's own files are not taken for those of a search that begins.
func TestOwnFilesStay(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0", 64)
	for name, fits := range map[string]bool{
		"files/tmp/draft.txt": false, "files/report.pdf": false, "files/tmp/deep/er": false, "lock": false, "report.html": false,
		"files/" + hash: true, "notes.txt": true, "logs/mine.log": true,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("mine"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if fits {
			closed(t, open(t, dir))
		} else {
			_, err := Open(dir, Options{})
			if err2 := Trust(dir); !errors.Is(err, engine.ErrConfig) || !errors.Is(err2, engine.ErrConfig) {
				t.Errorf("%s: Open %v, Trust %v", name, err, err2)
			} else {
				oneLine(t, err)
			}
		}
		if b, err := os.ReadFile(path); string(b) != "mine" {
			t.Errorf("%s: now %q, %v", name, b, err)
		}
	}
}

// A search whose directory is taken away ends at the next commit, and its Close
// says so too.
func TestRemovedWhileOpen(t *testing.T) {
	t.Parallel()
	replace := func(path string) error {
		b, err := os.ReadFile(path)
		return errors.Join(err, os.Remove(path), os.WriteFile(path, b, 0o600))
	}
	for what, c := range map[string]struct {
		do   func(dir string) error
		says string
	}{
		"the directory removed": {os.RemoveAll, FileName + " was removed"},
		"the directory moved":   {func(dir string) error { return os.Rename(dir, dir+".away") }, "was moved away"},
		"the directory replaced": {func(dir string) error { return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o700)) },
			"was moved away"},
		"the ledger removed":  {func(dir string) error { return os.Remove(filepath.Join(dir, FileName)) }, FileName + " was removed"},
		"the ledger replaced": {func(dir string) error { return replace(filepath.Join(dir, FileName)) }, FileName + " was replaced"},
		"the lock removed":    {func(dir string) error { return os.Remove(filepath.Join(dir, lockName)) }, lockName + " was removed"},
		"the lock replaced":   {func(dir string) error { return replace(filepath.Join(dir, lockName)) }, lockName + " was replaced"},
	} {
		dir := scripted(t, 2)
		l := open(t, dir)
		s := script{turns: 2, ids: 2 * perTurn}
		if err := errors.Join(l.Commit(s.next()), c.do(dir)); err != nil {
			t.Fatal(err)
		}
		err := l.Commit(s.next())
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the next commit: %v", what, err)
			continue
		}
		oneLine(t, err)
		if again := l.Commit(s.next()); again == nil {
			t.Errorf("%s: a commit after that", what)
		}
		if err := l.Close(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Close: %v", what, err)
		}
	}
}

// Without its lock file a running search still keeps others out, and is named.
func TestUnlinkedLock(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "search")
	c := start(t, dir)
	c.safe(t)
	proctest.Stop(t, c.cmd.Process.Pid)
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	for name, err := range opening(dir) {
		if !isLocked(err, c.cmd.Process.Pid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A kept file is handed out only as it was taken in.
func TestChangedFileIsNotHandedOut(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 1)
	l := open(t, dir)
	var refs []engine.FileRef
	for _, content := range []string{"weights of one", "weights of two"} {
		path := filepath.Join(l.Temp(), "x")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		ref, err := l.Put(path, "checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	flip := func(ref engine.FileRef) {
		f, err := os.OpenFile(filepath.Join(dir, filesName, ref.Hash), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		status := func() (s syscall.Stat_t) {
			if err := syscall.Fstat(int(f.Fd()), &s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		before := status()
		if _, err = f.WriteAt([]byte("W"), 0); err != nil {
			t.Fatal(err)
		}
		for status().Ctim == before.Ctim || status().Mtim != before.Mtim { // until the clock has gone on; else all is as it was
			if err := syscall.UtimesNano(f.Name(), []syscall.Timespec{before.Mtim, before.Mtim}); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip(refs[0])
	if _, err := l.Path(refs[0].Hash); !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), refs[0].Hash) {
		t.Errorf("flipped while it is open: %v", err)
	}
	closed(t, l)
	flip(refs[1])
	l = open(t, dir)
	if _, err := l.Path(refs[1].Hash); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("flipped while it was closed: %v", err)
	}
	// What is taken in again is whole again.
	path := filepath.Join(l.Temp(), "x")
	if err := os.WriteFile(path, []byte("weights of two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ref, err := l.Put(path, "checkpoint"); err != nil || ref != refs[1] {
		t.Errorf("put again: %v, %v", ref, err)
	}
	if _, err := l.Path(refs[1].Hash); err != nil {
		t.Errorf("after it was put again: %v", err)
	}
}

func TestUnfinishedFilesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 1)
	for _, name := range []string{safe.Unfinished + "123", "search.yaml.1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, open(t, dir))
	if list := names(t, dir); slices.Contains(list, safe.Unfinished+"123") || !slices.Contains(list, "search.yaml.1") {
		t.Errorf("there are %v", list)
	}
}

// A ledger that is cut short while it is open is told from one that could not be
// written: opening it again will not help.
func TestCutShort(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 100, 4096, 8192, 20000} {
		dir := scripted(t, 40)
		l := open(t, dir)
		if err := os.Truncate(filepath.Join(dir, FileName), size); err != nil {
			t.Fatal(err)
		}
		var s script
		for range 40 {
			s.next()
		}
		for what, err := range map[string]error{"commit": l.Commit(s.next()), "again": l.Commit(s.next())} {
			if !errors.Is(err, engine.ErrDamaged) {
				t.Fatalf("%s after it was cut to %d bytes: %v", what, size, err)
			}
			oneLine(t, err)
			for _, want := range []string{"was cut short while the search ran, from ", fmt.Sprintf("bytes to %d;", size),
				"put a copy of the search's directory back"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s after it was cut to %d bytes: %v; want %q", what, size, err, want)
				}
			}
		}
		l.Close()
		for name, err := range opening(dir) {
			if !errors.Is(err, engine.ErrDamaged) && size != 100 || !strings.Contains(err.Error(), "put a copy") {
				t.Errorf("%s of %d bytes: %v", name, size, err)
			}
		}
	}
}

// So is one whose pages are gone when they are read, in words that are ours.
func TestCutShortWhileItIsRead(t *testing.T) {
	t.Parallel()
	err := guard(func() error {
		var none *struct{ x int }
		none.x++
		return nil
	})
	if want := "the ledger is damaged: its pages cannot be read: one of them is not what was written; put a copy of the " +
		"search's directory back"; err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
	dir := scripted(t, 40)
	l := open(t, dir)
	if err := os.Truncate(filepath.Join(dir, FileName), 8192); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := l.Result(1); !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), "was cut short while the search ran") {
			t.Errorf("%v", err)
		}
	}
	l.Close()
}

// On a full disk, or one that became read-only, a commit says why.
func TestCommitWithoutRoom(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	if err := syscall.Mount("none", mount, "tmpfs", 0, "size=192k"); err != nil {
		t.Skip("skipped: no file system can be mounted here: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	dir := filepath.Join(mount, "search")
	l := open(t, dir)
	before, err := l.Room()
	if err != nil || before.Free < 32<<10 || before.Free > 192<<10 || before.Used < 4<<12 {
		t.Errorf("it has room %+v, %v", before, err)
	}
	var s script
	for range 1000 {
		if err = l.Commit(s.next()); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("a full disk: %v", err)
	}
	oneLine(t, err)
	if !strings.Contains(err.Error(), "make room") {
		t.Error(err)
	}
	l.Close()
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	if err := syscall.Mount("none", mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, syscall.EROFS) || !errors.Is(err, engine.ErrConfig) {
		t.Errorf("a read-only file system: %v", err)
	} else {
		oneLine(t, err)
	}
	if err := Check(dir); err != nil {
		t.Errorf("reading on a read-only file system: %v", err)
	}
}
