package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	var s study
	flag.StringVar(&s.programs, "programs", "bin", "the directory of nascent and its plugins")
	flag.StringVar(&s.suite, "suite", "testdata/science/suite.yaml", "the searches")
	flag.StringVar(&s.results, "results", "testdata/science/results.json", "what they came to")
	flag.StringVar(&s.text, "text", "docs/science.md", "the text that has the tables")
	again := flag.String("again", "", "run strategies whose names match this regular expression again")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "science: what is %s? It takes flags alone (-h)\n", flag.Arg(0))
		os.Exit(2)
	}
	err := s.run(*again, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "science:", err)
		os.Exit(1)
	}
}

// study is one invocation.
type study struct {
	programs, suite, results, text string

	file map[string]yaml.Node // the suite
	kept kept
}

// kept is the file of results.
type kept struct {
	Entries []*entry `json:"entries"`
}

// entry is what a strategy's searches of one problem came to.
type entry struct {
	Problem  string `json:"problem"`
	Strategy string `json:"strategy"`
	Key      string `json:"key"` // of what the suite said of them
	Metric   string `json:"metric"`
	Goal     string `json:"goal"`
	Digest   string `json:"digest"` // of the first search
	Runs     []run  `json:"runs"`
}

// run is one search: seed, evaluations, seconds, and what it is judged by; null where
// it came to nothing.
type run [4]*float64

// problem is one of the suite's.
type problem struct {
	name       string
	node       *yaml.Node
	strategies []*yaml.Node
}

func (s *study) run(again string, out io.Writer) error {
	match, err := regexp.Compile(again)
	if err != nil {
		return fmt.Errorf("-again %s: %w", again, err)
	}
	text, err := os.ReadFile(s.suite)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, &s.file); err != nil {
		return fmt.Errorf("%s: %w", s.suite, err)
	}
	switch text, err := os.ReadFile(s.results); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(text, &s.kept); err != nil {
			return fmt.Errorf("%s: %w: restore it, or remove it to run everything", s.results, err)
		}
	}
	problems, err := s.problems()
	if err != nil {
		return err
	}
	wanted := map[*entry]bool{} // true: and it is of the searches that the suite describes now
	for _, p := range problems {
		var missing, there []*yaml.Node
		keys := map[string]string{}
		for _, n := range p.strategies {
			key, name := s.key(p, n), called(n)
			keys[name] = key
			if e := s.find(p.name, name); e != nil && e.Key == key && (again == "" || !match.MatchString(name)) {
				there = append(there, n)
			} else {
				missing = append(missing, n)
			}
		}
		other, err := s.changed(p, there)
		if err != nil {
			return err
		}
		for _, n := range other {
			fmt.Fprintf(out, "%s: %s decides otherwise than when it was measured\n", p.name, called(n))
		}
		missing = append(missing, other...)
		if len(missing) > 0 {
			fmt.Fprintf(out, "%s: %d of %d strategies are missing\n", p.name, len(missing), len(p.strategies))
			if err := s.measure(p, missing, keys, out); err != nil {
				return err
			}
		}
		for _, n := range p.strategies {
			if e := s.find(p.name, called(n)); e != nil {
				wanted[e] = e.Key == keys[called(n)]
			}
		}
	}
	s.kept.Entries = slices.DeleteFunc(s.kept.Entries, func(e *entry) bool { _, named := wanted[e]; return !named })
	if err := s.keep(); err != nil {
		return err
	}
	s.kept.Entries = slices.DeleteFunc(s.kept.Entries, func(e *entry) bool { return !wanted[e] })
	if len(s.kept.Entries) == 0 {
		return errors.New("nothing has been measured: set NASCENT_BENCH_DATA to the folder of the tables")
	}
	return s.tell(problems, out)
}

// problems reads those of the suite.
func (s *study) problems() ([]*problem, error) {
	list := s.file["problems"]
	common := s.file["strategies"]
	var out []*problem
	for _, n := range list.Content {
		p := &problem{node: n, strategies: common.Content}
		if own := field(n, "strategies"); own != nil {
			p.strategies = own.Content
		}
		if name := field(n, "name"); name != nil {
			p.name = name.Value
		}
		if p.name == "" {
			return nil, fmt.Errorf("%s:%d: a problem has no name", s.suite, n.Line)
		}
		out = append(out, p)
	}
	return out, nil
}

// field is the value of a map's key, or nil.
func field(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// called is a strategy's name.
func called(n *yaml.Node) string {
	for _, key := range []string{"as", "use"} {
		if v := field(n, key); v != nil {
			return v.Value
		}
	}
	return n.Value
}

// shown are keys of a problem that change no search.
var shown = []string{"published", "optimum", "relative", "target", "strategies"}

// key is equal as long as the suite says the same of a strategy's searches.
func (s *study) key(p *problem, strategy *yaml.Node) string {
	h := sha256.New()
	for i := 0; i < len(p.node.Content); i += 2 {
		if name := p.node.Content[i].Value; !slices.Contains(shown, name) || name == "target" && byCost(p.node) {
			fmt.Fprintf(h, "%s %s\n", name, canonical(p.node.Content[i+1]))
		}
	}
	for _, name := range []string{"seeds", "first_seed"} {
		if n := s.file[name]; field(p.node, name) == nil && n.Value != "" {
			fmt.Fprintf(h, "%s %s\n", name, n.Value)
		}
	}
	fmt.Fprintf(h, "strategy %s\n", canonical(strategy))
	return hex.EncodeToString(h.Sum(nil))[:24]
}

// costs are what searches may be judged by in place of what they find.
var costs = []string{"evaluations", "seconds"}

// byCost tells whether a problem's searches are judged by what they spend to its target.
func byCost(problem *yaml.Node) bool {
	by := field(problem, "by")
	return by != nil && slices.Contains(costs, by.Value)
}

// canonical writes a node without its layout.
func canonical(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		var parts []string
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value != "as" {
				parts = append(parts, n.Content[i].Value+": "+canonical(n.Content[i+1]))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		var parts []string
		for _, x := range n.Content {
			parts = append(parts, canonical(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return n.Tag + " " + n.Value
}

func (s *study) find(problem, strategy string) *entry {
	if i := slices.IndexFunc(s.kept.Entries, func(e *entry) bool { return e.Problem == problem && e.Strategy == strategy }); i >= 0 {
		return s.kept.Entries[i]
	}
	return nil
}

// keep writes the file of results, an entry a line.
func (s *study) keep() error {
	lines := make([]string, len(s.kept.Entries))
	for i, e := range s.kept.Entries {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines[i] = string(b)
	}
	return replace(s.results, "{\"entries\": [\n"+strings.Join(lines, ",\n")+"\n]}\n")
}

// replace writes a file as a whole or not at all.
func replace(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// said is what nascent says of a suite.
type said struct {
	Problems []struct {
		Name      string
		By        string
		Goal      string
		Optimum   *float64
		Relative  bool
		Published []struct {
			Name  string
			Value float64
		}
		Scores []struct {
			Strategy      string
			N             int
			Mean          *float64
			Error         *float64 `json:"standard_error"`
			Median        *float64
			Regret        *float64
			Rank          float64
			Better, Worse int
			P             *float64
		}
		Bench struct {
			Metric     string
			Strategies []struct {
				Name    string
				Refused string
				Runs    []struct {
					Digest                     string
					Seed, Evaluations, Seconds float64
					Best, Test                 *float64
					Reached                    *[2]float64
					Report                     map[string]float64
				}
			}
		}
	}
	Reference string
	Overall   []struct {
		Strategy       string
		Rank           float64
		Wins, Problems int
		Better, Worse  int
		Ratio          *float64
	}
}

// bench has nascent carry out a suite, which lies where the original does. Not to be
// carried out is no error: reason then says why.
func (s *study) bench(suite map[string]*yaml.Node) (out said, reason string, err error) {
	text, err := yaml.Marshal(suite)
	if err != nil {
		return out, "", err
	}
	f, err := os.CreateTemp(filepath.Dir(s.suite), "running-*.yaml")
	if err != nil {
		return out, "", err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(text); err != nil {
		return out, "", err
	}
	if err := f.Close(); err != nil {
		return out, "", err
	}
	dir, err := s.halfway(text)
	if err != nil {
		return out, "", err
	}
	cmd := exec.Command(filepath.Join(s.programs, "nascent"), "bench", "--suite", f.Name(), "--dir", dir, "--json", "--quiet")
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	printed, err := cmd.Output()
	if decoded := json.Unmarshal(printed, &out); decoded != nil || len(out.Problems) == 0 {
		reason = strings.TrimSpace(strings.TrimPrefix(trouble.String(), "nascent: "))
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 2 {
			return out, reason, nil
		}
		return out, "", fmt.Errorf("%w: %s", errors.Join(err, decoded), reason)
	}
	return out, "", os.RemoveAll(dir)
}

// halfway is the directory where a suite's searches by this very program gather until all
// are done: what was interrupted goes on.
func (s *study) halfway(suite []byte) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(filepath.Join(s.programs, "nascent"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write(suite)
	h.Write(program)
	dir := filepath.Join(cache, "nascent-science", hex.EncodeToString(h.Sum(nil)[:8]))
	return dir, os.MkdirAll(dir, 0o700)
}

// only is the suite with one problem and some strategies. Keys that are left out of
// the problem are those that others give.
func (s *study) only(p *problem, strategies []*yaml.Node, left ...string) map[string]*yaml.Node {
	suite := s.without(append(left, "others", "problems", "strategies", "reference")...)
	own := *p.node
	own.Content = nil
	for i := 0; i < len(p.node.Content); i += 2 {
		if name := p.node.Content[i].Value; name != "strategies" && !slices.Contains(left, name) {
			own.Content = append(own.Content, p.node.Content[i:i+2]...)
		}
	}
	suite["problems"] = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{&own}}
	suite["strategies"] = &yaml.Node{Kind: yaml.SequenceNode, Content: strategies}
	return suite
}

// changed runs the first search of strategies that were measured again, and tells
// which of them took another way. Where that cannot be carried out none counts as
// changed.
func (s *study) changed(p *problem, strategies []*yaml.Node) (other []*yaml.Node, err error) {
	if len(strategies) == 0 {
		return nil, nil
	}
	suite := s.only(p, strategies, "seeds")
	suite["seeds"] = &yaml.Node{Kind: yaml.ScalarNode, Value: "1"}
	did, reason, err := s.bench(suite)
	if err != nil || reason != "" {
		return nil, err
	}
	for i, r := range did.Problems[0].Bench.Strategies {
		if e := s.find(p.name, r.Name); len(r.Runs) == 0 || r.Runs[0].Digest != e.Digest {
			other = append(other, strategies[i])
		}
	}
	return other, nil
}

// measure runs strategies on one problem, and keeps what they came to.
func (s *study) measure(p *problem, strategies []*yaml.Node, keys map[string]string, out io.Writer) error {
	did, reason, err := s.bench(s.only(p, strategies))
	if err != nil {
		return err
	}
	if reason != "" {
		fmt.Fprintln(out, reason)
		return nil
	}
	x := did.Problems[0]
	for _, r := range x.Bench.Strategies {
		if r.Refused != "" {
			fmt.Fprintf(out, "%s: %s cannot search this: %s\n", p.name, r.Name, r.Refused)
			continue
		}
		e := s.find(p.name, r.Name)
		if e == nil {
			e = &entry{Problem: p.name, Strategy: r.Name}
			s.kept.Entries = append(s.kept.Entries, e)
		}
		e.Key, e.Goal, e.Metric, e.Runs = keys[r.Name], x.Goal, x.By, nil
		if x.By == "best" {
			e.Metric = x.Bench.Metric
		}
		for i, search := range r.Runs {
			if i == 0 {
				e.Digest = search.Digest
			}
			value := search.Best
			switch x.By {
			case "best":
			case "test":
				value = search.Test
			case "evaluations", "seconds":
				if value = nil; search.Reached != nil {
					value = &search.Reached[slices.Index(costs, x.By)]
				}
			default:
				value = nil
				if v, ok := search.Report[x.By]; ok {
					value = &v
				}
			}
			e.Runs = append(e.Runs, run{&search.Seed, &search.Evaluations, &search.Seconds, value})
		}
	}
	return s.keep()
}

// without is the suite but for some keys.
func (s *study) without(keys ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for key, n := range s.file {
		if !slices.Contains(keys, key) {
			out[key] = &n
		}
	}
	return out
}
