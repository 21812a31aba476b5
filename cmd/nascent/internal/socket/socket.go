// Package socket lets other processes ask a running search, and take part in it.
//
// bbolt's lock keeps every other process out of the ledger, so the process
// that runs a search answers for it, on a unix socket in its directory that
// only its own user may use. What is asked are nascent's own commands: the
// server carries one out and streams what it prints. Who wants to look for himself is
// handed a copy of the ledger. Who asks to be a client has the connection handed on to
// whoever talks with those.
package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// Name of the socket in a search directory, and what it is called while it is
// made.
const (
	Name  = "sock"
	fresh = "sock.new"
)

// Request is one command.
type Request struct {
	Args   []string `json:"args"`
	Width  int      `json:"width"`  // of the asker's terminal, 0 if it has none
	Colour bool     `json:"colour"` // it can show colours
}

// Handler carries out a command. Its error is told to the asker.
type Handler func(ctx context.Context, r Request, out io.Writer) error

// ErrNobody says that no process answers for a directory.
var ErrNobody = errors.New("no process runs this search")

// RemoteError is an error of a command that another process carried out.
type RemoteError struct {
	Text string
	Exit int // what the command exits with
}

func (e *RemoteError) Error() string { return e.Text }

// Server answers on the socket of one directory.
type Server struct {
	http *http.Server
	dir  *os.File
}

// Trailers of an answer.
const (
	exitTrailer  = "Nascent-Exit"
	errorTrailer = "Nascent-Error"
)

// Host is who is asked.
type Host struct {
	Command Handler
	Exit    func(error) int // the status that an error stands for
	Steer   func(engine.Request) (engine.Receipt, error)
	Ledger  func() (*os.File, error)          // makes a copy, see ledger.Ledger.Copy
	Attach  func(conn net.Conn, in io.Reader) // takes over the connection to a client, which sends in; nil where there are none
}

// Serve makes the socket and answers until Close.
func Serve(dir string, h Host) (*Server, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	l, err := listen(d)
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("cannot listen in %s: %w", dir, err)
	}
	s := &Server{dir: d}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /command", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", exitTrailer+", "+errorTrailer)
		var req Request
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&req)
		if err == nil {
			err = h.Command(r.Context(), req, w)
		}
		code, text := 0, ""
		if err != nil {
			code, text = h.Exit(err), strconv.QuoteToASCII(err.Error())
		}
		w.Header().Set(exitTrailer, strconv.Itoa(code))
		w.Header().Set(errorTrailer, text)
	})
	mux.HandleFunc("POST "+SteerPath, h.steer)
	mux.HandleFunc("GET /client", func(w http.ResponseWriter, _ *http.Request) {
		if h.Attach == nil {
			http.Error(w, "this search is not measured by clients, as evaluator: clients in its "+
				"search.yaml would have it", http.StatusNotFound)
			return
		}
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		conn.SetDeadline(time.Time{})
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: nascent\r\nConnection: Upgrade\r\n\r\n")
		h.Attach(conn, both)
	})
	mux.HandleFunc("GET /ledger", func(w http.ResponseWriter, _ *http.Request) {
		f, err := h.Ledger()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil { // so that who gets less notices
			w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
		}
		io.Copy(w, f)
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go s.http.Serve(&ownListener{l})
	return s, nil
}

// listen makes the socket for its user alone, in the place of one that a killed
// process left.
func listen(dir *os.File) (*net.UnixListener, error) {
	for _, name := range []string{Name, fresh} {
		info, err := os.Lstat(near(dir, name))
		if err == nil && info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is there already and is no socket; remove it", name)
		}
	}
	os.Remove(near(dir, fresh))
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		controlErr := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }) // its name will have this mode
		return errors.Join(err, controlErr)
	}}
	l, err := private.Listen(context.Background(), "unix", near(dir, fresh))
	if err != nil {
		return nil, err
	}
	socket := l.(*net.UnixListener)
	socket.SetUnlinkOnClose(false)
	if err := os.Rename(near(dir, fresh), near(dir, Name)); err != nil {
		l.Close()
		return nil, err
	}
	return socket, nil
}

// Close stops answering and removes the socket. Commands under way get a
// second to end.
func (s *Server) Close() {
	os.Remove(near(s.dir, Name))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.dir.Close()
}

// near is a path of at most a few bytes to a file in an open directory: the
// address of a unix socket has 107 bytes at most.
func near(dir *os.File, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + name
}

// ownListener turns away other users.
type ownListener struct{ *net.UnixListener }

func (l *ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if own(c) {
			return c, nil
		}
		c.Close()
	}
}

// own tells whether the other side is this user, or root.
func own(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return err == nil && credErr == nil && (int(cred.Uid) == os.Getuid() || cred.Uid == 0)
}

// Ask has the process that runs the search in dir carry out a command, and
// copies what it prints to out. ErrNobody means that there is none.
func Ask(ctx context.Context, dir string, r Request, out io.Writer) error {
	resp, err := post(ctx, dir, "/command", r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(out, resp.Body); err != nil {
		return fmt.Errorf("%w: %w", errEnded, err)
	}
	code, err := strconv.Atoi(resp.Trailer.Get(exitTrailer))
	if err != nil {
		return errEnded
	}
	if code != 0 {
		text, err := strconv.Unquote(resp.Trailer.Get(errorTrailer))
		if err != nil {
			text = "the running search could not answer"
		}
		return &RemoteError{Text: text, Exit: code}
	}
	return nil
}

var errEnded = errors.New("the process that runs the search ended while it answered")

// post sends it a value as JSON.
func post(ctx context.Context, dir, path string, v any) (*http.Response, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return call(ctx, dir, http.MethodPost, path, bytes.NewReader(body))
}

// call asks the process that runs the search in dir.
func call(ctx context.Context, dir, method, path string, body io.Reader) (*http.Response, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, ErrNobody
	}
	defer d.Close()
	if info, err := os.Lstat(near(d, Name)); err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil, ErrNobody
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "unix", near(d, Name))
			if err == nil && os.Geteuid() != 0 && !own(c.(*net.UnixConn)) {
				c.Close()
				return nil, ErrNobody // whoever it is, it is not this user's search
			}
			return c, err
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://nascent"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, ErrNobody
	}
	return resp, nil
}

// Inspect reads the ledger of the search in dir, whether a process runs it or not: a copy,
// see ledger.Inspect, whose errors it has. running tells whether one does.
func Inspect(ctx context.Context, dir string) (led *ledger.Ledger, running bool, err error) {
	err = Reach(func() error {
		led, err = ledger.Received(dir, func(out io.Writer) error { return fetch(ctx, dir, out) })
		running = err == nil
		return err
	}, func() error {
		led, err = ledger.Inspect(dir)
		return err
	})
	return led, running, err
}

// fetch copies the ledger of the search that a process runs in dir.
func fetch(ctx context.Context, dir string, out io.Writer) error {
	resp, err := call(ctx, dir, http.MethodGet, "/ledger", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("the process that runs %s is an older nascent, which hands over no ledger: stop "+
			"it, or start it again with this one", dir)
	default:
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
		return fmt.Errorf("the process that runs %s hands over no ledger: %s", dir, bytes.TrimSpace(why))
	}
	if _, err := io.Copy(out, resp.Body); errors.Is(err, io.ErrUnexpectedEOF) {
		return errEnded
	} else if err != nil {
		return err
	}
	return nil
}

// patience is how long to wait for a process that is just beginning or ending
// its run of a search.
const patience = 5 * time.Second

// Reach has ask turn to the process that runs a search, or where nobody does (ErrNobody)
// has here do without. Where here finds that somebody does after all
// (ledger.LockedError), both are tried again for some seconds.
func Reach(ask, here func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err := ask(); !errors.Is(err, ErrNobody) {
			return err
		}
		err := here()
		var locked *ledger.LockedError
		if !errors.As(err, &locked) || locked.Host != "" || time.Now().After(deadline) { // on another machine nobody begins or ends soon
			return err
		}
	}
}
