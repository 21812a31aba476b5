package slurmtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// killedVariable has a test start a cluster, and wait until it is killed.
const killedVariable = "NASCENT_TEST_KILLED"

// Nothing of a cluster is left when its test is killed, or the go test that started it.
func TestNothingIsLeft(t *testing.T) {
	if os.Getenv(killedVariable) != "" {
		fmt.Println("cluster", Start(t, 1).Dir)
		select {}
	}
	t.Parallel()
	if why := Lacks(); why != "" {
		t.Skip(why)
	}
	if err := proctest.NeverCached(); err != nil { // nobody tells go test of Slurm
		t.Fatal(err)
	}
	for _, by := range []string{"exec", ""} { // "": the shell stands for go test
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("sh", "-c", by+` "$0" -test.run '^TestNothingIsLeft$'; exit $?`, os.Args[0])
			cmd.Env = append(os.Environ(), killedVariable+"=yes")
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := ""
			for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
				if rest, ok := strings.CutPrefix(lines.Text(), "cluster "); ok {
					dir = rest
				}
			}
			c := &Cluster{Dir: dir, t: t}
			if len(c.processes()) == 0 {
				t.Errorf("no process of it is found: %q", dir)
			}
			cmd.Process.Kill()
			for c.there(".") || len(c.processes()) > 0 {
				time.Sleep(10 * time.Millisecond)
			}
			cmd.Wait()
		})
	}
}
