package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
)

// Settings reads what is to change in a search, each as KEY=VALUE, with values as a
// search.yaml has them: limits.wall=2h, limits.target={accuracy: 0.9}, workers=4. The value
// none takes a limit away. A mistake is an engine.ErrConfig.
func Settings(pairs []string) (*engine.Settings, error) {
	values := map[string]json.RawMessage{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%w: %s: write KEY=VALUE, for example limits.evaluations=500", engine.ErrConfig, pair)
		}
		if _, twice := values[key]; twice {
			return nil, wrong("the command line", key, "give it one value", "it comes twice")
		}
		values[key] = setting(key, value)
	}
	text, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	s := new(engine.Settings)
	return s, json.Unmarshal(text, s)
}

// setting is the value of a key as JSON: none is null, a duration a number of seconds.
func setting(key, value string) json.RawMessage {
	value = strings.TrimSpace(value)
	if value == "none" {
		return json.RawMessage("null")
	}
	if key == "limits.wall" || key == "limits.seconds" {
		if d, err := time.ParseDuration(value); err == nil {
			value = strconv.FormatFloat(d.Seconds(), 'g', -1, 64)
		}
	}
	var values map[string]float64
	if key == "limits.target" && strings.HasPrefix(value, "{") && yaml.Unmarshal([]byte(value), &values) == nil {
		if text, err := json.Marshal(values); err == nil {
			return text
		}
	}
	if x, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) && !json.Valid([]byte(value)) {
		value = strconv.FormatFloat(x, 'g', -1, 64) // such as .9
	}
	if !json.Valid([]byte(value)) {
		value = strconv.Quote(value)
	}
	return json.RawMessage(value)
}
