package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// evil is what a plugin might say: it would clear a screen, and is wider than it is long.
const evil = "\x1b[2J\x1b]0;owned\a模型太大了 \u202egnorw"

// source reads searches that nobody runs, and says that they stand as state has it.
type source struct {
	state func(*serve.State)
	steer func(engine.Request) error // before it is carried out; nil: nothing is amiss
	after error                      // what is told in place of the receipt
}

func (s *source) Feed(_ context.Context, dir string, a serve.Asked, w io.Writer) error {
	led, err := ledger.Inspect(dir)
	if err != nil {
		return err
	}
	defer led.Close()
	return serve.Write(w, led, a, func(w io.Writer, from uint64) error { return index.Send(w, led, from) }, func() (serve.State, error) {
		archive, err := engine.Read(led)
		if err != nil {
			return serve.State{}, err
		}
		v := show.Of(archive, archive, led, dir)
		state := serve.State{Told: v.Told(), Outcome: serve.Told(archive.Outcome())}
		if s.state != nil {
			s.state(&state)
		}
		return state, nil
	})
}

func (s *source) Detail(_ context.Context, dir string, id engine.ID) (engine.ResultRecord, error) {
	led, err := ledger.Inspect(dir)
	if err != nil {
		return engine.ResultRecord{}, err
	}
	defer led.Close()
	r, _, err := led.Result(id)
	return r, err
}

func (s *source) Run(context.Context, io.Writer, ...string) error { return errors.ErrUnsupported }

func (s *source) Steer(_ context.Context, dir string, r engine.Request) (engine.Receipt, error) {
	if s.steer != nil {
		if err := s.steer(r); err != nil {
			return engine.Receipt{}, err
		}
	}
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		return engine.Receipt{}, err
	}
	rec, err := engine.Steer(led, r, time.Now())
	if err = errors.Join(err, led.Close()); err == nil {
		err = s.after
	}
	return rec, err
}

const space = `{
	"network": {"input": [1, 40], "classes": 10},
	"learning_rate": {"float": [1e-4, 1e-1], "log": true},
	"blocks": {"list": {"conv": {"channels": {"int": [4, 32], "step": 4}, "kernel": {"choice": [3, 5, 7]}}}, "length": [1, 5]},
	"head": {"pool": {"choice": ["average", "max"]}}
}`

// searched makes a finished search in a folder of its own, of one objective or two.
func searched(tb testing.TB, evaluations int, objectives ...engine.Objective) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "digits")
	goOn(tb, dir, evaluations, objectives...)
	return dir
}

// goOn searches up to so many evaluations.
func goOn(tb testing.TB, dir string, evaluations int, objectives ...engine.Objective) {
	tb.Helper()
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	defer led.Close()
	strategy, err := evolve.New("aging")
	if len(objectives) > 1 {
		strategy, err = evolve.New("nsga2")
	}
	if err != nil {
		tb.Fatal(err)
	}
	_, err = engine.Run(context.Background(), engine.Config{
		Name: "digits", Space: genome.MustParseSpace(space), Strategy: strategy, StrategyName: "aging", Ledger: led, Seed: 5,
		Final: engine.Final{Top: 3, Repeats: 2}, Limits: engine.Limits{Evaluations: evaluations}, Objectives: objectives,
		Evaluator: engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			blocks, _ := job.Genome.Gene("blocks")
			if job.ID%9 == 4 {
				return nil, fmt.Errorf("%w: %s", engine.ErrInvalid, evil)
			}
			n := float64(len(blocks.([]any)))
			lr, _ := job.Genome.Gene("learning_rate")
			r := rand.New(rand.NewPCG(job.Seed, 1))
			return map[string]float64{"accuracy": 0.7 + 0.05*n - lr.(float64) + r.Float64()/50, "latency": 0.5 + n*n/4 + r.Float64()/10}, nil
		}, engine.Metric{Name: "accuracy", Goal: engine.Maximize}, engine.Metric{Name: "latency", Unit: "ms", Goal: engine.Minimize}),
	})
	if err != nil {
		tb.Fatal(err)
	}
}

var (
	accuracy = engine.Objective{Metric: "accuracy", Goal: engine.Maximize}
	latency  = engine.Objective{Metric: "latency", Goal: engine.Minimize}
)

// terminal is a screen with nobody before it.
type terminal struct {
	testing.TB
	m      *model
	closed bool
}

func watched(tb testing.TB, search Search, width, height int) *terminal {
	tb.Helper()
	m := newModel(context.Background(), search, false)
	m.after = func(time.Duration, func(time.Time) tea.Msg) tea.Cmd { return nil } // time stands still
	s := &terminal{TB: tb, m: m}
	s.resize(width, height)
	s.run(m.Init())
	s.look()
	return s
}

func (s *terminal) run(cmd tea.Cmd) { follow(cmd, &s.closed, s.send) }

// follow carries out a command, and all that follows from it.
func follow(cmd tea.Cmd, closed *bool, send func(tea.Msg)) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			follow(c, closed, send)
		}
	case tea.QuitMsg:
		*closed = true
	default:
		send(msg)
	}
}

func (s *terminal) send(msg tea.Msg) {
	_, next := s.m.Update(msg)
	s.run(next)
}

// look lets time go on until the search was read again, and all that is in sight is of its
// newest version.
func (s *terminal) look() {
	s.Helper()
	s.send(again{})
	for range 10_000 {
		s.send(noticed(s.m.search.Version()))
		behind := false
		for _, k := range s.m.known {
			behind = behind || k.wanted == s.m.frame && k.version < s.m.version
		}
		if !behind {
			return
		}
	}
	s.Fatal("what is in sight is never answered")
}

func (s *terminal) resize(width, height int) { s.send(tea.WindowSizeMsg{Width: width, Height: height}) }

var codes = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "tab": tea.KeyTab,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
}

// press presses keys one after the other, and looks at what comes of it.
func (s *terminal) press(names ...string) {
	s.Helper()
	for _, name := range names {
		k := tea.KeyPressMsg{}
		if letter, ok := strings.CutPrefix(name, "ctrl+"); ok {
			k.Code, k.Mod = rune(letter[0]), tea.ModCtrl
		} else if code, ok := codes[name]; ok {
			k.Code = code
		} else {
			k.Code, k.Text = []rune(name)[0], name
		}
		if got := k.String(); got != name {
			s.Fatalf("%s is called %s", name, got)
		}
		s.send(k)
	}
	if !s.closed {
		s.look()
	}
}

// write writes a text.
func (s *terminal) write(text string) {
	s.Helper()
	for _, r := range text {
		if r == ' ' {
			s.send(tea.KeyPressMsg{Code: tea.KeySpace, Text: " "})
			continue
		}
		s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// text is what is on the screen.
func (s *terminal) text() string { return ansi.Strip(s.m.drawn) }

// chosen is the line that stands out.
func (s *terminal) chosen() string {
	if l := s.m.pointed(); l != nil {
		return textOf(*l)
	}
	return ""
}

// shows wants texts on the screen.
func (s *terminal) shows(texts ...string) {
	s.Helper()
	for _, text := range texts {
		if !strings.Contains(s.text(), text) {
			s.Errorf("it does not show %q:\n%s", text, s.text())
		}
	}
}

func (s *terminal) hides(texts ...string) {
	s.Helper()
	for _, text := range texts {
		if strings.Contains(s.text(), text) {
			s.Errorf("it shows %q:\n%s", text, s.text())
		}
	}
}

// fits wants every line within the screen, and nothing in it that commands a terminal.
func (s *terminal) fits() {
	s.Helper()
	lines := strings.Split(s.m.drawn, "\n")
	if len(lines) > s.m.height {
		s.Errorf("%d x %d: there are %d lines", s.m.width, s.m.height, len(lines))
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n > s.m.width {
			s.Errorf("%d x %d: a line has %d columns: %s", s.m.width, s.m.height, n, ansi.Strip(l))
		}
		for _, r := range styled.ReplaceAllString(l, "") {
			if !unicode.IsGraphic(r) {
				s.Errorf("%d x %d: %q is in %q", s.m.width, s.m.height, r, l)
			}
		}
	}
}

// styled are the codes of styles.
var styled = regexp.MustCompile("\x1b\\[[0-9;]*m")

// running says that a process runs the search, with a job.
func running(s *serve.State) {
	s.Live, s.State, s.Phase, s.Cause = true, engine.StateRunning, engine.PhaseSearch, ""
	s.Limits.Evaluations, s.Workers, s.Running, s.Waiting, s.Outcome = 200, 2, 2, 3, nil
	s.Jobs = []engine.RunningJob{
		{ID: 201, Phase: engine.PhaseSearch, Task: engine.Train, Attempt: 1, Genome: "learning_rate=0.01", Seconds: 65, Step: 3, Budget: 8, Metrics: engine.Values{{Name: "accuracy", Value: 0.5}}},
		{ID: 202, Phase: engine.PhaseSearch, Task: engine.Train, Attempt: 2, Genome: evil, Seconds: 900, Slow: true},
	}
}

// The best is told by the means of what was measured again, as it was chosen.
func TestToldByMeans(t *testing.T) {
	t.Parallel()
	var c candidate
	text := `{"metrics": [{"name": "accuracy", "value": 0.5, "estimate": {"mean": 0.75, "n": 3}}, {"name": "latency", "value": 2}]}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	s := &summary{Objectives: []engine.Objective{accuracy, latency}}
	if got, want := c.told(s), "accuracy 0.7500  latency 2"; !strings.HasPrefix(got, want) {
		t.Errorf("it is told as %q, want %q", got, want)
	}
}

// Where a search stands is to be seen at a glance: of one objective and of two, running and
// stopped.
func TestOverview(t *testing.T) {
	t.Parallel()
	dir := searched(t, 90, accuracy)
	src := &source{}
	s := watched(t, serve.Open(dir, src), 80, 24)
	s.shows(" digits  finished", "90 of 90", "best  accuracy 0.9", "accuracy, best so far", "11 invalid", "the run ended: finished", "? all keys  q quit")
	s.hides("running ")
	src.state = running
	if err := os.Chtimes(filepath.Join(dir, ledger.FileName), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	s.look()
	s.shows("digits  running", "90 of 200", "running 2 of 2 workers, 3 waiting", "201  ███░░░░░░░ 3/8", "1m05s", "accuracy 0.5000", "15m00s slow attempt 2")

	s = watched(t, serve.Open(searched(t, 60, accuracy, latency), &source{}), 80, 24)
	s.shows("front ", "hypervolume of the front", "accuracy by latency", "● front")
}

// A search that ends, is paused, killed and run again is followed.
func TestFollows(t *testing.T) {
	t.Parallel()
	dir := searched(t, 30, accuracy)
	touch := func() {
		if err := os.Chtimes(filepath.Join(dir, ledger.FileName), time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	src := &source{state: running}
	s := watched(t, serve.Open(dir, src), 80, 24)
	s.shows("digits  running")
	src.state = func(st *serve.State) {
		running(st)
		st.Paused = &engine.Paused{By: "somebody"}
	}
	s.look()
	s.shows("digits  paused", "paused by somebody: nothing new is started; p lets it go on", "p resume")
	src.state = func(st *serve.State) {
		running(st)
		st.Live, st.State, st.Jobs, st.Cause = false, engine.StateStopped, nil, "its process ended without a word"
	}
	s.look()
	s.shows("digits  stopped", "its process ended without a word", "nobody runs it; it goes on by: ")
	src.state = running
	touch()
	s.look()
	s.shows("digits  running")
	if err := os.Rename(dir, dir+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	s.look()
	s.shows("digits  running", "! ", "(looking again)") // what was seen last stays
	if err := os.Rename(dir+"-elsewhere", dir); err != nil {
		t.Fatal(err)
	}
	s.look()
	s.hides("(looking again)")
}

// Nothing is asked and nothing is drawn where nothing has changed.
func TestRests(t *testing.T) {
	t.Parallel()
	one := &counted{Search: serve.Open(searched(t, 30, accuracy), &source{})}
	s := watched(t, one, 80, 24)
	drawn, asked := s.m.drawn, one.asked
	for range 5 {
		s.look()
	}
	if s.m.drawn != drawn || one.asked != asked {
		t.Errorf("it asked %d times more", one.asked-asked)
	}
	s.press("down", "up")
	if one.asked != asked {
		t.Errorf("keys have it ask %d times more", one.asked-asked)
	}
}

type counted struct {
	Search
	asked int
}

func (c *counted) Ask(ctx context.Context, address string) ([]byte, error) {
	c.asked++
	return c.Search.Ask(ctx, address)
}

// The table is scrolled, filtered, ordered and shown in columns of one's choice.
func TestCandidates(t *testing.T) {
	t.Parallel()
	one := &counted{Search: serve.Open(searched(t, 230, accuracy), &source{})}
	s := watched(t, one, 80, 24)
	s.press("2")
	s.shows("order -accuracy", "1-18 of 23", "accuracy ▼", "genome")
	first := s.chosen()
	s.press("down", "j", "up")
	if s.chosen() == first {
		t.Errorf("it stays at %s", first)
	}
	before := one.asked
	s.press("pgdown", "pgdown")
	s.shows("37-54 of ")
	if one.asked > before+2 {
		t.Errorf("two pages ask %d times", one.asked-before)
	}
	s.press("G")
	if !strings.Contains(s.chosen(), "invalid") {
		t.Errorf("the last is %s", s.chosen())
	}
	s.press("g")
	if s.chosen() != first {
		t.Errorf("the first is %s, want %s", s.chosen(), first)
	}
	s.press("o", "ctrl+u")
	s.write("id")
	s.press("enter", "/")
	s.write("blocks.length > 2 and ok and phase = search")
	s.press("enter", "c", "ctrl+u")
	s.write("id,blocks.length,accuracy")
	s.press("enter")
	s.shows("filter blocks.length > 2 and ok and phas", "id ▲", "blocks.length", "order id")
	s.hides("genome")
	s.press("/", "ctrl+u")
	s.write("acuracy > 1")
	s.press("enter")
	s.shows(`there is no field, metric or gene "acuracy"`, "accuracy")
	s.press("esc")
	s.shows("of 23")
	s.press("/")
	s.write("accuracy > 1")
	s.press("enter")
	s.shows("there are none of which this holds: accuracy > 1")
	s.press("esc", "enter")
	s.shows("candidate 1 ", "genes", "learning_rate")
	s.press("esc")
	s.shows("blocks.length")

	s.press("c", "ctrl+u")
	s.write("id,status,accuracy,latency,seconds,operator,parents,hash,seed")
	s.press("enter")
	s.shows("›")
	s.hides("seed", "‹")
	s.press("right", "l", "right", "right", "right")
	s.shows("id", "‹")
	s.hides("status")
	s.press("left", "left", "h", "left", "left", "left")
	s.shows("status")
}

// Rows that come before the chosen one leave it chosen.
func TestChosenStays(t *testing.T) {
	t.Parallel()
	dir := searched(t, 60, accuracy)
	s := watched(t, serve.Open(dir, &source{}), 80, 24)
	s.press("2", "o", "ctrl+u")
	s.write("-id")
	s.press("enter", "/")
	s.write("phase = search")
	s.press("enter", "down", "down")
	if !strings.HasPrefix(strings.TrimSpace(s.chosen()), "58 ") {
		t.Fatalf("it chooses %s", s.chosen())
	}
	goOn(t, dir, 70, accuracy)
	s.look()
	if !strings.HasPrefix(strings.TrimSpace(s.chosen()), "58 ") {
		t.Errorf("after ten more it chooses %s", s.chosen())
	}
	s.shows(" 70 ")
}

// One candidate is shown whole, and where it comes from.
func TestDetail(t *testing.T) {
	t.Parallel()
	dir := searched(t, 90, accuracy)
	s := watched(t, serve.Open(dir, &source{}), 80, 24)
	s.press("enter")
	s.shows("the best", "accuracy", "made by", "genes", "Esc back")
	all := textOf(ln(pieces(s.m.current().(*detail).all)...))
	for _, want := range []string{"learning_rate", "network  ", "dense", "lineage, by accuracy", "from ", "genome", "take it along", "export"} {
		if !strings.Contains(all, want) {
			t.Errorf("it says nothing of %q:\n%s", want, all)
		}
	}
	winner := s.m.current().(*detail).id
	for range 200 { // to the first ancestor
		if s.press("down"); s.m.pointed() != nil {
			break
		}
	}
	s.press("enter")
	if got := s.m.current().(*detail).id; got == winner || len(s.m.opened) != 2 {
		t.Fatalf("it opens candidate %s", got)
	}
	s.press("esc")
	if got := s.m.current().(*detail).id; got != winner {
		t.Errorf("back is candidate %s, want %s", got, winner)
	}
	s.press("esc", ":")
	s.write("show 4")
	s.press("enter")
	s.shows("candidate 4 ", "invalid", "模型太大了")
	s.press("esc", ":")
	s.write("show 9999")
	s.press("enter")
	s.shows("there is no candidate 9999")
	s.press("esc")
	s.shows("accuracy, best so far")

	s = watched(t, serve.Open(dir, &source{state: running}), 80, 24)
	s.press("down")
	if !strings.Contains(s.chosen(), "201") {
		t.Fatalf("it chooses %s", s.chosen())
	}
	s.press("enter")
	s.shows("candidate 201  runs for 1m05s", "3 of 8", "x cancel")
}

func pieces(lines []line) (all []piece) {
	for _, l := range lines {
		all = append(append(all, l.pieces...), t("\n"))
	}
	return all
}

// What went wrong is listed by reason, and each reason's candidates; logs and what happened.
func TestLists(t *testing.T) {
	t.Parallel()
	dir := searched(t, 60, accuracy)
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "line %d of candidate %d %s\n", i, i%60, evil)
	}
	for name, text := range map[string]string{"a.log": text.String(), "b.log": "another"} {
		if err := os.WriteFile(filepath.Join(dir, "logs", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := watched(t, serve.Open(dir, &source{}), 80, 24)
	s.press("3")
	s.shows("8 invalid, 0 failed", "模型太大了")
	s.press("enter")
	s.shows("filter invalid and reason ~ ", "8 candidates", "reason")
	s.press("4")
	s.shows("ended", "the run ended: finished", "started")
	s.press("5")
	s.shows("a.log", "b.log", "line 299 of candidate 59")
	s.press("g")
	s.shows("line 0 of candidate 0")
	s.press("/")
	s.write("line 17 ")
	s.press("enter")
	s.shows("line 17 of candidate 17")
	s.hides("line 18")
	s.press("esc", "f")
	s.shows("another")
	s.press("tab")
	s.shows("accuracy, best so far")
	s.press("?")
	s.shows("everywhere", "steering")
	s.press("x")
	s.shows("accuracy, best so far")
}

// A search is steered: the question says what will happen, a yes has it done once, and the
// receipt is shown.
func TestSteer(t *testing.T) {
	t.Parallel()
	dir := searched(t, 40, accuracy)
	var got []engine.Request
	src := &source{steer: func(r engine.Request) error {
		if !r.DryRun {
			got = append(got, r)
		}
		return nil
	}}
	s := watched(t, serve.Open(dir, src), 80, 24)
	order := func(says string, keys ...string) {
		t.Helper()
		n := len(got)
		s.press(keys...)
		s.shows("? "+says, "y does it")
		s.press("enter", "down")
		if len(got) != n {
			t.Fatalf("%v is carried out without a yes: %+v", keys, got[n:])
		}
		s.press("y")
		if len(got) != n+1 {
			t.Fatalf("%v is carried out %d times", keys, len(got)-n)
		}
		if r := got[n]; r.By != "watch" || !strings.HasPrefix(r.ID, "watch-") {
			t.Errorf("%v: it is asked for by %q as %q", keys, r.By, r.ID)
		}
		s.shows("✓ ")
		s.hides("y does it")
	}
	order("It starts nothing new; jobs that run are finished.", "p")
	if got[0].Pause == nil || got[0].Pause.Now {
		t.Errorf("a pause is %+v", got[0])
	}
	s.shows("finished, paused", "done: event ")
	s.press("p")
	s.hides("before a turn")
	s.press("t")
	s.hides("(the next one is")
	s.press("esc")
	order("It is paused no more; nobody runs it: ", "p")
	s.press("b")
	s.write("blocks.length > 4")
	order("No genome is proposed any more of which this holds: blocks.length > 4", "enter")
	s.shows("banned blocks.length > 4")
	s.press("b")
	s.write("colour = red")
	s.press("enter", "y")
	s.shows("! ", `"colour"`)
	s.hides("y does it", "✓")
	s.press("u")
	s.shows(": unban blocks.length > 4")
	order("Genomes of which this holds are proposed again", "enter")
	s.press("s")
	s.write("limits.evaluations=500 workers=4")
	order("It goes by limits.evaluations=500 workers=4 (now 40 evaluations, workers ", "enter")
	s.press("n")
	s.write("about this")
	s.press("enter", "t")
	s.shows("before turn (the next one is ")
	s.write("1000")
	order("Before turn 1000: This line is written into the log: about this", "enter")
	s.shows("planned for turn 1000 as watch-", "planned before turn 1000: ")
	s.press("2", "L")
	s.write("promising")
	id := s.m.views[1].(*list).id
	order("Candidate "+id.String()+" is labelled promising", "enter")
	s.shows("label", "promising")
	s.press("C")
	s.write("look at this")
	order("Candidate "+id.String()+" has the comment: look at this", "enter")
	s.press("enter")
	s.shows("label promising", "look at this")
	s.press("a")
	s.shows(": …")
	order("This genome is measured next", "enter")
	s.shows("✓ add learning_rate", "candidate 49")
	s.press("esc", "4")
	s.shows("blocks.length > 4 (watch)", "note about this, called watch-")

	s.press("s")
	s.write("constraints=[{metric: accuracy, min: 0.5}]")
	order("It goes on with constraints=", "enter")
	s.press("s")
	s.write("space={x: {float: [0, 1]}}")
	s.press("enter")
	s.shows("? It goes on with space=", "0 of 40 candidates fit; 40 do not", "y does it")
	s.press("esc", "s")
	s.write("objectives=[{metric: speed}]")
	s.press("enter")
	s.shows("! ", `"speed"`)
	s.hides("y does it")

	n := len(got)
	s.press("S")
	s.shows("? The run ends cleanly")
	s.press("esc")
	s.shows("nothing was changed")
	s.press("S", "n", "x")
	s.shows("! choose a job that runs")
	s.press("1", "P")
	s.press("y")
	s.shows("! ", "left no files") // of the ledger: the best is chosen
	s.press(":")
	s.write("hurry")
	s.press("enter")
	s.shows(`! "hurry" is nothing that can be done`)
	s.press("ctrl+u")
	s.write("set limits.patience=3")
	s.press("enter")
	s.shows("! ", "patience")
	s.press("esc", "q")
	if !s.closed || len(got) != n+1 {
		t.Errorf("left: %t, and %d requests more", s.closed, len(got)-n)
	}
}

// An order whose receipt is lost is given again under its name, and counts once.
func TestSteerOnce(t *testing.T) {
	t.Parallel()
	dir := searched(t, 30, accuracy)
	var names []string
	src := &source{steer: func(r engine.Request) error { names = append(names, r.ID); return nil }, after: errors.New("the process ended while it answered")}
	s := watched(t, serve.Open(dir, src), 80, 24)
	s.press("n")
	s.write("once")
	s.press("enter", "y")
	s.shows("! the process ended while it answered", "y does it")
	src.after = nil
	s.press("y")
	s.shows("✓ note once: done")
	if len(names) != 2 || names[0] != names[1] {
		t.Fatalf("it asks under the names %q", names)
	}
	s.press("4")
	if n := strings.Count(s.text(), "once (watch)"); n != 1 {
		t.Errorf("there are %d notes:\n%s", n, s.text())
	}
}

// What is written is the request of docs/steering.md.
func TestOrders(t *testing.T) {
	t.Parallel()
	stands := &summary{Command: "nascent", Dir: "dir", Live: true}
	for text, want := range map[string]string{
		"pause":                                `{"pause":{}}`,
		"pause now":                            `{"pause":{"now":true}}`,
		" resume ":                             `{"resume":true}`,
		"stop":                                 `{"stop":true}`,
		"cancel 57 58":                         `{"cancel":[57,58]}`,
		"cancel 57, 58":                        `{"cancel":[57,58]}`,
		"set limits.evaluations=500 workers=4": `{"set":{"limits.evaluations":500,"workers":4}}`,
		"set limits.wall=2h":                   `{"set":{"limits.wall":7200}}`,
		"set ties=none  constraints=[{metric: a, max: 3}]": `{"takeover":{"ties":[],"constraints":[{"metric":"a","max":3}]}}`,
		"set limits.target=none":                           `{"set":{"limits.target":null}}`,
		"ban kernel = 7 and not norm":                      `{"ban":"kernel = 7 and not norm"}`,
		"withdraw watch-1":                                 `{"withdraw":"watch-1"}`,
		"unban kernel = 7":                                 `{"unban":"kernel = 7"}`,
		"add lr=0.01 units=64":                             `{"add":{"genomes":["lr=0.01 units=64"]}}`,
		"pin 3 f2":                                         `{"pin":[3,1000000002]}`,
		"unpin 3":                                          `{"unpin":[3]}`,
		"note moved to the other machine":                  `{"note":"moved to the other machine"}`,
		"label 12 57 very promising":                       `{"label":{"ids":[12,57],"add":"very promising"}}`,
		"label 12 57":                                      `{"label":{"ids":[12],"add":"57"}}`,
		"unlabel 12 promising":                             `{"label":{"ids":[12],"remove":"promising"}}`,
		"comment 12 diverges":                              `{"label":{"ids":[12],"comment":"diverges"}}`,
		"comment 12":                                       `{"label":{"ids":[12],"comment":""}}`,
	} {
		o, err := parseOrder(text, stands)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, _ := json.Marshal(o.request); string(got) != want || o.says == "" {
			t.Errorf("%s: %s, want %s (%s)", text, got, want, o.says)
		}
	}
	for text, says := range map[string]string{
		"": "there are pause", "hurry": "there are pause", "pause later": "nothing follows it", "stop now": "nothing follows it", "cancel": "write cancel ID...",
		"cancel five": "no candidate id", "set": "write set KEY=VALUE...", "set workers": "write KEY=VALUE",
		"set space=@nowhere": "no such file", "set ties=[{metric: ": "no YAML", "set seed=3": "seed", "ban": "write ban CONDITION",
		"label promising": "name one candidate", "comment x": "no candidate id", "note": "write note TEXT",
	} {
		if o, err := parseOrder(text, stands); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %+v, %v, want %q", text, o.request, err, says)
		}
	}
}

// At any size nothing is wider or higher than the terminal, and nothing that a plugin said
// commands it.
func TestFits(t *testing.T) {
	t.Parallel()
	src := &source{state: func(s *serve.State) {
		running(s)
		s.Paused, s.Deciding, s.Cause = &engine.Paused{By: evil}, 80, evil
		s.Bans = []string{evil, "a", "b"}
		s.Planned = []engine.Planned{{Turn: 3, Text: evil}, {Turn: 4}, {Turn: 5}}
	}}
	for _, objectives := range [][]engine.Objective{{accuracy}, {accuracy, latency}} {
		dir := searched(t, 60, objectives...)
		if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "logs", "x.log"), []byte(strings.Repeat(evil, 50)+"\ncandidate 4 "+evil), 0o600); err != nil {
			t.Fatal(err)
		}
		one := serve.Open(dir, src)
		s := watched(t, one, 80, 24)
		for _, size := range [][2]int{{80, 24}, {60, 20}, {132, 43}, {40, 12}, {20, 6}, {5, 3}, {1, 1}, {300, 100}} {
			s.resize(size[0], size[1])
			for _, keys := range [][]string{
				{"1"}, {"down", "enter"}, {"esc", "2"}, {"right", "right"}, {"enter"}, {"pgdown", "G"}, {"esc", "3"}, {"enter"}, {"esc", "4"}, {"5"}, {"?"}, {"esc", "1", "b", "x", "y"},
				{"enter"}, {"t"}, {"esc", "esc", "esc", ":", "h", "enter"}, {"esc", "2", "/", "a", ">", "enter"}, {"esc", "1"},
			} {
				s.press(keys...)
				s.fits()
			}
		}
	}
}

// Where it may show no colours it shows none; else words and marks say the same.
func TestColours(t *testing.T) {
	t.Parallel()
	one := serve.Open(searched(t, 40, accuracy), &source{state: running})
	s := watched(t, one, 80, 24)
	none := s.m.drawn
	for _, code := range styled.FindAllString(none, -1) {
		if strings.ContainsAny(code, "3456") {
			t.Errorf("without colours it has %q", code)
		}
	}
	s.m.colour = true
	s.resize(80, 24)
	if s.m.drawn == none || ansi.Strip(s.m.drawn) != ansi.Strip(none) {
		t.Error("with colours it says something else, or nothing is coloured")
	}
}

// A text is written as in a shell; names are completed.
func TestPrompt(t *testing.T) {
	t.Parallel()
	p := newPrompt("/", "ok", []string{"accuracy", "accuracy_top5", "blocks.kernel"}, []string{"first", "second"}, nil)
	for _, c := range []struct{ keys, want string }{
		{"home", "|ok"}, {"end", "ok|"}, {"left", "o|k"}, {"delete", "o|"}, {"backspace", "|"}, {"up", "second|"}, {"up", "first|"}, {"up", "first|"}, {"down", "second|"},
		{"down", "|"}, {"+not bl", "not bl|"}, {"tab", "not blocks.kernel|"}, {"ctrl+w", "not |"}, {"+(ac", "not (ac|"}, {"tab", "not (accuracy|"}, {"tab", "not (accuracy|"},
		{"ctrl+a", "|not (accuracy"}, {"ctrl+k", "|"}, {"+a\x1bb\nc模", "ab c模|"}, {"left", "ab c|模"}, {"ctrl+u", "|模"}, {"tab", "|模"},
	} {
		if text, ok := strings.CutPrefix(c.keys, "+"); ok {
			p.insert(text)
		} else if !p.key(c.keys) {
			t.Errorf("%s is not taken", c.keys)
		}
		if got := string(p.text[:p.at]) + "|" + string(p.text[p.at:]); got != c.want {
			t.Errorf("%s: %s, want %s", c.keys, got, c.want)
		}
	}
	p = newPrompt("/", strings.Repeat("模", 100), nil, nil, nil)
	if l, at := p.line(40); l.width() > 40 || at >= 40 {
		t.Errorf("it is %d wide with the cursor at %d", l.width(), at)
	}
}

// Dots are drawn where they belong.
func TestChart(t *testing.T) {
	t.Parallel()
	lines := chart("up", scale{metric: "n", lo: 1, hi: 9}, scale{metric: "accuracy", lo: 0, hi: 1}, 20, 6, func(c *canvas) {
		c.steps([][2]float64{{0, 0}, {0.5, 1}})
		c.sign(1, 0, '◆')
	})
	want := []string{"up                  ", "1 │        ⡏⠉⠉⠉⠉⠉⠉⠉⠉", "  │        ⡇        ", "0 │⣀⣀⣀⣀⣀⣀⣀⣀⡇       ◆", "  └─────────────────", "   1       n       9"}
	for i, l := range lines {
		if got := textOf(l); strings.TrimRight(got, " ") != strings.TrimRight(want[i], " ") {
			t.Errorf("line %d: %q, want %q", i, got, want[i])
		}
	}
	c := newCanvas(2, 1)
	c.density([]int{0, 1, 0, 100}, 4, 1)
	if got := c.rows()[0]; got != "░█" {
		t.Errorf("the density is %q", got)
	}
	c = newCanvas(1, 1)
	c.dot(5, 5)
	c.dot(-1, 0)
	c.sign(3, 3, 'x')
	if got := c.rows()[0]; got != " " {
		t.Errorf("outside there is %q", got)
	}
}

// The hosts of a search are named, those that need somebody first.
func TestHosts(t *testing.T) {
	t.Parallel()
	src := &source{state: func(s *serve.State) {
		s.Live = true
		s.Hosts = &[]show.Host{
			{Name: "gpu-1", State: "ready", Running: 2, Slots: 2, Finished: 41, Rate: 0.5},
			{Name: "gpu-7", State: "aside", Reason: "train.py changed", Finished: 9, Failed: 9},
		}
	}}
	s := watched(t, serve.Open(searched(t, 30, accuracy), src), 100, 40)
	s.shows(" hosts 1 ready, 1 aside (gpu-7: train.py changed)", "gpu-1            ready    2 of 2 jobs  41 finished  0.5/s",
		"gpu-7            aside    0 of 0 jobs  9 finished  9 failed")
	if text := s.text(); strings.Index(text, "  gpu-7 ") > strings.Index(text, "  gpu-1 ") {
		t.Errorf("the one aside is not the first:\n%s", text)
	}
}
