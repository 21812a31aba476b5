package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// beside is an order that is given again and again.
type beside struct {
	mu    sync.Mutex
	cmd   *exec.Cmd // that runs; nil: none does
	out   bytes.Buffer
	err   error // of the last one
	ended bool
	over  chan struct{} // closed when it is not given any more
}

// accompany gives the orders that go on beside the search.
func (x *trial) accompany() {
	for _, o := range x.scenario.beside {
		b := &beside{over: make(chan struct{})}
		x.beside = append(x.beside, b)
		go func() {
			defer close(b.over)
			for b.give(x.command(o.args...)) {
				time.Sleep(50 * time.Millisecond)
			}
		}()
	}
}

// give gives it once. It tells whether it is to be given again.
func (b *beside) give(cmd *exec.Cmd) bool {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return false
	}
	b.out.Reset()
	cmd.Stdout, cmd.Stderr = &b.out, &b.out
	err := cmd.Start()
	if err == nil {
		b.cmd = cmd
	}
	b.mu.Unlock()
	if err == nil {
		err = cmd.Wait()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cmd, b.err = nil, err
	return !b.ended
}

// kill kills its process, and what that has started if all is to go. Those that are to be gone
// then are returned: of a process that was not there, none.
func (b *beside) kill(all bool) []process {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return nil
	}
	p, there := lookAt(b.cmd.Process.Pid)
	if !there {
		return nil
	}
	family := append([]process{p}, slices.Concat(generations(p.pid)...)...)
	for i, p := range family {
		if i == 0 || all {
			syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
	return family
}

// end has it end by itself, and not be given again.
func (b *beside) end() error {
	b.mu.Lock()
	b.ended = true
	args := ""
	if b.cmd != nil {
		args = strings.Join(b.cmd.Args, " ")
		b.cmd.Process.Signal(syscall.SIGTERM)
	}
	b.mu.Unlock()
	<-b.over
	var exit *exec.ExitError
	if errors.As(b.err, &exit) && !exit.Exited() {
		return nil // it had just begun
	}
	if args != "" && b.err != nil {
		return fmt.Errorf("%s, asked to end: %w\n%s", args, b.err, b.out.Bytes())
	}
	return nil
}
