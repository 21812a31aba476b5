package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// Every scenario is played, with a few kills each; make chaos has more.
func TestChaos(t *testing.T) {
	t.Parallel()
	programs := t.TempDir()
	if err := proctest.Shipped(programs); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if clean, err := chaos(&out, programs, "", 1, 2, 6); err != nil || !clean {
		t.Errorf("%v\n%s", err, out.Bytes())
	}
	t.Logf("\n%s", out.Bytes())
}

// What must never be is seen.
func TestFinds(t *testing.T) {
	t.Parallel()
	results := func(texts ...string) kept {
		k := kept{results: map[engine.ID]string{}}
		for i, text := range texts {
			k.results[engine.ID(i+1)] = text
			k.history = append(k.history, engine.ID(i+1))
		}
		return k
	}
	earlier := results("ok 1", "ok 2", "ok 3")
	now := results("ok 1", "ok 9")
	lost := now.lost(earlier)
	slices.Sort(lost)
	if want := []string{"the result of job 2, which was ok 2 and is ok 9", "the result of job 3"}; !slices.Equal(lost, want) {
		t.Errorf("lost are %q, want %q", lost, want)
	}
	if same := earlier.lost(earlier); len(same) > 0 {
		t.Errorf("lost are %q", same)
	}
	now.history = append(now.history, 2)
	if twice := now.twice(); len(twice) != 1 {
		t.Errorf("twice are %q", twice)
	}

	j := journal{path: filepath.Join(t.TempDir(), "log"), ids: map[string]int{}}
	if again, err := j.look(earlier); err != nil || len(again) > 0 || len(j.unheard(earlier)) > 0 {
		t.Errorf("without a log %q began again: %v", again, err)
	}
	write := func(text string) {
		if err := os.WriteFile(j.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("began 1\nanswered 1\nbegan 2\n")
	if again, err := j.look(kept{}); err != nil || len(again) > 0 {
		t.Errorf("%q began again: %v", again, err)
	}
	write("began 1\nanswered 1\nbegan 2\nbegan 2\nbegan 4\n")
	if again, err := j.look(earlier); err != nil || len(again) != 1 || !strings.Contains(again[0], "job 2 ") {
		t.Errorf("%q began again: %v", again, err)
	}
	if unheard := j.unheard(earlier); len(unheard) != 2 {
		t.Errorf("nobody measured %q", unheard)
	}
}

// What clients told and what a search has are compared.
func TestReckoning(t *testing.T) {
	t.Parallel()
	k := kept{results: map[engine.ID]string{1: "ok false [{accuracy 1.5} {seconds 2}]", 2: "ok false [{accuracy 2.5}]", 3: "ok false [{accuracy 3}]"}}
	clean := "telling 1 1.5\ntelling 2 2\ntelling 2 2.5\ntold 2 2.5\ntelling 3 3\ntold 3 3\n"
	if wrong := reckon(k, clean); !wrong.clean() { // of the first nobody heard that it was told
		t.Errorf("wrong are %+v", wrong)
	}
	for log, want := range map[string][2]int{
		clean + "told 1 1.6\n":                   {1, 0},
		clean + "told 4 4\n":                     {1, 0},
		clean + "told 3 3\n":                     {0, 1},
		strings.Replace(clean, "1.5", "1.55", 1): {0, 1},
	} {
		if wrong := reckon(k, log); len(wrong.lost) != want[0] || len(wrong.twice) != want[1] {
			t.Errorf("of %q lost are %q, twice %q", log, wrong.lost, wrong.twice)
		}
	}
}

// What a hook was told and what a search has are compared.
func TestTold(t *testing.T) {
	t.Parallel()
	k := kept{history: []engine.ID{1, 2}}
	line := func(number, id int) string {
		return fmt.Sprintf(`{"event": "candidate", "number": %d, "candidate": {"id": %d}}`+"\n", number, id)
	}
	again := line(1, 1) + `{"event": "best", "number": 1, "candidate": {"id": 1}}` + "\n" + line(1, 1)
	for log, want := range map[string][2]int{
		again + line(2, 2):              {0, 0},
		again:                           {1, 0},
		again + line(2, 2) + line(3, 2): {0, 1},
		again + line(1, 2):              {0, 1},
	} {
		if wrong, err := told(k, log); err != nil || len(wrong.lost) != want[0] || len(wrong.twice) != want[1] {
			t.Errorf("of %q lost are %q, twice %q, %v", log, wrong.lost, wrong.twice, err)
		}
	}
	if _, err := told(k, `{"event": "cand`); err == nil {
		t.Error("half a line is a line")
	}
}

// A scenario says what is wrong with it.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"> search.yaml\n", "kill: engine\n", "> search.yaml\nkill: nobody\n", "> search.yaml\nkill: beside\n",
		"> search.yaml\n> s\nalone: search.yaml\nkill: engine\n"} {
		if _, err := parse("x", []byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
