package jsonl

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Pdeathsig fires when the thread that started a child ends, not when the process
// does. So all children are started from one thread that lives as long as the
// process.
var (
	startOnce sync.Once
	starts    = make(chan func())
)

func startCommand(cmd *exec.Cmd) error {
	startOnce.Do(func() {
		go func() {
			runtime.LockOSThread()
			for f := range starts {
				f()
			}
		}()
	})
	done := make(chan error, 1)
	starts <- func() { done <- cmd.Start() }
	return <-done
}

// process is a program that runs, in a process group of its own, with pipes to it
// and from it. Its standard error is passed on to ours.
type process struct {
	name          string
	pid           int
	stdin, stdout *os.File
	exited        chan struct{} // closed when it has ended
	gone          chan struct{} // closed when its group has, too, and what it wrote was read
	exit                        // how it ended; valid once gone

	mu     sync.Mutex
	dead   bool         // waited for: its id may be another's
	family map[int]bool // who was in its group when that was killed; nil: is not remembered
	tail   []byte       // the end of its standard error
}

// exit is how a process ended.
type exit struct {
	status string
	ok     bool         // with exit status 0
	usage  engine.Usage // of it and of those whose end it waited for; zero: not known
}

// A spawner starts a process that leads a group of its own and has its temporary
// files in temp, if that is not "". wait returns when it has ended.
type spawner func(stdin, stdout, stderr *os.File, temp string) (pid int, wait func() exit, err error)

// run is the spawner of a command. extra become its descriptors from 3 on.
func run(command, env []string, extra ...*os.File) spawner {
	return func(stdin, stdout, stderr *os.File, temp string) (int, func() exit, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = within(env, temp), stdin, stdout, stderr, extra
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := startCommand(cmd); err != nil {
			return 0, nil, &engine.Mistake{
				Problem: fmt.Sprintf("cannot start %s: %v", filepath.Base(command[0]), err), Remedy: "name a program that can be executed",
			}
		}
		return cmd.Process.Pid, func() exit {
			err := cmd.Wait()
			if cmd.ProcessState == nil {
				return exit{status: err.Error()}
			}
			ws, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
			e := exitOf(ws)
			if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
				e.usage = engine.Usage{CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds(), Memory: r.Maxrss << 10}
			}
			return e
		}, nil
	}
}

// launch starts a program.
func launch(name string, spawn spawner) (*process, error) {
	var opened []*os.File
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err == nil {
			opened = append(opened, r, w)
		}
		return r, w
	}
	theirIn, stdin := pipe()
	stdout, theirOut := pipe()
	stderr, theirErr := pipe()
	if len(opened) < 6 {
		for _, f := range opened {
			f.Close()
		}
		return nil, errors.New("cannot make a pipe: raise the limit of open files (ulimit -n)")
	}
	temp := temporary()
	pid, wait, err := spawn(theirIn, theirOut, theirErr, temp)
	for _, f := range []*os.File{theirIn, theirOut, theirErr} {
		f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{stdin, stdout, stderr} {
			f.Close()
		}
		if temp != "" {
			os.Remove(temp)
		}
		return nil, err
	}
	p := &process{name: name, pid: pid, stdin: stdin, stdout: stdout, exited: make(chan struct{}), gone: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		p.listen(stderr)
		close(read)
	}()
	go func() {
		ended := wait()
		p.mu.Lock()
		p.dead = true
		// The group may outlive its leader, and its id stays taken until it is
		// empty.
		p.killGroup()
		p.mu.Unlock()
		close(p.exited)
		if temp != "" {
			os.RemoveAll(temp)
		}
		// What was written before the end is in the pipes; somebody who still
		// holds them is not waited for.
		soon := time.Now().Add(time.Second)
		stdout.SetReadDeadline(soon)
		stderr.SetReadDeadline(soon)
		<-read
		stderr.Close()
		stdin.Close()
		removeShared(p.family)
		p.exit = ended
		close(p.gone)
	}()
	return p, nil
}

// exitOf tells how a process ended. What starts another one (uv, a shell, ssh)
// tells of the signal that ended that by an exit status of 128 and more.
func exitOf(ws syscall.WaitStatus) exit {
	if ws.Signaled() {
		return exit{status: fmt.Sprintf("ended by signal %d (%s)", ws.Signal(), ws.Signal())}
	}
	status := fmt.Sprintf("ended with exit status %d", ws.ExitStatus())
	switch signal := syscall.Signal(ws.ExitStatus() - 128); signal {
	case syscall.SIGILL, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGTERM:
		status += fmt.Sprintf(" (signal %d, %s)", signal, signal)
	}
	return exit{status: status, ok: ws.ExitStatus() == 0}
}

// keep is how much of the end of standard error is remembered.
const keep = 16 << 10

// maxWords is how much of it a reason quotes: so much that its end is not cut off
// where the whole reason becomes one line.
const maxWords = 400

// listen passes standard error on and remembers its end.
func (p *process) listen(stderr *os.File) {
	buf := make([]byte, 32<<10)
	for {
		n, err := stderr.Read(buf)
		os.Stderr.Write(buf[:n])
		p.mu.Lock()
		p.tail = append(p.tail, buf[:n]...)
		if len(p.tail) > keep {
			p.tail = append([]byte(nil), p.tail[len(p.tail)-keep:]...)
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// tries is how often a program is started, and how often a step is asked of it,
// before its death counts as its own fault.
const tries = 3

// dead is the end of a process as an error.
type dead struct{ error }

// patient starts a program again when it died while it was started, which may be
// somebody else's fault.
func patient(start func() error) error {
	err := start()
	for n := 1; n < tries && errors.As(err, new(*dead)); n++ {
		err = start()
	}
	return err
}

// ending is how long a process that has closed its standard output may take until its
// end is seen: on a busy machine that is long.
const ending = 5 * time.Second

// hear passes the lines of standard output that begin with a brace on until the
// process closes its side, and waits for its end. What it returns is how the
// process broke the protocol, or nothing: then it is gone.
func (p *process) hear(take func(line []byte) error, hides func(end []byte) bool) (broken string) {
	err := lines(p.stdout, take, hides)
	p.stdout.Close()
	if err == nil {
		select {
		case <-p.exited:
			<-p.gone
			return ""
		case <-time.After(ending):
		}
		err = errors.New("it closed its standard output")
	}
	return fmt.Sprintf("%s breaks the protocol of docs/exec.md: %v", p.name, err)
}

// kill ends the whole group at once and does not wait.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		p.killGroup()
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
}

// remember has shared memory removed that the group leaves. That takes a look at all
// processes when it ends, too long for one that has a single small job.
func (p *process) remember() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.family = map[int]bool{}
}

// killGroup ends the group and remembers who was in it. With the lock held.
func (p *process) killGroup() {
	if p.family != nil {
		p.family[p.pid] = true
		for _, pid := range members(p.pid) {
			p.family[pid] = true
		}
	}
	syscall.Kill(-p.pid, syscall.SIGKILL)
}

// tidying is how long a process that was dismissed may take to end.
const tidying = time.Second

// dismiss closes what the process listens to, upon which it ends, and waits. One that
// does not mind is killed.
func (p *process) dismiss(listensTo *os.File) {
	listensTo.Close()
	select {
	case <-p.gone:
	case <-time.After(tidying):
	}
	p.kill()
	<-p.gone
}

// over tells whether the process is gone.
func (p *process) over() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// cause is how the process ended, with where it crashed or its last words, in one
// line. It must be gone.
func (p *process) cause() string {
	<-p.gone
	text := p.name + " " + p.status
	if place := p.crash(); place != "" {
		return text + " " + place
	}
	if words := p.last(); words != "" {
		text += "; its last words: " + words
	}
	return text
}

// early is the error of a process that ended before it said anything. It must be gone.
func (p *process) early() error {
	return &dead{fmt.Errorf("%s; it ended before it said hello (docs/exec.md)", p.cause())}
}

// unsaid forgets the last words: what comes next is said about another job.
func (p *process) unsaid() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail = nil
}

var (
	fatal = regexp.MustCompile(`(?m)^Fatal Python error: (.*)$`)
	frame = regexp.MustCompile(`(?m)^  File "([^"\n]+)", line (\d+) in (.+)$`)
)

// crash is where Python says that it crashed: the innermost line of the user's
// file, or of any. "" if it does not say.
func (p *process) crash() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := fatal.FindAllSubmatchIndex(p.tail, -1)
	if all == nil {
		return ""
	}
	at := all[len(all)-1]
	if signal := strings.ToLower(string(p.tail[at[2]:at[3]])); !strings.Contains(p.status, signal) {
		return "" // it was a child's
	}
	place := ""
	for _, m := range frame.FindAllSubmatch(p.tail[at[1]:], -1) {
		file := filepath.Base(string(m[1]))
		if place == "" || file == p.name {
			place = fmt.Sprintf("in %s (%s:%s)", m[3], file, m[2])
		}
		if file == p.name {
			break
		}
	}
	return place
}

// last is the last three lines of standard error in one.
func (p *process) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := strings.FieldsFunc(string(p.tail), func(r rune) bool { return r == '\n' || r == '\r' })
	text := strings.Join(lines[max(0, len(lines)-3):], " | ")
	if len(text) > maxWords {
		text = "..." + text[len(text)-maxWords:]
	}
	return text
}
