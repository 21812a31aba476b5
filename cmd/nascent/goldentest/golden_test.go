package goldentest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/plugins/python"
)

var (
	update  = flag.Bool("update", false, "record the golden searches anew, and keep those as files that are not kept in -format")
	format  = flag.String("format", "format3", "of the ledgers that -update keeps as files")
	already = flag.String("programs", "", "a directory with nascent and its plugins, to be used instead of building them")
)

const folder = "../../../testdata/golden"

// kept are the searches that are also kept as files.
var kept = []string{"aging", "genetic-fidelities", "killed", "spos", "python", "imported"}

// changed are searches whose trajectory was changed on purpose since they were first
// recorded, with the reason. Whoever records one anew adds it here.
var changed = map[string]string{
	"python-strategy": "what a limit had cut short was brought to the strategy that took over, although it was in its History from the beginning",
	"python":          "its winner is judged by what was measured again, and no longer by the first figure too",
	"table":           "90.1 scaled by 0.01 is 0.901, and no longer 0.9009999999999999",
	"pool":            "as table",
	"front":           "of a front those are measured again that contribute most to its volume, no longer those that stand alone",
}

// programs builds nascent and the plugins once.
var programs = sync.OnceValues(func() (string, error) {
	if *already != "" {
		return filepath.Abs(*already)
	}
	dir, err := os.MkdirTemp("", "nascent-golden-")
	if err != nil {
		return "", err
	}
	return dir, proctest.Shipped(dir)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if *already == "" {
		if dir, err := programs(); err == nil {
			os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// golden is a recorded search.
type golden struct {
	path     string
	archive  *txtar.Archive
	commands []command
}

// command is one of nascent, and whether it is killed on its way.
type command struct {
	killed bool
	args   []string // the command's name first
}

// read reads a golden search.
func read(t *testing.T, path string) *golden {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{path: path, archive: archive}
	for line := range strings.Lines(string(archive.Comment)) {
		sign, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sign == ">" || sign == "*" || sign == "$" {
			args, err := words(rest)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if sign != "$" {
				args = slices.Concat([]string{"run"}, args, []string{"--quiet"})
			}
			g.commands = append(g.commands, command{killed: sign == "*", args: args})
		}
	}
	if len(g.commands) == 0 {
		t.Fatalf("%s runs nothing", path)
	}
	return g
}

// words splits a line at spaces outside of single quotes.
func words(line string) ([]string, error) {
	parts := strings.Split(line, "'")
	if len(parts)%2 == 0 {
		return nil, fmt.Errorf("a quote is open in %s", line)
	}
	var out []string
	for i, p := range parts {
		if i%2 == 1 {
			out = append(out, p)
		} else {
			out = append(out, strings.Fields(p)...)
		}
	}
	return out, nil
}

// recorded is a file that -update writes.
func (g *golden) recorded(name string) string {
	for _, f := range g.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// of is what was recorded for searches whose ledger has a format. Those of format 1
// are older than the first revision of the rules, and go on by their own where that
// is not what a search has that begins now.
func (g *golden) of(format, name string) string {
	if own := g.recorded(name + " of older searches"); own != "" && format == "format1" {
		return own
	}
	return g.recorded(name)
}

func (g *golden) record(name, text string) {
	g.archive.Files = slices.DeleteFunc(g.archive.Files, func(f txtar.File) bool { return f.Name == name })
	g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

// run is a directory in which a search runs.
type run struct {
	t        *testing.T
	bin, dir string
}

// begin lays out the search's files.
func (g *golden) begin(t *testing.T) *run {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, bin: bin, dir: t.TempDir()}
	for _, f := range g.archive.Files {
		if err := os.WriteFile(filepath.Join(r.dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *run) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(r.bin, "nascent"), args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "NASCENT_PLUGINS="+r.bin)
	return cmd
}

// nascent runs a command and returns what it prints.
func (r *run) nascent(args ...string) string {
	r.t.Helper()
	var stderr bytes.Buffer
	cmd := r.command(args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("nascent %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// do runs a command of a golden search.
func (r *run) do(c command) {
	r.t.Helper()
	if !c.killed {
		r.nascent(c.args...)
		return
	}
	cmd := r.command(c.args...)
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !r.measured() {
		select {
		case err := <-ended:
			r.t.Fatalf("run ended before it was killed: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	family := proctest.Children(cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		r.t.Fatal(err)
	}
	<-ended
	proctest.Gone(r.t, family...)
}

// measured tells whether the running search has results.
func (r *run) measured() bool {
	out, err := r.command("status", "s", "--json").Output()
	var status struct {
		OK int `json:"ok"`
	}
	return err == nil && json.Unmarshal(out, &status) == nil && status.OK > 0
}

// candidates is what was tried.
func (r *run) candidates() string {
	var b strings.Builder
	table := r.nascent("list", "s", "--sort", "id", "--limit", "0", "--columns", "id,phase,task,operator,parents,resume,inherit,reuse,fidelity,status,genome")
	for line := range strings.Lines(table) {
		fmt.Fprintln(&b, strings.Join(strings.Fields(line), " "))
	}
	return b.String()
}

// needs skips what cannot run here.
func (g *golden) needs(t *testing.T) {
	for _, f := range g.archive.Files {
		if filepath.Ext(f.Name) != ".py" {
			continue
		}
		if path, err := exec.LookPath("python3"); err != nil || python.TooOld(path) != nil {
			t.Skip("there is no python3 of 3.9 or newer here")
		}
	}
}

// Every golden search takes its recorded course again, and is proved by replay.
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil || len(paths) < 20 {
		t.Fatalf("only %d golden searches: %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := read(t, path)
			g.needs(t)
			r := g.begin(t)
			var digests strings.Builder
			for i, c := range g.commands {
				r.do(c)
				if c.killed {
					digests.WriteString("killed\n")
				} else {
					digests.WriteString(r.nascent("digest", "s"))
				}
				if *update && i == max(0, len(g.commands)-2) && slices.Contains(kept, name) {
					pack(t, filepath.Join(r.dir, "s"), filepath.Join(folder, *format, name+".tar.gz"))
				}
			}
			candidates := r.candidates()
			r.nascent("check", "s")
			r.nascent("replay", "s")
			if *update {
				g.record("digests", digests.String())
				g.record("candidates", candidates)
				if err := os.WriteFile(path, txtar.Format(g.archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(g.recorded("candidates"), candidates); diff != "" {
				t.Errorf("other candidates than recorded (-recorded +now):\n%s", diff)
			}
			if want := g.recorded("digests"); digests.String() != want {
				t.Errorf("digests after each command:\n%srecorded:\n%s", digests.String(), want)
			}
		})
	}
}

// Searches that older versions made, in every format there has been, are read as
// they are and go on as if they had been made now.
func TestOlderLedgers(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*.tar.gz"))
	if err != nil || len(paths) < len(kept) {
		t.Fatalf("only %d ledgers: %v", len(paths), err)
	}
	for _, path := range paths {
		name, format := strings.TrimSuffix(filepath.Base(path), ".tar.gz"), filepath.Base(filepath.Dir(path))
		t.Run(format+"/"+name, func(t *testing.T) {
			t.Parallel()
			g := read(t, filepath.Join(folder, name+".txtar"))
			g.needs(t)
			r := g.begin(t)
			unpack(t, path, filepath.Join(r.dir, "s"))
			digests := strings.SplitAfter(g.of(format, "digests"), "\n")
			digests = digests[:len(digests)-1]
			last := len(g.commands) - 1
			r.nascent("status", "s")
			r.nascent("check", "s")
			r.nascent("replay", "s")
			if want := digests[max(0, last-1)]; want != "killed\n" {
				if got := r.nascent("digest", "s"); got != want {
					t.Errorf("as it is kept its digest is %s, recorded %s", got, want)
				}
			}
			n := 0
			for line := range strings.Lines(r.candidates()) {
				if n++; !strings.HasPrefix(line, "f") && !strings.Contains(g.of(format, "candidates"), "\n"+line) && n > 1 {
					t.Errorf("it has another candidate than recorded: %s", line)
				}
			}
			if n < 2 {
				t.Error("it has no candidates")
			}
			// The programs are others than those that made it, but their results are
			// the same: that refuses no search.
			r.do(g.commands[last])
			if got, want := r.nascent("digest", "s"), digests[last]; got != want {
				t.Errorf("having gone on its digest is %s, recorded %s", got, want)
			}
			if diff := cmp.Diff(g.of(format, "candidates"), r.candidates()); diff != "" {
				t.Errorf("having gone on it has other candidates than recorded (-recorded +now):\n%s", diff)
			}
			r.nascent("check", "s")
			r.nascent("replay", "s")
		})
	}
}

// Whoever records a search anew says why: the list names searches that exist.
func TestChangedAreNamed(t *testing.T) {
	t.Parallel()
	for name, reason := range changed {
		if _, err := os.Stat(filepath.Join(folder, name+".txtar")); err != nil || reason == "" {
			t.Errorf("%s: %v; its reason is %q", name, err, reason)
		}
	}
}

// above stands in a kept search.yaml for the directory in which the search lies: programs
// are recorded with their whole paths.
const above = "@ABOVE@"

// pack keeps a search's directory as a file, unless it is kept already.
func pack(t *testing.T, dir, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(zip)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		first, _, _ := strings.Cut(name, string(filepath.Separator))
		if err != nil || !d.Type().IsRegular() || !slices.Contains([]string{"search.yaml", "ledger.db", "files"}, first) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if name == "search.yaml" {
			content = bytes.ReplaceAll(content, []byte(filepath.Dir(dir)), []byte(above))
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err := errors.Join(err, w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
}

// unpack makes the directory again.
func unpack(t *testing.T, path, dir string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "search.yaml" {
			content = bytes.ReplaceAll(content, []byte(above), []byte(filepath.Dir(dir)))
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
