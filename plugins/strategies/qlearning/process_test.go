package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// Started by a host, the test's executable is the plugin.
func TestMain(m *testing.M) {
	if os.Getenv(proto.Handshake.MagicCookieKey) == proto.Handshake.MagicCookieValue {
		main()
		return
	}
	os.Exit(m.Run())
}

// plugin is this strategy as an executable of its own, with its path.
func plugin(t *testing.T) (host.Plugin, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "nascent-strategy-qlearning")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindStrategy, "qlearning", dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, path
}

func TestConformanceInAProcess(t *testing.T) {
	t.Parallel()
	p, _ := plugin(t)
	enginetest.Strategy(t, func() engine.Strategy {
		return host.Strategy(p, host.Options{Dir: t.TempDir(), SearchID: "test " + t.Name()})
	}, enginetest.StrategyOptions{Remote: true, Options: json.RawMessage(`{"budget": 30, "replay": 20}`)})
}

// kill kills the children of this process that run a program.
func kill(t *testing.T, path string) (killed int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Error(err)
	}
	for _, stat := range stats {
		b, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if string(fields[1]) == strconv.Itoa(os.Getpid()) && bytes.HasPrefix(command, []byte(path+"\x00")) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
				killed++
			}
		}
	}
	return killed
}

// A process that is killed again and again decides like one that lives, and
// like no process at all.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	p, path := plugin(t)
	var killed atomic.Int64
	digest := func(s engine.Strategy, disturb bool) string {
		ledger := enginetest.Memory(t)
		_, err := engine.Run(context.Background(), engine.Config{
			Space: genome.MustParseSpace(paper), Strategy: s, StrategyName: "qlearning", StrategyOptions: json.RawMessage(`{"budget": 40}`),
			Evaluator: measured(func(text string) (float64, error) {
				if x, _ := chance(text); disturb && x < 0.15 {
					killed.Add(int64(kill(t, path)))
				}
				return chance(text)
			}),
			Ledger: ledger, Limits: engine.Limits{Evaluations: 50}, Seed: 5, Final: engine.Final{Skip: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		d, err := engine.Digest(ledger, -1)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := digest(&strategy{}, false)
	o := host.Options{Dir: t.TempDir(), SearchID: "test " + t.Name()}
	alive, dying := host.Strategy(p, o), host.Strategy(p, o)
	defer alive.Close(context.Background())
	defer dying.Close(context.Background())
	if d := digest(alive, false); d != want {
		t.Errorf("in a process the digest is %s, without %s", d, want)
	}
	if d := digest(dying, true); d != want {
		t.Errorf("killed again and again the digest is %s, else %s", d, want)
	}
	if killed.Load() == 0 {
		t.Error("no process was killed")
	}
}
