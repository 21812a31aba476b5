// Package plugintest lets the tests of a plugin run it as a search does, in a
// process of its own: the test's executable is the plugin.
package plugintest

import (
	"context"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// Main is the TestMain of such tests. Where a host has started the executable it
// calls the plugin's main, with the name that Strategy gave it.
func Main(m *testing.M, plugin func(name string)) {
	if os.Getenv(proto.Handshake.MagicCookieKey) == proto.Handshake.MagicCookieValue {
		plugin(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// Strategy is the test's executable under the name of a strategy.
func Strategy(t testing.TB, name string) host.Plugin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindStrategy, self)
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.Args = name, []string{string(host.KindStrategy), name}
	return p
}

// Process makes the strategy of a plugin, each time in a process of its own.
func Process(t testing.TB, p host.Plugin) func() engine.Strategy {
	return func() engine.Strategy {
		return host.Strategy(p, host.Options{Dir: t.TempDir(), SearchID: "test " + t.Name()})
	}
}

// SameWhenKilled wants a search to come to the same with its strategy in this
// process, in one of its own, and in one that is killed again and again. measure
// is its evaluator.
func SameWhenKilled(t *testing.T, p host.Plugin, search engine.Config, measure func(*engine.Job) float64) {
	t.Helper()
	p.Args = append(slices.Clone(p.Args), t.Name()) // tests that run beside it have children of their own
	var killed atomic.Int64
	digest := func(s engine.Strategy, disturb bool) string {
		t.Helper()
		c, ledger := search, enginetest.Memory(t)
		c.Strategy, c.Ledger = s, ledger
		c.Evaluator = engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			if disturb && j.ID%7 == 3 {
				killed.Add(int64(proctest.Kill(append([]string{p.Path}, p.Args...)...)))
			}
			return map[string]float64{"accuracy": measure(j)}, nil
		})
		if _, err := engine.Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		d, err := engine.Digest(ledger, -1)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := digest(search.Strategy, false)
	for _, disturb := range []bool{false, true} {
		s := Process(t, p)().(*host.StrategyPlugin)
		if d := digest(s, disturb); d != want {
			t.Errorf("in a process (killed again and again: %v) the digest is %s, without %s", disturb, d, want)
		}
		s.Close(t.Context())
	}
	if killed.Load() == 0 {
		t.Error("no process was killed")
	}
}
