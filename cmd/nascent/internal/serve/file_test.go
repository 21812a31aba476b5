package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// written writes the report of a search into a file of its own, and returns it.
func written(t *testing.T, dir string) (path string, text []byte) {
	t.Helper()
	x := Open(dir, &stopped{})
	if err := x.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := x.WriteFile(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, b.Bytes()
}

// logged gives a search a log with a text of evil intent.
func logged(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "logs", "evaluator.log"), []byte("began\njob 3: "+evil+"\n</script>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// conditions are asked of a report and of a server, which agree on them: on what holds,
// and on what is refused at which character.
var conditions = []string{
	"ok", "not ok", "invalid or failed", "failed", "status = ok", "status != ok", "status = invalid", "reason ~ script",
	"reason ~ 'onerror'", "accuracy > 0.9", "0.9 < accuracy",
	"accuracy", "accuracy > 0.8 and latency < 3", "accuracy > 0.8 and (blocks.length < 3 or activation = mish)", "not accuracy > 0.8",
	"accuracy >= 0.9 or not accuracy < 1",
	"blocks.length = 2", "blocks.length >= 1+1", "blocks.conv.kernel = 7", "blocks.conv.kernel != 7", "not blocks.conv.kernel = 7",
	"blocks[0].conv.kernel = 3", "blocks[1].conv.kernel = 3",
	"blocks[9].conv.kernel = 3", "blocks.kernel = 3", "blocks[0].kernel = 3", "blocks.act = relu", "blocks[0].act = relu", "kernel = 3",
	"blocks", "blocks = 3", "head.pool = max", "pool = max", "activation = relu",
	"activation = tanh", "activation ~ el", "activation ~ 'el'", "activation ~ 'lish'", "'relu or mish' ~ activation", "status ~ ail",
	"activation = 'relu'", "activation = relu and learning_rate < 1e-2", "log10(learning_rate) < -2", "-learning_rate < -0.01",
	"learning_rate*2^3 > 0.1",
	"max(accuracy, latency) > 5", "min(accuracy, 1, latency) < 0.8", "clip(latency, 1, 2) = 2", "round(latency) = 3",
	"latency - 2*accuracy/1.5 > 0.3", "log10(-1) > 0", "1/0 > 3", "sqrt(latency) > 1.5",
	"parents = 3", "parents != 3", "operator = random", "operator = mutate", "phase = search", "phase = test", "phase = nothing",
	"fidelity = 0", "stopped", "not stopped", "stopped = no", "id > 100", "id = 7",
	"tag = x", "label = x", "comment ~ x", "origin = added", "task = train", "seconds >= 0", "attempts = 1", "hash ~ a", "genome ~ mish",
	"budget > 0", "seed > 3", `metric("accuracy") > 0.9`, `gene("learning_rate") > 0.01`,
	`gene("nothing") > 1`, "usage(\"memory\") > 0", "cpu > 0", "blocks.length + blocks.length > 3", "blocks.conv.kernel*2 = 14",
	"blocks.conv.kernel + blocks.conv.channels > 3",
	"", "  ", "(", ")", "()", "acuracy > 1", "accuracy >", "accuracy > 0.5 && failed", "failed || failed", "!failed", "failed and",
	"and failed", "failed failed", "accuracy + not failed > 1", "accuracy + (not failed)",
	"blocks[x].conv = 3", "blocks. = 3", "gene:lr > 1", "tag = 'a", "gene(lr) > 1", "accuracy > 0.9)", "log10(failed) > 1",
	"lgo10(accuracy) > 1", "log10()", "log10(1, 2) > 1", "max(1) > 1", "0.1 < accuracy < 0.5",
	"accuracy > 1e400", "accuracy > 1.2.3", "accuracy > 2x", "accuracy > 0x10", "accuracy > .5", "accuracy > 5.", "accuracy > 1e-1",
	"accuracy ~ 3", "accuracy = high", "high = accuracy", "'a' = 'a'", "ok = yes", "yes = ok",
	"ok = 'yes'", "accuracy − 1 > 0", "é", "a = \"b", "accuracy > 0.5 # x", "((accuracy) > (0.5))", "not not ok", "not (ok and not ok)",
	"1 > 0", "1", "'x'", "ok and 1", "status = failed or status = invalid",
	strings.Repeat("not ", 300) + "ok",
}

// A report answers by itself what a server would: the same rows, cells, pictures, candidates
// and families, and it refuses the same conditions at the same character.
func TestFileAnswersAsServed(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "front", 240)
	logged(t, dir)
	_, text := written(t, dir)
	// What answers is within the page's script: have it say so to this test.
	page := regexp.MustCompile(`<meta http-equiv[^>]*>`).ReplaceAllString(string(text), "")
	if page = strings.Replace(page, "use(file)\n", "use(file); window.ask = file.get\n", 1); !strings.Contains(page, "window.ask") {
		t.Fatal("the script has no use(file)")
	}
	path := filepath.Join(t.TempDir(), "asked.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newAsker(t, Config{Dir: dir, Source: &stopped{}})
	winner := a.ready("front").Winner

	asked := []string{
		"/report", "/progress", "/progress?measure=hypervolume", "/curves", "/importance", "/parallel", "/timeline", "/failures",
		"/log", "/log?file=evaluator.log", "/log?find=job", "/log?about=3",
		"/table", "/table?offset=50", "/table?offset=50&sort=-accuracy", "/table?sort=status,-latency",
		"/table?sort=genome", "/table?sort=-id", "/table?sort=blocks.length,learning_rate", "/table?sort=parents",
		"/table?sort=nothing", "/table?columns=nothing", "/table?sort=blocks", "/table?where=invalid",
		"/table?sort=gene:activation&columns=id,gene:activation,metric:accuracy",
		"/table?columns=" + strings.Join([]string{"id", "hash", "genome", "learning_rate", "activation", "blocks.conv.kernel",
			"blocks.length", "blocks[0].conv.kernel", "seconds", "parents", "reason", "status", "phase", "accuracy",
			"latency", "operator", "seed", "lost", "budget", "replicate", "stopped", "label", "comment", "origin"}, ","),
	}
	for _, x := range []string{"metric:latency", "gene:learning_rate", "gene:activation", "gene:blocks.length", "evaluation", "id", "status", "seconds"} {
		for _, y := range []string{"metric:accuracy", "metric:latency"} {
			for _, more := range []string{"", "&logx=1", "&logx=0&logy=1", "&of=all&where=blocks.length+>+2", "&where=ok"} {
				if x == y || (x == "metric:latency" || x == "evaluation") && strings.Contains(more, "where") {
					continue // a front or a median of some of them, which no view asks for
				}
				asked = append(asked, "/scatter?x="+x+"&y="+y+more)
			}
		}
	}
	for _, c := range conditions {
		asked = append(asked, "/table?columns=id&where="+url.QueryEscape(c))
	}
	for id := 1; id <= 240; id += 13 {
		asked = append(asked, fmt.Sprintf("/candidate/%d", id), fmt.Sprintf("/lineage/%d", id))
	}
	asked = append(asked, fmt.Sprintf("/candidate/%d", winner), fmt.Sprintf("/lineage/%d", winner), "/candidate/99999", "/lineage/99999")

	tab := newTab(t)
	tab.look(1000, false)
	tab.open("file://" + path)
	list, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	answers := evaluate[[]struct {
		Answer json.RawMessage
		Error  string
	}](tab, `Promise.all(`+string(list)+`.map(async address => {
		const [path, query] = address.split('?')
		try {
			return { answer: await ask('/api/searches/front' + path, Object.fromEntries(new URLSearchParams(query))) }
		} catch (error) {
			return { error: error.message }
		}
	}))`)
	position := regexp.MustCompile(`position \d+:`)
	for i, address := range asked {
		w := a.do(httptest.NewRequest("GET", "http://127.0.0.1/api/searches/front"+address, nil))
		if w.Code != 200 {
			var refused struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil {
				t.Fatal(err)
			}
			if got := answers[i].Error; got == "" || position.FindString(got) != position.FindString(refused.Error) {
				t.Errorf("%s: the report says %q %s\nthe server %s", address, got, answers[i].Answer, refused.Error)
			}
			continue
		}
		var got, want any
		if err := json.Unmarshal(w.Body.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if answers[i].Error != "" {
			t.Errorf("%s: the report refuses it: %s", address, answers[i].Error)
			continue
		}
		if err := json.Unmarshal(answers[i].Answer, &got); err != nil {
			t.Fatal(err)
		}
		for _, x := range []any{got, want} { // a report makes no exports, and does not know where it lies
			if m := x.(map[string]any); strings.HasPrefix(address, "/candidate/") {
				delete(m, "exports")
				delete(m, "command")
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the report answers\n%s\nthe server\n%s", address, clip(string(answers[i].Answer), 600), clip(w.Body.String(), 600))
		}
	}
}

// sought makes a finished search of one gene x, from 1 to 99, of which measure tells the
// metrics.
func sought(t *testing.T, c engine.Config, evaluations int, measure func(x float64) map[string]float64) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "sought")
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	c.StrategyName = cmp.Or(c.StrategyName, "random")
	if c.Strategy, err = evolve.New(c.StrategyName); err != nil {
		t.Fatal(err)
	}
	if c.Name, c.Ledger = "sought", led; c.Space == nil {
		c.Space = genome.MustParseSpace(`{"x": {"int": [1, 9999]}}`)
	}
	c.Final, c.Limits.Evaluations = engine.Final{Skip: true}, evaluations
	var metrics []engine.Metric
	for _, o := range c.Objectives {
		metrics = append(metrics, engine.Metric{Name: o.Metric, Goal: o.Goal})
	}
	c.Evaluator = engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
		x, _ := job.Genome.Gene("x")
		return measure(float64(x.(int64))), nil
	}, metrics...)
	if _, err := engine.Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return dir
}

var two = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize}}

// A picture of two objectives shows a target that is a point, where soft constraints end,
// and who is beyond them, who stands where he was measured.
func TestPicturesShowWhatWasAsked(t *testing.T) {
	t.Parallel()
	most, never := 5000., 1e9
	dir := sought(t, engine.Config{
		Objectives:  two,
		Constraints: []engine.Constraint{{Metric: "latency", Max: &most, Weight: 0.1}, {Metric: "latency", Max: &never, Weight: 0.1}},
		Limits:      engine.Limits{Targets: engine.Values{{Name: "accuracy", Value: 2}, {Name: "latency", Value: 1}}},
	}, 60, func(x float64) map[string]float64 { return map[string]float64{"accuracy": x / 1e4, "latency": x} })
	a := newAsker(t, Config{Dir: dir, Source: &stopped{}})
	a.ready("sought")
	var p scatter
	a.get("/api/searches/sought/scatter?x=metric:latency&y=metric:accuracy", &p)
	beyond := 0
	for _, q := range slices.Concat(p.Points, p.Front) {
		if q.Beyond != (q.X > 5000) {
			t.Errorf("candidate %s at %v: beyond is %v", q.ID, q.X, q.Beyond)
		}
		if q.Beyond {
			beyond++
		}
	}
	if beyond == 0 || p.N != 60 || len(p.Points)+p.Outside != 60 {
		t.Errorf("%d are beyond; of %d it shows %d, and %d are outside", beyond, p.N, len(p.Points), p.Outside)
	}
	if len(p.Bounds) != 1 || p.Bounds[0] != (bound{"x", 5000, "wished for: latency at most 5,000"}) {
		t.Errorf("bounds are %+v", p.Bounds)
	}
	if p.Target == nil || *p.Target != [2]number{1, 2} || p.X.Lo > 1 || p.Y.Hi < 2 {
		t.Errorf("the target %v is not within %v to %v and %v to %v", p.Target, p.X.Lo, p.X.Hi, p.Y.Lo, p.Y.Hi)
	}
	if !strings.Contains(p.About, "no other is better in both") || !strings.Contains(p.About, "the search counted it as worse") {
		t.Errorf("it is about %q", p.About)
	}
	p = scatter{}
	a.get("/api/searches/sought/scatter?x=gene:x&y=metric:accuracy", &p)
	if strings.Contains(p.About, "front") {
		t.Errorf("a picture without a front is about %q", p.About)
	}
	path, _ := written(t, dir)
	tab := newTab(t)
	tab.look(1000, false)
	tab.open("file://" + path)
	tab.sound("asked", "", 1000)
	if text := evaluate[string](tab, `document.querySelector('main').innerText`); !strings.Contains(text, "wished for: latency at most 5,000") ||
		!strings.Contains(text, "beyond a soft constraint") ||
		!strings.Contains(text, "target") {
		t.Errorf("the report says %s", text)
	}
	tab.picture("report-asked")
}

// The front of a picture is the one that the search states, however its axes are named.
func TestPicturesHaveTheStatedFront(t *testing.T) {
	t.Parallel()
	dir := sought(t, engine.Config{Objectives: two}, 40, func(x float64) map[string]float64 { return map[string]float64{"accuracy": x / 1e4, "latency": x} })
	x := Open(dir, &stopped{})
	if err := x.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.search.state.Front = x.search.state.Front[:1] // as if what is measured again beat the others
	for _, form := range []string{"", "metric:"} {
		v, err := x.search.scatter(url.Values{"x": {form + "latency"}, "y": {form + "accuracy"}})
		if err != nil {
			t.Fatal(err)
		}
		if p := v.(*scatter); p.OnFront != 1 || len(p.Front) != 1 || p.Front[0].ID != x.search.state.Front[0].ID {
			t.Errorf("%slatency: on the front are %d", form, p.OnFront)
		}
	}
}

// A hypervolume that is an estimate is called one from there on; one that was always 0 has
// no picture.
func TestProgressOfTheHypervolume(t *testing.T) {
	t.Parallel()
	dir := sought(t, engine.Config{Objectives: two}, 40, func(x float64) map[string]float64 { return map[string]float64{"accuracy": x / 1e4, "latency": x} })
	x := Open(dir, &stopped{})
	if err := x.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func() (p struct {
		Steps []step
		About string
	}) {
		t.Helper()
		v, err := x.search.progress(url.Values{"measure": {"hypervolume"}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := ask(); len(p.Steps) == 0 || !strings.Contains(p.About, ", up to accuracy") || strings.Contains(p.About, "estimate") {
		t.Errorf("it is about %q, in %d steps", p.About, len(p.Steps))
	}
	volume := x.search.course.volume
	volume[len(volume)-1].Error = 0.125
	if p, want := ask(), fmt.Sprintf("From evaluation %d on it is an estimate.", volume[len(volume)-1].N); !strings.Contains(p.About, want) {
		t.Errorf("it is about %q, want %q", p.About, want)
	}
	volume[len(volume)-1].Value = 0
	if p := ask(); len(p.Steps) != 0 {
		t.Errorf("nothing was dominated, in %d steps", len(p.Steps))
	}
}

// A front of four objectives or more is shown in all of them at once.
func TestFrontOfManyObjectives(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{3: "", 4: "metric:a,metric:b,metric:c,metric:d"} {
		var objectives []engine.Objective
		for i := range n {
			objectives = append(objectives, engine.Objective{Metric: string(rune('a' + i)), Goal: engine.Minimize})
		}
		dir := sought(t, engine.Config{Objectives: objectives}, 40, func(x float64) map[string]float64 {
			all := map[string]float64{}
			for i, o := range objectives {
				all[o.Metric] = []float64{x, -x, math.Mod(x, 7), math.Mod(x, 11)}[i]
			}
			return all
		})
		a := newAsker(t, Config{Dir: dir, Source: &stopped{}})
		s := a.ready("sought")
		if s.Across != want || len(s.Pairs) != n*(n-1)/2 {
			t.Errorf("of %d objectives it shows %q at once, and %d pairs", n, s.Across, len(s.Pairs))
		}
		if want == "" {
			continue
		}
		var p parallel
		a.get("/api/searches/sought/parallel?columns="+want, &p)
		if len(p.Axes) != n || len(p.Lines) != s.Front {
			t.Errorf("the front of %d is shown as %d lines over %d axes", s.Front, len(p.Lines), len(p.Axes))
		}
		path, _ := written(t, dir)
		tab := newTab(t)
		tab.look(1000, false)
		tab.open("file://" + path)
		tab.sound("many", "", 1000)
		if text := evaluate[string](tab, `document.querySelector('main').innerText`); !strings.Contains(text, "The front in all objectives") {
			t.Errorf("the report does not show it: %s", text)
		}
	}
}

// Every finite number goes into a report.
func TestFileOfHugeNumbers(t *testing.T) {
	t.Parallel()
	dir := sought(t, engine.Config{Objectives: two}, 30, func(x float64) map[string]float64 {
		return map[string]float64{"accuracy": []float64{math.MaxFloat64, -math.MaxFloat64, 1e300, 0}[int(x)%4],
			"latency": []float64{math.MaxFloat64, 5e-324, 1}[int(x)%3]}
	})
	path, _ := written(t, dir)
	tab := newTab(t)
	tab.look(1000, false)
	for _, view := range []string{"", "/candidates", "/genes", "/candidate/1"} {
		tab.open("file://" + path + "#/sought" + view)
		tab.sound("huge "+view, "", 1000)
	}
}

// The same search has the same report, byte by byte, and one that may be found in no text
// of a plugin.
func TestFileIsTheSame(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "front", 60)
	logged(t, dir)
	_, once := written(t, dir)
	_, again := written(t, dir)
	if !bytes.Equal(once, again) {
		t.Error("written twice it is another file")
	}
	if n := len(once); n > 1<<20 {
		t.Errorf("a report of 60 candidates has %d bytes", n)
	}
	if found := regexp.MustCompile(`(?i)(src|href)="?(https?:|/|\w+\.)`).Find(once); found != nil {
		t.Errorf("it refers to something: %s", found)
	}
}

// Of a large search a report has the best, and says so wherever that matters.
func TestFileOfALargeSearch(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "large", 1500)
	path, text := written(t, dir)
	if n := len(text); n > 3<<20 {
		t.Errorf("it has %d bytes", n)
	}
	x := Open(dir, &stopped{})
	if err := x.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, _, err := x.search.filed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Best != mostKept || len(f.IDs) <= mostKept || len(f.IDs) == f.Total {
		t.Fatalf("of %d candidates it has %d, %d of them the best", f.Total, len(f.IDs), f.Best)
	}
	for _, b := range x.search.state.Front {
		if !slices.Contains(f.IDs, b.ID) {
			t.Errorf("candidate %s of the front is left out", b.ID)
		}
	}
	var worst engine.ID // who keeps the constraints and is kept by nobody
	for row := range x.search.rows.Len() {
		if id := x.search.rows.IDs[row]; !slices.Contains(f.IDs, id) {
			worst = id
		}
	}
	said := fmt.Sprintf("the best 1,000 of %s candidates", strings.Replace(fmt.Sprint(f.Total), "1", "1,", 1))
	tab := newTab(t)
	tab.look(1000, false)
	for _, view := range []string{"", "/candidates", "/genes?gene=gene:learning_rate", fmt.Sprintf("/candidate/%s", worst)} {
		tab.open("file://" + path + "#/large" + view)
		tab.sound(view, "", 1000)
		if text := evaluate[string](tab, `document.querySelector('main').innerText + document.querySelector('header').innerText`); !strings.Contains(text, said) {
			t.Errorf("%s: it does not say %q:\n%s", view, said, text)
		}
	}
	all := evaluate[string](tab, `document.querySelector('main').innerText`)
	if !strings.Contains(all, fmt.Sprintf("show large %s", worst)) {
		t.Errorf("of a candidate that it has not it says %q", all)
	}
	var scatter struct{ N int }
	if err := json.Unmarshal(f.Answers["/scatter x=metric:latency y=metric:accuracy"], &scatter); err != nil || scatter.N <= mostKept {
		t.Errorf("%v: the picture of all candidates has %d", err, scatter.N)
	}
}

// A report is read without scripts, too.
func TestFileWithoutScripts(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "still", 60)
	path, _ := written(t, dir)
	tab := newTab(t)
	tab.look(600, false)
	tab.run(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate("file://"+path))
	var text string
	tab.run(chromedp.Text("main", &text, chromedp.ByQuery))
	for _, want := range []string{"The winner, candidate", "measured again with fresh seeds", "On the front are", "(winner)",
		"maximize accuracy and minimize latency", "evaluations", "need JavaScript", "conv"} {
		if !strings.Contains(text, want) {
			t.Errorf("without scripts it does not say %q:\n%s", want, text)
		}
	}
	tab.picture("report-still")
}

// The report at desktop and phone width, light and dark: whole, loading nothing, and
// without a fault.
func TestFilePictures(t *testing.T) {
	t.Parallel()
	path := os.Getenv("NASCENT_REPORT") // another one to look at
	name := strings.TrimSuffix(filepath.Base(path), ".html")
	if path == "" {
		name = "front"
		dir := searched(t, t.TempDir(), name, 240)
		logged(t, dir)
		path, _ = written(t, dir)
	}
	tab := newTab(t)
	tab.look(1360, false)
	tab.open("file://" + path)
	winner := evaluate[string](tab, `document.querySelector('.found h2 a').hash`)
	tab.look(794, true)
	tab.open("file://" + path + "#/" + name)
	tab.run(emulation.SetEmulatedMedia().WithMedia("print").WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}),
		chromedp.Evaluate(`new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))`, nil, awaited))
	paper := evaluate[string](tab, `getComputedStyle(document.body).backgroundColor + ' ' + getComputedStyle(document.querySelector('nav')).display`)
	if paper != "rgb(255, 255, 255) none" {
		t.Errorf("printed where it is dark, it is %s", paper)
	}
	tab.picture("report-print")
	tab.run(emulation.SetEmulatedMedia())
	for _, look := range []struct {
		name  string
		width int
		dark  bool
	}{{"desktop", 1360, false}, {"phone", 360, true}, {"dark", 1360, true}, {"phone-light", 360, false}} {
		tab.look(look.width, look.dark)
		for view, hash := range map[string]string{
			"overview": "#/" + name, "candidates": "#/" + name + "/candidates", "failed": "#/" + name + "/candidates?where=invalid",
			"candidate": winner, "genes": "#/" + name + "/genes", "log": "#/" + name + "/log",
		} {
			tab.open("file://" + path + hash)
			tab.sound(view+" "+look.name, "", look.width)
			tab.picture("report-" + view + "-" + look.name)
		}
	}
}

// learned is a search of which every candidate has a learning curve.
type learned struct{ *stopped }

func (s learned) Detail(ctx context.Context, dir string, id engine.ID) (engine.ResultRecord, error) {
	d, err := s.stopped.Detail(ctx, dir, id)
	for step := range 3 {
		d.Curve = append(d.Curve, engine.Point{Step: float64(step), Metrics: engine.Values{{Name: "accuracy", Value: float64(step) / 10}}})
	}
	return d, err
}

// A report shows as many learning curves as a server does.
func TestFileHasCurves(t *testing.T) {
	t.Parallel()
	dir := searched(t, t.TempDir(), "learned", 40)
	var served, filed learning
	for _, of := range []struct {
		ask  func(x *One) ([]byte, error)
		into *learning
	}{
		{func(x *One) ([]byte, error) { return x.Ask(t.Context(), "/curves") }, &served},
		{func(x *One) ([]byte, error) { // as WriteFile does, which has fetched nothing
			x.search.mu.Lock()
			defer x.search.mu.Unlock()
			v, err := x.search.curves(t.Context(), nil)
			if err != nil {
				return nil, err
			}
			return json.Marshal(v)
		}, &filed},
	} {
		x := Open(dir, learned{&stopped{}})
		if err := x.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, err := of.ask(x)
		if err == nil {
			err = json.Unmarshal(text, of.into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(served.Curves); n < 2 || len(filed.Curves) != n {
		t.Errorf("a server shows %d curves, a report %d", n, len(filed.Curves))
	}
}
