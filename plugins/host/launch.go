package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/plugins/proto"
)

// Pdeathsig fires when the thread that started a child ends, not when the
// process does, and Go ends threads as it likes. So all children are started
// from one thread that lives as long as the process.
var (
	startOnce sync.Once
	starts    = make(chan startRequest)
)

type startRequest struct {
	cmd  *exec.Cmd
	done chan error
}

func startCommand(cmd *exec.Cmd) error {
	startOnce.Do(func() { go starter() })
	r := startRequest{cmd, make(chan error, 1)}
	starts <- r
	return <-r.done
}

func starter() {
	runtime.LockOSThread()
	for r := range starts {
		r.done <- r.cmd.Start()
	}
}

// child is one plugin process, and go-plugin's runner for it. Its process group
// is its own. Whatever ends it, ends the whole group and everything that
// inherited its mark.
type child struct {
	cmd  *exec.Cmd
	mark string // EnvProcess
	log  *processLog

	stdout, stderr *os.File // our ends
	lifeline       *os.File // closed by us or by our death
	theirs         []*os.File

	shakeR *io.PipeReader // the handshake line for go-plugin, and nothing else
	shakeW *io.PipeWriter

	gone   chan struct{} // closed when the process is gone and its output read
	status string        // how it ended; valid once gone
	killed bool          // with SIGKILL; likewise
	ended  atomic.Bool   // we have ended it

	mu       sync.Mutex
	pid      int
	dead     bool // the process has been waited for: its id may be another's
	protocol int  // version in the handshake line
}

// newChild prepares a process of the plugin.
func newChild(p Plugin, env []string, mark string, log *processLog) (*child, error) {
	c := &child{cmd: exec.Command(p.Path, p.Args...), mark: mark, log: log, gone: make(chan struct{})}
	c.cmd.Path = p.held()
	c.shakeR, c.shakeW = io.Pipe()
	var outW, errW, lifeR *os.File
	var err error
	if c.stdout, outW, err = os.Pipe(); err == nil {
		if c.stderr, errW, err = os.Pipe(); err == nil {
			lifeR, c.lifeline, err = os.Pipe()
		}
	}
	c.theirs = []*os.File{outW, errW, lifeR}
	if err != nil {
		c.release()
		return nil, err
	}
	c.cmd.Stdout, c.cmd.Stderr = outW, errW
	c.cmd.ExtraFiles = []*os.File{lifeR} // descriptor 3
	c.cmd.Env = append(env, proto.EnvLifeline+"=3", proto.EnvProcess+"="+mark)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c, nil
}

// release closes everything that was opened for a process that never ran.
func (c *child) release() {
	for _, f := range append(c.theirs, c.stdout, c.stderr, c.lifeline) {
		if f != nil {
			f.Close()
		}
	}
	c.shakeW.Close()
}

// Start implements runner.Runner.
func (c *child) Start(context.Context) error {
	guardian.enter()
	err := startCommand(c.cmd)
	if err != nil {
		guardian.leave(0)
		c.release()
		c.status = err.Error()
		close(c.gone)
		return fmt.Errorf("cannot start %s: %w", c.Name(), err)
	}
	for _, f := range c.theirs {
		f.Close()
	}
	c.mu.Lock()
	c.pid = c.cmd.Process.Pid
	c.mu.Unlock()
	guardian.watch(c.pid)
	var readers sync.WaitGroup
	readers.Go(c.readStdout)
	readers.Go(c.readStderr)
	go func() {
		err := c.cmd.Wait()
		c.mu.Lock()
		c.dead = true
		// The group may outlive its leader, and its id stays taken until it
		// is empty.
		syscall.Kill(-c.pid, syscall.SIGKILL)
		c.mu.Unlock()
		killMarked(proto.EnvProcess + "=" + c.mark)
		guardian.leave(c.pid)
		c.lifeline.Close()
		// What was written before the end is in the pipes; somebody who still
		// holds them is not waited for.
		soon := time.Now().Add(time.Second)
		c.stdout.SetReadDeadline(soon)
		c.stderr.SetReadDeadline(soon)
		readers.Wait()
		c.stdout.Close()
		c.stderr.Close()
		c.shakeW.Close()
		c.status = exitStatus(c.cmd.ProcessState, err)
		if s := c.cmd.ProcessState; s != nil {
			ws, ok := s.Sys().(syscall.WaitStatus)
			c.killed = ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
		}
		close(c.gone)
	}()
	return nil
}

func exitStatus(state *os.ProcessState, err error) string {
	if state == nil {
		return err.Error()
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return fmt.Sprintf("ended by signal %d (%s)", ws.Signal(), ws.Signal())
	}
	return fmt.Sprintf("ended with exit status %d", state.ExitCode())
}

var handshakeLine = regexp.MustCompile(`^\d+\|(\d+)\|(unix|tcp)\|`)

// readStdout passes the handshake on, wherever it comes among other lines, and
// logs the rest. go-plugin's own reader would stop for good at a line over 64
// KiB, and the plugin then block.
func (c *child) readStdout() {
	shaken := false
	lines(c.stdout, func(line string) {
		if !shaken {
			if m := handshakeLine.FindStringSubmatch(line); m != nil {
				shaken = true
				c.mu.Lock()
				c.protocol, _ = strconv.Atoi(m[1])
				c.mu.Unlock()
				io.WriteString(c.shakeW, line+"\n")
				return
			}
		}
		c.log.line(line)
	})
	if !shaken {
		c.shakeW.Close() // it will not come any more
	}
}

func (c *child) readStderr() { lines(c.stderr, c.log.line) }

// maxLine is how much of one line of output is kept.
const maxLine = 16 << 10

// lines calls f for every line until reading ends. The rest of a line that is
// too long is left out.
func lines(r io.Reader, f func(string)) {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		text := strings.TrimRight(string(line), "\r\n")
		if errors.Is(err, bufio.ErrBufferFull) {
			dropped := 0
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = br.ReadSlice('\n')
				dropped += len(line)
			}
			text += fmt.Sprintf("... (%d bytes more)", dropped)
		}
		if text != "" {
			f(text)
		}
		if err != nil {
			return
		}
	}
}

// kill ends the whole group at once and does not wait.
func (c *child) kill() {
	c.ended.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid > 0 && !c.dead {
		syscall.Kill(-c.pid, syscall.SIGKILL)
		// Between fork and setpgid there is no group yet.
		syscall.Kill(c.pid, syscall.SIGKILL)
	}
}

// Kill implements runner.Runner.
func (c *child) Kill(context.Context) error {
	c.kill()
	return nil
}

// Wait implements runner.Runner.
func (c *child) Wait(context.Context) error {
	<-c.gone
	return nil
}

// ID implements runner.Runner.
func (c *child) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pid == 0 {
		return ""
	}
	return strconv.Itoa(c.pid)
}

// Name implements runner.Runner.
func (c *child) Name() string { return c.cmd.Args[0] }

// Stdout implements runner.Runner.
func (c *child) Stdout() io.ReadCloser { return c.shakeR }

// Stderr implements runner.Runner: we read it ourselves.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Diagnose implements runner.Runner.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.AddrTranslator.
func (c *child) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (c *child) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
