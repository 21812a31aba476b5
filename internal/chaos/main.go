package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/nascent-nas/nascent/genome/rng"
)

func main() {
	seed := flag.Uint64("seed", 1, "of the moments and of who is killed")
	kills := flag.Int("kills", 30, "in each scenario, at least")
	only := flag.String("run", "", "only the scenarios whose names match this regular expression")
	programs := flag.String("programs", "bin", "the directory of nascent and its plugins")
	parallel := flag.Int("parallel", 2, "scenarios at once")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "chaos: what is %s? It takes flags alone (-h)\n", flag.Arg(0))
		os.Exit(2)
	}
	clean, err := chaos(os.Stdout, *programs, *only, *seed, *kills, *parallel)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if !clean {
		os.Exit(1)
	}
}

// chaos plays scenarios and prints the table. It tells whether nothing went wrong.
func chaos(out io.Writer, programs, only string, seed uint64, kills, parallel int) (clean bool, err error) {
	match, err := regexp.Compile(only)
	if err != nil {
		return false, err
	}
	all, err := scenarios()
	if err != nil {
		return false, err
	}
	if programs, err = filepath.Abs(programs); err != nil {
		return false, err
	}
	if _, err := os.Stat(filepath.Join(programs, "nascent")); err != nil {
		return false, fmt.Errorf("%s holds no nascent: build it (make) or name another directory with -programs", programs)
	}
	fmt.Fprintln(out, header)
	clean = true
	var mu sync.Mutex
	var group sync.WaitGroup
	room := make(chan struct{}, max(1, parallel))
	begin := func(name string, play func(r *rng.Rand) (*tally, error)) {
		if !match.MatchString(name) {
			return
		}
		group.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			t, e := play(rng.New(rng.Derive(seed, name)))
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(out, t.row())
			for _, list := range [][]string{t.lost, t.twice, t.left, t.other} {
				for _, what := range list {
					fmt.Fprintf(out, "  %s\n", what)
				}
			}
			if e != nil {
				fmt.Fprintf(out, "  %s: %v\n", name, e)
			}
			clean = clean && e == nil && t.clean()
		})
	}
	for _, s := range all {
		begin(s.name, func(r *rng.Rand) (*tally, error) { return play(s, programs, r, kills) })
	}
	begin(clientsName, func(r *rng.Rand) (*tally, error) { return playClients(programs, r, kills) })
	group.Wait()
	return clean, nil
}

// play kills in searches of a scenario until there were so many kills.
func play(s scenario, programs string, r *rng.Rand, kills int) (*tally, error) {
	t := &tally{scenario: s.name}
	for _, f := range s.files {
		if filepath.Ext(f.Name) == ".py" {
			if _, err := exec.LookPath("python3"); err != nil {
				return t, fmt.Errorf("there is no python3 here: %w", err)
			}
		}
	}
	x, err := newTrial(s, programs, t)
	if err != nil {
		return t, err
	}
	want, took, err := x.whole()
	if err != nil {
		return t, err
	}
	if err := x.verdict(want); err != nil {
		return t, err
	}
	for t.kills < kills {
		if x, err = newTrial(s, programs, t); err != nil {
			return t, err
		}
		t.searches++
		if err := x.disturbed(r, took); err != nil {
			return t, err
		}
		if err := x.verdict(want); err != nil {
			return t, err
		}
		if t.searches == 10*kills {
			return t, fmt.Errorf("%d searches, and only %d kills met one that was running", t.searches, t.kills)
		}
	}
	return t, nil
}
