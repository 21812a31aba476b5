package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/plugins/host"
)

const agingFile = "../../python/examples/aging.py"

// Python strategies conform: in this process with a worker in another, and in the
// processes of a search.
func TestStrategyConforms(t *testing.T) {
	t.Parallel()
	needPython(t)
	refused := []json.RawMessage{json.RawMessage(`{"popluation": 3}`), json.RawMessage(`{"python": "no-such-python"}`), json.RawMessage(`{"check": 3}`)}
	t.Run("here", func(t *testing.T) {
		t.Parallel()
		enginetest.Strategy(t, func() engine.Strategy { return &strategy{program: program{script: agingFile}} },
			enginetest.StrategyOptions{Remote: true, Refused: refused, Options: json.RawMessage(`{"population": 5, "sample": 2}`)})
	})
	t.Run("host", func(t *testing.T) {
		t.Parallel()
		p, err := host.Find(host.KindStrategy, agingFile, plugins(t))
		if err != nil {
			t.Fatal(err)
		}
		o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
		enginetest.Strategy(t, func() engine.Strategy { return host.Strategy(p, o) }, enginetest.StrategyOptions{Remote: true, Refused: refused})
	})
}

var _ = context.Background
var _ = filepath.Join
