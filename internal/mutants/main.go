package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

func main() {
	only := flag.String("run", "", "only the bugs whose names match this regular expression")
	dir := flag.String("bugs", "internal/mutants/bugs", "the folder of the bugs")
	parallel := flag.Int("parallel", max(1, runtime.NumCPU()/2), "bugs at once; each has tests that run in parallel")
	timeout := flag.String("timeout", "5m", "of the tests of one bug: tests that hang have caught it")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "mutants: what is %s? It takes flags alone (-h)\n", flag.Arg(0))
		os.Exit(2)
	}
	root, err := os.Getwd()
	if err == nil {
		var survived int
		survived, err = mutants(os.Stdout, &garden{root: root, timeout: *timeout}, *dir, *only, *parallel)
		if err == nil && survived > 0 {
			os.Exit(1)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
}

// mutants plants bugs, prints a line for each and returns how many were not caught.
func mutants(out io.Writer, g *garden, dir, only string, parallel int) (survived int, err error) {
	match, err := regexp.Compile(only)
	if err != nil {
		return 0, err
	}
	all, err := readBugs(dir)
	if err != nil {
		return 0, err
	}
	var bugs []bug
	for _, b := range all {
		if match.MatchString(b.name) {
			bugs = append(bugs, b)
		}
	}
	var mu sync.Mutex
	sound := map[string]func() error{} // by tests: they are tried once without a bug
	for _, b := range bugs {
		key := strings.Join(b.tests, " ") + " " + b.run
		if sound[key] == nil {
			sound[key] = sync.OnceValue(func() error { return g.sound(&b) })
		}
	}
	var group sync.WaitGroup
	room := make(chan struct{}, max(1, parallel))
	done := 0
	for _, b := range bugs {
		group.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			began := time.Now()
			err := sound[strings.Join(b.tests, " ")+" "+b.run]()
			var catchers []string
			if err == nil {
				catchers, err = g.plant(&b)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			said := "caught by " + some(catchers)
			if err != nil {
				said = "ERROR: " + err.Error()
			} else if len(catchers) == 0 {
				said = "SURVIVES: " + b.what
			}
			if err != nil || len(catchers) == 0 {
				survived++
			}
			fmt.Fprintf(out, "%d/%d %s (%.0f s) %s\n", done, len(bugs), b.name, time.Since(began).Seconds(), said)
		})
	}
	group.Wait()
	fmt.Fprintf(out, "%d bugs planted, %d caught\n", len(bugs), len(bugs)-survived)
	return survived, nil
}

// some names at most so many as are read.
func some(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
