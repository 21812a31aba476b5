package place

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// SSH places hosts on machines that the system's ssh reaches without asking anything, by
// the names that it knows them by. Options are those of ssh: "-F file -p 2222".
//
// Programs are copied to ~/.cache/nascent/bin/HASH there where they are missing. A host
// outlives the connection. What it is found again by, its ticket (which its owner alone can
// read) and what it prints are in ~/.cache/nascent/hosts/SEARCH/NODE; of one that has ended
// what it printed last comes to Dir. The next host goes to the machine with the fewest; one
// that cannot be reached keeps its part, so that the others do not get twice as many.
func SSH(machines []string, options string) Placer {
	return &overSSH{machines: machines, options: options}
}

type overSSH struct {
	machines []string
	options  string

	mu  sync.Mutex
	dir string // where the words of hosts go that have ended; "": nobody asks for them
}

// What machines run: the functions that all scripts may use, and one of them.
var (
	//go:embed ssh/common.sh
	common string
	//go:embed ssh/look.sh
	look string
	//go:embed ssh/copy.sh
	copying string
	//go:embed ssh/start.sh
	start string
	//go:embed ssh/stop.sh
	stop string
)

const (
	sshPatience = 2 * time.Minute  // for what takes a second
	sshCopying  = 30 * time.Minute // for the programs
)

// machine is what one says of itself.
type machine struct {
	name   string
	system string // "Linux x86_64"
	has    bool   // the programs
	hosts  []string
	err    error // it cannot be asked
}

// Place implements Placer.
func (s *overSSH) Place(ctx context.Context, w Work, n int) error {
	if n == 0 {
		return nil
	}
	programs, err := carry(w.Program)
	if err != nil {
		return err
	}
	ticket, err := os.ReadFile(w.Ticket)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.dir = w.Dir
	s.mu.Unlock()
	all, err := s.look(ctx, w.Search, programs.hash)
	if err != nil {
		return err
	}
	shares := share(all, n)
	each(all, func(i int, m *machine) {
		if shares[i] > 0 && m.err == nil {
			m.err = s.start(ctx, w, programs, ticket, m, shares[i])
		}
	})
	return trouble(all, func(i int) bool { return shares[i] > 0 })
}

// share says how many of n hosts each machine gets.
func share(all []machine, n int) []int {
	got := make([]int, len(all))
	for range n {
		best := 0
		for i := range all {
			less := cmp.Or(len(all[i].hosts)+got[i]-len(all[best].hosts)-got[best], unreachable(all[i])-unreachable(all[best]))
			if less < 0 {
				best = i
			}
		}
		got[best]++
	}
	return got
}

func unreachable(m machine) int {
	if m.err != nil {
		return 1
	}
	return 0
}

// each does the same with all machines at once.
func each(all []machine, do func(int, *machine)) {
	var wait sync.WaitGroup
	room := make(chan struct{}, 16)
	for i := range all {
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			do(i, &all[i])
		})
	}
	wait.Wait()
}

// trouble is one line of what was wrong with some of them; nil if nothing was.
func trouble(all []machine, of func(int) bool) error {
	var lines []string
	refused := false
	for i, m := range all {
		if of(i) && m.err != nil {
			lines = append(lines, m.err.Error())
			refusal := (*Refusal)(nil)
			refused = refused || errors.As(m.err, &refusal)
		}
	}
	switch text := strings.Join(lines, "; "); {
	case text == "":
		return nil
	case refused:
		return &Refusal{Problem: text}
	default:
		return errors.New(text)
	}
}

// look asks all machines what they do for a search.
func (s *overSSH) look(ctx context.Context, search, hash string) ([]machine, error) {
	if len(s.machines) == 0 {
		return nil, &Refusal{"there are no machines", "name some: machines: [desk1, user@desk2]"}
	}
	s.mu.Lock()
	dir := s.dir
	s.mu.Unlock()
	all := make([]machine, len(s.machines))
	each(all, func(i int, m *machine) {
		m.name = s.machines[i]
		text := assign("search", search) + assign("hash", hash) + assign("fetch", map[bool]string{true: "yes"}[dir != ""]) + look
		var out []byte
		if out, m.err = s.run(ctx, sshPatience, m.name, text, nil); m.err == nil {
			m.take(string(out), dir)
		}
	})
	return all, nil
}

// take reads what the script look prints. Of hosts that have ended, their words go to dir.
func (m *machine) take(said, dir string) {
	var ended *bytes.Buffer
	words := map[string]*bytes.Buffer{}
	for line := range strings.Lines(said) {
		if word, ok := strings.CutPrefix(line, "| "); ok && ended != nil {
			ended.WriteString(word)
			continue
		}
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "system":
			m.system = value
		case "has":
			m.has = true
		case "run":
			m.hosts = append(m.hosts, value)
		case "end":
			ended = &bytes.Buffer{}
			words[value] = ended
		}
	}
	for id, text := range words {
		if dir != "" { // what cannot be written is not missed
			_ = os.WriteFile(filepath.Join(dir, m.id(id)+".log"), text.Bytes(), 0o600)
		}
	}
}

// id names a host among those of all machines.
func (m *machine) id(host string) string { return host + "@" + m.name }

// start starts n hosts on a machine.
func (s *overSSH) start(ctx context.Context, w Work, programs carried, ticket []byte, m *machine, n int) error {
	if own := system(); m.system != own {
		return &Refusal{fmt.Sprintf("%s: it is %s, and this nascent is for %s", m.name, m.system, own), "take it out of machines:"}
	}
	if !m.has {
		if err := s.copy(ctx, m.name, programs); err != nil {
			return err
		}
	}
	ids := newIDs(n)
	var args []string
	for _, a := range w.Args {
		args = append(args, quote(a))
	}
	text := assign("search", w.Search) + assign("hash", programs.hash) + assign("ids", strings.Join(ids, " ")) +
		assign("command", before(w)+`exec "$0" host "$@"`) + "set -- " + strings.Join(args, " ") + "\n" + start
	_, err := s.run(ctx, sshPatience, m.name, text, bytes.NewReader(ticket))
	return err
}

// system is what uname says where the programs can run.
func system() string {
	arch := runtime.GOARCH
	if name, ok := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]; ok {
		arch = name
	}
	return "Linux " + arch
}

// copy brings the programs to a machine.
func (s *overSSH) copy(ctx context.Context, machine string, programs carried) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(programs.archive(w)) }()
	defer r.Close()
	_, err := s.run(ctx, sshCopying, machine, assign("hash", programs.hash)+copying, r)
	return err
}

// archive writes the programs as a tar archive, compressed.
func (c carried) archive(to io.Writer) error {
	z, _ := gzip.NewWriterLevel(to, gzip.BestSpeed)
	t := tar.NewWriter(z)
	for _, x := range c.files {
		in, err := os.Open(x.path)
		if err != nil {
			return err
		}
		info, err := in.Stat()
		if err == nil {
			err = t.WriteHeader(&tar.Header{Name: x.name, Mode: 0o755, Size: info.Size(), Format: tar.FormatUSTAR})
		}
		if err == nil {
			_, err = io.CopyN(t, in, info.Size())
		}
		in.Close()
		if err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// List implements Placer. What is on machines that cannot be reached is not known, and they
// are no error as long as one can be.
func (s *overSSH) List(ctx context.Context, search string) ([]Placed, error) {
	machines, err := s.look(ctx, search, "")
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(machines, func(m machine) bool { return m.err == nil }) {
		return nil, trouble(machines, func(int) bool { return true })
	}
	var all []Placed
	for _, m := range machines {
		for _, host := range m.hosts {
			all = append(all, Placed{ID: m.id(host), State: Running, Where: m.name})
		}
	}
	slices.SortStableFunc(all, func(a, b Placed) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// Stop implements Placer.
func (s *overSSH) Stop(ctx context.Context, search string, ids ...string) error {
	all := make([]machine, len(s.machines))
	each(all, func(i int, m *machine) {
		m.name = s.machines[i]
		var own []string
		for _, id := range ids {
			if host, on, _ := strings.Cut(id, "@"); on == m.name {
				own = append(own, host)
			}
		}
		if len(ids) > 0 && len(own) == 0 {
			return
		}
		which := "*" // of the machine
		if len(ids) > 0 {
			which = strings.Join(own, " ")
		}
		_, m.err = s.run(ctx, sshPatience, m.name, assign("search", search)+assign("ids", which)+stop, nil)
	})
	return trouble(all, func(int) bool { return true })
}

// assign is a line of shell that gives a variable a value.
func assign(name, value string) string { return name + "=" + quote(value) + "\n" }

// run has a machine run a script, which reads what comes after it.
func (s *overSSH) run(ctx context.Context, patience time.Duration, machine, script string, input io.Reader) ([]byte, error) {
	if machine == "" || machine[0] == '-' || strings.ContainsAny(machine, "/ \t\n") {
		return nil, &Refusal{fmt.Sprintf("%q is no machine", machine), "write it as ssh takes it: desk1, user@desk2, or a Host of ~/.ssh/config"}
	}
	options, err := words(s.options)
	if err != nil {
		return nil, &Refusal{"options: " + err.Error(), "close each quote"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("nothing came back within %s", patience))
	defer cancel()
	script = common + script
	// Whatever shell people have, it starts sh, and that reads the script byte by byte.
	args := append([]string{"-T", "-x", "-a", "-o", "BatchMode=yes"}, options...)
	args = append(args, "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "--", machine,
		fmt.Sprintf(`exec sh -c 'eval "$(dd bs=1 count=%d 2>/dev/null)"'`, len(script)))
	c := exec.CommandContext(ctx, "ssh", args...)
	c.WaitDelay = time.Second
	c.Stdin = io.MultiReader(strings.NewReader(script), cmp.Or[io.Reader](input, strings.NewReader("")))
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err = c.Run()
	switch exit := (*exec.ExitError)(nil); {
	case err == nil:
		return out.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, &Refusal{"ssh is not on the PATH", "install OpenSSH's client"}
	case context.Cause(ctx) != nil:
		return nil, fmt.Errorf("%s: %w", machine, context.Cause(ctx))
	case errors.As(err, &exit) && exit.ExitCode() == 255:
		return nil, unanswered(machine, s.options, said.String())
	}
	return nil, fmt.Errorf("%s: %s", machine, cmp.Or(lastLine(said.String()), err.Error()))
}

// unanswered says why ssh has not come through, and what to do then.
func unanswered(machine, options, said string) error {
	by := strings.TrimSpace("ssh " + options)
	for _, x := range []struct{ says, problem, remedy string }{
		{"REMOTE HOST IDENTIFICATION HAS CHANGED", "its key is another than the one that is known",
			"find out why, and then forget the old one: ssh-keygen -R " + machine},
		{"Host key verification failed", "its key is not known here", "connect once by hand, and say yes if it is the right one: " + by + " " + machine},
		{"Permission denied", "it lets nobody in without a password", "have it take your key: ssh-copy-id " + machine + "; then " + by +
			" -o BatchMode=yes " + machine + " must ask nothing"},
		{"Could not resolve hostname", "nobody knows such a name", "write it as in: " + by + " " + machine},
		{"Bad configuration option", "ssh does not take its configuration", "see " + by + " " + machine},
		{"unknown option", "ssh does not take these options", "see " + by + " " + machine},
		{"Can't open user config file", "there is no such file of options", "write its absolute path"},
	} {
		if strings.Contains(said, x.says) {
			return &Refusal{machine + ": " + x.problem, x.remedy}
		}
	}
	return fmt.Errorf("%s cannot be reached (%s); is it switched on, and does it run sshd?", machine, cmp.Or(lastLine(said), "ssh says nothing"))
}

// lastLine is the last line that says something.
func lastLine(text string) (last string) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			last = line
		}
	}
	return last
}
