// Command supernet searches cells by shared weights. It is two plugins in one:
// nascent-evaluator-supernet holds the weights, and nascent-strategy-supernet, or
// -darts, -gdas, -enas and -spos, says how they are trained and what is made of
// them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/search"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/weights"
)

func main() {
	name := filepath.Base(os.Args[0])
	if method, ok := strings.CutPrefix(name, "nascent-strategy-"); ok && slices.Contains(search.Names(), method) {
		strategy, err := search.New(method)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		sdk.Serve(sdk.Plugin{Strategy: strategy, Name: method, Version: "1"})
		return
	}
	if strings.HasPrefix(name, "nascent-evaluator-") {
		sdk.Serve(sdk.Plugin{Evaluator: weights.Plugin()})
		return
	}
	sdk.Serve(sdk.Plugin{Evaluator: weights.Plugin(), Strategy: &chosen{}, Name: "supernet", Version: "1"})
}

// chosen is the strategy that the option method names.
type chosen struct{ engine.Strategy }

// Open reads the method and opens its strategy.
func (c *chosen) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	var o struct {
		Method string `json:"method"`
	}
	if err := json.Unmarshal(setup.Options, &o); err != nil || o.Method == "" {
		return nil, engine.Needs{}, fmt.Errorf("strategy.method: say which of %s", strings.Join(search.Names(), ", "))
	}
	var err error
	if c.Strategy, err = search.New(o.Method); err != nil {
		return nil, engine.Needs{}, fmt.Errorf("strategy.method: %w", err)
	}
	return c.Strategy.Open(ctx, setup)
}
