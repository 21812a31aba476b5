package torch

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/plugins/host"
)

// built is a directory with the programs that ship.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "torch-test-")
	if err != nil {
		return "", err
	}
	return folder, proctest.Shipped(folder)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, _ := interpreter(); path != "" {
		if folder, _ := built(); folder != "" {
			os.RemoveAll(folder)
		}
	}
	os.Exit(code)
}

// plugin is this plugin as a search finds it.
func plugin(t *testing.T) host.Plugin {
	t.Helper()
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindEvaluator, "torch", folder)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestConformance runs the evaluator as a search does: found by its name, driven
// over pipes, in packs.
func TestConformance(t *testing.T) {
	t.Parallel()
	python, p := needTorch(t), plugin(t)
	tiny := networktest.Space(t, `{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [1e-3, 1e3], "log": true}, "optimizer": {"choice": ["adamw", "sgd"]},
		"blocks": {"length": 2, "list": {"block": {"channels": {"int": [2, 3]}, "stride": 2, "norm": "bool", "dropout": 0.1}}}, "head": {"pool": "average"}}`)
	diverging, err := tiny.Parse("lr=999 optimizer=sgd blocks=[(block=(channels=2 norm=no)) (block=(channels=2 norm=no))]")
	if err != nil {
		t.Fatal(err)
	}
	options := func(more string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"python": %q, "data": {"samples": 200, "test": 50}, %s}`, python, more))
	}
	noise, err := filepath.Abs("testdata/noise.py")
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
	enginetest.Evaluator(t, func() engine.Evaluator { return host.Evaluator(p, o) }, enginetest.EvaluatorOptions{
		Space: tiny, Options: options(`"pack": 2, "batch": 40`), Budget: 3, Invalid: []genome.Genome{diverging},
		SlowOptions: json.RawMessage(fmt.Sprintf(`{"python": %q, "data": %q, "pack": 2, "batch": 1}`, python, noise)),
		Refused:     []json.RawMessage{options(`"bach": 1`), options(`"batch": 0`)}, // testdata has more
	})
}
