package jsonl

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
)

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "evaluate.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// A shell script conforms in both modes.
func TestCommandConforms(t *testing.T) {
	t.Parallel()
	const judge = `
	text=${line#*\"text\":}; text=${text%%\"budget*}
	case $line in
	*'"text":"x=1 y=0.01 '*) echo "{$id\"invalid\": \"this one cannot be\"}" ;;
	*) echo "{$id\"metrics\": {\"accuracy\": 0.${#text}}}" ;;
	esac`
	for mode, text := range map[string]string{
		"once": `read -r line; id=
case $line in *'"slow":true'*) sleep 60 & wait $! ;; esac` + judge,
		"stream": `
while read -r line; do
	id=${line#*\"id\":}; id="\"id\": ${id%%,*}, "
	case $line in
	'{"open"'*) echo '{"hello": {}}' ;;
	'{"cancel"'*) ;;
	'{"job"'*) ` + judge + ` ;;
	esac
done`,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p, err := host.Find(host.KindEvaluator, "exec", plugins(t))
			if err != nil {
				t.Fatal(err)
			}
			settings := func(slow bool) json.RawMessage {
				b, err := json.Marshal(map[string]any{"command": []string{script(t, text)}, "mode": mode, "options": map[string]bool{"slow": slow}})
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			space := genome.MustParseSpace(enginetest.Numbers)
			bad, err := space.Parse("x=1 y=0.01 n=0 b=no")
			if err != nil {
				t.Fatal(err)
			}
			o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
			suite := enginetest.EvaluatorOptions{
				Space: space, Invalid: []genome.Genome{bad}, Options: settings(false),
				Refused: []json.RawMessage{json.RawMessage(`{}`), json.RawMessage(`{"command": ["true"], "mode": "twice"}`),
					json.RawMessage(`{"command": ["no-such-program"]}`), json.RawMessage(`{"command": ["true"]}`)},
			}
			if mode == "once" {
				suite.SlowOptions = settings(true)
			}
			enginetest.Evaluator(t, func() engine.Evaluator { return host.Evaluator(p, o) }, suite)
		})
	}
}

func command(t *testing.T, options map[string]any) string {
	t.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOnceTrouble(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		status engine.Status
		reason string
	}{
		`echo a print; echo '{"metrics": {"accuracy": 0.5}, "remark": "well"}'`: {engine.OK, "well"},
		`printf '%02000d and so it broke\n' 0 >&2; exit 3`:                      {engine.Failed, "00 and so it broke"},
		`echo '{"metrics": {"accuracy": 0.5}}'; echo it broke >&2; exit 3`:      {engine.Failed, "ended with exit status 3; its last words: it broke"},
		`echo '{"failed": "no data"}'; exit 3`:                                  {engine.Failed, "no data"},
		`echo hello`:                                                            {engine.Failed, `answered nothing: print one line such as {"metrics": {"accuracy": 0.9}}`},
		`echo '{"metric": {"accuracy": 1}}'`: {
			engine.Failed, `answered with the key "metric", which says nothing: print one line such as {"metrics": {"accuracy": 0.9}}`,
		},
		`echo '{"accuracy": 1, "loss": 2}'`:                                   {engine.Failed, `answered with the keys "accuracy, loss", which says nothing: print one line`},
		`echo '{"metrics": {"accuracy": }}'`:                                  {engine.Failed, "breaks the protocol of docs/exec.md: "},
		`echo '{"metrics": {"size": 1}}'`:                                     {engine.Failed, "metric size is not declared"},
		`echo '{"metrics": {"accuracy": "high"}}'`:                            {engine.Failed, "docs/exec.md: metrics has a string where a number should be, in the line"},
		`echo '{"metrics": {"accuracy": 1}, "stopped": 1}'`:                   {engine.Failed, "stopped has a number where true or false should be, in the line"},
		`echo '{"failed": "a\u001b[31mb"}'`:                                   {engine.Failed, "a [31mb"},
		`echo '{"metrics": {"accuracy": null}}'`:                              {engine.Failed, "metric accuracy is NaN"},
		`printf 'read {"id": 1}  100%%'; echo '{"metrics": {"accuracy": 1}}'`: {engine.Failed, "answered behind something else that it printed in one line: end the print with a new line"},
		`echo 'I will say {"metrics": {"accuracy": 1}}'; echo '{"metrics": {"accuracy": 0.5}, "remark": "said"}'`:  {engine.OK, "said"},
		`echo '{"metrics": {"accuracy": 1}, "files": {"../evil": "x"}}'`:                                           {engine.Failed, `under a wrong name: "../evil" is no name for a file`},
		`echo '{"Metrics": {"accuracy": 1}}'`:                                                                      {engine.Failed, "breaks the protocol of docs/exec.md: Metrics: there is no such key; write metrics, in the line"},
		`echo '{"metrics": {"accuracy": 1}, "secnods": 3}'`:                                                        {engine.Failed, "secnods: there is no such key; did you mean seconds?, in the line"},
		`echo '{"metrics": {"accuracy": 1}, "wall": 3}'`:                                                           {engine.Failed, "wall: there is no such key; there are failed, fault, "},
		`echo '{"metrics": {"accuracy": 1}, "metrics": {"loss": 1}}'`:                                              {engine.Failed, "metrics: it is there twice; remove one, in the line"},
		`echo '{"metrics": {"accuracy": 1, "accuracy": 2}}'`:                                                       {engine.Failed, "metrics.accuracy: it is there twice; remove one, in the line"},
		`echo '{"level": "info", "level": 3, "id": 4}'; echo '{"metrics": {"accuracy": 0.5}, "remark": "logged"}'`: {engine.OK, "logged"},
		`kill -9 $$`: {engine.Failed, "ended by signal 9"},
		`sleep 3600 & echo '{"returned": "no room"}'`: {"", "no room"},
	} {
		r := openRig(t, served(t, &evaluator{grace: time.Minute}), command(t, map[string]any{"mode": "once", "command": []string{script(t, text)}}))
		e := r.answer(r.submit("good"))
		status, reason := engine.Status(""), e.Reason
		if e.Result != nil {
			status, reason = e.Result.Status, e.Result.Reason
		}
		if status != want.status || !strings.Contains(reason, want.reason) {
			t.Errorf("%s: %s %s", text, status, reason)
		}
	}
}

// What a job of mode once has started ends with it, wherever it has fled to.
func TestOnceLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("there is no setsid here")
	}
	p, err := host.Find(host.KindEvaluator, "exec", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	text := `read -r line; scratch=${line#*\"scratch\":\"}; scratch=${scratch%%\"*}; mkdir "$scratch"
setsid sh -c 'sleep 3600 & echo $! >"'"$scratch"'/child"; echo $$ >"'"$scratch"'/leader"; wait' </dev/null >/dev/null 2>&1 &
while [ ! -s "$scratch/leader" ]; do sleep 0.01; done
echo '{"metrics": {"accuracy": '"$(cat "$scratch/child")"', "leader": '"$(cat "$scratch/leader")"'}}'`
	r := openRig(t, host.Evaluator(p, host.Options{LogDir: t.TempDir(), SearchID: t.Name()}), command(t, map[string]any{
		"mode": "once", "command": []string{script(t, text)}, "metrics": map[string]string{"accuracy": "maximize", "leader": "minimize"}}))
	e := r.answer(r.submit("good"))
	if e.Result == nil || e.Result.Status != engine.OK {
		t.Fatalf("%+v %+v", e, e.Result)
	}
	for _, m := range e.Result.Metrics {
		if syscall.Kill(int(m.Value), 0) == nil {
			t.Errorf("process %v outlives its job", m.Value)
		}
	}
}

// A file that does not lie in the job's directory is its owner's, and stays.
func TestOwnFileStays(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "own")
	if err := os.WriteFile(own, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for answer, kept := range map[string]int{`"metrics": {"accuracy": 1}`: 2, `"returned": "no room"`: 0} {
		text := `read -r line; scratch=${line#*\"scratch\":\"}; scratch=${scratch%%\"*}; mkdir "$scratch"; echo made >"$scratch/made"
echo '{"files": {"own": "` + own + `", "made": "'"$scratch/made"'"}, ` + answer + `}'`
		r := openRig(t, served(t, &evaluator{grace: time.Minute}), command(t, map[string]any{"mode": "once", "command": []string{script(t, text)}}))
		e := r.answer(r.submit("good"))
		n := 0
		if e.Result != nil {
			n = len(e.Result.Files)
		}
		if n != kept {
			t.Errorf("%s: %+v %+v", answer, e, e.Result)
		}
		if b, err := os.ReadFile(own); err != nil || string(b) != "mine" {
			t.Errorf("%s: %q %v", answer, b, err)
		}
	}
}

// An answer without an id is nobody's, and would be waited for for ever.
func TestNoID(t *testing.T) {
	t.Parallel()
	program := `while read -r line; do case $line in '{"open"'*) echo '{"hello": {}}' ;; '{"job"'*) echo '{"epoch": 1}'; echo '{"metrics": {"accuracy": 1}}' ;; esac; done`
	r := openRig(t, served(t, &evaluator{}), command(t, map[string]any{"command": []string{script(t, program)}}))
	if e := r.answer(r.submit("good")); e.Kind != engine.Finished ||
		!strings.Contains(e.Result.Reason, "breaks the protocol of docs/exec.md: it answers without the id of a job") {
		t.Errorf("%+v %+v", e, e.Result)
	}
}

// What is misspelt or there twice in a line with a job's id, or in the hello, is never
// passed over: it would be waited for for ever, or count half. What else programs print
// is theirs.
func TestKeysThatThereAreNot(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"id": 1, "metrisc": {"accuracy": 1}}`:                                "metrisc: there is no such key; did you mean metrics?",
		`{"id": 1, "failure": "no data"}`:                                      "failure: there is no such key; there are failed, fault, ",
		`{"id":1,"scratch":false,"metrics":{"accuracy":1,"accuracy":2}}`:       "metrics.accuracy: it is there twice",
		`{"id": 1, "step": 1, "report": {"a": 1, "a": 2}}`:                     "report.a: it is there twice",
		`{"id": 1, "id": 2, "metrics": {"accuracy": 1}}`:                       "id: it is there twice",
		`{"id": 1, "metrics": {"accuracy": 1}, "files": {"a": "x", "a": "y"}}`: "files.a: it is there twice",
		`{"event": "epoch", "event": 3}`:                                       "",
		`{"ID": 1, "metrics": {"accuracy": 1}}`:                                "ID: there is no such key; write id",
	} {
		program := `while read -r line; do case $line in '{"open"'*) echo '{"hello": {}}' ;; '{"job"'*) echo '` + answer +
			`'; echo '{"id": 1, "metrics": {"accuracy": 0.5}}' ;; esac; done`
		r := openRig(t, served(t, &evaluator{}), command(t, map[string]any{"command": []string{script(t, program)}}))
		e := r.answer(r.submit("good"))
		if e.Kind != engine.Finished || (want == "") != (e.Result.Status == engine.OK) || !strings.Contains(e.Result.Reason, want) {
			t.Errorf("%s: %+v %+v", answer, e, e.Result)
		}
	}
	for hello, want := range map[string]string{
		`{"hello": {"slot": 8}}`:                                "hello.slot: there is no such key; did you mean slots?",
		`{"hello": {"metrics": [{"name": "a"}, {"nam": "b"}]}}`: "hello.metrics[1].nam: there is no such key; did you mean name?",
		`{"hello": {"Slots": 8}}`:                               "hello.Slots: there is no such key; write slots",
	} {
		_, _, err := served(t, &evaluator{}).Open(t.Context(), engine.EvaluatorSetup{Space: troubles, Workers: 1,
			Options: json.RawMessage(command(t, map[string]any{"command": []string{script(t, `read -r line; echo '`+hello+`'; read -r line`)}}))})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", hello, err)
		}
	}
}

// A print without an end of line would swallow the answer, and that be waited for for
// ever. Other prints are none of our business, whatever they look like.
func TestPrintBeforeAnswer(t *testing.T) {
	t.Parallel()
	const swallowed = "breaks the protocol of docs/exec.md: it prints something before a message in one line"
	for print, want := range map[string]string{
		`printf 'progress 100%%'`:                             swallowed,
		`printf '\r 50%% {"step": 1} \r100%% '`:               swallowed,
		`printf '\033[0m'`:                                    swallowed,
		`printf '\357\273\277'`:                               swallowed,
		`echo 'best so far {"metrics": {"accuracy": 1}}'`:     "",
		`echo 'job {"id": 1, "genes": {"x": 1}}'`:             "",
		`printf '{"id": 1, "report": {"a": 1}, "step": 1}\n'`: "",
	} {
		program := `while read -r line; do case $line in '{"open"'*) echo '{"hello": {}}' ;; '{"job"'*) ` + print + `; echo '{"id": 1, "metrics": {"accuracy": 1}}' ;; esac; done`
		r := openRig(t, served(t, &evaluator{}), command(t, map[string]any{"command": []string{script(t, program)}}))
		e := r.answer(r.submit("good"))
		if e.Kind != engine.Finished || (want == "") != (e.Result.Status == engine.OK) || !strings.Contains(e.Result.Reason, want) {
			t.Errorf("%s: %+v %+v", print, e, e.Result)
		}
	}
	program := `read -r line; printf 'loading... '; echo '{"hello": {}}'; read -r line`
	_, _, err := served(t, &evaluator{}).Open(t.Context(), engine.EvaluatorSetup{Space: troubles, Workers: 1,
		Options: json.RawMessage(command(t, map[string]any{"command": []string{script(t, program)}}))})
	if err == nil || !strings.Contains(err.Error(), swallowed) {
		t.Error(err)
	}
}

// A job whose process is killed because another one does not end comes back, and is
// not to blame.
func TestKilledBecauseOfAnother(t *testing.T) {
	t.Parallel()
	program := `while read -r line; do case $line in '{"open"'*) echo '{"hello": {"slots": 2}}' ;; esac; done`
	r := openRig(t, served(t, &evaluator{}), command(t, map[string]any{"command": []string{script(t, program)}}))
	deaf, other := r.submit("good"), r.submit("good")
	begun := map[engine.ID]bool{}
	for len(begun) < 2 {
		if e := <-r.session.Events(); e.Kind == engine.Begun {
			begun[e.ID] = true
		}
	}
	r.session.Cancel(deaf, 1, false)
	said := map[engine.ID]engine.Event{}
	for len(said) < 2 {
		if e := <-r.session.Events(); e.Kind != engine.Begun {
			said[e.ID] = e
		}
	}
	for id, want := range map[engine.ID]string{deaf: "cancelled", other: "its process was killed because of another job"} {
		if e := said[id]; e.Kind != engine.Returned || e.Reason != want {
			t.Errorf("job %s: %+v %+v, want %s", id, e, e.Result, want)
		}
	}
}

// Without a hello nothing waits for ever.
func TestNoHello(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("there is no sleep here")
	}
	e := served(t, &evaluator{})
	_, _, err = e.Open(t.Context(), engine.EvaluatorSetup{Space: troubles, Workers: 1,
		Options: json.RawMessage(command(t, map[string]any{"command": []string{path, "3600"}, "start_timeout": "20ms"}))})
	if err == nil || !strings.Contains(err.Error(), "sleep said no hello within 20ms: see docs/exec.md, or raise start_timeout") {
		t.Error(err)
	}
}

// What a command is, is told by its files, not by where they lie.
func TestCommandIdentity(t *testing.T) {
	t.Parallel()
	identity := func(text string) string {
		return openRig(t, served(t, &evaluator{}), command(t, map[string]any{"mode": "once", "command": []string{script(t, text)}})).hello.Identity
	}
	a, b, c := identity("exit 0"), identity("exit 0"), identity("exit 1")
	if a != b || a == c || strings.Contains(a, os.TempDir()) {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}
