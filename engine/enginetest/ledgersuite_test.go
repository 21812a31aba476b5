package enginetest

import (
	"iter"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

func TestMemoryLedger(t *testing.T) {
	t.Parallel()
	Ledger(t, func(string) (engine.Ledger, error) { return engine.Memory(), nil }, LedgerOptions{Forgets: true})
}

// Ledgers with a fault each, which the suite has to find.
type (
	unordered  struct{ engine.Ledger } // history in another order
	curveless  struct{ engine.Ledger } // results without their curves
	hoarding   struct{ engine.Ledger } // what was consumed stays in the inbox
	stateless  struct{ engine.Ledger } // one state for both parts
	keepsFiles struct{ engine.Ledger } // collects nothing
)

func (l unordered) History() iter.Seq2[engine.ResultRecord, error] {
	return func(yield func(engine.ResultRecord, error) bool) {
		var all []engine.ResultRecord
		for r := range l.Ledger.History() {
			all = append(all, r)
		}
		slices.SortFunc(all, func(a, b engine.ResultRecord) int { return order(a.ID, b.ID) })
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (l curveless) Result(id engine.ID) (engine.ResultRecord, bool, error) {
	r, ok, err := l.Ledger.Result(id)
	r.Curve = nil
	return r, ok, err
}

func (l hoarding) Commit(c *engine.Change) error {
	if err := l.Ledger.Commit(c); err != nil || len(c.Consumed) == 0 {
		return err
	}
	return l.Ledger.Commit(&engine.Change{Inbox: c.Consumed[:1]})
}

func (l stateless) State(engine.Part) ([]byte, error) { return l.Ledger.State(engine.PartSearch) }

func (l keepsFiles) Collect(map[string]bool) error { return nil }

func TestLedgerSuiteFindsFaults(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(engine.Ledger) engine.Ledger{
		"unordered": func(l engine.Ledger) engine.Ledger { return unordered{l} },
		"curveless": func(l engine.Ledger) engine.Ledger { return curveless{l} },
		"hoarding":  func(l engine.Ledger) engine.Ledger { return hoarding{l} },
		"stateless": func(l engine.Ledger) engine.Ledger { return stateless{l} },
		"keeps":     func(l engine.Ledger) engine.Ledger { return keepsFiles{l} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := Record(t, func(t T) {
				Ledger(t, func(string) (engine.Ledger, error) { return wrap(engine.Memory()), nil }, LedgerOptions{Forgets: true})
			})
			if len(found) == 0 {
				t.Error("the suite found nothing")
			}
		})
	}
}
