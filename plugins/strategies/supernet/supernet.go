// Package supernet searches cells by shared weights: DARTS, GDAS, ENAS and
// single-path one-shot. The evaluator that holds the weights is the other half of
// the plugin.
package supernet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/search"
)

// Name is what the strategy is called that reads the method from its options.
const Name = "supernet"

// Names are what the strategies are called: the methods, and Name.
func Names() []string { return append(search.Names(), Name) }

// Plugin is the strategy with one of Names as it is served.
func Plugin(name string) (sdk.Plugin, error) {
	p := sdk.Plugin{Strategy: &chosen{}, Name: name, Version: "1"}
	var err error
	if name != Name {
		p.Strategy, err = search.New(name)
	}
	return p, err
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
