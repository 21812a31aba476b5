package show

import (
	"testing"

	"github.com/nascent-nas/nascent/fleet"
)

func TestWhyOfAHost(t *testing.T) {
	t.Parallel()
	cuda, shape := fleet.Failure{Reason: "CUDA error", Count: 3}, fleet.Failure{Reason: "bad shape", Count: 1}
	for want, h := range map[string]Host{
		"":                          {State: "ready", Finished: 4},
		"failed: CUDA error":        {State: "ready", Finished: 4, Failed: 3, Failures: []fleet.Failure{cuda}},
		"3 of 4 failed: CUDA error": {State: "ready", Finished: 9, Failed: 4, Failures: []fleet.Failure{cuda, shape}},
		"train.py changed":          {State: "aside", Reason: "train.py changed", Failed: 3, Failures: []fleet.Failure{cuda}},
	} {
		if got := h.Why(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestHostsText(t *testing.T) {
	t.Parallel()
	for want, all := range map[string][]Host{
		"no host has joined": nil,
		"2 ready; on gpu-2 3 of 41 jobs failed: CUDA error": {
			{State: "ready", Finished: 9, Failed: 1},
			{Name: "gpu-2", State: "ready", Finished: 41, Failed: 3, Failures: []fleet.Failure{{Reason: "CUDA error", Count: 2}, {Reason: "NaN", Count: 1}}},
		},
		"2 ready, 1 away": {{State: "ready"}, {State: "away"}, {State: "ready"}},
		"1 opening, 2 aside (gpu-7: its evaluator is another)": {
			{State: "aside", Name: "gpu-7", Reason: "its evaluator is another"}, {State: "opening"}, {State: "aside", Name: "gpu-8", Reason: "too"},
		},
	} {
		if got := HostsText(all); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
