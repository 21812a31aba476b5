package fleettest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/fleet/place/raytest"
	"github.com/nascent-nas/nascent/fleet/place/sshtest"
)

var long = flag.Bool("long", false, "train networks, through 50 kills")

// hills is a search of some seconds.
var hills = []string{"onemax", "--evaluations", "200", "--seed", "5"}

// trained is one that trains networks, each for a second or less.
func trained(t *testing.T) []string {
	return []string{
		example(t, "mnist1d"), "--evaluations", "140", "--seed", "3", "--set", "evaluator.data.samples=1000",
		"--set", "evaluator.data.validation=200", "--set", "final={top: 2, repeats: 1, budget: 20, tests: 1}",
	}
}

// size is the search of a test, how many evaluations lie between two kills, and how many of
// these there are: so few, or in the long form 50.
func size(t *testing.T, few int) (search []string, step, kills int) {
	if *long {
		return trained(t), 1, 50
	}
	return hills, 15, few
}

// placed is a search whose hosts are placed. Its jobs last long enough for hosts to be
// killed within them.
func placed(search []string, fleet string) []string {
	out := append(search[:1:1], "--set", "fleet="+fleet)
	if search[0] == hills[0] {
		out = append(out, "--set", "evaluator.delay=50ms")
	}
	return append(out, search[1:]...)
}

func TestSSH(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t, "desk1", "desk2")
	one, step, kills := size(t, 5)
	s := newSearch(t, placed(one, fmt.Sprintf("{on: ssh, machines: [desk1, desk2], options: '%s', patience: 1s}", net.Options()))...)
	root := filepath.Dir(net.Home("desk1"))
	var acts []func() bool
	for i := range kills {
		acts = append(acts, s.again)
		if i%3 == 0 {
			acts[i] = func() bool { return killHost(root, i) }
		}
	}
	if done := s.through(step, acts); done < kills {
		t.Errorf("it had ended after %d kills", done)
	}
	s.same(one...)
}

// The hosts of a search that was stopped are called off.
func TestStopped(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t, "desk1", "desk2")
	s := newSearch(t, placed(hills, fmt.Sprintf("{on: ssh, machines: [desk1, desk2], options: '%s'}", net.Options()))...)
	root := filepath.Dir(net.Home("desk1"))
	host := func(p process) bool { return isHost(p, root) }
	s.begin()
	for s.evaluations() < 5 || len(processes(host)) < 2 {
		time.Sleep(50 * time.Millisecond)
	}
	s.ask("stop", s.dir)
	if err := <-s.ended; err != nil {
		t.Fatalf("%v\n%s", err, s.said.String())
	}
	s.running = nil
	if n := len(processes(host)); n != 2 {
		t.Errorf("%d hosts wait for it to go on", n)
	}
	s.ask("fleet", s.dir, "--stop", "--wait", "10ms")
	for len(processes(host)) > 0 {
		time.Sleep(50 * time.Millisecond)
	}
}

// A cluster that stands for Ray: its processes are there, and Ray is not.
func TestRayStandIn(t *testing.T) {
	t.Parallel()
	c := raytest.Start(t, 2)
	s := newSearch(t, placed(hills, fmt.Sprintf("{on: ray, address: %s, hosts: 3, gpus: 0.5, patience: 1s}", c.Address))...)
	s.env = []string{"RAY_AUTH_TOKEN=" + raytest.Token}
	kill := func() bool { return killHost(c.Dir(), 0) }
	actor := func() bool {
		return killOne(1, func(p process) bool {
			return len(p.command) > 2 && filepath.Base(p.command[1]) == "ray.py" && filepath.Dir(p.command[1]) == c.Dir()
		})
	}
	if done := s.through(20, []func() bool{kill, actor, s.again, actor, kill, s.again}); done < 6 {
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
