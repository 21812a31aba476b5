package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine/option"
)

// otherLine is what another program came to in one search: a line of the files that
// others: names.
type otherLine struct {
	Problem  string          `json:"problem"`
	Strategy string          `json:"strategy"`
	Seed     *int64          `json:"seed"`
	Outcome  json.RawMessage `json:"outcome"` // what the problem is judged by, or an object
}

// otherOutcome is the object that an outcome may be.
type otherOutcome struct {
	Search     string             `json:"search"` // this and what else bench keeps of its own searches may be there
	Metric     string             `json:"metric"`
	Goal       string             `json:"goal"`
	Trace      *otherTrace        `json:"trace"`
	Test       *float64           `json:"test"`
	TestMetric string             `json:"test_metric"`
	Report     map[string]float64 `json:"report"`
	Digest     string             `json:"digest"`
}

type otherTrace struct {
	Spent []float64 `json:"spent"`
	Steps []struct {
		At    []float64 `json:"at"`
		Value *float64  `json:"value"`
	} `json:"steps"`
}

// readOthers reads what other programs came to, by the problem. Lines about problems
// that the suite does not have are passed over, which is said.
func readOthers(s *config.Suite) (all map[string]*bench.Bench, said []string, err error) {
	all = map[string]*bench.Bench{}
	for _, name := range s.Others {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(s.Path), name)
		}
		strange := map[string]int{}
		if err := readOther(path, s, all, strange); err != nil {
			return nil, nil, err
		}
		for _, problem := range slices.Sorted(maps.Keys(strange)) {
			said = append(said, fmt.Sprintf("%s has %s of a problem %s, which is none of the suite's, and passed over",
				name, show.Plural(strange[problem], "line"), problem))
		}
	}
	return all, said, nil
}

func readOther(path string, s *config.Suite, all map[string]*bench.Bench, strange map[string]int) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // whoever makes it has not been run yet
	}
	if err != nil {
		return wrongInput("%s: others: %v; name files of lines of JSON", s.Path, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		bad := func(what string) error {
			return wrongInput("%s:%d: %s; docs/bench.md has an example of such a line", path, n, what)
		}
		var l otherLine
		if err := option.Decode(lines.Bytes(), &l); err != nil {
			return bad(err.Error())
		}
		if l.Problem == "" || l.Strategy == "" || l.Seed == nil || len(l.Outcome) == 0 {
			return bad("problem, strategy, seed and outcome are not all there")
		}
		if !slices.ContainsFunc(s.Problems, func(p config.Problem) bool { return p.Name == l.Problem }) {
			strange[l.Problem]++
			continue
		}
		o, err := l.read()
		if err != nil {
			return bad("outcome" + err.Error())
		}
		b := all[l.Problem]
		if b == nil {
			b = &bench.Bench{}
			all[l.Problem] = b
		}
		i := slices.IndexFunc(b.Strategies, func(r *bench.Row) bool { return r.Name == l.Strategy })
		if i < 0 {
			i = len(b.Strategies)
			b.Strategies = append(b.Strategies, &bench.Row{Name: l.Strategy, Strategy: l.Strategy, Runs: []bench.Run{}})
		}
		if slices.ContainsFunc(b.Strategies[i].Runs, func(r bench.Run) bool { return r.Seed == *l.Seed }) {
			return bad(fmt.Sprintf("%s with seed %d of problem %s is there twice", l.Strategy, *l.Seed, l.Problem))
		}
		b.Add(b.Strategies[i], *l.Seed, "", o)
	}
	if err := lines.Err(); err != nil {
		return wrongInput("%s: others: %v", path, err)
	}
	return nil
}

// read is the outcome as bench has it. The error begins with where it lies.
func (l *otherLine) read() (*bench.Outcome, error) {
	var end float64
	if string(l.Outcome) != "null" && json.Unmarshal(l.Outcome, &end) == nil {
		return &bench.Outcome{End: &end}, nil
	}
	out, o := &bench.Outcome{}, otherOutcome{}
	if l.Outcome[0] != '{' {
		return nil, fmt.Errorf(" is neither a number nor an object with metric, trace, test or report")
	}
	if err := option.Decode(l.Outcome, &o); err != nil {
		return nil, fmt.Errorf(".%w", err)
	}
	if o.Goal != "" && o.Goal != "maximize" && o.Goal != "minimize" {
		return nil, fmt.Errorf(".goal: %q is neither maximize nor minimize", o.Goal)
	}
	if t := o.Trace; t != nil {
		if !paid(t.Spent, []float64{0, 0}) {
			return nil, errors.New(".trace.spent: write [evaluations, seconds]")
		}
		last := []float64{0, 0}
		for i, step := range t.Steps {
			if step.Value == nil || !paid(step.At, last) || !paid(t.Spent, step.At) {
				return nil, fmt.Errorf(".trace.steps[%d]: write {at: [evaluations, seconds], value: BEST}, each later "+
					"than the one before and none after spent", i)
			}
			last = step.At
		}
	}
	return out, json.Unmarshal(l.Outcome, out)
}

// paid tells whether a pair of costs is one, and no smaller than another.
func paid(at, least []float64) bool {
	return len(at) == 2 && at[0] >= least[0] && at[1] >= least[1]
}
