// Command slowest reads what go test -json writes and prints what go test
// itself would: failures in full, a line for each package. Before the last of
// these lines it lists the slowest tests and the reasons of skipped ones. Its
// exit status is 1 if anything failed.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
	FailedBuild                               string
}

const shown = 15

func main() { os.Exit(summarize(os.Stdin, os.Stdout)) }

type key struct{ pkg, test string }

func summarize(in io.Reader, out io.Writer) int {
	type timed struct {
		key
		seconds float64
	}
	var slow []timed
	var closing, skips []string
	output := map[key][]string{}
	failed, seen := false, false
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // not from a test: show it as it is
			continue
		}
		seen = true
		k := key{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "build-fail":
			failed = true
		case "output":
			output[k] = append(output[k], e.Output)
		case "skip", "pass", "fail":
			text := output[k]
			delete(output, k)
			if e.Action == "fail" {
				failed = true
			}
			if e.Test == "" {
				for _, line := range text {
					if verdict(line) {
						closing = append(closing, line)
						fmt.Fprint(out, line)
					} else if e.Action == "fail" {
						fmt.Fprint(out, line)
					}
				}
				continue
			}
			if e.Action == "fail" {
				fmt.Fprint(out, strings.Join(text, ""))
			}
			if e.Action == "skip" {
				skips = append(skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(text)))
			}
			if !strings.Contains(e.Test, "/") {
				slow = append(slow, timed{k, e.Elapsed})
			}
		}
	}
	if err := lines.Err(); err != nil || !seen {
		fmt.Fprintln(out, "go test brought nothing to read", err)
		return 1
	}
	slices.SortFunc(slow, func(a, b timed) int {
		return cmp.Or(cmp.Compare(b.seconds, a.seconds), cmp.Compare(a.pkg+a.test, b.pkg+b.test))
	})
	if len(skips) > 0 {
		fmt.Fprintln(out, "\nskipped:")
		for _, s := range skips {
			fmt.Fprintln(out, "  "+s)
		}
	}
	fmt.Fprintln(out, "\nslowest tests:")
	for _, t := range slow[:min(shown, len(slow))] {
		fmt.Fprintf(out, "  %7.2fs  %s %s\n", t.seconds, t.pkg, t.test)
	}
	fmt.Fprintln(out)
	for _, line := range closing {
		fmt.Fprint(out, line)
	}
	if failed {
		fmt.Fprintln(out, "FAIL")
		return 1
	}
	return 0
}

// verdict tells whether a line is go test's own about a package.
func verdict(line string) bool {
	for _, start := range []string{"ok  \t", "FAIL\t", "?   \t", "---\t"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return strings.HasPrefix(line, "\t") && strings.Contains(line, "coverage:")
}

// reason is what a skipped test said.
func reason(text []string) string {
	for _, line := range text {
		s := strings.TrimSpace(line)
		if s != "" && !strings.HasPrefix(s, "=== ") && !strings.HasPrefix(s, "--- ") {
			return s
		}
	}
	return "no reason given"
}
