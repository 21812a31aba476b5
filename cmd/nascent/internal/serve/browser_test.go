package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// tab is a page in Debian's Chromium, without a window.
type tab struct {
	testing.TB
	ctx context.Context
	at  string // the address that was opened

	mu     sync.Mutex
	wrong  []string // that the page threw or printed
	loaded []string // what it asked for
}

func newTab(tb testing.TB) *tab {
	tb.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		tb.Skip("there is no chromium here (apt-get install chromium): what the page looks like was not tried")
	}
	profile, err := os.MkdirTemp("", "nascent-browser-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { // helpers of the browser write there until they are gone
		proctest.Until(tb, "the browser's directory cannot be removed", func() bool { return os.RemoveAll(profile) == nil })
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses root with one
	}
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	tb.Cleanup(end)
	ctx, end := chromedp.NewContext(allocated)
	tb.Cleanup(end)
	t := &tab{TB: tb, ctx: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.wrong = append(t.wrong, fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception))
		case *runtime.EventConsoleAPICalled:
			t.wrong = append(t.wrong, fmt.Sprint(e.Type, " ", e.Args))
		case *network.EventRequestWillBeSent:
			t.loaded = append(t.loaded, e.Request.URL)
		}
	})
	if err := chromedp.Run(ctx, network.Enable()); err != nil {
		tb.Fatalf("chromium does not start: %v", err)
	}
	return t
}

// look sets how wide the page is, and whether it is dark.
func (t *tab) look(width int, dark bool) {
	t.Helper()
	scheme := map[bool]string{false: "light", true: "dark"}[dark]
	t.run(chromedp.EmulateViewport(int64(width), 800),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

func (t *tab) run(actions ...chromedp.Action) {
	t.Helper()
	ctx, end := context.WithTimeout(t.ctx, time.Minute) // a page that is never ready is a fault, however slow the machine
	defer end()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.Fatalf("%s: %v; the page says %q", t.at, err, t.wrong)
	}
}

// open goes to an address and waits until all of the view is drawn.
func (t *tab) open(address string) {
	t.Helper()
	t.at = address
	t.run(chromedp.Navigate("about:blank"), chromedp.Navigate(address), chromedp.WaitReady("html[data-ready]", chromedp.ByQuery),
		chromedp.Evaluate(`new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))`, nil, awaited))
}

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// until waits for something to be true.
func until(condition string) chromedp.Action {
	return chromedp.Poll(condition, nil, chromedp.WithPollingInterval(20*time.Millisecond))
}

func evaluate[T any](t *tab, script string) (out T) {
	t.Helper()
	t.run(chromedp.Evaluate(script, &out, awaited))
	return out
}

// sound sees that nothing on the page is wrong: nothing was thrown, nothing is cut off or
// loaded from elsewhere, nothing is said that is no value, no plugin's text became more
// than text, whatever can be reached has a name, and tables have headers.
func (t *tab) sound(what, host string, width int) {
	t.Helper()
	t.mu.Lock()
	wrong, loaded := t.wrong, t.loaded
	t.mu.Unlock()
	if len(wrong) > 0 {
		t.Errorf("%s: the page says %q", what, wrong)
	}
	for _, address := range loaded {
		u, err := url.Parse(address)
		if err != nil || u.Host != host && u.Scheme != "data" && address != "about:blank" {
			t.Errorf("%s: it loads %s", what, address)
		}
	}
	if wide := evaluate[int](t, `document.documentElement.scrollWidth`); wide > width {
		t.Errorf("%s: it is %d wide, of %d", what, wide, width)
	}
	cut := evaluate[[]string](t, `[...document.querySelectorAll('main *, header *')].filter(e => {
		const r = e.getBoundingClientRect()
		return r.width > 0 && r.right > innerWidth + 1 && !e.closest('.wide, .log, .tip, svg, details, .skip')
	}).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 60))`)
	if len(cut) > 0 {
		t.Errorf("%s: what is cut off at %d: %q", what, width, cut)
	}
	if width < 500 { // where there is no room nothing is to be pushed aside to be read
		pushed := evaluate[[]string](t, `[...document.querySelectorAll('.wide')]
			.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.scrollWidth + ' ' + e.textContent.slice(0, 60))`)
		if len(pushed) > 0 {
			t.Errorf("%s: what is wider than %d: %q", what, width, pushed)
		}
	}
	const reached = `'a[href], button, input, select, textarea, summary, canvas[tabindex], svg[tabindex], pre[tabindex], [role=img]'`
	nameless := evaluate[[]string](t, `[...document.querySelectorAll(`+reached+`)].filter(e => {
		const name = e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent.trim() || e.getAttribute('title')
		return !name && !e.closest('[aria-hidden]')
	}).map(e => e.outerHTML.slice(0, 100))`)
	if len(nameless) > 0 {
		t.Errorf("%s: what a screen reader has no words for: %q", what, nameless)
	}
	headless := evaluate[[]string](t, `[...document.querySelectorAll('table:not(.u-legend)')]
		.filter(e => e.rows.length > 0 && !e.querySelector('th[scope]')).map(e => e.textContent.slice(0, 60))`)
	if len(headless) > 0 {
		t.Errorf("%s: tables without headers: %q", what, headless)
	}
	text := evaluate[string](t, `document.body.innerText`)
	for _, word := range []string{"NaN", "undefined", "[object", "Infinity", "null"} {
		if strings.Contains(text, word) {
			i := strings.Index(text, word)
			t.Errorf("%s: it says %q", what, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	title := evaluate[string](t, `document.title + document.querySelectorAll('img, iframe, main script').length`)
	if strings.Contains(title, "owned") || !strings.HasSuffix(title, "0") {
		t.Errorf("%s: a plugin's text is read as HTML: %s", what, title)
	}
	small := evaluate[[]string](t, `[...document.querySelectorAll('.stage canvas')]
		.filter(c => c.clientWidth < 200 || !c.getAttribute('aria-label')).map(c => c.clientWidth + ' ' + c.ariaLabel)`)
	if len(small) > 0 {
		t.Errorf("%s: pictures that are not there: %q", what, small)
	}
}

// picture is what the page looks like; NASCENT_PICTURES is a folder to keep it in.
func (t *tab) picture(name string) {
	t.Helper()
	var text []byte
	t.run(chromedp.FullScreenshot(&text, 100))
	picture, _, err := image.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	colours := map[any]bool{}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y += 7 {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x += 7 {
			colours[picture.At(x, y)] = true
		}
	}
	if len(colours) < 8 {
		t.Errorf("%s: there is nothing on the picture", name)
	}
	if folder := os.Getenv("NASCENT_PICTURES"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name+".png"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The page at desktop and phone width, light and dark: whole, and without a fault.
// NASCENT_SERVED is the address of another server to look at, of a folder of searches; its
// ?token= shows what changes them, too.
func TestPictures(t *testing.T) {
	t.Parallel()
	address, names := os.Getenv("NASCENT_SERVED"), []string{"front", "another"}
	token := "0123456789abcdef"
	if address == "" {
		folder := t.TempDir()
		for _, name := range names {
			dir := searched(t, folder, name, 240)
			if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "logs", "evaluator.log"), []byte("began\njob 3: "+evil+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := New(Config{Dir: folder, Source: &stopped{}, Tokens: Tokens{Write: token}})
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(s.Handler())
		t.Cleanup(web.Close)
		address = web.URL
	} else {
		address, token, _ = strings.Cut(address, "/?token=")
	}
	tab := newTab(t) // ends before the server, which waits for it
	host := strings.TrimPrefix(address, "http://")
	var list struct{ Searches []struct{ Name string } }
	fetched(t, address+"/api/searches", &list)
	names = names[:0]
	for _, x := range list.Searches {
		names = append(names, x.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(b, "front") - strings.Count(a, "front") })
	var sum summary
	for !sum.Ready {
		fetched(t, address+"/api/searches/"+names[0], &sum)
	}
	type look struct {
		name  string
		width int
		dark  bool
	}
	looks := []look{{"desktop", 1360, false}, {"phone", 360, true}}
	if os.Getenv("NASCENT_PICTURES") != "" {
		looks = append(looks, look{"dark", 1360, true}, look{"phone-light", 360, false})
	}
	views := map[string]string{
		"overview": "", "candidates": "/candidates", "failed": "/candidates?where=invalid", "candidate": fmt.Sprintf("/candidate/%d", sum.Winner),
		"invalid": "/candidate/4", "genes": "/genes", "log": "/log",
	}
	for _, writes := range []string{"", "?token=" + token} {
		tab.open(address + "/" + writes)
		for _, look := range looks {
			tab.look(look.width, look.dark)
			for view, path := range views {
				name := view + "-" + look.name
				if writes != "" {
					name = "steer-" + name
				}
				tab.open(address + "/#/" + names[0] + path)
				tab.sound(name, host, look.width)
				tab.picture("serve-" + name)
				opened := "[...document.querySelectorAll('details:is([name=steering], [name=declaring], .chooser, .names)')]"
				if view == "candidates" || writes != "" && view == "overview" {
					tab.run(chromedp.Evaluate(opened+`.forEach(e => { e.open = true })`, nil), until(opened+`.length > 0`),
						until(`[...document.querySelectorAll('[name=declared]')].every(e => e.value)`),
						until(`[...document.querySelectorAll('.chooser')].every(e => e.querySelector('input'))`))
					tab.sound(name+" opened", host, look.width)
					const offered = `[...document.querySelectorAll('button:is([name=pause], [name=stop], [name=resume])')].map(e => e.name).join()`
					if got := evaluate[string](tab, offered); got != "" && os.Getenv("NASCENT_SERVED") == "" {
						t.Errorf("%s: of a search that has ended it offers %s", name, got)
					}
					tab.picture("serve-" + name + "-opened")
				}
			}
		}
		views = map[string]string{"overview": "", "candidate": views["candidate"]} // that change something
	}
	for _, look := range looks {
		tab.look(look.width, look.dark)
		for view, path := range map[string]string{"folder": "", "compare": "?compare=" + names[0] + "&compare=" + names[1]} {
			tab.open(address + "/#/" + path)
			tab.sound(view+" "+look.name, host, look.width)
			tab.picture("serve-" + view + "-" + look.name)
		}
	}
}

// fetched asks a server that listens, until it has read what is asked for.
func fetched(t *testing.T, address string, into any) {
	t.Helper()
	for {
		r, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode == http.StatusServiceUnavailable {
			continue
		}
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s %v", address, r.Status, text, err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
		return
	}
}

// A search with hosts shows them, wide and narrow.
func TestHostsOnThePage(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "fleet", 40)
	all := []show.Host{
		{Name: "gpu-1", State: "ready", Running: 2, Slots: 2, Finished: 41, Rate: 0.2},
		{Name: "gpu-2", State: "away", Slots: 2, Finished: 1021, Failed: 3, Rate: 0.1},
		{Name: "gpu-7", State: "aside", Reason: "its evaluator is not the one that the other hosts have (train.py changed): " +
			"make them the same, and start the host anew"},
	}
	const token = "0123456789abcdef"
	told := withHosts(dir, all)
	s, err := New(Config{Dir: dir, Tokens: Tokens{Write: token}, Source: &stopped{state: func(led *ledger.Ledger) (State, error) {
		state, err := told(led)
		state.Snapshot.Hosts = 3
		return state, err
	}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	tab := newTab(t)
	(&asker{TB: t, h: s.Handler()}).ready("fleet")
	for name, width := range map[string]int{"desktop": 1360, "phone": 360} {
		tab.look(width, width == 360)
		tab.open(web.URL + "/#/fleet")
		const rows = `[...document.querySelectorAll('[aria-label=hosts] tbody tr')].map(r => [...r.children].slice(0, 2).map(c => c.textContent.trim()).join(' '))`
		if got := evaluate[[]string](tab, rows); !slices.Equal(got, []string{"gpu-7 aside", "gpu-2 away", "gpu-1 ready"}) {
			t.Errorf("%s: it shows %q", name, got)
		}
		tab.sound("hosts "+name, strings.TrimPrefix(web.URL, "http://"), width)
		tab.picture("serve-hosts-" + name)
	}
	tab.open(web.URL + "/?token=" + token)
	tab.run(chromedp.Click("details[name=steering] summary", chromedp.ByQuery), chromedp.WaitVisible("[name='fleet.hosts']", chromedp.ByQuery))
	if got := evaluate[string](tab, `document.querySelector('[name="fleet.hosts"]').value`); got != "3" {
		t.Errorf("of three hosts that are to be kept it says %q", got)
	}
}

// Whoever has the token pauses a search, bans, and labels a candidate by clicks; whoever
// has none sees nothing to click.
func TestClicks(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	dir := searched(t, t.TempDir(), "clicked", 40)
	s, err := New(Config{Dir: dir, Source: &stopped{as: engine.StateStopped}, Tokens: Tokens{Write: token}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	a := &asker{TB: t, h: s.Handler()}
	a.ready("clicked")
	tab := newTab(t)
	tab.look(1000, false)
	const controls = `document.querySelectorAll('[name=pause], [name=ban], [name=label], [name=again]').length`
	for _, path := range []string{"", "/candidate/3"} {
		tab.open(web.URL + "/#/clicked" + path)
		if n := evaluate[int](tab, controls); n != 0 {
			t.Errorf("%s: whoever may not change it has %d controls", path, n)
		}
	}

	tab.open(web.URL + "/?token=" + token)
	tab.run(chromedp.Click("[name=pause]", chromedp.ByQuery), chromedp.WaitVisible("[name=resume]", chromedp.ByQuery))
	tab.run(chromedp.Click("details[name=steering] summary", chromedp.ByQuery), chromedp.WaitVisible("[name=ban]", chromedp.ByQuery))
	tab.run(chromedp.SendKeys("[name=ban]", "blocks.length > 4\r", chromedp.ByQuery), chromedp.WaitVisible(`//button[. = "Unban"]`, chromedp.BySearch))
	tab.run(chromedp.SendKeys("[name=ban]", "colour = 3\r", chromedp.ByQuery), chromedp.WaitVisible(".outcome.wrong", chromedp.ByQuery))
	if text := evaluate[string](tab, `document.querySelector('.outcome.wrong').textContent`); !strings.Contains(text, "colour") {
		t.Errorf("a wrong ban: it says %q", text)
	}
	tab.open(web.URL + "/#/clicked/candidate/3")
	tab.run(chromedp.SendKeys("[name=label]", "mine\r", chromedp.ByQuery), chromedp.WaitVisible(`[aria-label="remove the label mine"]`, chromedp.ByQuery))
	// An answer that is lost: the request is sent again under its name.
	tab.run(chromedp.Evaluate(`{
		const real = fetch
		window.fetch = async (...a) => {
			const r = await real(...a)
			if (a[1]?.method !== 'POST') return r
			window.fetch = real
			throw new TypeError('lost')
		}
	}`, nil), chromedp.Click("[name=again]", chromedp.ByQuery), until(`document.querySelector('.outcome').textContent.startsWith('added')`))
	tab.open(web.URL + "/#/clicked")
	// What it declares is changed once it was said who fits.
	tab.run(chromedp.Click("details[name=steering] summary", chromedp.ByQuery),
		chromedp.Click("details[name=declaring] summary", chromedp.ByQuery),
		until(`document.querySelector('[name=declared]').value.includes('length: [1, 5]')`),
		chromedp.Evaluate(`{
			const text = document.querySelector('[name=declared]')
			text.value = text.value.replace('length: [1, 5]', 'length: [1, 2]').replace('choice: [relu, mish]', 'choice: [relu, mish')
			text.dispatchEvent(new Event('input'))
		}`, nil), chromedp.Click("[name=try]", chromedp.ByQuery),
		until(`document.querySelector('[name=declaring] .outcome.wrong')?.textContent.startsWith('declared:')`),
		chromedp.Evaluate(`{
			const text = document.querySelector('[name=declared]')
			text.value = text.value.replace('choice: [relu, mish', 'choice: [relu, mish]')
		}`, nil), chromedp.Click("[name=try]", chromedp.ByQuery), chromedp.WaitVisible("[name=takeover]", chromedp.ByQuery))
	fits := evaluate[string](tab, `document.querySelector('[name=declaring] .outcome').textContent`)
	tab.sound("who would fit", strings.TrimPrefix(web.URL, "http://"), 1000)
	tab.picture("serve-declaring")
	tab.run(chromedp.Click("[name=takeover]", chromedp.ByQuery), until(`document.querySelector('[name=declaring] .outcome').textContent.startsWith('From turn')`))
	done := evaluate[string](tab, `document.querySelector('[name=declaring] .outcome').textContent`)
	if !strings.HasSuffix(done, ": "+fits) || !strings.Contains(fits, "candidates fit") {
		t.Errorf("it is said that %q, and then %q", fits, done)
	}
	tab.open(web.URL + "/#/clicked")
	tab.sound("clicked", strings.TrimPrefix(web.URL, "http://"), 1000)

	a.header = []string{"Authorization", "Bearer " + token}
	sum := a.ready("clicked")
	var c whole
	a.get("/api/searches/clicked/candidate/3", &c)
	var line struct{ Events []engine.Occurrence }
	a.get("/api/searches/clicked/timeline", &line)
	kinds := map[string]int{}
	for _, e := range line.Events {
		if kinds[e.Kind]++; e.Request != "" && (e.By != "page" || !strings.HasPrefix(e.Request, "page-")) {
			t.Errorf("it was asked for as %+v", e)
		}
	}
	if sum.State.Paused == nil || !slices.Equal(sum.State.Bans, []string{"blocks.length > 4"}) || !slices.Equal(c.Labels, []string{"mine"}) {
		t.Errorf("after the clicks it is paused %+v, bans %q, and candidate 3 has labels %q", sum.State.Paused, sum.State.Bans, c.Labels)
	}
	if kinds["pause"] != 1 || kinds["takeover"] != 1 || kinds["ban"] != 1 || kinds["label"] != 1 || kinds["add"] != 1 {
		t.Errorf("what happened: %v", kinds)
	}
}

// Somebody with a keyboard alone gets from the overview to the best candidate, filters,
// and reads.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "keys", 60)
	s, err := New(Config{Dir: dir, Source: &stopped{}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	tab := newTab(t) // ends before the server, which waits for it
	winner := (&asker{TB: t, h: s.Handler()}).ready("keys").Winner
	tab.look(1000, false)
	tab.open(web.URL + "/")
	tab.run(chromedp.KeyEvent("g"), chromedp.KeyEvent("b"), chromedp.WaitReady(`//h1[contains(., "Candidate")]`, chromedp.BySearch))
	if at := evaluate[string](tab, `location.hash`); at != fmt.Sprintf("#/keys/candidate/%d", winner) {
		t.Errorf("the best is at %s, want candidate %d", at, winner)
	}
	tab.run(chromedp.KeyEvent("g"), chromedp.KeyEvent("c"), chromedp.WaitReady("tr[tabindex]", chromedp.ByQuery), chromedp.KeyEvent("/"))
	tab.run(until(`document.activeElement.id === 'where'`), chromedp.KeyEvent("accuracy > 0.7\r"), chromedp.Blur("#where", chromedp.ByQuery))
	tab.run(until(`location.hash.includes('where=') && !!document.querySelector('tr[tabindex]')`), chromedp.KeyEvent("j"), chromedp.KeyEvent("j"))
	if where := evaluate[string](tab, `document.getElementById('where').value`); where != "accuracy > 0.7" {
		t.Errorf("the filter is %q", where)
	}
	want := evaluate[string](tab, `document.querySelectorAll('tr[tabindex]')[1].querySelector('a').getAttribute('href')`)
	tab.run(chromedp.KeyEvent("\r"), until(`location.hash.includes('candidate/')`))
	if at := evaluate[string](tab, `location.hash`); at != want {
		t.Errorf("the second row is %s, and opens %s", want, at)
	}
	tab.run(chromedp.KeyEvent("?"), chromedp.WaitVisible("dialog[open]", chromedp.ByQuery))
	tab.sound("keys", strings.TrimPrefix(web.URL, "http://"), 1000)
}
