package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// pane is a terminal in tmux.
type pane struct {
	testing.TB
	socket string
}

// openPane runs a command in a terminal of its own.
func openPane(tb testing.TB, width, height int, command string) *pane {
	tb.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		tb.Skip("there is no tmux here (apt-get install tmux): what is shown in a terminal was not tried")
	}
	dir, err := os.MkdirTemp("", "tmux-") // the path of a socket is short
	if err != nil {
		tb.Fatal(err)
	}
	p := &pane{TB: tb, socket: filepath.Join(dir, "s")}
	tb.Cleanup(func() {
		exec.Command("tmux", "-S", p.socket, "kill-server").Run()
		os.RemoveAll(dir)
	})
	p.tmux("-f", "/dev/null", "-u", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), command)
	return p
}

func (p *pane) tmux(args ...string) string {
	p.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// text is what is on the screen.
func (p *pane) text() string { return p.tmux("capture-pane", "-p") }

// until waits for texts on the screen, and for those that begin with a - to be gone.
func (p *pane) until(texts ...string) string {
	p.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		screen, missing := p.text(), ""
		for _, text := range texts {
			without, gone := strings.CutPrefix(text, "-")
			if strings.Contains(screen, without) == gone {
				missing = text
			}
		}
		switch {
		case missing == "":
			return screen
		case time.Now().After(end):
			p.Fatalf("it never shows %q:\n%s", missing, screen)
		}
	}
}

// press presses keys, as tmux calls them; write writes a text.
func (p *pane) press(keys ...string) { p.Helper(); p.tmux(append([]string{"send-keys"}, keys...)...) }
func (p *pane) write(text string)    { p.Helper(); p.tmux("send-keys", "-l", text) }

// keep keeps the screen as a picture, in the folder that NASCENT_PICTURES names.
func (p *pane) keep(name string) {
	p.Helper()
	screen := p.text()
	for line := range strings.Lines(screen) {
		if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
			p.Errorf("%s: a line is too wide: %s", name, line)
		}
	}
	if folder := os.Getenv("NASCENT_PICTURES"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, "watch-"+name+".txt"), []byte(screen), 0o644); err != nil {
			p.Error(err)
		}
	}
}

// A search is watched in a terminal while it runs, is steered, killed, run again and
// stopped; whoever leaves has the terminal back as it was. NASCENT_PICTURES=FOLDER keeps
// what was shown.
func TestWatch(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("there is no tmux here (apt-get install tmux): what is shown in a terminal was not tried")
	}
	if err := buildPlugins(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	dir := filepath.Join(folder, "hill")
	const describes = `space: {x: {float: [-10, 10]}, y: {float: [-10, 10]}, norm: bool}
evaluator: {use: exec, command: [./evaluate.sh], mode: once}
limits: {evaluations: 100000}
final: {skip: true}
seed: 1
`
	const evaluates = `#!/bin/sh
sed 's/.*"genes":{"x":\([^,}]*\),"y":\([^,}]*\).*/\1 \2/' | awk '
$1 > 8 { print "the hill is too steep \033[2J" > "/dev/stderr"; exit 1 }
{ printf "{\"metrics\": {\"accuracy\": %.9f}}\n", 1 / (1 + ($1 - 3) ^ 2 + ($2 + 1) ^ 2) }'
`
	for name, text := range map[string]string{"search.yaml": describes, "evaluate.sh": evaluates} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "NASCENT_PLUGINS="+pluginDir)
	run := func(path string) (*exec.Cmd, chan error) {
		cmd := exec.Command("nascent", "run", path, "--dir", dir, "--workers", "2", "--quiet")
		said := new(strings.Builder)
		cmd.Env, cmd.Dir, cmd.Stderr = env, folder, said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			err := cmd.Wait()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, said)
			}
			ended <- err
		}()
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd, ended
	}
	first, ended := run("search.yaml")
	for begun := false; !begun; time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(filepath.Join(dir, "ledger.db"))
		begun = err == nil
		select {
		case err := <-ended:
			t.Fatalf("the search ended: %v", err)
		default:
		}
	}
	p := openPane(t, 80, 24, "TERM=tmux-256color nascent watch "+dir+"; echo left with $?; exec cat")
	p.until("hill  running", "best  accuracy 0.", "◆ best", "running ", "timeline", "q quit")
	p.keep("overview")
	p.press("p")
	p.until("? It starts nothing new", "y does it")
	p.press("y")
	p.until("hill  paused", "paused by watch", "pause: done: event ")
	p.press("p")
	p.until("? It goes on.")
	p.press("y")
	p.until("hill  running", "-paused by")
	p.press("b")
	p.until("ban CONDITION: ")
	p.write("x < -5 or y > 8")
	p.press("Enter")
	p.until("? No genome is proposed any more of which this holds: x < -5 or y > 8")
	p.keep("ban")
	p.press("y")
	p.until("banned x < -5 or y > 8")

	p.press("2")
	p.until("order -accuracy", "genome")
	p.press("/")
	p.until("Tab completes names")
	p.write("norm and accuracy > 0.01")
	p.press("Enter")
	p.until("filter norm and accuracy > 0.01", "norm=yes", "-norm=no")
	p.keep("candidates")
	p.press("Enter")
	p.until("made by ", "genes")
	p.keep("candidate")
	p.press("Escape")
	p.until("filter norm")

	p.tmux("resize-window", "-x", "60", "-y", "20")
	p.until("filter norm", "1   2 Candidates   3")
	p.press("Escape")
	p.until("-filter norm")
	p.press("1")
	for line := range strings.Lines(p.until("best  accuracy", "-banned x < -5 or y > 8 ", "1 Overview   2   3")) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 60 {
			t.Errorf("of 60 columns a line has %d: %s", n, line)
		}
	}
	p.keep("narrow")
	q := openPane(t, 80, 24, "TERM=tmux-256color nascent watch "+folder+"; echo left with $?; exec cat")
	q.until(filepath.Base(folder)+"  1 search", "hill ", "  running ", "of 100,000", "accuracy ")
	q.keep("folder")
	q.press("Enter")
	q.until(" hill  running", "Esc searches", "1 Overview")
	q.press("Escape")
	q.until("  1 search", "-Overview")
	q.press("q")
	q.until("left with 0", "-1 search")

	first.Process.Kill()
	<-ended
	p.until("hill  stopped", "its process ended without a word", "nobody runs it")
	_, ended = run(dir)
	p.until("hill  running")
	p.press("S")
	p.until("? The run ends cleanly")
	p.press("y")
	p.until("hill  stopped", "nobody runs it", "-its process ended")
	if err := <-ended; err != nil {
		t.Errorf("a run that is asked to end fails: %v", err)
	}
	p.press("C-c")
	p.until("left with 0", "-Overview")
	if got := strings.TrimSpace(p.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); got != "0 1 0" {
		t.Errorf("it leaves the terminal with its other screen, cursor and mouse as %s", got)
	}
}
