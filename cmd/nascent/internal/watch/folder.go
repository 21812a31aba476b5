package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// folder is a list of searches, or one of them whole. Those in sight are read.
type folder struct {
	ctx    context.Context
	many   *serve.Many
	name   string // of the folder
	colour bool
	after  func(time.Duration, func(time.Time) tea.Msg) tea.Cmd // tea.Tick, but for tests

	width, height int
	find          string
	top, chosen   int // searches, by their places among those that are found
	about         string
	listed        standings // the newest answer
	asked         bool      // and not heard yet
	waits         int       // ticks that are under way
	past          []string
	typing        *prompt
	said          line
	screen        []line
	cursor        *tea.Position
	drawn         string

	one   *model // nil: the list is shown
	turn  int    // how many were opened
	leave context.CancelFunc
}

type (
	standings struct { // an answer to what was in sight
		find     string
		from     int
		total    int
		searches []serve.Standing
		known    bool
		took     time.Duration
	}
	listAgain struct{} // it is time to look
	ofOne     struct { // a message of the search that was opened as the turn-th
		turn int
		msg  tea.Msg
	}
)

func newFolder(ctx context.Context, many *serve.Many, name string, colour bool) *folder {
	f := &folder{ctx: ctx, many: many, name: name, colour: colour, after: tea.Tick, width: 80, height: 24}
	f.draw()
	return f
}

// Init begins to look.
func (f *folder) Init() tea.Cmd { return f.look() }

// room is for how many searches there is room.
func (f *folder) room() int { return max(1, f.height-4) }

// look asks where those in sight stand.
func (f *folder) look() tea.Cmd {
	if f.asked {
		return nil // what is in sight is asked for once the answer is here
	}
	f.asked = true
	ctx, many, l, n := f.ctx, f.many, standings{find: f.find, from: f.top, known: true}, f.room()
	return func() tea.Msg {
		began := time.Now()
		l.total, l.searches = many.List(ctx, l.find, l.from, n)
		l.took = time.Since(began)
		return l
	}
}

// of marks what comes of a command as that of the search that was opened as the turn-th: what
// one of before still says is not taken for the next one's.
func of(turn int, cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		switch msg := cmd().(type) {
		case nil, tea.QuitMsg, tea.SuspendMsg:
			return msg
		case tea.BatchMsg:
			for i := range msg {
				msg[i] = of(turn, msg[i])
			}
			return msg
		default:
			return ofOne{turn, msg}
		}
	}
}

// open shows a search whole.
func (f *folder) open(name string) tea.Cmd {
	search, err := f.many.One(name)
	if err != nil {
		f.said = ln(in(bold|bad, "! "), in(bad, oneLine(err)))
		return nil
	}
	ctx, cancel := context.WithCancel(f.ctx)
	f.one, f.leave = newModel(ctx, search, f.colour), cancel
	f.turn++
	f.one.after, f.one.within = f.after, true
	f.one.Update(tea.WindowSizeMsg{Width: f.width, Height: f.height})
	return of(f.turn, f.one.Init())
}

// pass hands a message to the search that is shown, and comes back from it to the list.
func (f *folder) pass(msg tea.Msg) tea.Cmd {
	_, next := f.one.Update(msg)
	if f.one.left {
		f.leave()
		f.one = nil
		return f.look()
	}
	return of(f.turn, next)
}

// Update takes in what happened.
func (f *folder) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var next tea.Cmd
	switch msg := msg.(type) {
	case ofOne:
		if f.one == nil || msg.turn != f.turn {
			return f, nil
		}
		next = f.pass(msg.msg)
	case tea.WindowSizeMsg:
		f.width, f.height = max(1, msg.Width), max(1, msg.Height)
		if f.one != nil {
			next = f.pass(msg)
		} else {
			next = f.look()
		}
	case standings:
		next = f.hear(msg)
	case listAgain:
		if f.waits--; f.one == nil {
			next = f.look()
		}
	case tea.KeyPressMsg, tea.PasteMsg:
		switch {
		case f.one != nil:
			next = f.pass(msg)
		default:
			next = f.press(msg)
		}
	default:
		return f, nil
	}
	f.draw()
	return f, next
}

// hear takes in where searches stand.
func (f *folder) hear(l standings) tea.Cmd {
	f.asked = false
	if l.find == f.find {
		f.listed = l
		if i := slices.IndexFunc(l.searches, func(s serve.Standing) bool { return s.Name == f.about }); i >= 0 {
			f.chosen = l.from + i // it stays chosen where others came before it
		}
		f.move(0)
	}
	if f.one != nil {
		return nil
	}
	if l.find != f.find || l.from != f.top {
		return f.look()
	}
	if f.waits > 0 {
		return nil
	}
	f.waits++
	wait := rest
	if slices.ContainsFunc(l.searches, func(s serve.Standing) bool { return s.Live || s.State == "" && s.Error == "" }) {
		wait = pace
	}
	return f.after(max(wait, 3*l.took), func(time.Time) tea.Msg { return listAgain{} })
}

// move chooses another one.
func (f *folder) move(by int) {
	f.chosen = max(0, min(f.chosen+by, f.listed.total-1))
	f.top = max(min(f.top, f.chosen), f.chosen-f.room()+1)
	f.top = max(0, min(f.top, f.listed.total-f.room()))
	if by != 0 {
		f.about = ""
	}
	if s := f.at(f.chosen); s != nil {
		f.about = s.Name
	}
}

// at is the i-th search, nil as long as it is not known.
func (f *folder) at(i int) *serve.Standing {
	if i -= f.listed.from; f.listed.find != f.find || i < 0 || i >= len(f.listed.searches) {
		return nil
	}
	return &f.listed.searches[i]
}

// press takes a key, or a text.
func (f *folder) press(msg tea.Msg) tea.Cmd {
	key, isKey := msg.(tea.KeyPressMsg)
	name := key.String()
	switch {
	case isKey && name == "ctrl+c":
		return tea.Quit
	case isKey && name == "ctrl+z":
		return tea.Suspend
	case f.typing != nil && !isKey:
		f.typing.insert(msg.(tea.PasteMsg).Content)
		return nil
	case !isKey:
		return nil
	case f.typing != nil:
		switch {
		case name == "esc":
			f.typing = nil
		case name == "enter":
			f.typing.done(string(f.typing.text))
			f.typing = nil
		case f.typing.key(name):
		case key.Text != "":
			f.typing.insert(key.Text)
		}
	default:
		f.said = line{}
		switch name {
		case "q":
			return tea.Quit
		case "enter":
			if s := f.at(f.chosen); s != nil {
				return f.open(s.Name)
			}
		case "/":
			f.typing = newPrompt("names with", f.find, nil, f.past, func(text string) error {
				f.past = append(f.past, text)
				f.seek(strings.TrimSpace(text))
				return nil
			})
		case "esc", "backspace":
			f.seek("")
		case "up", "k":
			f.move(-1)
		case "down", "j":
			f.move(1)
		case "pgup", "ctrl+b":
			f.move(-f.room())
		case "pgdown", "ctrl+f", "space":
			f.move(f.room())
		case "ctrl+u":
			f.move(-f.room() / 2)
		case "ctrl+d":
			f.move(f.room() / 2)
		case "home", "g":
			f.move(-f.listed.total)
		case "end", "G":
			f.move(f.listed.total)
		default:
			return nil
		}
	}
	if f.listed.find != f.find || f.listed.from != f.top {
		return f.look()
	}
	return nil
}

// seek finds searches by their names.
func (f *folder) seek(text string) {
	if text != f.find {
		f.find, f.top, f.chosen, f.about = text, 0, 0, ""
	}
}

// View is what was drawn last.
func (f *folder) View() tea.View {
	if f.one != nil {
		return f.one.View()
	}
	return screenOf(f.drawn, f.cursor)
}

// draw makes the screen of the list.
func (f *folder) draw() {
	if f.one != nil {
		return
	}
	l := &f.listed
	head := ln(in(bold, " "+f.name))
	if l.known && l.find == f.find {
		searches := show.Thousands(int64(l.total)) + " searches"
		if l.total == 1 {
			searches = "1 search"
		}
		head.add(t("  " + searches))
		if f.find != "" {
			head.add(t(" with "), in(bold, f.find), t(" in their names"))
		}
		if l.total > f.room() {
			place := fmt.Sprintf("%s-%s of %s", show.Thousands(int64(f.top+1)), show.Thousands(int64(min(l.total, f.top+f.room()))), show.Thousands(int64(l.total)))
			if free := f.width - head.width() - cells(place) - 1; free > 1 {
				head.add(in(faint, strings.Repeat(" ", free)+place))
			}
		}
	}
	f.screen = append([]line{head}, f.rows()...)
	for len(f.screen) < f.height-2 {
		f.screen = append(f.screen, line{})
	}
	f.screen = f.screen[:max(0, min(len(f.screen), f.height-2))]
	f.cursor = nil
	if f.typing != nil {
		typed, at := f.typing.line(f.width)
		f.screen = append(f.screen, ln(in(faint, " Enter finds, Esc leaves it")), typed)
		f.cursor = &tea.Position{X: min(at, f.width-1), Y: f.height - 1}
	} else {
		keys := "↑↓ choose  Enter open  / find  q quit"
		if f.find != "" {
			keys = "↑↓ choose  Enter open  / find  Esc all  q quit"
		}
		f.screen = append(f.screen, f.said, hinted(keys, f.width))
	}
	f.screen = f.screen[max(0, len(f.screen)-f.height):]
	var b strings.Builder
	for i := range f.screen {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(paint(&f.screen[i], f.width, f.screen[i].about == chosenOne, f.colour))
	}
	f.drawn = b.String()
}

// chosenOne marks the line of the search that is chosen.
const chosenOne = "chosen"

// rows are the searches in sight, below the names of the columns. A column that there is no
// room for is left out whole.
func (f *folder) rows() []line {
	l := &f.listed
	switch {
	case !l.known || l.find != f.find:
		return []line{{}, ln(t(" the folder is being looked through"))}
	case l.total == 0 && f.find != "":
		return []line{{}, ln(t(" no search is called so"))}
	case l.total == 0:
		return []line{{}, ln(t(" no search lies in this folder yet"))}
	}
	columns := []column{
		{title: "search", least: 12, most: 40}, {title: "state", most: 9}, {title: "evaluations", most: 24, number: true}, {title: "best", least: 8, most: 24},
		{title: "rate", most: 10, number: true}, {title: "time", most: 10, number: true}, {title: "left", most: 10, number: true},
	}
	var all [][]string
	for i := f.top; i < min(l.total, f.top+f.room()); i++ {
		var row []string
		if s := f.at(i); s != nil {
			row = told(s)
			for k := range columns {
				if s.Error == "" || k == 0 {
					columns[k].wide = max(columns[k].wide, min(columns[k].most, cells(row[k])))
				}
			}
		}
		all = append(all, row)
	}
	for k := range columns {
		if c := &columns[k]; c.wide > 0 || k < 4 { // nobody is told how fast nothing runs
			c.wide = max(c.wide, cells(c.title))
		}
	}
	fit(columns, f.width-1)
	title := ln(t(" "))
	for _, c := range columns {
		title.add(in(faint, c.cell(c.title)))
	}
	lines := []line{title}
	for i, row := range all {
		at := ln(t(" "))
		s := f.at(f.top + i)
		switch {
		case s == nil:
			at.add(in(faint, "…"))
		case s.Error != "":
			at.add(t(columns[0].cell(row[0])), in(bad, clip(s.Error, f.width-at.width()-columns[0].wide-3)))
		default:
			for k, c := range columns {
				style := plain
				switch {
				case k == 1 && s.State == "failed", k == 1 && s.Paused:
					style = bad
				case k == 1 && s.Live, k == 3:
					style = good
				}
				at.add(in(style, c.cell(row[k])))
			}
		}
		if f.top+i == f.chosen {
			at = at.concerns(chosenOne)
		}
		lines = append(lines, at)
	}
	return lines
}

// told is where a search stands, in words for the columns.
func told(s *serve.Standing) []string {
	state := string(s.State)
	switch {
	case s.State == "":
		return []string{s.Name, "reading", "", "", "", "", ""}
	case s.Paused:
		state = "paused"
	case s.Live:
		state = "running"
	}
	done := show.Thousands(int64(s.Evaluations))
	if s.Limit > 0 {
		done += " of " + show.Thousands(int64(s.Limit))
	}
	best, rate, left := "", "", ""
	if s.Best != "" {
		best = s.Objective + " " + s.Best
	}
	if s.Live && s.Wall > 0 {
		rate = show.Rate(float64(s.Evaluations) / float64(s.Wall))
	}
	if s.Left > 0 {
		left = show.Seconds(float64(s.Left))
	}
	return []string{s.Name, state, done, best, rate, show.Seconds(float64(s.Wall)), left}
}

// column is one of the list.
type column struct {
	title       string
	least, most int
	wide        int // 0: it is left out
	number      bool
}

func (c column) cell(text string) string {
	switch {
	case c.wide == 0:
		return ""
	case c.number:
		return right(text, c.wide) + "  "
	}
	return pad(text, c.wide) + "  "
}

// fit has columns together take at most so many: first those get narrower that may, and then
// what is least missed goes.
func fit(columns []column, width int) {
	over := func() (n int) {
		for _, c := range columns {
			if c.wide > 0 {
				n += c.wide + 2
			}
		}
		return n - 2 - width
	}
	for _, k := range []int{-1, 4, 5, 3, 2, 6, 1} {
		if k >= 0 && over() > 0 {
			columns[k].wide = 0
		}
		for i := range columns {
			if c := &columns[i]; c.wide > c.least && c.least > 0 && over() > 0 && k < 0 {
				c.wide = max(c.least, c.wide-over())
			}
		}
	}
	if columns[0].wide = min(columns[0].wide, max(1, width)); over() > 0 {
		columns[0].wide = max(1, columns[0].wide-over())
	}
}
