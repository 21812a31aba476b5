package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome/rng"
)

// tally counts what came of a scenario.
type tally struct {
	scenario                 string
	searches, kills          int
	lost, twice, left, other []string
}

// clean tells that nothing went wrong.
func (t *tally) clean() bool { return len(t.lost)+len(t.twice)+len(t.left)+len(t.other) == 0 }

// row is the line of the table.
func (t *tally) row() string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d |", t.scenario, t.searches, t.kills, len(t.lost), len(t.twice),
		len(t.left), len(t.other))
}

// header is the head of the table.
const header = "| scenario | searches | kills | lost | counted twice | left over | another trajectory |\n|---|---|---|---|---|---|---|"

// trial is one search, from its beginning to its end.
type trial struct {
	scenario
	programs string
	dir      string
	journal  journal
	tally    *tally
	aside    int // kills of others than nascent and its hosts: attempts that may count
	beside   []*beside
}

// newTrial lays out a search.
func newTrial(s scenario, programs string, t *tally) (*trial, error) {
	dir, err := os.MkdirTemp("", "chaos") // short: sockets lie below it
	if err != nil {
		return nil, err
	}
	x := &trial{scenario: s, programs: programs, dir: dir, tally: t}
	x.journal = journal{path: filepath.Join(dir, "log"), ids: map[string]int{}}
	for _, f := range s.files {
		mode := fs.FileMode(0o600)
		if bytes.HasPrefix(f.Data, []byte("#!")) {
			mode = 0o700
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, mode); err != nil {
			return nil, err
		}
	}
	return x, os.Mkdir(x.temporary(), 0o700)
}

func (x *trial) temporary() string { return filepath.Join(x.dir, "t") }
func (x *trial) search() string    { return filepath.Join(x.dir, "s") }

func (x *trial) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(x.programs, "nascent"), args...)
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+x.temporary(), "CHAOS_LOG="+x.journal.path, "NASCENT_PLUGINS="+x.programs,
		"NASCENT_CACHE="+filepath.Join(x.programs, "cache"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// ask runs a command to its end.
func (x *trial) ask(args ...string) (string, error) {
	out, err := x.command(args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nascent %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// whole runs the search undisturbed, and tells its digest and how long each run took.
func (x *trial) whole() (digest string, took []time.Duration, err error) {
	runs := x.runs
	if x.alone != nil {
		runs = x.alone
	}
	for _, o := range runs {
		began := time.Now()
		if _, err := x.ask(o.args...); err != nil {
			return "", nil, err
		}
		took = append(took, time.Since(began))
	}
	digest, err = x.digests()
	return digest, took, err
}

// searches are the names of the directories with a ledger.
func (x *trial) searches() (all []string, err error) {
	entries, err := os.ReadDir(x.dir)
	for _, e := range entries {
		if _, no := os.Stat(filepath.Join(x.dir, e.Name(), ledger.FileName)); no == nil {
			all = append(all, e.Name())
		}
	}
	return all, err
}

// digests are those of all searches, a line each.
func (x *trial) digests() (string, error) {
	names, err := x.searches()
	var lines []string
	for _, name := range names {
		digest, failed := x.ask("digest", name)
		err = errors.Join(err, failed)
		lines = append(lines, name+" "+digest)
	}
	return strings.Join(lines, ", "), err
}

// disturbed runs the search to its end with kills on the way. Pauses between them grow, so
// that it gets on however slow the machine is.
func (x *trial) disturbed(r *rng.Rand, took []time.Duration) error {
	before := kept{}
	x.accompany()
	for i, o := range x.runs {
		least, most := took[i]/20, took[i]*3/4
		made := filepath.Join(x.dir, o.makes)
		for ended := false; !ended; {
			var err error
			if o.anew {
				if err := os.RemoveAll(made); err != nil {
					return err
				}
			} else if _, err := os.Stat(made); err == nil && o.makes != "" {
				break // it was killed after that
			}
			after := least + time.Duration(r.Float64()*float64(most-least))
			if ended, err = x.kill(o.args, x.victims[r.Intn(len(x.victims))], after, r); err != nil {
				return err
			}
			least, most = least+least/10, most+most/10
			if before, err = x.look(before); err != nil {
				return err
			}
		}
	}
	return nil
}

// kill starts or goes on with the search and kills somebody after a while. It tells
// whether the search had ended.
func (x *trial) kill(args []string, victim string, after time.Duration, r *rng.Rand) (ended bool, err error) {
	cmd := x.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return false, err
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	within := func(d time.Duration) bool {
		select {
		case err = <-end:
			ended = true
		case <-time.After(d):
		}
		return ended
	}
	if !within(after) {
		family := generations(cmd.Process.Pid)
		var others []process
		if victim == "all" {
			for _, b := range x.beside {
				others = append(others, b.kill(true)...)
			}
		}
		met := false
		if victim == "beside" {
			others = x.beside[r.Intn(len(x.beside))].kill(false)
			met = len(others) > 0
		} else {
			met = x.strike(cmd.Process.Pid, victim, family, r)
		}
		if met {
			x.tally.kills++
		}
		if !slices.Contains([]string{"engine", "all", "stop"}, victim) {
			if met && victim != "beside" {
				x.aside++
			}
			if !within(after) { // what was killed is made up for; then nascent itself goes
				family = generations(cmd.Process.Pid)
				syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
			}
		}
		if !ended {
			if failed := <-end; victim == "stop" && !x.early(failed) {
				err = failed
			}
		}
		for _, p := range gone(append(others, slices.Concat(family...)...)) {
			x.tally.left = append(x.tally.left, p+" after the death of "+victim)
		}
	}
	if err != nil {
		err = fmt.Errorf("nascent %s, of which %s was killed: %w\n%s", strings.Join(args, " "), victim, err, out.Bytes())
	}
	return ended, err
}

// early tells that a search which was asked to stop did not know yet how to do so
// cleanly, or had not begun.
func (x *trial) early(err error) bool {
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		return true
	}
	k, looked := readKept(x.search())
	return looked == nil && !k.begun
}

// strike kills, and tells whether it met anybody.
func (x *trial) strike(engine int, victim string, family [][]process, r *rng.Rand) bool {
	anyOf := func(list []process) bool {
		return len(list) > 0 && syscall.Kill(list[r.Intn(len(list))].pid, syscall.SIGKILL) == nil
	}
	from := func(depth int) []process { return slices.Concat(family[min(depth, len(family)):]...) }
	generation := func(depth int) []process {
		if depth < len(family) {
			return family[depth]
		}
		return nil
	}
	switch victim {
	case "engine":
		return syscall.Kill(engine, syscall.SIGKILL) == nil
	case "plugin":
		return anyOf(generation(0))
	case "worker":
		return anyOf(generation(1))
	case "descendant":
		return anyOf(from(2))
	case "stop":
		return syscall.Kill(engine, syscall.SIGTERM) == nil
	}
	met := syscall.Kill(engine, syscall.SIGKILL) == nil
	for _, p := range from(0) {
		met = syscall.Kill(p.pid, syscall.SIGKILL) == nil || met
	}
	return met
}

// look compares the ledger with what it held before.
func (x *trial) look(before kept) (kept, error) {
	now, err := readKept(x.search())
	if err != nil {
		return now, err
	}
	x.tally.lost = append(x.tally.lost, now.lost(before)...)
	x.tally.twice = append(x.tally.twice, now.twice()...)
	again, err := x.journal.look(before)
	if x.beside == nil { // hosts may carry out in vain what others have handed in
		x.tally.twice = append(x.tally.twice, again...)
	}
	return now, err
}

// verdict looks at a search that has ended, and removes it.
func (x *trial) verdict(want string) error {
	k, err := readKept(x.search())
	if err != nil {
		return err
	}
	x.tally.twice = append(x.tally.twice, x.journal.unheard(k)...)
	if k.attempts > 0 && x.aside == 0 {
		x.tally.twice = append(x.tally.twice, fmt.Sprintf("%d attempts, although only nascent itself or a host was killed", k.attempts))
	}
	names, err := x.searches()
	if err != nil {
		return err
	}
	for _, name := range names {
		for _, question := range []string{"check", "replay"} {
			if _, err := x.ask(question, name); err != nil {
				x.tally.other = append(x.tally.other, err.Error())
			}
		}
	}
	digest, err := x.digests()
	if err != nil {
		return err
	}
	if !x.free && digest != want {
		x.tally.other = append(x.tally.other, fmt.Sprintf("the digest is %s, undisturbed %s", digest, want))
	}
	// Who was killed at the very end leaves files to the next run, so there is one more.
	if _, err := x.ask("run", "s", "--quiet", "--evaluations", strconv.Itoa(k.evaluations+1)); err != nil {
		return err
	}
	if err := x.hooked(); err != nil {
		return err
	}
	for _, b := range x.beside {
		if err := b.end(); err != nil {
			return err
		}
	}
	for _, p := range gone(marked(x.dir)) {
		x.tally.left = append(x.tally.left, p+" after the end")
	}
	for _, dir := range []string{x.temporary(), filepath.Join(x.search(), "files", "tmp")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			x.tally.left = append(x.tally.left, filepath.Join(dir, e.Name()))
		}
	}
	unfinished, err := filepath.Glob(filepath.Join(x.dir, ".*"))
	if err != nil {
		return err
	}
	x.tally.left = append(x.tally.left, unfinished...)
	return os.RemoveAll(x.dir)
}
