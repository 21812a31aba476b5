package show

import (
	"fmt"
	"strings"

	"github.com/nascent-nas/nascent/fleet"
)

// Host is a machine that carries out jobs of a search, as people are told of it.
type Host struct {
	Name     string  `json:"host"`
	State    string  `json:"state"` // ready, opening, away, draining, aside
	Reason   string  `json:"reason"`
	Running  int     `json:"running"`
	Slots    int     `json:"slots"`
	Finished int     `json:"finished"` // jobs that have ended
	Failed   int     `json:"failed"`   // of them
	Rate     float64 `json:"rate"`     // of finished ones a second, since it joined
	Cores    int     `json:"cores"`
	Memory   int64   `json:"memory"` // bytes

	GPUs []string `json:"gpus,omitempty"` // names of those that it sees

	Failures []fleet.Failure `json:"failures,omitempty"` // the most frequent first, at most five
}

// Why says why it gets no jobs, or else of what most of its jobs failed; "" if none did.
func (h *Host) Why() string {
	switch {
	case h.Reason != "" || len(h.Failures) == 0:
		return h.Reason
	case h.Failures[0].Count == h.Failed:
		return "failed: " + h.Failures[0].Reason
	}
	return fmt.Sprintf("%s of %s failed: %s", Thousands(int64(h.Failures[0].Count)), Thousands(int64(h.Failed)), h.Failures[0].Reason)
}

// hostStates are those in which hosts are counted, in this order.
var hostStates = []string{"ready", "opening", "draining", "away", "aside"}

// HostsText says on one line how the hosts of a search stand, and names the first one that was
// set aside or, if none was, the one on which the most jobs failed.
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
	worst := Host{}
	for _, h := range all {
		if h.Failed > worst.Failed {
			worst = h
		}
	}
	if aside == "" && worst.Failed > 0 {
		aside = fmt.Sprintf("; on %s %s of %s failed", worst.Name, Thousands(int64(worst.Failed)), Plural(worst.Finished, "job"))
		if len(worst.Failures) > 0 {
			aside += ": " + worst.Failures[0].Reason
		}
	}
	return strings.Join(parts, ", ") + aside
}
