package killtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/genome/rng"
)

// twoObjectives is a search that nobody's limit ends until it is set.
const twoObjectives = `
space: {bits: {list: bool, length: 16}, width: {int: [1, 1000]}}
evaluator: {use: onemax, delay: 8ms}
strategy: {use: nsga2, population: 8}
metrics: {cost: "abs(ones - 8)"}
objectives: [{metric: ones, goal: maximize}, {metric: cost, goal: minimize}]
limits: {evaluations: 100000}
failures: {attempts: 100, backoff: 1ms, pause_after: 1000}
workers: 2
seed: 6
final: {top: 2, repeats: 2}
`

// order is a change that somebody wants, until it is acknowledged: by the command line, or
// by the page.
type order struct {
	name string
	args []string // of a command, after the directory
	page string   // the request, without its name
}

// orders are all there are but for cancel, which needs somebody to end.
var orders = []order{
	{"ban", []string{"ban", "width > 900"}, ""},
	{"later", nil, `"at_turn": SOON, "ban": "width < 50"`},
	{"window", []string{"set", "window=12"}, ""},
	{"add", nil, `"add": {"genomes": ["bits=b1111111100000000 width=100"]}`},
	{"pause", []string{"pause"}, ""},
	{"note", nil, `"note": "halfway"`},
	{"resume", nil, `"resume": true`},
	{"unban", []string{"unban", "width > 900"}, ""},
	{"label", []string{"label", "1", "first"}, ""},
	{"workers", nil, `"set": {"workers": 3}`},
}

// giver gives orders to a search that may be killed at any moment.
type giver struct {
	bin, dir     string
	page, token  string
	acknowledged int
	again        int // how often an order was given once more
}

// give gives one until it is acknowledged.
func (g *giver) give(o order) error {
	var last error
	for range 300 {
		if last = g.once(o); last == nil {
			g.acknowledged++
			return nil
		}
		g.again++
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s is never acknowledged: %w", o.name, last)
}

func (g *giver) once(o order) error {
	if o.page == "" {
		args := append([]string{o.args[0], g.dir}, append(o.args[1:], "--request", o.name)...)
		out, err := exec.Command(g.bin, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	body := fmt.Sprintf(`{"request": %q, %s}`, o.name, o.page)
	if strings.Contains(body, "SOON") { // it was planned already, if it is given again
		var st struct{ Turns int }
		out, err := exec.Command(g.bin, "status", g.dir, "--json").Output()
		if err == nil {
			err = json.Unmarshal(out, &st)
		}
		if err != nil {
			return err
		}
		body = strings.ReplaceAll(body, "SOON", fmt.Sprint(st.Turns+50))
	}
	r, err := http.NewRequest(http.MethodPost, g.page+"api/searches/s/steer", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+g.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(string(text))
	}
	return err
}

// cancelled ends a job that runs, if it gets hold of one before it has its result.
func (g *giver) cancelled() error {
	for try := range 300 {
		var st struct {
			Jobs []struct{ ID json.RawMessage }
		}
		out, _ := exec.Command(g.bin, "status", g.dir, "--json").Output()
		if json.Unmarshal(out, &st) == nil && len(st.Jobs) > 0 {
			id := strings.Trim(string(st.Jobs[len(st.Jobs)-1].ID), `"`)
			if exec.Command(g.bin, "cancel", g.dir, id, "--request", fmt.Sprintf("cancel-%d", try)).Run() == nil {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("nothing is ever cancelled")
}

// served shows a folder, and gives the address and the token.
func served(t *testing.T, bin, folder string) (page, token string) {
	t.Helper()
	token = "a-token-that-nobody-guesses"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "serve", folder, "--listen", "127.0.0.1:0", "--token", file)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("it serves nothing: %v", err)
	}
	return strings.TrimSpace(line), token
}

// TestASearchLivedWith has a search of two objectives go through all that may happen to
// one: served and steered by command line and page while it is killed at random, branched,
// rewound, compared, merged and exported.
func TestASearchLivedWith(t *testing.T) {
	t.Parallel()
	s := newSearch(t, "--quiet")
	folder := filepath.Dir(s.dir)
	s.what = filepath.Join(t.TempDir(), "two.yaml")
	if err := os.WriteFile(s.what, []byte(twoObjectives), 0o600); err != nil {
		t.Fatal(err)
	}
	r := rng.New(40)
	s.killed("engine", 400*time.Millisecond)
	g := &giver{bin: s.bin, dir: s.dir}
	g.page, g.token = served(t, s.bin, folder)

	// Steered while it is killed.
	s.steered = true
	done := make(chan error, 1)
	go func() {
		for _, o := range orders {
			if err := g.give(o); err != nil {
				done <- err
				return
			}
		}
		done <- g.cancelled()
	}()
	kills := 0
	for going := true; going; {
		if met, _ := s.killed(anyOf(r, "engine", "plugin", "both")(), time.Duration(200+r.Intn(400))*time.Millisecond); met {
			kills++
		}
		select {
		case err := <-done:
			if going = false; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	s.steered = false
	var st struct {
		Evaluations, Added int
		Turns              uint64
		Bans               []string
	}
	look := func(dir string) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.ask("status", dir, "--json")), &st); err != nil {
			t.Fatal(err)
		}
	}
	look(s.dir)
	s.ask("set", s.dir, fmt.Sprintf("limits.evaluations=%d", st.Evaluations+300), "--request", "limit")
	kills += s.disturbed(r, 200*time.Millisecond, 600*time.Millisecond, anyOf(r, "engine", "both"))
	look(s.dir)
	if st.Added != 1 || len(st.Bans) != 1 || st.Bans[0] != "width < 50" {
		t.Errorf("it was steered to %+v", st)
	}
	proved := func(dirs ...string) {
		t.Helper()
		for _, dir := range dirs {
			s.ask("check", dir)
			s.ask("replay", dir)
		}
	}
	proved(s.dir)
	carried := map[string]int{}
	for line := range strings.Lines(s.ask("log", s.dir, "--json")) {
		var o struct{ Request, Kind string }
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if o.Kind != "plan" && o.Request != "" {
			carried[o.Request]++
		}
	}
	for _, o := range orders {
		if carried[o.name] != 1 {
			t.Errorf("%s was carried out %d times", o.name, carried[o.name])
		}
	}

	// Branched at an earlier turn, it goes on as it did; with another seed otherwise, and the
	// same again however it is disturbed.
	beside := func(name string) string { return filepath.Join(folder, name) }
	at := st.Turns - 4 // after all that was done to it
	s.ask("branch", s.dir, beside("same"), "--turn", fmt.Sprint(at))
	s.ask("run", beside("same"), "--quiet")
	if got, want := s.ask("digest", beside("same")), s.digest(); got != want {
		t.Errorf("branched at turn %d it comes to %s, not %s", at, got, want)
	}
	var digests [2]string
	for i, name := range []string{"other", "again"} {
		b := *s
		b.dir = beside(name)
		b.what = b.dir
		s.ask("branch", s.dir, b.dir, "--turn", fmt.Sprint(at/2), "--seed", "9")
		s.ask("set", b.dir, fmt.Sprintf("limits.evaluations=%d", st.Evaluations)) // which came later
		if i == 0 {
			b.finish()
		} else {
			kills += b.disturbed(r, 200*time.Millisecond, 600*time.Millisecond, anyOf(r, "engine", "both"))
		}
		digests[i] = b.digest()
	}
	if digests[0] != digests[1] || digests[0] == s.digest() {
		t.Errorf("with another seed it comes to %v", digests)
	}
	proved(beside("same"), beside("other"), beside("again"))

	// Compared, merged, rewound, exported.
	if text := s.ask("compare", s.dir, beside("other"), "--json"); !strings.Contains(text, `"metric":"hypervolume"`) {
		t.Errorf("compared: %s", text)
	}
	if text, want := s.ask("diff", s.dir, beside("other"), "--json"), fmt.Sprintf(`{"same_turns":%d,`, at/2); !strings.HasPrefix(text, want) {
		t.Errorf("they differ in %.200s; want %s", text, want)
	}
	s.ask("merge", s.dir, beside("other"), beside("both"), "--evaluations", "30")
	s.ask("run", beside("both"), "--quiet")
	s.ask("rewind", s.dir, "--turn", fmt.Sprint(at))
	s.ask("run", s.dir, "--quiet")
	if got, want := s.digest(), s.ask("digest", s.before(1)); got != want {
		t.Errorf("rewound it comes to %s, not %s", got, want)
	}
	proved(beside("both"), s.dir, s.before(1))
	csv := filepath.Join(t.TempDir(), "all.csv")
	s.ask("export", beside("both"), "--output", csv)
	b, err := os.ReadFile(csv)
	if rows := bytes.Count(b, []byte("\n")); err != nil || rows < 30 {
		t.Errorf("%d rows were exported, %v", rows, err)
	}
	answer, err := http.Get(g.page + "api/searches")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), "again") {
		t.Errorf("the page shows %s, %v", text, err)
	}
	t.Logf("%d kills, %d orders acknowledged, given again %d times, %d evaluations", kills, g.acknowledged, g.again, st.Evaluations)
}
