package fleettest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/fleet/place/raytest"
	"github.com/nascent-nas/nascent/fleet/place/sshtest"
)

// hills is a search of some seconds.
var hills = []string{"onemax", "--evaluations", "200", "--seed", "5"}

// slow has its jobs last long enough for hosts to be killed within them.
func slow(fleet string) []string {
	return append([]string{"--set", "evaluator.delay=50ms", "--set", "fleet=" + fleet}, hills[1:]...)
}

func TestSSH(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t, "desk1", "desk2")
	s := newSearch(t, append(hills[:1:1], slow(fmt.Sprintf("{on: ssh, machines: [desk1, desk2], options: '%s', patience: 1s}", net.Options()))...)...)
	root := filepath.Dir(net.Home("desk1"))
	kill := func() { killHost(root, 0) }
	if done := s.through(20, []func(){kill, s.again, s.again, kill, s.again}); done < 5 {
		t.Errorf("it had ended after %d kills", done)
	}
	s.same(hills...)
}

// A cluster that stands for Ray: its processes are there, and Ray is not.
func TestRayStandIn(t *testing.T) {
	t.Parallel()
	c := raytest.Start(t, 2)
	s := newSearch(t, append(hills[:1:1], slow(fmt.Sprintf("{on: ray, address: %s, hosts: 3, gpus: 0.5, patience: 1s}", c.Address))...)...)
	s.env = []string{"RAY_AUTH_TOKEN=" + raytest.Token}
	kill := func() { killHost(c.Dir(), 0) }
	actor := func() {
		killOne(1, func(p process) bool {
			return len(p.command) > 2 && filepath.Base(p.command[1]) == "ray.py" && filepath.Dir(p.command[1]) == c.Dir()
		})
	}
	if done := s.through(20, []func(){kill, actor, s.again, actor, kill, s.again}); done < 6 {
		t.Errorf("it had ended after %d kills", done)
	}
	s.same(hills...)
}

// What a placer does not take is a fault of search.yaml.
func TestRefused(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t)
	s := newSearch(t, append(hills, "--set", fmt.Sprintf("fleet={on: ssh, machines: [locked], options: '%s'}", net.Options()))...)
	s.begin()
	if err := <-s.ended; err == nil {
		t.Error("it ran")
	}
	s.running = nil
	want := "fleet.machines: locked: it lets nobody in without a password; have it take your key: ssh-copy-id locked"
	if got := s.said.String(); !contains(got, want) {
		t.Errorf("it said %q", got)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "fleet", "ticket.json")); err != nil {
		t.Error(err)
	}
}
