// Package supernet searches cells by shared weights: DARTS, GDAS, ENAS and
// single-path one-shot. The evaluator that holds the weights is the other half of
// the plugin.
package supernet

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/search"
)

// Name is what the strategy is called that reads the method from its options.
const Name = "supernet"

// Results is the version of what it decides: whoever changes that raises it.
const Results = 1

// Plugin is the strategy of a method, or the one called Name, as it is served.
func Plugin(name string) sdk.Plugin {
	p := sdk.Plugin{Strategy: &chosen{}, Name: name, Version: "1"}
	if s, err := search.New(name); err == nil {
		p.Strategy = s
	}
	return p
}

// chosen is the strategy that the option method names.
type chosen struct{ engine.Strategy }

// Declare declares the option that says which strategy has all the others.
func (c *chosen) Declare(o *option.Set) {
	o.Choice(new(string), "method", strings.Join(search.Names(), ", "), "which of them it is; all other options are those of "+
		"the strategy of that name").Said("required")
}

// Open reads the method and opens its strategy.
func (c *chosen) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	var o struct {
		Method string `json:"method"`
	}
	if err := json.Unmarshal(setup.Options, &o); err != nil || o.Method == "" {
		return nil, engine.Needs{}, &engine.Mistake{Key: "method", Problem: "there is none",
			Remedy: "say which of " + strings.Join(search.Names(), ", ")}
	}
	var err error
	if c.Strategy, err = search.New(o.Method); err != nil {
		return nil, engine.Needs{}, &engine.Mistake{Key: "method", Problem: err.Error()}
	}
	return c.Strategy.Open(ctx, setup)
}
