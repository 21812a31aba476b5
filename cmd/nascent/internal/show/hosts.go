package show

import (
	"fmt"
	"strings"
)

// Host is a machine that carries out jobs of a search, as people are told of it.
type Host struct {
	Name     string  `json:"host"`
	State    string  `json:"state"` // ready, opening, away, draining, aside
	Reason   string  `json:"reason"`
	Running  int     `json:"running"`
	Slots    int     `json:"slots"`
	Finished int     `json:"finished"` // jobs with a result
	Failed   int     `json:"failed"`   // of them
	Rate     float64 `json:"rate"`     // of finished ones a second, since it joined
	Cores    int     `json:"cores"`
	Memory   int64   `json:"memory"` // bytes

	GPUs []string `json:"gpus,omitempty"` // names of those that it sees
}

// hostStates are those in which hosts are counted, in this order.
var hostStates = []string{"ready", "opening", "draining", "away", "aside"}

// HostsText says on one line how the hosts of a search stand, and names the first one that was
// set aside.
func HostsText(all []Host) string {
	if len(all) == 0 {
		return "no host has joined"
	}
	var parts []string
	aside := ""
	for _, state := range hostStates {
		n := 0
		for _, h := range all {
			if h.State == state {
				n++
			}
			if h.State == "aside" && aside == "" {
				aside = fmt.Sprintf(" (%s: %s)", h.Name, h.Reason)
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", Thousands(int64(n)), state))
		}
	}
	return strings.Join(parts, ", ") + aside
}
