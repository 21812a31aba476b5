package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
)

//go:embed clients.py
var clientProgram []byte

// clientsName is the scenario whose search is driven by processes in Python: one of
// them, or the engine that they started, is killed again and again.
const clientsName = "clients"

const (
	clientCount       = 3
	clientEvaluations = 120
)

// playClients kills clients, and engines, until there were so many kills.
func playClients(programs string, r *rng.Rand, kills int) (*tally, error) {
	t := &tally{scenario: clientsName}
	sdk, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/nascent-nas/nascent/plugins/python").Output()
	if err != nil {
		return t, fmt.Errorf("the Python SDK is not found: %w", err)
	}
	for t.kills < kills {
		x, err := newTrial(scenario{name: clientsName, free: true}, programs, t)
		if err != nil {
			return t, err
		}
		t.searches++
		c := &clients{trial: x, sdk: strings.TrimSpace(string(sdk)), kills: kills}
		if err := c.run(r); err != nil {
			return t, err
		}
		if err := c.verdict(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// clients drive one search.
type clients struct {
	*trial
	sdk   string
	kills int // after so many nobody is killed any more
}

// client is one process.
type client struct {
	*exec.Cmd
	out  bytes.Buffer
	end  chan error
	over bool
}

func (c *clients) start() (*client, error) {
	p := &client{Cmd: exec.Command("python3", "-c", string(clientProgram), fmt.Sprint(clientEvaluations)), end: make(chan error, 1)}
	p.Dir, p.Stdout, p.Stderr = c.dir, &p.out, &p.out
	p.Env = append(c.command().Env, "NASCENT="+filepath.Join(c.programs, "nascent"), "PYTHONPATH="+c.sdk, "PYTHONDONTWRITEBYTECODE=1")
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() { p.end <- p.Wait() }()
	return p, nil
}

// ended tells whether a client came to the search's end, and fails where it came to
// another.
func (p *client) ended() (bool, error) {
	select {
	case err := <-p.end:
		if err != nil {
			return false, fmt.Errorf("a client: %w\n%s", err, p.out.Bytes())
		}
		p.over = true
	default:
	}
	return p.over, nil
}

// run has clients drive the search to its end, with kills on the way.
func (c *clients) run(r *rng.Rand) error {
	var all [clientCount]*client
	for i := range all {
		var err error
		if all[i], err = c.start(); err != nil {
			return err
		}
	}
	least, most := 20*time.Millisecond, 200*time.Millisecond
	for over := 0; over < clientCount; {
		time.Sleep(least + time.Duration(r.Float64()*float64(most-least)))
		over = 0
		for _, p := range all {
			ended, err := p.ended()
			if err != nil {
				return err
			}
			if ended {
				over++
			}
		}
		if c.tally.kills >= c.kills || over > 0 {
			continue
		}
		most += most / 50 // so that it gets on however slow the machine is
		if i := r.Intn(clientCount + 2); i < clientCount {
			victim := all[i]
			if victim.Process.Kill() != nil || <-victim.end == nil {
				victim.over = true // it was faster
				continue
			}
			var err error
			if all[i], err = c.start(); err != nil {
				return err
			}
			c.tally.kills++
		} else if c.killEngine() {
			c.tally.kills++
		}
	}
	return nil
}

// killEngine kills the process that runs the search, if one does.
func (c *clients) killEngine() bool {
	var pid int
	text, err := os.ReadFile(filepath.Join(c.search(), "lock"))
	if _, scanned := fmt.Sscan(string(text), &pid); err != nil || scanned != nil {
		return false
	}
	for _, p := range marked(c.search()) {
		if p.pid == pid {
			return syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	return false
}

// verdict compares what the clients told with what the search has.
func (c *clients) verdict() error {
	if _, err := c.ask("stop", "s"); err != nil {
		return err
	}
	k, err := readKept(c.search())
	if err != nil {
		return err
	}
	log, err := os.ReadFile(c.journal.path)
	if err != nil {
		return err
	}
	wrong := reckon(k, string(log))
	c.tally.lost = append(c.tally.lost, wrong.lost...)
	c.tally.twice = append(append(c.tally.twice, wrong.twice...), k.twice()...)
	if k.evaluations != clientEvaluations {
		c.tally.other = append(c.tally.other, fmt.Sprintf("%d evaluations, not %d", k.evaluations, clientEvaluations))
	}
	if k.attempts > 0 {
		c.tally.twice = append(c.tally.twice, fmt.Sprintf("%d attempts count, although none failed", k.attempts))
	}
	digest, err := c.ask("digest", "s")
	if err != nil {
		return err
	}
	return c.trial.verdict(digest)
}

// reckon compares results with what clients wrote down: "telling ID VALUE" before it was
// told, "told ID VALUE" after that.
func reckon(k kept, log string) (wrong tally) {
	announced := map[string]bool{}
	result := func(id string) string {
		number, err := engine.ParseID(id)
		if err != nil {
			return ""
		}
		return k.results[number]
	}
	has := func(id, value string) bool { return strings.Contains(result(id), "{accuracy "+value+"}") }
	counts := map[string]int{}
	for line := range strings.Lines(log) {
		what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		id, value, _ := strings.Cut(rest, " ")
		switch what {
		case "telling":
			announced[id] = announced[id] || has(id, value)
		case "told":
			if counts[id]++; !has(id, value) {
				wrong.lost = append(wrong.lost, fmt.Sprintf("%s of job %s was told, and the search has %q", value, id, result(id)))
			}
		}
	}
	for id, n := range counts {
		if n > 1 {
			wrong.twice = append(wrong.twice, fmt.Sprintf("job %s was told %d times", id, n))
		}
	}
	for id := range k.results {
		if !announced[id.String()] {
			wrong.twice = append(wrong.twice, fmt.Sprintf("job %s has a result that nobody told", id))
		}
	}
	return wrong
}
