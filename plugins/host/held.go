package host

import (
	"fmt"
	"os"
	"sync"
)

// Programs that ship may be replaced while a search runs, by an upgrade: what a search has
// begun to run with it goes on with, for as long as it runs. So the file stays open, and
// processes are started from that. Programs of others are compared instead, see changes.
var (
	heldMu sync.Mutex
	held   = map[string]*os.File{} // by path and hash
)

// held is a path from which the plugin's program is started, whatever has become of its
// own.
func (p *Plugin) held() string {
	if p.Results == 0 || p.Fingerprint == "" {
		return p.Path
	}
	heldMu.Lock()
	defer heldMu.Unlock()
	key := p.Path + " " + p.Fingerprint
	f := held[key]
	if f == nil {
		var err error
		if f, err = os.Open(p.Path); err != nil {
			return p.Path // the start says what is wrong
		}
		held[key] = f
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd())
}
