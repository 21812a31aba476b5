package jsonl

import (
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// What a job took of the machine is what the program says, and of a process that has one
// job what the system does, of the processes that it has started too.
func TestUsage(t *testing.T) {
	t.Parallel()
	const burns = `sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; `
	for _, c := range []struct {
		mode, text string
		want       func(engine.Usage) bool
	}{
		{"once", burns + `echo '{"metrics": {"accuracy": 1}}'`, func(u engine.Usage) bool { return u.CPU > 0 && u.Memory > 1<<16 && u.GPUMemory == 0 }},
		{"once", burns + `echo '{"invalid": "no"}'`, func(u engine.Usage) bool { return u.CPU > 0 && u.Memory > 1<<16 }},
		{"once", `echo '{"metrics": {"accuracy": 1}, "usage": {"gpu_memory": 5}}'`, func(u engine.Usage) bool { return u == engine.Usage{GPUMemory: 5} }},
		{"stream", `while read -r line; do case $line in '{"open"'*) echo '{"hello": {}}' ;;
			'{"job"'*) echo '{"id": 1, "metrics": {"accuracy": 1}, "usage": {"cpu": 1.5, "memory": 3000000000}}' ;; esac; done`,
			func(u engine.Usage) bool { return u == engine.Usage{CPU: 1.5, Memory: 3e9} }},
		{"stream", `while read -r line; do case $line in '{"open"'*) echo '{"hello": {}}' ;;
			'{"job"'*) echo '{"id": 1, "metrics": {"accuracy": 1}}' ;; esac; done`, func(u engine.Usage) bool { return u == engine.Usage{} }},
	} {
		r := openRig(t, served(t, &evaluator{}), command(t, map[string]any{"command": []string{script(t, c.text)}, "mode": c.mode}))
		if e := r.answer(r.submit("good")); e.Kind != engine.Finished || !c.want(e.Result.Usage) {
			t.Errorf("%s of mode %s: %+v %+v", c.text, c.mode, e, e.Result)
		}
	}
}
