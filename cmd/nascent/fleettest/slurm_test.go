package fleettest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/fleet/place"
	"github.com/nascent-nas/nascent/fleet/place/slurmtest"
)

// Slurm itself, with four nodes on this machine: hosts, nodes and the search's own process
// are killed.
func TestSlurm(t *testing.T) {
	t.Parallel()
	c := slurmtest.Start(t, 4)
	one, step, kills := size(t, 8)
	s := newSearch(t, placed(one, "{on: slurm, hosts: 4, gpus: 1, patience: 1s}")...)
	for _, v := range c.Env() {
		if strings.HasPrefix(v, "SLURM_CONF=") {
			s.env = append(s.env, v)
		}
	}
	host := func(n int) bool {
		return killOne(n, func(p process) bool {
			return len(p.command) > 2 && p.command[1] == "host" && p.command[2] == filepath.Join(s.dir, "fleet", "ticket.json")
		})
	}
	var acts []func() bool
	for i := range kills {
		node := fmt.Sprintf("n%d", i/8%4+1)
		switch i % 8 {
		case 1:
			acts = append(acts, func() bool { c.KillNode(node); return true })
		case 3, 7:
			acts = append(acts, s.again)
		case 5:
			acts = append(acts, func() bool { c.StartNode(node); host(i); return true })
		default:
			acts = append(acts, func() bool { return host(i) })
		}
	}
	if done := s.through(step, acts); done < kills {
		t.Errorf("it had ended after %d kills", done)
	}
	s.same(one...)
	if all, err := place.SlurmIn(c.Env()).List(t.Context(), s.ticket()); err != nil || len(all) > 0 {
		t.Errorf("left is %v, %v", all, err)
	}
}
