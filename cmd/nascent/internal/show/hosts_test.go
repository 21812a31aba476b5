package show

import "testing"

func TestHostsText(t *testing.T) {
	t.Parallel()
	for want, all := range map[string][]Host{
		"no host has joined": nil,
		"2 ready, 1 away":    {{State: "ready"}, {State: "away"}, {State: "ready"}},
		"1 opening, 2 aside (gpu-7: its evaluator is another)": {
			{State: "aside", Name: "gpu-7", Reason: "its evaluator is another"}, {State: "opening"}, {State: "aside", Name: "gpu-8", Reason: "too"},
		},
	} {
		if got := HostsText(all); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
