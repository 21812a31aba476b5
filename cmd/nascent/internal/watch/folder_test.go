package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// shelf is a screen with a folder's searches, and nobody before it.
type shelf struct {
	testing.TB
	f      *folder
	closed bool
}

func browsed(tb testing.TB, dir string, src *source, width, height int) *shelf {
	tb.Helper()
	s := &shelf{TB: tb, f: newFolder(context.Background(), serve.OpenMany(dir, src), filepath.Base(dir), false)}
	s.f.after = func(time.Duration, func(time.Time) tea.Msg) tea.Cmd { return nil } // time stands still
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
	s.run(s.f.Init())
	s.look()
	return s
}

func (s *shelf) run(cmd tea.Cmd) { follow(cmd, &s.closed, s.send) }

func (s *shelf) send(msg tea.Msg) {
	_, next := s.f.Update(msg)
	s.run(next)
}

// look lets time go on until all that is in sight is known.
func (s *shelf) look() {
	s.Helper()
	for range 10_000 {
		if m := s.f.one; m != nil {
			s.send(ofOne{s.f.turn, again{}})
			s.send(ofOne{s.f.turn, noticed(m.search.Version())})
			behind := m.summary() == nil && m.trouble == nil
			for _, k := range m.known {
				behind = behind || k.wanted == m.frame && k.version < m.version
			}
			if !behind {
				return
			}
			continue
		}
		s.f.waits = 0
		s.send(listAgain{})
		behind := !s.f.listed.known || s.f.listed.find != s.f.find || s.f.listed.from != s.f.top
		for _, one := range s.f.listed.searches {
			behind = behind || one.State == "" && one.Error == ""
		}
		if !behind {
			return
		}
		time.Sleep(time.Millisecond) // it is being read
	}
	s.Fatal("what is in sight is never known")
}

func (s *shelf) press(names ...string) {
	s.Helper()
	for _, name := range names {
		k := tea.KeyPressMsg{}
		if code, ok := codes[name]; ok {
			k.Code = code
		} else {
			k.Code, k.Text = []rune(name)[0], name
		}
		s.send(k)
		if !s.closed {
			s.look()
		}
	}
}

func (s *shelf) text() string { return ansi.Strip(s.f.View().Content) }

func (s *shelf) shows(texts ...string) {
	s.Helper()
	for _, text := range texts {
		if !strings.Contains(s.text(), text) {
			s.Errorf("it does not show %q:\n%s", text, s.text())
		}
	}
}

func (s *shelf) hides(texts ...string) {
	s.Helper()
	for _, text := range texts {
		if strings.Contains(s.text(), text) {
			s.Errorf("it shows %q:\n%s", text, s.text())
		}
	}
}

// A folder's searches are listed with where they stand; Enter opens one, Esc comes back.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs")
	for name, n := range map[string]int{"alone": 20, "front": 30} {
		if name == "front" {
			goOn(t, filepath.Join(dir, name), n, accuracy, latency)
		} else {
			goOn(t, filepath.Join(dir, name), n, accuracy)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "torn"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "torn", ledger.FileName), []byte("no ledger"), 0o644); err != nil {
		t.Fatal(err)
	}
	src := &source{}
	s := browsed(t, dir, src, 80, 24)
	s.shows(" runs  3 searches", "search", "evaluations", "alone ", "finished", "20 of 20", "30 of 30", "accuracy 9", "torn", "Enter open")
	s.hides("Esc all", "left", "rate")
	s.press("down", "enter")
	s.shows(" front  finished", "Esc searches", "front 1", "1 Overview")
	s.press("2", "enter", "?", "esc", "esc") // out of the keys, out of the candidate
	s.shows("2 Candidates", "Esc searches", "order ")
	old := s.f.turn
	s.press("esc")
	s.shows(" runs  3 searches")
	s.send(ofOne{old, again{}}) // what one of before still says is not heard
	s.press("up", "enter")
	s.shows(" alone  finished", "20 of 20")
	s.send(ofOne{old, heard{address: "", version: 1 << 40, value: &summary{Name: "front"}}})
	s.shows(" alone  finished")
	s.press("esc", "/", "R", "o", "N", "enter")
	s.shows(" runs  1 search with RoN in their names", "front ", "Esc all")
	s.hides("alone", "torn")
	s.press("/", "x", "enter")
	s.shows("no search is called so")
	s.press("esc", "q")
	if !s.closed {
		t.Error("q does not leave")
	}
}

// One that runs says how fast it is, and how long it will take.
func TestFolderRuns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs")
	goOn(t, filepath.Join(dir, "digits"), 20, accuracy)
	src := &source{state: func(s *serve.State) {
		running(s)
		s.Evaluations, s.Wall = 100, 50
	}}
	s := browsed(t, dir, src, 80, 24)
	s.shows("running", "100 of 200", "2.0/s", "50.0s", "rate", "left")
	if strings.Count(s.text(), "50.0s") != 2 { // so long it ran, and so long it will
		t.Errorf("it does not say how long it takes:\n%s", s.text())
	}
}

// Of many searches those in sight are read; at any size all lines fit.
func TestFolderOfMany(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs")
	for i := range 60 {
		if err := os.MkdirAll(filepath.Join(dir, fmt.Sprintf("search-%02d", i)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("search-%02d", i), ledger.FileName), []byte(evil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	goOn(t, filepath.Join(dir, "a 模型太大了 "+strings.Repeat("long", 40)), 12, accuracy)
	s := browsed(t, dir, &source{}, 80, 24)
	s.shows("61 searches", "1-20 of 61", "search-18", "12 of 12")
	s.hides("search-19")
	s.press("end")
	s.shows("42-61 of 61", "search-59")
	s.press("enter", "esc", "pgup", "home")
	s.shows("1-20 of 61")
	for _, size := range [][2]int{{80, 24}, {200, 50}, {60, 20}, {34, 10}, {12, 5}, {1, 1}, {80, 4}} {
		s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		s.look()
		lines := strings.Split(s.f.View().Content, "\n")
		if len(lines) > size[1] {
			t.Errorf("%v: there are %d lines", size, len(lines))
		}
		for _, l := range lines {
			if n := ansi.StringWidth(l); n > size[0] {
				t.Errorf("%v: a line has %d columns: %s", size, n, ansi.Strip(l))
			}
			if strings.ContainsAny(styled.ReplaceAllString(l, ""), "\x1b\a\t\u202e") {
				t.Errorf("%v: %q commands the terminal", size, l)
			}
		}
	}
}
