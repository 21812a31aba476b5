package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// forkServer is a Python process that has imported what workers need, which may take
// seconds, and forks them. It gets a worker's pipes over a socket, with the
// directory for its temporary files, and tells of births and deaths on its
// standard output.
type forkServer struct {
	*process
	socket *os.File
	ready  chan string // once: a problem, or ""
	births chan birth
	deaths map[int]chan syscall.WaitStatus // of those who live; the reader's own

	mu sync.Mutex // one birth at a time
}

// birth is a new worker, and where to hear of its end.
type birth struct {
	pid   int
	death chan syscall.WaitStatus
}

// report is a line from the fork server; one field is set, and with Ended Status.
type report struct {
	Ready   bool   `json:"ready"`
	Problem string `json:"problem"`
	Forked  int    `json:"forked"`
	Ended   int    `json:"ended"`
	Status  uint32 `json:"status"` // as wait gives it
}

// startForkServer starts one and waits until it has imported everything.
func startForkServer(name string, command, env []string, limit time.Duration) (*forkServer, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a socket: %w; raise the limit of open files (ulimit -n)", err)
	}
	n := &forkServer{
		socket: os.NewFile(uintptr(pair[0]), "fork server"), ready: make(chan string, 1), births: make(chan birth, 1),
		deaths: map[int]chan syscall.WaitStatus{},
	}
	theirs := os.NewFile(uintptr(pair[1]), "fork server")
	n.process, err = launch(name, run(command, env, theirs))
	theirs.Close()
	if err != nil {
		n.socket.Close()
		return nil, err
	}
	go func() {
		lines(n.stdout, n.take, nothing)
		n.stdout.Close()
		n.kill()
		<-n.gone
		n.socket.Close()
	}()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case problem := <-n.ready:
		if problem != "" {
			n.kill()
			return nil, sdk.BadOption("preload", "%s", problem)
		}
		return n, nil
	case <-n.gone:
		return nil, &dead{errors.New(n.cause())}
	case <-timeout.C:
		n.kill()
		return nil, fmt.Errorf("%s has not imported the modules of preload within %v: raise start_timeout", name, limit)
	}
}

func (n *forkServer) take(line []byte) error {
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	switch {
	case r.Ready || r.Problem != "":
		n.ready <- r.Problem
	case r.Forked != 0:
		n.deaths[r.Forked] = make(chan syscall.WaitStatus, 1)
		n.births <- birth{r.Forked, n.deaths[r.Forked]}
	case r.Ended != 0 && n.deaths[r.Ended] != nil:
		n.deaths[r.Ended] <- syscall.WaitStatus(r.Status)
		delete(n.deaths, r.Ended)
	}
	return nil
}

// spawn is the fork server's spawner.
func (n *forkServer) spawn(stdin, stdout, stderr *os.File, temp string) (int, func() exit, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	rights := syscall.UnixRights(int(stdin.Fd()), int(stdout.Fd()), int(stderr.Fd()))
	if err := syscall.Sendmsg(int(n.socket.Fd()), []byte(temp+"\n"), rights, nil, 0); err != nil {
		return 0, nil, fmt.Errorf("cannot start %s: %w", n.name, err)
	}
	select {
	case b := <-n.births:
		return b.pid, func() exit {
			select {
			case ws := <-b.death:
				return exitOf(ws)
			case <-n.gone:
				return exit{status: "ended with the process that imported the modules of preload"}
			}
		}, nil
	case <-n.gone:
		return 0, nil, &dead{fmt.Errorf("cannot start %s: %s", n.name, n.cause())}
	}
}
