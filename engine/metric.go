package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// maxName is how long the name of a metric may be.
const maxName = 100

// checkName refuses names of metrics that could be taken for something else where
// they are shown, sorted by or exported. It says what to do.
func checkName(name string) error {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./-", r)
	}
	better := strings.Map(func(r rune) rune {
		if ok(r) {
			return r
		}
		return '_'
	}, name)
	if len(better) > maxName {
		better = better[:maxName]
	}
	better = strings.TrimLeft(better, "-")
	if better == "" {
		better = "loss"
	}
	if name == better {
		return nil
	}
	return &Mistake{
		Problem: fmt.Sprintf("%.60q is no name for a metric: it takes up to %d letters (a to z), digits and _ . / -, and begins with no dash",
			name, maxName),
		Remedy: fmt.Sprintf("call it %.60s", better),
	}
}

// named checks what the evaluators declare of their metrics. What a search has
// recorded already it goes on with, whatever it is called.
func (s *Search) named() error {
	recorded := map[string]bool{}
	for e, err := range s.cfg.Ledger.Events() {
		if err != nil {
			return err
		}
		var said EvaluatorEvent
		if e.Kind != eventEvaluator || json.Unmarshal(e.Data, &said) != nil {
			continue
		}
		for _, m := range said.Hello.Metrics {
			recorded[m.Name] = true
		}
	}
	for _, x := range s.pool.open {
		seen := map[string]bool{}
		for _, m := range x.hello.Metrics {
			if err := checkName(m.Name); err != nil && !recorded[m.Name] {
				return wrongWithin(x.place(), err)
			}
			if seen[m.Name] {
				return wrong(x.place(), "it declares the metric %q twice", m.Name).but("leave one of them out")
			}
			if m.Goal != "" && m.Goal != Maximize && m.Goal != Minimize {
				return wrong(x.place(), "it declares the metric %s with the goal %q", m.Name, m.Goal).but("write maximize or minimize")
			}
			seen[m.Name] = true
		}
	}
	return nil
}

// appendJSON appends a text as JSON.
func appendJSON(b []byte, text string) ([]byte, error) {
	plain := func(r rune) bool { return r >= ' ' && r < 0x7f && r != '"' && r != '\\' }
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return append(append(append(b, '"'), text...), '"'), nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...), nil
}
