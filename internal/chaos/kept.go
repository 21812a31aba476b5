package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// kept is what a ledger holds of results, in the inbox and in History.
type kept struct {
	results  map[engine.ID]string
	history  []engine.ID
	attempts int // beyond the first, that counted

	begun       bool
	evaluations int
}

// readKept reads the ledger of a search that does not run. One that has not begun is
// empty.
func readKept(dir string) (kept, error) {
	k := kept{results: map[engine.ID]string{}}
	l, err := ledger.Inspect(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	} else if err != nil {
		return k, err
	}
	defer l.Close()
	if _, k.begun, err = l.Header(); err != nil {
		return k, err
	}
	for r, err := range l.History() {
		if err != nil {
			return k, err
		}
		if r.ID <= engine.FinalBase {
			k.evaluations++
		}
		k.history = append(k.history, r.ID)
		k.add(r)
	}
	for r, err := range l.Inbox() {
		if err != nil {
			return k, err
		}
		if _, twice := k.results[r.ID]; twice {
			k.history = append(k.history, r.ID) // counted there already
		}
		k.add(r)
	}
	for a, err := range l.Attempts() {
		if err != nil {
			return k, err
		}
		k.attempts += a.Counted
	}
	return k, nil
}

func (k *kept) add(r engine.ResultRecord) {
	k.results[r.ID] = fmt.Sprint(r.Status, r.Stopped, r.Metrics, r.Seconds, r.Files)
	k.attempts += max(0, r.Attempts-1)
}

// lost are the results that an earlier look found and this one has not, or has
// otherwise.
func (k *kept) lost(earlier kept) (out []string) {
	for id, was := range earlier.results {
		if is, there := k.results[id]; !there {
			out = append(out, fmt.Sprintf("the result of job %s", id))
		} else if is != was {
			out = append(out, fmt.Sprintf("the result of job %s, which was %s and is %s", id, was, is))
		}
	}
	return out
}

// twice are the jobs that count more than once.
func (k *kept) twice() (out []string) {
	seen := map[engine.ID]bool{}
	for _, id := range k.history {
		if seen[id] {
			out = append(out, fmt.Sprintf("job %s is twice in the ledger", id))
		}
		seen[id] = true
	}
	return out
}

// journal is an evaluator's own log.
type journal struct {
	path string
	read int            // lines
	ids  map[string]int // how often they were answered
}

// look reads the lines that are new. Of those jobs whose results were kept before, none
// may have begun since.
func (j *journal) look(before kept) (again []string, err error) {
	b, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for id := range before.results {
		known[id.String()] = true
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for _, line := range lines[j.read:] {
		what, id, _ := strings.Cut(line, " ")
		switch {
		case what == "began" && known[id]:
			again = append(again, fmt.Sprintf("job %s began again although its result was kept", id))
		case what == "answered":
			j.ids[id]++
		}
	}
	j.read = len(lines)
	return again, nil
}

// unheard are results that the ledger has and the evaluator never gave.
func (j *journal) unheard(k kept) (out []string) {
	if j.read == 0 {
		return nil // it keeps no log
	}
	for id, r := range k.results {
		if strings.HasPrefix(r, string(engine.OK)) && j.ids[id.String()] == 0 {
			out = append(out, fmt.Sprintf("job %s has a result that nobody measured", id))
		}
	}
	return out
}
