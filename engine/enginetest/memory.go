package enginetest

import "github.com/nascent-nas/nascent/engine"

// Memory returns an engine.Memory whose files go with the test.
func Memory(t T) engine.Ledger {
	t.Helper()
	led := engine.Memory()
	t.Cleanup(func() {
		if err := led.Close(); err != nil {
			t.Errorf("the ledger in memory is not closed: %v", err)
		}
	})
	return led
}
