package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// options are those of the strategy; docs/qlearning.md describes them.
type options struct {
	state    string // "" chooses by the space
	schedule schedule
	rates    rates
	replay   int
	initial  float64
	batch    int
	legal    legal
}

// readOptions reads a JSON object. What it leaves out is as in the paper.
func readOptions(raw json.RawMessage) (options, error) {
	o := options{
		schedule: published(), rates: rates{learning: 0.01, discount: 1}, replay: 100, initial: 0.5, batch: 1,
		legal: legal{bins: []int{8, 4, 1}, dense: 2, denseFrom: 7},
	}
	given := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &given); err != nil {
			return o, fmt.Errorf("strategy: %s are no options; write keys with values", raw)
		}
	}
	budget := 0
	var known []string
	var err error
	read := func(key, want string, into any, fine func() bool) {
		known = append(known, key)
		if value, ok := given[key]; ok && err == nil && (json.Unmarshal(value, into) != nil || !fine()) {
			err = fmt.Errorf("strategy.%s: %s is not %s", key, value, want)
		}
	}
	whole := func(key string, into *int, lo, hi int) {
		read(key, fmt.Sprintf("a whole number from %d to %d", lo, hi), into, func() bool { return *into >= lo && *into <= hi })
	}
	number := func(key string, into *float64, lo, hi float64) {
		read(key, fmt.Sprintf("a number from %v to %v", lo, hi), into, func() bool { return *into >= lo && *into <= hi })
	}
	yes := func(key string, into *bool) { read(key, "true or false", into, func() bool { return true }) }

	read("state", "layers, element or prefix", &o.state, func() bool { return slices.Contains([]string{"layers", "element", "prefix"}, o.state) })
	read("schedule", "a list of pairs, an epsilon from 0 to 1 and a number of networks: [[1.0, 1500], [0.9, 100]]", &o.schedule, func() bool { return o.schedule.total() > 0 })
	whole("budget", &budget, 1, 1_000_000)
	number("learning_rate", &o.rates.learning, 0, 1)
	number("discount", &o.rates.discount, 0, 1)
	number("trace", &o.rates.trace, 0, 1)
	whole("replay", &o.replay, 1, 100_000)
	number("initial", &o.initial, -1e9, 1e9)
	whole("batch", &o.batch, 1, 100_000)
	read("bins", "a falling list of sizes of at least 1: [8, 4, 1]", &o.legal.bins, func() bool { return falling(o.legal.bins) })
	whole("max_dense", &o.legal.dense, 0, 1_000_000)
	whole("dense_from", &o.legal.denseFrom, 0, 1_000_000)
	yes("growing_dense", &o.legal.growing)
	yes("repeated_pooling", &o.legal.repeatedPools)
	yes("initial_pooling", &o.legal.initialPooling)

	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, key) {
			slices.Sort(known)
			return o, fmt.Errorf("strategy.%s: there is no such option; there are %s", key, strings.Join(known, ", "))
		}
	}
	if budget > 0 && err == nil {
		o.schedule = o.schedule.scaled(budget)
	}
	return o, err
}

// falling tells whether sizes fall, down to 1 at least.
func falling(sizes []int) bool {
	for i, n := range sizes {
		if n < 1 || i > 0 && n >= sizes[i-1] {
			return false
		}
	}
	return len(sizes) > 0
}
