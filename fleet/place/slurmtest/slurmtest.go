// Package slurmtest runs a Slurm of its own for a test: one slurmctld and some slurmd on
// this machine, with a munged of their own, in a directory of the test's.
package slurmtest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a Slurm whose nodes are n1, n2 and so on. Each has four processors and two
// GPUs, which are nothing but names, in four shards each.
type Cluster struct {
	Dir string

	t       testing.TB
	env     []string
	nodes   map[string]*exec.Cmd // slurmd
	daemons []*exec.Cmd          // all that were started
	heir    *exec.Cmd            // ends everything if this process cannot
	life    io.Closer            // of this process, as the heir sees it
}

// Lacks says why there can be no Cluster here; empty where there can.
func Lacks() string {
	for _, program := range []string{"munged", "slurmctld", "slurmd", "sbatch"} {
		if _, err := find(program); err != nil {
			return program + " is not installed (apt install slurm-wlm munge)"
		}
	}
	if os.Getuid() != 0 {
		return "slurmd wants to be root"
	}
	return ""
}

// find looks where daemons are, too.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", program))
}

// Start starts one with so many nodes, which ends with the test, and everything that runs
// in it. A test is skipped where there can be none.
func Start(t testing.TB, nodes int) *Cluster {
	t.Helper()
	if why := Lacks(); why != "" {
		t.Skip(why)
	}
	dir, err := os.MkdirTemp("", "slurmtest-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Dir: dir, t: t, nodes: map[string]*exec.Cmd{}}
	// Jobs are login shells: what their user has set up for those is none of the test's.
	c.env = append(os.Environ(), "SLURM_CONF="+filepath.Join(dir, "slurm.conf"), "HOME="+dir)
	t.Cleanup(func() {
		c.killAll()
		for _, d := range c.daemons {
			d.Wait()
		}
		c.life.Close()
		c.heir.Wait()
	})
	c.inherit()
	key := make([]byte, 1024)
	rand.Read(key)
	c.write("munge.key", string(key), 0o600)
	c.start("munged", "--foreground", "--force", "--key-file="+c.path("munge.key"), "--socket="+c.path("munge.sock"),
		"--pid-file="+c.path("munged.pid"), "--log-file="+c.path("munged.log"), "--seed-file="+c.path("munge.seed"))
	c.await("munged", func() bool { return c.there("munge.sock") })
	c.write("gpu0", "", 0o600)
	c.write("gpu1", "", 0o600)
	c.write("gres.conf", fmt.Sprintf("Name=gpu File=%s/gpu[0-1]\nName=shard Count=8\n", dir), 0o644)
	ports := freePorts(t, nodes+1)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(`ClusterName=test
SlurmctldHost=%s(127.0.0.1)
SlurmctldPort=%d
AuthType=auth/munge
AuthInfo=socket=%s/munge.sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=%[3]s/state
SlurmdSpoolDir=%[3]s/spool-%%n
SlurmctldPidFile=%[3]s/slurmctld.pid
SlurmdPidFile=%[3]s/slurmd-%%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu,shard
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PartitionName=main Nodes=ALL Default=YES MaxTime=2-0
PartitionName=short Nodes=ALL MaxTime=30
`, host, ports[0], dir)
	for i := range nodes {
		conf += fmt.Sprintf("NodeName=n%d NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=4 RealMemory=4000 Gres=gpu:2,shard:8\n", i+1, host, ports[i+1])
	}
	c.write("slurm.conf", conf, 0o644)
	if err := os.Mkdir(c.path("state"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.start("slurmctld", "-D", "-i")
	c.await("slurmctld", func() bool { return c.command("scontrol", "ping").Run() == nil })
	for i := range nodes {
		c.StartNode(fmt.Sprintf("n%d", i+1))
	}
	c.await("the nodes", func() bool {
		out, err := c.command("sinfo", "-h", "-N", "-p", "main", "-o", "%T").Output()
		return err == nil && strings.Count(string(out), "idle\n") == nodes
	})
	return c
}

// inheritance waits until its standard input ends, kills what belongs to a cluster, and
// removes its directory.
const inheritance = `cat >/dev/null
while :; do
	found=
	for p in /proc/[0-9]*; do
		if tr '\0' '\n' 2>/dev/null <"$p/environ" | grep -qx "SLURM_CONF=$1/slurm.conf"; then
			found=yes
			kill -9 "${p#/proc/}"
		fi
	done 2>/dev/null
	[ "$found" ] || break
done
rm -rf "$1"`

// inherit has another process end the cluster when this one does, whatever ends it. It ends
// with the go test that started it.
func (c *Cluster) inherit() {
	c.heir = exec.Command("sh", "-c", inheritance, "sh", c.Dir)
	c.heir.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if c.life, err = c.heir.StdinPipe(); err == nil {
		err = c.heir.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	go func(parent int) {
		for ; os.Getppid() == parent; time.Sleep(time.Second) {
		}
		fmt.Fprintln(os.Stderr, "slurmtest: whoever started this test has ended, so it ends, too")
		os.Exit(1)
	}(os.Getppid())
}

// Env is the environment in which programs find it.
func (c *Cluster) Env() []string { return slices.Clone(c.env) }

// Run runs one of Slurm's commands.
func (c *Cluster) Run(name string, args ...string) string {
	c.t.Helper()
	out, err := c.command(name, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

// StartNode starts the slurmd of a node, again if it was killed.
func (c *Cluster) StartNode(name string) { c.nodes[name] = c.start("slurmd", "-D", "-N", name) }

// KillNode kills a node with everything that runs there, and has Slurm know of it at once.
func (c *Cluster) KillNode(name string) {
	c.t.Helper()
	c.nodes[name].Process.Kill()
	for range 100 { // what is being started meanwhile
		pids := c.processes("SLURMD_NODENAME=" + name)
		for _, pid := range pids {
			if parent := parentOf(pid); comm(parent) == "slurmstepd" {
				syscall.Kill(parent, syscall.SIGKILL)
			}
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(pids) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Run("scontrol", "update", "NodeName="+name, "State=DOWN", "Reason=killed")
}

func (c *Cluster) path(name string) string { return filepath.Join(c.Dir, name) }

func (c *Cluster) there(name string) bool {
	_, err := os.Stat(c.path(name))
	return err == nil
}

func (c *Cluster) write(name, text string, mode os.FileMode) {
	c.t.Helper()
	if err := os.WriteFile(c.path(name), []byte(text), mode); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = c.env
	return cmd
}

// start starts a daemon, in a process group of its own.
func (c *Cluster) start(name string, args ...string) *exec.Cmd {
	c.t.Helper()
	path, err := find(name)
	if err != nil {
		c.t.Fatal(err)
	}
	said, err := os.OpenFile(c.path(name+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer said.Close()
	cmd := c.command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = said, said, &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.daemons = append(c.daemons, cmd)
	return cmd
}

// await waits until something is there.
func (c *Cluster) await(what string, is func() bool) {
	c.t.Helper()
	for begin := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 2*time.Minute {
			said := ""
			for _, name := range []string{"munged", "slurmctld", "slurmd"} {
				b, _ := os.ReadFile(c.path(name + ".out"))
				said += name + ": " + string(b[max(0, len(b)-2000):]) + "\n"
			}
			c.t.Fatalf("%s did not come up:\n%s", what, said)
		}
	}
}

// killAll ends everything that runs in the cluster, daemons too.
func (c *Cluster) killAll() {
	for range 500 {
		pids := c.processes()
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(pids) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Errorf("processes of %s cannot be killed", c.Dir)
}

// processes are those that belong to the cluster and have these variables as well.
func (c *Cluster) processes(variables ...string) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		b, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ")) // empty of those that have ended
		all := bytes.Split(b, []byte{0})
		has := func(v string) bool { return slices.ContainsFunc(all, func(x []byte) bool { return string(x) == v }) }
		if has("SLURM_CONF="+c.path("slurm.conf")) && !slices.ContainsFunc(variables, func(v string) bool { return !has(v) }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func parentOf(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	if f := strings.Fields(rest); len(f) > 1 {
		parent, _ := strconv.Atoi(f[1])
		return parent
	}
	return 0
}

func comm(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(b))
}

// freePorts are some that nobody listens at, below those that systems give away.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range 1000 {
		r, err := rand.Int(rand.Reader, big.NewInt(12000))
		if err != nil {
			t.Fatal(err)
		}
		port := 20000 + int(r.Int64())
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil || slices.Contains(ports, port) {
			continue
		}
		l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("there are no free ports")
	return nil
}
