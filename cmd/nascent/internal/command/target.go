package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nascent-nas/nascent/cmd/nascent/examples"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/clients"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/follow"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/fleet"
	"github.com/nascent-nas/nascent/internal/safe"
)

// configName is the search.yaml of a search directory.
const configName = "search.yaml"

// target is a search to be run: what it is, and where.
type target struct {
	dir    string
	doc    *config.Document // as it is to be run
	stored *config.Document // as the directory has it; nil where no search has begun
	only   int              // not 0: search no further than so many evaluations, and test
	change bool             // another strategy is to take over
	turn   uint64           // not 0: after so many turns
	desk   *clients.Desk    // where clients attach; nil where none measure
	hosts  *fleet.Fleet     // who carries the jobs out; nil: this machine
}

// choices are what the command line says about a search.
type choices struct {
	dir         string
	workers     int
	evaluations int
	seed        int64
	strategy    string
	from        string // where that stands, if not at --strategy
	turn        uint64 // at which the strategy takes over
	set         []string
	text        []byte // of the search.yaml, for PATH -
	changed     func(flag string) bool
}

// begun tells whether a search lives in a directory.
func begun(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, ledger.FileName))
	return err == nil
}

// resolve finds out which search is meant. It makes nothing.
func resolve(path string, c choices) (*target, error) {
	doc, home, err := c.load(path)
	if err != nil {
		return nil, err
	}
	c.strategy = strategyFromHere(c.strategy)
	t := &target{doc: doc, dir: c.dir}
	if t.dir == "" {
		if t.dir = home; home == "" {
			t.dir = nameOf(doc, path)
		}
	}
	if t.dir, err = filepath.Abs(t.dir); err != nil {
		return nil, err
	}
	if info, err := os.Stat(t.dir); err == nil && !info.IsDir() {
		return nil, wrongInput("%s is a file; choose a directory with --dir", t.dir)
	}
	for _, path := range []string{t.dir, doc.Dir} {
		if !utf8.ValidString(path) {
			return nil, wrongInput("%q: this path is not in UTF-8, as programs on the other side of a wire need it; "+
				"rename it, or reach it by a link with another name", path)
		}
	}
	if err := ledger.Trust(t.dir); err != nil {
		return nil, err
	}
	if begun(t.dir) {
		t.stored, err = readConfig(filepath.Join(t.dir, configName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if path == fromInput && err == nil { // what it leaves out is as it is
			doc.Complete(t.stored)
		}
	}
	_, example := examples.Text(path)
	if t.stored != nil && (example && home == "" || sameFile(t.dir, home)) {
		// An example cannot be edited: what its directory says is newer.
		if t.doc, err = readConfig(filepath.Join(t.dir, configName)); err != nil {
			return nil, err
		}
	}
	if err := c.apply(t.doc); err != nil {
		return nil, err
	}
	switch {
	case t.stored != nil:
		err = t.doc.Adopt(t.stored)
	case begun(t.dir): // killed before its copy of the document was written
		err = nil
	default:
		err = c.replaces(path, t.doc, t.dir)
	}
	if err != nil {
		return nil, err
	}
	return t, t.succession(c)
}

// replaces refuses to begin a search by PATH's document in a directory that has a
// search.yaml of its own: one that, with what the command line sets in both, says anything
// else than the document, or than the copy of it that a run leaves there.
func (c *choices) replaces(path string, doc *config.Document, dir string) error {
	own := filepath.Join(dir, configName)
	if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) || sameFile(path, own) || sameFile(path, dir) {
		return nil
	}
	stands, err := readConfig(own)
	if err == nil {
		err = c.apply(stands)
	}
	moved, err2 := doc.Relocated()
	if err == nil && err2 == nil {
		asItIs, _ := config.Same(stands, doc)
		asKept, _ := config.Same(stands, moved)
		if asItIs || asKept {
			return nil
		}
	}
	return wrongInput("%s is there already and describes another search; choose another directory with --dir, or run that one: %s run %s",
		own, show.Program(), quote(shortest(dir)))
}

// succession finds out whether another strategy is to take over. Which one has
// done so before stands in the ledger, whatever became of the search.yaml.
func (t *target) succession(c choices) error {
	if t.stored == nil {
		if c.changed("at-turn") {
			return wrongInput("--at-turn %d: no search has begun in %s; begin it with the strategy that is to be first", c.turn, t.dir)
		}
		return nil
	}
	if c.changed("at-turn") && !c.changed("strategy") {
		return wrongInput("--at-turn %d: say also which strategy is to take over: --strategy NAME", c.turn)
	}
	v, done, err := inspect(t.dir)
	if err != nil {
		return nil // whoever opens it next says why
	}
	defer done()
	now := v.Strategies[len(v.Strategies)-1]
	s, err := t.doc.Read()
	if err != nil {
		return err
	}
	same := isStrategy(s.Strategy, now)
	switch turns := v.Status().Turns; {
	case !c.changed("strategy"):
		// A change that was interrupted may stand in one of the two only, and what is
		// the default may have been another when the search began.
		if !same && (len(v.Strategies) > 1 || t.stored.Given("strategy") || !t.doc.Has("strategy")) {
			return t.doc.Set("strategy", strategyText(now), "the search")
		}
		return nil
	case same && c.changed("at-turn") && c.turn > now.Turn:
		return wrongInput("--at-turn %d: %s decides already, since turn %d; leave --strategy out to go on", c.turn, now.Name, now.Turn)
	case same:
		return nil
	case c.changed("at-turn") && c.turn < turns:
		return wrongInput("--at-turn %d: the search has taken %d turns already; leave it out to change the strategy now", c.turn, turns)
	}
	t.change, t.turn = true, c.turn
	return nil
}

// isStrategy tells whether a search.yaml names the strategy that an event tells of.
func isStrategy(p config.Plugin, e engine.StrategyEvent) bool {
	options := recordedOptions(p)
	return strategyName(p) == e.Name && (len(options) == 0 && string(e.Options) == "{}" || string(options) == string(e.Options))
}

// strategyText writes a strategy as the value of a key of search.yaml.
func strategyText(e engine.StrategyEvent) string {
	if strings.HasPrefix(e.Source, "{") {
		return e.Source
	}
	options := map[string]json.RawMessage{}
	if json.Unmarshal(e.Options, &options) != nil || len(options) == 0 {
		return strconv.Quote(e.Source)
	}
	options["use"] = json.RawMessage(strconv.Quote(e.Source))
	text, err := json.Marshal(options)
	if err != nil {
		return strconv.Quote(e.Source)
	}
	return string(text)
}

// readSearch reads the search that a path means: a search.yaml, a search
// directory or an example.
func readSearch(path string) (*config.Search, error) {
	doc, _, err := load(path, false)
	if err != nil {
		return nil, err
	}
	return doc.Read()
}

// fromInput is the PATH of a search.yaml on standard input.
const fromInput = "-"

// load reads the document that is meant, and in which directory its search lives
// already.
func (c *choices) load(path string) (doc *config.Document, home string, err error) {
	if path != fromInput {
		return load(path, c.dir != "")
	}
	if c.dir == "" {
		return nil, "", wrongInput("-: a search.yaml on standard input has no directory; say with --dir where the search is to be kept")
	}
	if doc, err = config.Parse("standard input", ".", c.text); err == nil {
		doc.Tidy()
	}
	return doc, "", err
}

// load reads the document that PATH names: a search directory, a search.yaml or
// an example. home is the directory that the search already lives in, or "".
// With a directory of its own a search may be called like an example although
// a directory of that name lies around.
func load(path string, elsewhere bool) (doc *config.Document, home string, err error) {
	info, statErr := os.Stat(path)
	text, example := examples.Text(path)
	if statErr == nil && info.IsDir() && !(example && elsewhere) {
		if err := ledger.Vet(path); err != nil {
			return nil, "", err
		}
		doc, err = readConfig(filepath.Join(path, configName))
		if err == nil {
			return doc, path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
		if !example && begun(path) {
			return nil, "", wrongInput("%s: a search has begun here, but its search.yaml is missing; put it back, or run the "+
				"original with --dir %s", path, quote(path))
		}
		if !example {
			return nil, "", wrongInput("%s: there is no search.yaml in this directory; write one, or begin with: %s init %s",
				path, show.Program(), quote(path))
		}
	}
	if statErr == nil && !info.IsDir() {
		if doc, err = readConfig(path); err != nil {
			return nil, "", err
		}
		if dir := filepath.Dir(path); begun(dir) && filepath.Base(path) == configName {
			home = dir
		}
		return doc, home, nil
	}
	if example {
		doc, err = config.Parse("examples/"+path+".yaml", ".", text)
		return doc, "", err
	}
	if statErr != nil && !errors.Is(statErr, fs.ErrNotExist) {
		return nil, "", wrongInput("%s: %v", path, errors.Unwrap(statErr))
	}
	return nil, "", wrongInput("%s: there is no such file, directory or example; examples are %s", path,
		strings.Join(examples.Names(), ", "))
}

func readConfig(path string) (*config.Document, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > config.MaxSize {
		return nil, wrongInput("%s: the file has %d bytes; a search.yaml has at most %d", path, info.Size(), config.MaxSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, wrongInput("%s: %v", path, errors.Unwrap(err))
	}
	return config.Parse(path, filepath.Dir(path), text)
}

// nameOf is what a search is called, and so its directory: as it says itself,
// or as its file is called.
func nameOf(doc *config.Document, path string) string {
	if name := doc.Text("name"); name != "" {
		return filepath.Base(name)
	}
	base := filepath.Base(path)
	name := strings.TrimSuffix(strings.TrimSuffix(base, ".yaml"), ".yml")
	if name == "search" {
		if abs, err := filepath.Abs(path); err == nil {
			name = filepath.Base(filepath.Dir(abs))
		}
	}
	if name == base { // never the file itself
		name += "-search"
	}
	return name
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// apply sets in the document what the command line says.
func (c *choices) apply(doc *config.Document) error {
	type setting struct{ key, value, origin string }
	var all []setting
	flag := func(name, key, value string) {
		if c.changed(name) {
			all = append(all, setting{key, value, "--" + name + " " + value})
		}
	}
	flag("workers", "workers", strconv.Itoa(c.workers))
	flag("evaluations", "limits.evaluations", strconv.Itoa(c.evaluations))
	flag("seed", "seed", strconv.FormatInt(c.seed, 10))
	if c.changed("strategy") && strings.TrimSpace(c.strategy) == "" {
		return wrongInput("--strategy: there is no name; write --strategy NAME, or '{use: NAME, option: value}'")
	}
	if c.changed("strategy") && doc.Bare("strategy") != c.strategy { // a name alone means its default options
		value := c.strategy
		if !strings.HasPrefix(strings.TrimSpace(value), "{") {
			value = strconv.Quote(value)
		}
		flag("strategy", "strategy", value)
		if c.from != "" {
			all[len(all)-1].origin = c.from
		}
	}
	for _, s := range c.set {
		key, value, ok := strings.Cut(s, "=")
		switch {
		case !ok:
			return wrongInput("--set %s: there is no = in it; write --set KEY=VALUE, for example --set limits.evaluations=500", s)
		case strings.TrimSpace(key) == "":
			return wrongInput("--set %s: there is no key before the =; write --set KEY=VALUE, for example --set limits.evaluations=500", s)
		}
		all = append(all, setting{key, value, "--set " + s})
	}
	for _, s := range all {
		if err := doc.Set(s.key, s.value, s.origin); err != nil {
			return err
		}
		doc.Anchor(s.key)
	}
	return nil
}

// keep writes the document into the search's directory, if it says something
// else than what is there.
func (t *target) keep() error {
	path := filepath.Join(t.dir, configName)
	if t.stored != nil {
		if same, _ := config.Same(t.stored, t.doc); same {
			return nil
		}
	} else if own, err := readConfig(path); err == nil {
		if same, _ := config.Same(own, t.doc); same {
			return nil
		}
	}
	if !sameFile(t.doc.Dir, t.dir) {
		t.doc.Relocate()
	}
	text, err := t.doc.Encode()
	if err != nil {
		return err
	}
	err = safe.Write(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// traces remembers what a directory held before a search began in it, so that
// a refused one leaves nothing behind.
type traces struct {
	dir    string
	before []string // entries that were there
	made   []string // directories that were not there, innermost first
}

// ours are the entries that a run makes in a search directory.
var ours = []string{
	configName, ledger.FileName, ledger.FileName + ".new", index.FileName, "lock", "owner", "sock", "sock.new", "files", "logs",
	"report.html", follow.FileName,
}

func traceOf(dir string) *traces {
	t := &traces{dir: dir}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		t.made = append(t.made, d)
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		t.before = append(t.before, e.Name())
	}
	return t
}

// remove takes away what was not there before.
func (t *traces) remove() {
	for _, name := range ours {
		if !slices.Contains(t.before, name) {
			os.RemoveAll(filepath.Join(t.dir, name))
		}
	}
	for _, d := range t.made {
		if os.Remove(d) != nil {
			break
		}
	}
}
