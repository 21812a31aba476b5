package watch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
)

// Search is one that is watched. serve.One is such.
type Search interface {
	Refresh(ctx context.Context) error                                   // reads what is new
	Version() uint64                                                     // grows with every change
	Ask(ctx context.Context, address string) ([]byte, error)             // the JSON of docs/serve.md
	Steer(ctx context.Context, r engine.Request) (engine.Receipt, error) // changes it
}

// How often a search is read again, at least so long after it was read.
const (
	pace = 500 * time.Millisecond // while it runs
	rest = time.Second            // while nobody runs it: a look at its file
	look = 250 * time.Millisecond // after a new version
)

// view is one of the pages of the screen.
type view interface {
	// lines draws it into so many columns and lines.
	lines(m *model, width, height int) []line
	// key takes a key; false: it has nothing to do with it.
	key(m *model, key string) bool
	// hints are its own keys, the important ones first.
	hints(m *model) string
}

// model is what is on the screen, and all that decides it.
type model struct {
	answers
	ctx    context.Context
	colour bool
	after  func(time.Duration, func(time.Time) tea.Msg) tea.Cmd // tea.Tick, but for tests

	width, height int
	views         []view
	names         []string // of views
	at            int      // the view that is shown
	opened        []*detail
	help          *help // nil: it is not shown

	said     line // the newest receipt or mistake
	trouble  error
	typing   *prompt
	confirm  *confirm
	past     []string // commands that were given
	screen   []line
	chosen   int // line of the screen
	cursor   *tea.Position
	drawn    string
	quitting bool
	within   bool // it is one of a folder: Esc leads back there
	left     bool // it did
}

// confirm is an order that waits for a yes.
type confirm struct {
	order
	text string // as it was written
	fits string // of a takeover: who would fit, once that is known
	busy bool   // it is carried out
}

// planned tells whether it may wait for a turn.
func (c *confirm) planned() bool { return !c.request.Resume }

// The messages that are not the terminal's.
type (
	refreshed struct {
		err  error
		took time.Duration
	}
	noticed uint64 // a version
	steered struct {
		confirm *confirm
		receipt engine.Receipt
		err     error
	}
	tried struct { // a takeover
		confirm *confirm
		receipt engine.Receipt
		err     error
	}
	again struct{} // it is time to read
)

func newModel(ctx context.Context, s Search, colour bool) *model {
	m := &model{ctx: ctx, colour: colour, after: tea.Tick, width: 80, height: 24}
	m.answers = answers{search: s, known: map[string]*answer{}}
	m.views = []view{&overview{}, &list{}, &failing{}, &events{}, &logbook{}}
	m.names = []string{"Overview", "Candidates", "Failures", "Timeline", "Logs"}
	m.draw()
	return m
}

// Init begins to read.
func (m *model) Init() tea.Cmd { return tea.Batch(m.refresh(), m.notice()) }

func (m *model) refresh() tea.Cmd {
	return func() tea.Msg {
		began := time.Now()
		err := m.search.Refresh(m.ctx)
		return refreshed{err, time.Since(began)}
	}
}

func (m *model) notice() tea.Cmd {
	return m.after(look, func(time.Time) tea.Msg { return noticed(m.search.Version()) })
}

// Update takes in what happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var next tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(1, msg.Width), max(1, msg.Height)
	case tea.KeyPressMsg:
		next = m.press(msg)
	case tea.PasteMsg:
		if m.typing != nil {
			m.typing.insert(msg.Content)
		}
	case noticed:
		m.version = max(m.version, uint64(msg))
		next = m.notice()
	case refreshed:
		m.trouble = msg.err
		wait := rest
		if s := m.summary(); s != nil && s.Live {
			wait = pace
		}
		next = m.after(max(wait, 3*msg.took), func(time.Time) tea.Msg { return again{} })
	case again:
		next = m.refresh()
	case heard:
		m.hear(msg)
	case steered:
		m.came(msg)
	case tried:
		if msg.err != nil {
			m.refused(msg.confirm, msg.err)
		}
		msg.confirm.fits = msg.receipt.Says
	default:
		return m, nil
	}
	if m.quitting {
		return m, tea.Quit
	}
	if c := m.confirm; c != nil && c.request.Takeover != nil && c.fits == "" {
		c.fits = "Who fits is being looked for."
		next = tea.Batch(next, m.try(c))
	}
	m.draw()
	return m, tea.Batch(next, m.ask(m.ctx))
}

// try finds who would fit after a takeover.
func (m *model) try(c *confirm) tea.Cmd {
	search, ctx, r := m.search, m.ctx, c.request
	r.DryRun = true
	return func() tea.Msg {
		rec, err := search.Steer(ctx, r)
		return tried{c, rec, err}
	}
}

// View is what was drawn last.
func (m *model) View() tea.View {
	return screenOf(m.drawn, m.cursor)
}

// screenOf is a screen with what was drawn, and with a cursor where somebody writes.
func screenOf(drawn string, cursor *tea.Position) tea.View {
	v := tea.NewView(drawn)
	v.AltScreen = true
	if cursor != nil {
		v.Cursor = tea.NewCursor(cursor.X, cursor.Y)
		v.Cursor.Blink = false
	}
	return v
}

// summary is what the search is and where it stands, nil before that is known.
func (m *model) summary() *summary {
	s, _ := want[summary](&m.answers, "")
	return s
}

// press takes a key.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	switch {
	case key == "ctrl+c":
		m.quitting = true
		return nil
	case key == "ctrl+z":
		return tea.Suspend
	case m.typing != nil:
		m.typed(msg)
		return nil
	case m.confirm != nil:
		return m.answer(key)
	}
	m.said = line{}
	if m.help != nil {
		if !m.help.key(m, key) {
			m.help = nil
		}
		return nil
	}
	if m.current().key(m, key) {
		return nil
	}
	switch key {
	case "q":
		m.quitting = true
	case "?":
		m.help = &help{}
	case "esc", "backspace":
		if n := len(m.opened); n > 0 {
			m.opened = m.opened[:n-1]
		} else {
			m.left = m.within
		}
	case "tab":
		m.turn((m.at + 1) % len(m.views))
	case "shift+tab":
		m.turn((m.at + len(m.views) - 1) % len(m.views))
	case "1", "2", "3", "4", "5":
		m.turn(int(key[0] - '1'))
	case "enter":
		if l := m.pointed(); l != nil && l.open != nil {
			l.open()
		}
	default:
		m.steerKey(key)
	}
	return nil
}

// turn shows a view.
func (m *model) turn(to int) { m.at, m.opened = to, nil }

// current is the view that is shown.
func (m *model) current() view {
	if n := len(m.opened); n > 0 {
		return m.opened[n-1]
	}
	return m.views[m.at]
}

// show opens a candidate.
func (m *model) show(id engine.ID) { m.opened = append(m.opened, &detail{id: id}) }

// pointed is the line that is chosen, nil if none is.
func (m *model) pointed() *line {
	if m.chosen < 0 || m.chosen >= len(m.screen) {
		return nil
	}
	return &m.screen[m.chosen]
}

// pointedID is the candidate that a key is about: the one that is shown, or chosen.
func (m *model) pointedID() (id engine.ID, running bool) {
	if n := len(m.opened); n > 0 {
		d := m.opened[n-1]
		return d.id, d.running(m) != nil
	}
	if l := m.pointed(); l != nil {
		switch about := l.about.(type) {
		case engine.ID:
			return about, false
		case job:
			return engine.ID(about), true
		}
	}
	return 0, false
}

// job is the candidate of one that runs.
type job engine.ID

// steerKey begins what steers: a key writes the beginning of a command.
func (m *model) steerKey(key string) {
	s := m.summary()
	if s == nil {
		return
	}
	id, running := m.pointedID()
	of := func(word string) { // what is about a candidate
		if id == 0 {
			m.mistake(fmt.Errorf("choose a candidate first, or write :%s ID", word))
			return
		}
		m.command(word + " " + id.String() + " ")
	}
	switch key {
	case ":":
		m.command("")
	case "p":
		if s.State.Paused != nil {
			m.ordered("resume")
		} else {
			m.ordered("pause")
		}
	case "S":
		m.ordered("stop")
	case "s":
		m.command("set ")
	case "b":
		m.command("ban ")
	case "u":
		if len(s.State.Bans) == 0 {
			m.mistake(errors.New("nothing is banned"))
			return
		}
		m.command("unban " + s.State.Bans[0])
	case "n":
		m.command("note ")
	case "a":
		genome := ""
		if n := len(m.opened); n > 0 {
			if c, _ := want[candidate](&m.answers, m.opened[n-1].address()); c != nil {
				genome = c.Genome
			}
		}
		m.command("add " + genome)
	case "x":
		if !running {
			m.mistake(errors.New("choose a job that runs, or write :cancel ID"))
			return
		}
		m.ordered("cancel " + id.String())
	case "L":
		of("label")
	case "C":
		of("comment")
	case "P":
		if id == 0 {
			of("pin")
			return
		}
		if slices.Contains(m.pinned(), id) {
			m.ordered("unpin " + id.String())
			return
		}
		m.ordered("pin " + id.String())
	}
}

// ordered asks whether what a key stands for is to be done.
func (m *model) ordered(text string) {
	if err := m.order(text); err != nil {
		m.mistake(err)
	}
}

// pinned are candidates of which it is known that their files are kept.
func (m *model) pinned() (ids []engine.ID) {
	for _, k := range m.known {
		if c, ok := k.value.(*candidate); ok && c.Pinned {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// command lets somebody write a command.
func (m *model) command(text string) {
	names := []string{}
	for _, o := range orders {
		names = append(names, o.word+" ")
	}
	names = append(names, "limits.evaluations=", "limits.wall=", "limits.seconds=", "limits.target=", "workers=", "window=")
	for _, key := range config.Declaring {
		names = append(names, key+"=")
	}
	if s := m.summary(); s != nil {
		if s.State.Hosts > 0 {
			names = append(names, "fleet.hosts=")
		}
		names = append(names, s.Genes...)
	}
	m.typing = newPrompt(":", text, names, m.past, func(text string) error {
		if strings.TrimSpace(text) == "" {
			return nil
		}
		m.past = append(m.past, strings.TrimSpace(text))
		return m.order(text)
	})
}

// order asks whether what was written is to be done.
func (m *model) order(text string) error {
	if word, rest, _ := strings.Cut(strings.TrimSpace(text), " "); word == "show" {
		id, err := engine.ParseID(strings.TrimSpace(rest))
		if err == nil {
			m.show(id)
		}
		return err
	}
	o, err := parseOrder(text, m.summary())
	if err != nil {
		return err
	}
	o.request.ID, o.request.By = "watch-"+rand.Text()[:10], "watch"
	m.confirm = &confirm{order: o, text: strings.TrimSpace(text)}
	return nil
}

// typed takes a key into what is written.
func (m *model) typed(msg tea.KeyPressMsg) {
	p := m.typing
	switch key := msg.String(); {
	case key == "esc":
		m.typing = nil
	case key == "enter":
		if err := p.done(string(p.text)); err != nil {
			p.wrong = oneLine(err)
		} else {
			m.typing = nil
		}
	case p.key(key):
	case msg.Text != "":
		p.insert(msg.Text)
	}
}

// answer takes the answer to a question whether an order is to be carried out.
func (m *model) answer(key string) tea.Cmd {
	c := m.confirm
	switch {
	case c.busy:
		if key == "esc" { // it goes on, and what comes of it is told
			m.confirm = nil
		}
	case key == "y":
		c.busy = true
		search, ctx, r := m.search, m.ctx, c.request
		return func() tea.Msg {
			rec, err := search.Steer(ctx, r)
			return steered{c, rec, err}
		}
	case key == "t":
		if !c.planned() {
			return nil
		}
		title := fmt.Sprintf("before turn (the next one is %d)", m.summary().State.Turns+1)
		m.typing = newPrompt(title, "", nil, nil, func(text string) error {
			n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
			if err != nil || n == 0 {
				return errors.New("write the number of a turn")
			}
			c.request.AtTurn = n
			return nil
		})
	case key == "e":
		m.confirm = nil
		m.command(c.text)
	case key == "n" || key == "esc":
		m.confirm = nil
		m.said = ln(in(faint, " nothing was changed"))
	}
	return nil
}

// came says what came of an order. One that was not carried out, or of which that is not
// known, may be given again, under the same name: it counts once.
func (m *model) came(s steered) {
	if s.confirm.busy = false; s.err != nil {
		m.refused(s.confirm, s.err)
		return
	}
	if m.confirm == s.confirm {
		m.confirm = nil
	}
	m.said = ln(in(bold|good, "✓ "), t(clip(s.confirm.text, 30)+": "+came(s.confirm.order, s.receipt)))
}

// refused says why an order was not carried out.
func (m *model) refused(c *confirm, err error) {
	m.mistake(err)
	var remote *socket.RemoteError
	if wrong := errors.Is(err, engine.ErrConfig) || errors.As(err, &remote) && remote.Exit == 2; wrong && m.confirm == c {
		m.confirm = nil // nothing was changed, and so it would be once more
	}
}

// mistake says what is wrong, on one line.
func (m *model) mistake(err error) { m.said = ln(in(bold|bad, "! "), in(bad, oneLine(err))) }

func oneLine(err error) string {
	return engine.OneLine(strings.TrimPrefix(err.Error(), engine.ErrConfig.Error()+": "))
}

// draw makes the screen.
func (m *model) draw() {
	m.frame++
	m.cursor = nil
	s := m.summary()
	foot := m.foot(s)
	head := m.head(s)
	room := max(1, m.height-len(head)-len(foot))
	var body []line
	m.chosen = -1
	offset := len(head)
	switch {
	case m.help != nil:
		body = m.help.lines(m, m.width, room)
	case s == nil:
		body = []line{{}, ln(t(" the search is being read"))}
	default:
		body = m.current().lines(m, m.width, room)
	}
	if m.chosen >= 0 {
		m.chosen += offset
	}
	body = body[:min(len(body), room)]
	for len(body) < room {
		body = append(body, line{})
	}
	m.screen = append(append(head, body...), foot...)
	m.screen = m.screen[:min(len(m.screen), m.height)]
	var b strings.Builder
	for i := range m.screen {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(paint(&m.screen[i], m.width, i == m.chosen, m.colour))
	}
	m.drawn = b.String()
}

// paged shows the part of lines that a pager is at.
func (m *model) paged(p *pager, lines []line, height int) []line {
	p.settle(lines, height)
	if m.chosen = -1; p.chosen >= p.top && p.chosen < p.top+height {
		m.chosen = p.chosen - p.top
	}
	return lines[p.top:min(len(lines), p.top+height)]
}

// head names the search, says how far it is, and names the views.
func (m *model) head(s *summary) []line {
	if s == nil {
		return []line{ln(in(bold, " nascent")), m.tabs()}
	}
	state := stateOf(s)
	style := bold
	if s.State.Paused != nil || s.State.Cause != "" {
		style |= bad
	}
	for _, bar := range []int{20, 10, 0} { // what there is no room for goes
		standing := m.standing(s, bar)
		if name := m.width - cells(state) - standing.width() - 5; name >= cells(s.Name) || bar == 10 && name >= 12 || bar == 0 {
			name = max(name, min(12, cells(s.Name), m.width/3))
			l := ln(in(bold, " "+clip(s.Name, name)), t("  "), in(style, state), t("  "))
			l.add(standing.pieces...)
			return []line{l, m.tabs()}
		}
	}
	return nil
}

// tabs are the views, by whole names where there is room.
func (m *model) tabs() line {
	for _, whole := range []bool{true, false} {
		var l line
		for i, n := range m.names {
			text := strconv.Itoa(i + 1)
			if whole || i == m.at {
				text += " " + n
			}
			if i == m.at {
				l.add(in(reverse|bold, " "+text+" "), t(" "))
			} else {
				l.add(in(faint, " "+text+" "), t(" "))
			}
		}
		if l.width() <= m.width+1 || !whole {
			return l
		}
	}
	return line{}
}

// stateOf says in a word or two where a search stands.
func stateOf(s *summary) string {
	switch {
	case !s.Ready:
		return fmt.Sprintf("reading %.0f %%", 100*float64(s.Rows)/max(1, float64(s.Total)))
	case s.State.Paused != nil && s.Live:
		return "paused"
	case s.State.Paused != nil:
		return string(s.State.State) + ", paused"
	case s.Live && s.State.Phase != engine.PhaseSearch && s.State.Phase != "":
		return "running, " + string(s.State.Phase)
	}
	return string(s.State.State)
}

// standing says how far it is, with a bar of so many columns.
func (m *model) standing(s *summary, bar int) (l line) {
	if !s.Ready {
		return l
	}
	st := s.State
	pace := show.Pace(st)
	draw := func(part float64) {
		if bar > 0 {
			l.add(in(good, show.Bar(part, bar)), t(" "))
		}
	}
	if st.Phase != engine.PhaseSearch && st.FinalTotal > 0 && s.Live {
		draw(float64(st.FinalDone) / float64(st.FinalTotal))
		l.add(t(fmt.Sprintf("measured again: %d of %d", st.FinalDone, st.FinalTotal)))
		return l
	}
	part, left := show.Progress(st, pace)
	if !math.IsNaN(part) {
		draw(part)
	}
	text := show.Thousands(int64(st.Evaluations))
	if st.Limits.Evaluations > 0 {
		text += " of " + show.Thousands(int64(st.Limits.Evaluations))
	} else {
		text = show.Plural(st.Evaluations, "evaluation")
	}
	l.add(t(text))
	if bar == 0 {
		return l
	}
	l.add(in(faint, "  "+show.Rate(pace)+"  "+show.Seconds(st.Wall)))
	if s.Live && st.Paused == nil && !math.IsNaN(left) {
		l.add(t("  " + show.Seconds(left) + " left"))
	}
	return l
}

// foot is what is said, asked and written.
func (m *model) foot(s *summary) []line {
	said := m.said
	if m.trouble != nil && len(said.pieces) == 0 {
		said = ln(in(bold|bad, "! "), in(bad, oneLine(m.trouble)+" (looking again)"))
	}
	switch {
	case m.typing != nil:
		var lines []line
		switch {
		case m.typing.wrong != "":
			lines = folded("! ", m.typing.wrong, bad, m.width, 3)
		case m.confirm != nil:
			lines = m.confirm.lines(m.width)
		default:
			lines = []line{m.usage()}
		}
		l, at := m.typing.line(m.width)
		m.cursor = &tea.Position{X: min(at, m.width-1), Y: m.height - 1}
		return append(lines, l)
	case m.confirm != nil:
		lines := m.confirm.lines(m.width)
		if len(said.pieces) > 0 {
			lines = append(lines, said)
		}
		if m.confirm.busy {
			return append(lines, ln(in(faint, "  it is being done ...")))
		}
		l := ln(in(bold, "  y"), t(" does it  "))
		if m.confirm.planned() {
			l.add(in(bold, "t"), t(" before a turn  "))
		}
		l.add(in(bold, "e"), t(" changes it  "), in(bold, "Esc"), t(" does not"))
		return append(lines, l)
	}
	if len(said.pieces) > 0 && said.width() > m.width {
		return append(folded("", textOf(said), said.pieces[len(said.pieces)-1].style, m.width, 3), m.keys(s))
	}
	return []line{said, m.keys(s)}
}

// lines say what will happen.
func (c *confirm) lines(width int) []line {
	text := c.says
	if n := c.request.AtTurn; n > 0 {
		text = fmt.Sprintf("Before turn %d: %s", n, text)
	}
	lines := folded("? ", text, bold, width, 4)
	if c.fits != "" {
		lines = append(lines, folded("  ", c.fits, 0, width, 3)...)
	}
	return lines
}

// usage says how the command goes on that is being written.
func (m *model) usage() line {
	if m.typing.title != ":" {
		return ln(in(faint, " Enter takes it, Tab completes names, Esc leaves it"))
	}
	word, _, _ := strings.Cut(strings.TrimLeft(string(m.typing.text), " "), " ")
	for _, o := range orders {
		if o.word == word {
			return ln(in(faint, " "+o.word+" "+o.args+": "+o.what))
		}
	}
	var words []string
	for _, o := range orders {
		if strings.HasPrefix(o.word, word) {
			words = append(words, o.word)
		}
	}
	return ln(in(faint, " "+strings.Join(words, " ")))
}

func textOf(l line) string {
	var b strings.Builder
	for _, p := range l.pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

// folded is a text in at most so many lines.
func folded(mark, text string, s style, columns, most int) []line {
	var lines []line
	parts := wrap(text, columns-cells(mark))
	for i, p := range parts {
		if i == most-1 && len(parts) > most {
			p = clip(p, columns-cells(mark)-1) + "…"
		}
		if i == most {
			break
		}
		lines = append(lines, ln(in(s|bold, mark), in(s, p)))
		mark = strings.Repeat(" ", cells(mark))
	}
	return lines
}

// keys is the line of what can be done.
func (m *model) keys(s *summary) line {
	if m.help != nil {
		return hinted("↑↓ scroll  Esc back", m.width)
	}
	back := ""
	if m.within && len(m.opened) == 0 {
		back = "Esc searches  "
	}
	if s == nil {
		return hinted(back+"q quit", m.width)
	}
	return hinted(back+m.current().hints(m)+"  ? all keys  q quit", m.width)
}

// hinted draws "KEY what" pairs with two spaces between, those at the end that have no room
// left out whole; the last two always have.
func hinted(text string, columns int) line {
	parts := strings.Split(text, "  ")
	total := func() (n int) {
		for _, p := range parts {
			n += cells(p) + 2
		}
		return n
	}
	for len(parts) > 2 && total() > columns {
		parts = slices.Delete(parts, len(parts)-3, len(parts)-2)
	}
	l := ln(t(" "))
	for i, p := range parts {
		if i > 0 {
			l.add(t("  "))
		}
		key, what, _ := strings.Cut(p, " ")
		l.add(in(bold, key), in(faint, " "+what))
	}
	return l
}
