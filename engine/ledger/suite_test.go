package ledger

import (
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	enginetest.Ledger(t, func(dir string) (engine.Ledger, error) { return Open(dir, Options{}) }, enginetest.LedgerOptions{})
}
