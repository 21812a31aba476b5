// Package placetest is what every [place.Placer] must do.
package placetest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/fleet/place"
)

// standIn is what hosts are in the suite: it says with what it was started, and waits for
// SIGTERM; with the argument "end" it ends at once. A ticket comes as a file or, where there
// are none in common, in the environment.
const standIn = `#!/bin/sh
out=DIR
for a; do last=$a; done
verb=$1 ticket=$2
shift 2
if [ "$ticket" = - ]; then ticket=$(echo "$NASCENT_TICKET"); else ticket=$(cat "$ticket"); fi
{ echo "$verb" "$ticket" "$@"; echo "setup=$SETUP"; } >"$out/.$$" && mv "$out/.$$" "$out/started-$$"
[ "$last" = end ] && exit 0
trap 'kill $! 2>/dev/null; wait; exit 0' TERM
sleep 100000 &
wait
`

// Run holds placers to their contract. Each call of placer returns another that reaches the
// same scheduler, as another process would. Search ids that the suite uses begin with
// prefix; nothing of them is left afterwards. The scheduler must be able to run six hosts
// at once that ask for nothing.
func Run(t *testing.T, prefix string, placer func() place.Placer) {
	s := suite{prefix: prefix, placer: placer}
	for name, test := range map[string]func(*testing.T, suite){
		"a host": host, "more": more, "stops": stops, "ends": ends, "searches": searches, "nothing": nothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

type suite struct {
	prefix string
	placer func() place.Placer
}

// work is what a host of a search is started with. The search is stopped with the test.
func (s suite) work(t *testing.T, search string, args ...string) place.Work {
	t.Helper()
	dir := t.TempDir()
	program, ticket := filepath.Join(dir, "nascent it is"), filepath.Join(dir, "ticket.json")
	for path, text := range map[string]string{program: strings.Replace(standIn, "DIR", dir, 1), ticket: `{"search": "a search"}` + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := place.Work{Search: s.prefix + search, Program: program, Ticket: ticket, Dir: dir, Args: args, Setup: "SETUP='as it should'\nexport SETUP"}
	t.Cleanup(func() {
		if err := s.placer().Stop(context.Background(), w.Search); err != nil {
			t.Errorf("stopping what is left: %v", err)
		}
		s.await(t, w.Search, "nothing to be left", func(all []place.Placed) bool { return len(all) == 0 })
	})
	return w
}

// await asks until what is placed is as it should be.
func (s suite) await(t *testing.T, search, what string, is func([]place.Placed) bool) []place.Placed {
	t.Helper()
	p := s.placer()
	var all []place.Placed
	for begin := time.Now(); time.Since(begin) < 3*time.Minute; time.Sleep(100 * time.Millisecond) {
		var err error
		if all, err = p.List(context.Background(), search); err != nil {
			t.Fatal(err)
		}
		if is(all) {
			return all
		}
	}
	t.Fatalf("waiting for %s, there is %+v", what, all)
	return nil
}

func running(n int) func([]place.Placed) bool {
	return func(all []place.Placed) bool {
		return len(all) == n && !slices.ContainsFunc(all, func(x place.Placed) bool { return x.State != place.Running })
	}
}

// started waits until as many hosts have said with what they were started.
func started(t *testing.T, w place.Work, n int) []string {
	t.Helper()
	var all []string
	for begin := time.Now(); time.Since(begin) < 3*time.Minute; time.Sleep(50 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(w.Dir, "started-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) < n {
			continue
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(b))
		}
		return all
	}
	t.Fatalf("no %d hosts have started", n)
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A host is started as it was asked for, after its setup.
func host(t *testing.T, s suite) {
	w := s.work(t, "a", "--name", "it's one", "last")
	must(t, s.placer().Place(t.Context(), w, 1))
	all := s.await(t, w.Search, "a running host", running(1))
	if all[0].ID == "" {
		t.Error("it has no id")
	}
	want := `host {"search": "a search"} --name it's one last` + "\nsetup=as it should\n"
	if got := started(t, w, 1); len(got) != 1 || got[0] != want {
		t.Errorf("it was started as %q, want %q", got, want)
	}
}

// What another process has placed is found, and more is placed beside it.
func more(t *testing.T, s suite) {
	w := s.work(t, "more")
	must(t, s.placer().Place(t.Context(), w, 2))
	first := s.await(t, w.Search, "two", running(2))
	must(t, s.placer().Place(t.Context(), w, 1))
	all := s.await(t, w.Search, "three", running(3))
	for _, x := range first {
		if !slices.ContainsFunc(all, func(y place.Placed) bool { return x.ID == y.ID }) {
			t.Errorf("%s is no more among %+v", x.ID, all)
		}
	}
	ids := map[string]bool{}
	for _, x := range all {
		ids[x.ID] = true
	}
	if len(ids) != 3 || len(started(t, w, 3)) != 3 {
		t.Errorf("there are not three of %+v", all)
	}
}

// Some are stopped, then all; who has ended is no error.
func stops(t *testing.T, s suite) {
	w := s.work(t, "stops")
	must(t, s.placer().Place(t.Context(), w, 3))
	all := s.await(t, w.Search, "three", running(3))
	started(t, w, 3)
	must(t, s.placer().Stop(t.Context(), w.Search, all[0].ID, all[2].ID))
	left := s.await(t, w.Search, "one", running(1))
	if left[0].ID != all[1].ID {
		t.Errorf("%s is left, not %s", left[0].ID, all[1].ID)
	}
	must(t, s.placer().Stop(t.Context(), w.Search, all[0].ID))
	must(t, s.placer().Stop(t.Context(), w.Search))
	s.await(t, w.Search, "none", running(0))
	must(t, s.placer().Stop(t.Context(), w.Search))
}

// Who ends by itself is no longer there.
func ends(t *testing.T, s suite) {
	w := s.work(t, "ends", "end")
	must(t, s.placer().Place(t.Context(), w, 2))
	started(t, w, 2)
	s.await(t, w.Search, "none", running(0))
}

// Searches do not see one another, though one's id begins with the other's.
func searches(t *testing.T, s suite) {
	a, b := s.work(t, "side"), s.work(t, "side-2")
	must(t, s.placer().Place(t.Context(), a, 1))
	must(t, s.placer().Place(t.Context(), b, 1))
	first := s.await(t, a.Search, "one of the first", running(1))
	other := s.await(t, b.Search, "one of the second", running(1))
	if first[0].ID == other[0].ID {
		t.Errorf("both have %s", first[0].ID)
	}
	must(t, s.placer().Stop(t.Context(), a.Search, other[0].ID)) // not its own
	must(t, s.placer().Stop(t.Context(), a.Search))
	s.await(t, a.Search, "none of the first", running(0))
	s.await(t, b.Search, "one of the second", running(1))
}

// Of a search that nobody has placed anything for there is nothing, and nothing to stop.
func nothing(t *testing.T, s suite) {
	p := s.placer()
	all, err := p.List(t.Context(), s.prefix+"nothing")
	if err != nil || len(all) != 0 {
		t.Errorf("there is %+v, %v", all, err)
	}
	must(t, p.Stop(t.Context(), s.prefix+"nothing"))
	w := s.work(t, "none")
	must(t, p.Place(t.Context(), w, 0))
	if all, err = p.List(t.Context(), w.Search); err != nil || len(all) != 0 {
		t.Errorf("there is %+v, %v", all, err)
	}
}
