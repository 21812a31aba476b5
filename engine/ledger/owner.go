package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/internal/safe"
)

// ownerName is the file that says which process writes in the directory. It is made by
// whoever has the lock, where there is none or the one that is there is of somebody who is
// gone, and removed at the end. Where flock(2) reaches every machine, whoever has the lock
// knows that the others are gone. Elsewhere that holds of this machine alone: then making the
// file, which only one can do, is what keeps the others out.
//
// Each commit looks whether it is still the owner's own. So a process that was taken for
// gone, and is not, writes nothing more.
const ownerName = "owner"

// owner is a process that writes in a directory. As text: its fields, a space between two.
type owner struct {
	host  string // for people
	at    string // the machine, since it was started, and the file system as it is mounted there
	pid   int
	start string // ticks since boot
	token string // another one each time
}

// self is this process as an owner of a directory on m.
func self(m mount) owner {
	host, _ := os.Hostname()
	word := func(text string) string { return strings.Fields(text + " -")[0] }
	random := func(name string) string {
		text, _ := os.ReadFile("/proc/sys/kernel/random/" + name)
		return word(string(text))
	}
	return owner{word(host), random("boot_id") + "/" + m.device, os.Getpid(), startTime(os.Getpid()), random("uuid")}
}

func (o owner) String() string {
	return fmt.Sprintf("%s %s %d %s %s\n", o.host, o.at, o.pid, o.start, o.token)
}

// readOwner reads who the file names; fs.ErrNotExist where there is none. What says nobody
// is an owner of no machine.
func readOwner(root *os.Root) (o owner, err error) {
	f, err := safe.OpenFile(root, ownerName, os.O_RDONLY, 0) // opened anew: NFS then asks the server
	if err != nil {
		return o, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1000))
	if err != nil {
		return o, err
	}
	if fields := strings.Fields(string(text)); len(fields) == 5 {
		pid, _ := strconv.Atoi(fields[2])
		o = owner{fields[0], fields[1], pid, fields[3], fields[4]}
	}
	return o, nil
}

// claim makes this process the owner, which has the lock, unless another one on a machine to
// which the lock does not reach may be at work.
func claim(root *os.Root, m mount) (owner, error) {
	me := self(m)
	for range 3 {
		f, err := safe.OpenFile(root, ownerName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = f.WriteString(me.String())
			if err = errors.Join(err, f.Close()); err != nil {
				root.Remove(ownerName)
				break
			}
			return me, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return me, refused(err, "cannot make %s: %v; choose a directory that you may write", filepath.Join(root.Name(), ownerName), cause(err))
		}
		if err := elsewhere(root, m, me); err != nil {
			return me, err
		}
		if err := root.Remove(ownerName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return me, refused(err, "cannot remove %s: %v", filepath.Join(root.Name(), ownerName), cause(err))
		}
	}
	return me, refused(nil, "cannot write %s; make room and try again", filepath.Join(root.Name(), ownerName))
}

// elsewhere refuses a directory whose owner may be at work where the lock, which this
// process has, does not reach.
func elsewhere(root *os.Root, m mount, me owner) error {
	why, remedy := m.narrow()
	if why == "" {
		return nil
	}
	o, err := readOwner(root)
	if errors.Is(err, fs.ErrNotExist) || err == nil && o.at == me.at {
		return nil
	}
	return &LockedError{Dir: root.Name(), PID: o.pid, Host: o.host, Narrow: why, Remedy: remedy}
}

// owned sees that the directory is still this process's.
func (l *Ledger) owned() error {
	o, err := readOwner(l.root)
	path := filepath.Join(l.root.Name(), ownerName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s was removed while the search ran: another process may go on with it; nothing is lost; go on with `nascent run`", path)
	case err != nil:
		return fmt.Errorf("cannot read %s: %w; see to the directory, and go on with `nascent run`", path, cause(err))
	case o.token != l.owner.token:
		return fmt.Errorf("process %d on %s has taken the search over, as this one "+
			"was not seen to run any more: it writes nothing more; nothing is lost", o.pid, o.host)
	}
	return nil
}

// disown removes the owner file, if it is this process's.
func (l *Ledger) disown() {
	if l.owner.token != "" && l.owned() == nil {
		l.root.Remove(ownerName)
	}
}
