package fleettest

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/fleet/place"
	"github.com/nascent-nas/nascent/fleet/place/placetest"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// inside says that this process has a network of its own.
const inside = "NASCENT_TEST_NETWORK"

// TestRay is Ray itself: make fleet-test installs it. It listens on every interface, so it
// gets a network that is its own, and processes too.
func TestRay(t *testing.T) {
	python := os.Getenv("NASCENT_RAY_PYTHON")
	if python == "" {
		t.Skip("NASCENT_RAY_PYTHON names no Python that has Ray: make fleet-test")
	}
	if os.Getenv(inside) == "" {
		if out, err := exec.Command("unshare", "-n", "-m", "-p", "-f", "--mount-proc", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Skipf("there is no network of its own for Ray (unshare, ip: as root): %v %s", err, out)
		}
		if _, err := programs(); err != nil {
			t.Fatal(err)
		}
		// The shell takes in processes whose parents have been killed.
		c := exec.Command("unshare", "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", `ip link set lo up; "$@"; exit $?`, "sh",
			os.Args[0], "-test.run="+flag.Lookup("test.run").Value.String(), "-test.v", "-test.timeout=40m")
		c.Env = append(os.Environ(), inside+"=yes")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	c := newCluster(t, python)
	address := "http://127.0.0.2:8265"
	t.Run("contract", func(t *testing.T) {
		placetest.Run(t, "conformance-", func() place.Placer { return place.RayIn(address, c.env) })
	})
	t.Run("mnist1d", func(t *testing.T) {
		one := trained(t)
		s := newSearch(t, placed(one, fmt.Sprintf("{on: ray, address: %s, hosts: 4, gpus: 1, patience: 2s}", address))...)
		s.env = c.env
		var kills []func() bool
		for i := range 50 {
			switch {
			case i == 20 || i == 40:
				kills = append(kills, func() bool { c.lose(i / 20); return true })
			case i%5 == 4:
				kills = append(kills, s.again)
			case i%5 == 2:
				kills = append(kills, func() bool {
					return killOne(i, func(p process) bool { return strings.HasPrefix(p.command[0], "ray::Host") })
				})
			default:
				kills = append(kills, func() bool { return killHost(c.dir, i) })
			}
		}
		from := time.Now()
		done := s.through(1, kills)
		t.Logf("%d kills in %s", done, time.Since(from).Round(time.Second))
		if done < 50 {
			t.Errorf("it had ended after %d kills", done)
		}
		s.same(one...)
		all, err := place.RayIn(address, c.env).List(t.Context(), s.ticket())
		if err != nil || len(all) != 0 {
			t.Errorf("left is %v, %v", all, err)
		}
	})
}

// cluster is four nodes of Ray on this machine.
type cluster struct {
	t        *testing.T
	ray, dir string
	env      []string
	nodes    [5]*exec.Cmd
}

func newCluster(t *testing.T, python string) *cluster {
	dir, err := os.MkdirTemp("", "ray-") // short: sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, ray: filepath.Join(filepath.Dir(python), "ray"), dir: dir}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = append(os.Environ(), "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"), "RAY_AUTH_MODE=token", "RAY_AUTH_TOKEN_PATH="+token,
		"RAY_USAGE_STATS_ENABLED=0")
	t.Cleanup(func() {
		for _, n := range c.nodes {
			if n != nil {
				syscall.Kill(-n.Process.Pid, syscall.SIGKILL)
				n.Wait()
			}
		}
		stop := exec.Command(c.ray, "stop", "--force")
		stop.Env = c.env
		_ = stop.Run()
		os.RemoveAll(dir)
	})
	c.start(1, "--head", "--port=6379", "--dashboard-host=127.0.0.2", "--include-dashboard=true", "--temp-dir="+filepath.Join(dir, "t"))
	c.await(1)
	for i := 2; i <= 4; i++ {
		c.start(i, "--address=127.0.0.2:6379")
		c.await(i) // several at once take more than their time on a small machine
	}
	return c
}

// start starts a node. Each has files of its own, as other machines do. On a busy machine
// one may take longer than Ray gives it.
func (c *cluster) start(i int, args ...string) {
	c.t.Helper()
	own := filepath.Join(c.dir, "t")
	if err := os.MkdirAll(own, 0o700); err != nil {
		c.t.Fatal(err)
	}
	args = append([]string{"-m", "sh", "-c", `mount -t tmpfs none "$0"; until "$@"; do :; done`, own, c.ray, "start", "--block",
		fmt.Sprintf("--node-ip-address=127.0.0.%d", i+1),
		"--num-cpus=4", "--num-gpus=1", fmt.Sprintf("--dashboard-agent-listen-port=%d", 52400+i),
		"--disable-usage-stats", "--object-store-memory=100000000"}, args...)
	n := exec.Command("unshare", args...)
	n.Env, n.SysProcAttr = c.env, &syscall.SysProcAttr{Setpgid: true}
	log, err := os.OpenFile(filepath.Join(c.dir, fmt.Sprintf("node-%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	n.Stdout, n.Stderr = log, log
	if err := n.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = n
}

// await waits for so many nodes.
func (c *cluster) await(n int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Minute)
	defer cancel()
	token, _ := os.ReadFile(filepath.Join(c.dir, "token"))
	for ctx.Err() == nil {
		q, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.2:8265/api/v0/nodes?filter_keys=state&filter_predicates=%3D&filter_values=ALIVE", nil)
		q.Header.Set("Authorization", "Bearer "+string(token))
		if a, err := http.DefaultClient.Do(q); err == nil {
			var b strings.Builder
			_ = a.Write(&b)
			a.Body.Close()
			if strings.Count(b.String(), `"node_ip"`) >= n {
				return
			}
		}
		time.Sleep(time.Second)
	}
	logs, _ := filepath.Glob(filepath.Join(c.dir, "node-*.log"))
	for _, name := range logs {
		b, _ := os.ReadFile(name)
		c.t.Logf("%s:\n%s", name, b)
	}
	c.t.Fatalf("Ray has no %d nodes", n)
}

// lose kills a node that is not the head, and has another take its place.
func (c *cluster) lose(i int) {
	i = 1 + i%3 + 1
	killOne(0, func(p process) bool {
		return filepath.Base(p.command[0]) == "raylet" && contains(strings.Join(p.command, " "), fmt.Sprintf("--node_ip_address=127.0.0.%d", i+1))
	})
	old := c.nodes[i]
	syscall.Kill(-old.Process.Pid, syscall.SIGKILL)
	old.Wait()
	c.start(i, "--address=127.0.0.2:6379")
}
