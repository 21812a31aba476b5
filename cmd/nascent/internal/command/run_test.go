package command

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// Who asks a search before it runs is told to ask again, and then has an answer.
func TestAskedTooEarly(t *testing.T) {
	t.Parallel()
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	led, e := enginetest.Memory(t), &enginetest.Scripted{}
	search, err := engine.New(engine.Config{
		Space: genome.MustParseSpace(enginetest.Numbers), Strategy: strategy, StrategyName: "random", Ledger: led,
		Evaluators: map[string]engine.EvaluatorRef{"e": {Evaluator: e}},
		Limits:     engine.Limits{Evaluations: 1}, Final: engine.Final{Skip: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	live := running(search, led, &target{dir: t.TempDir()})
	if v, err := live(); err == nil {
		t.Fatalf("a search that does not run yet is %+v", v.Status())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := search.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	a, err := e.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := live()
	if err != nil {
		t.Fatal(err)
	}
	if st := v.Status(); st.State != engine.StateRunning {
		t.Errorf("the search is %s while it runs", st.State)
	}
	e.Score(a.Job.ID, 0.5)
	wg.Wait()
}

// A search that may be read but not written is refused as wrong input.
func TestServeWhereNobodyMayWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		dir = "/sys/kernel" // where root may not either
		if err := os.Mkdir(dir+"/nascent-probe", 0o700); !os.IsPermission(err) {
			t.Skipf("no directory is known that root may not write: making one in %s: %v", dir, err)
		}
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	server, err := (&app{}).serve(&target{dir: dir}, nil, nil, nil)
	if err == nil {
		server.Close()
		t.Fatal("a socket was made where nobody may write")
	}
	if exitStatus(err) != exitInput || !strings.Contains(err.Error(), "that you may write") {
		t.Errorf("status %d: %v", exitStatus(err), err)
	}
}

// A run waits for a command that has the ledger open, and says so when that takes long.
func TestRunWaitsForACommand(t *testing.T) {
	t.Parallel()
	for _, tries := range []int{1, 52} {
		dir := t.TempDir()
		other, err := ledger.Open(dir, ledger.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		a, refused := &app{err: &said}, 0
		err = a.wait(t.Context(), dir, func() error {
			led, err := ledger.Open(dir, ledger.Options{})
			var locked *ledger.LockedError
			if errors.As(err, &locked) {
				if refused++; refused == tries {
					return errors.Join(err, other.Close())
				}
			}
			if err == nil {
				err = led.Close()
			}
			return err
		})
		if err != nil || refused != tries || (said.Len() > 0) != (tries > 50) {
			t.Errorf("%d tries, %d refused: %v, said %q", tries, refused, err, said.String())
		}
	}
}
