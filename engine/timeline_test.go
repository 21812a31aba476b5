package engine_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// What happened is told in words, not as it is recorded.
func TestTimelineIsForPeople(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, data, want string }{
		{"limits", `{"evaluations":160}`, "160 evaluations"},
		{"limits", `{"wall":5400,"seconds":1.5}`, "1h30m0s of running, 1.5s of evaluators' time"},
		{"limits", `{"evaluations":9,"target":0.95}`, "9 evaluations, the target 0.95"},
		{"limits", `{"targets":{"accuracy":0.9,"size":100}}`, "the target accuracy 0.9 with size 100"},
		{"limits", `{}`, "none: it runs until it is stopped"},
		{"set", `{"set":{"limits.evaluations":500,"workers":4}}`, "500 evaluations, 4 workers"},
		{"set", `{"set":{"limits.wall":null,"limits.target":null,"window":16}}`, "no limit of running, no target, a window of 16"},
		{"evaluator", `{"key":"evaluator","hello":{"name":"gorgonia","version":"1"}}`, "gorgonia 1"},
		{"evaluator", `{"key":"train","hello":{"name":"gorgonia","version":"1"}}`, "train is gorgonia 1"},
		{"started", `{"workers":2}`, "a run began, with 2 workers"},
		{"ended", `{"state":"finished"}`, "the run ended: finished"},
		{"resume", `{}`, "it goes on"},
		{"stop", `{}`, "the run was asked to end"},
	} {
		led := engine.Memory()
		if err := led.Commit(&engine.Change{Header: &engine.Header{}}); err != nil {
			t.Fatal(err)
		}
		e := engine.EventRecord{Seq: 1, Kind: c.kind, Data: json.RawMessage(c.data), Time: time.Unix(0, 0)}
		if err := led.Commit(&engine.Change{Events: []engine.EventRecord{e}}); err != nil {
			t.Fatal(err)
		}
		if all, err := engine.Timeline(led); err != nil || len(all) != 1 || all[0].Text != c.want {
			t.Errorf("%s %s: %v %v, want %s", c.kind, c.data, all, err, c.want)
		}
	}
}

// A takeover is told with what became another, compared with what held until then.
func TestTimelineTellsWhatIsDeclared(t *testing.T) {
	t.Parallel()
	led := engine.Memory()
	if err := led.Commit(&engine.Change{Header: &engine.Header{
		Config: json.RawMessage(`{"space":{"x":{"int":[0,9]}},"objectives":[{"metric":"a","goal":"maximize"},{"metric":"b","goal":"minimize"}]}`),
	}}); err != nil {
		t.Fatal(err)
	}
	const objectives = `"objectives":[{"metric":"a","goal":"maximize"},{"metric":"b","goal":"minimize"}]`
	for i, c := range []struct{ data, want string }{
		{`"space":{"x":{"int":[0,9]}},"prefer":"b","constraints":[{"metric":"b","max":5}]`,
			`prefer=b constraints=[{"metric":"b","max":5}]: 3 of 3 candidates fit`},
		{`"space":{"x":{"int":[0,8]}},"prefer":"b"`, `another space (x.int: [0,8], was [0,9]) constraints=none: 3 of 3 candidates fit`},
		{`"space":{"x":{"int":[0,8]}},"reference":{"a":0.5}`, `reference={"a":0.5} prefer=none: 3 of 3 candidates fit`},
		{`"space":{"x":{"int":[0,8]}}`, `reference=none: 3 of 3 candidates fit`},
	} {
		e := engine.EventRecord{Seq: uint64(i + 1), Kind: "takeover", Data: json.RawMessage(`{"of":3,"fit":3,` + objectives + `,` + c.data + `}`)}
		if err := led.Commit(&engine.Change{Events: []engine.EventRecord{e}}); err != nil {
			t.Fatal(err)
		}
		if all, err := engine.Timeline(led); err != nil || all[i].Text != c.want {
			t.Errorf("%s: %v %v, want %s", c.data, all, err, c.want)
		}
	}
}
