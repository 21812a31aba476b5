package jsonl

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// A job for shared weights has its genome, or those of its input, as paths.
func TestPaths(t *testing.T) {
	t.Parallel()
	s := share(networktest.Space(t, `{"network": {"input": [1, 16], "classes": 2}, "stack": {"cell": {"cell": {"pairs": ["skip", "conv3", "none"], "nodes": 2, "inputs": 1}},
		"channels": 4, "cells": 2, "reductions": 0}}`))
	a, b := "stack=(cell=|conv3~0|none~0|+|conv3~1|skip~0|)", "stack=(cell=|skip~0|skip~0|+|skip~0|none~0|)"
	ways := map[string][][]int{a: {{1, 2}, {0}, {1}}, b: {{0, 0}, {0, 2}, {}}}
	for _, c := range []struct {
		job  *sdk.Job
		want [][][]int
	}{
		{&sdk.Job{Task: engine.Score, Text: a}, [][][]int{ways[a]}},
		{&sdk.Job{Task: engine.Supernet, Text: b, Input: []byte(`{"method": "paths", "paths": ["` + b + `", "` + a + `"]}`)}, [][][]int{ways[b], ways[a]}},
		{&sdk.Job{Task: engine.Supernet, Text: a, Input: []byte(`{"method": "uniform"}`)}, nil},
		{&sdk.Job{Task: engine.Supernet, Text: a, Input: []byte("of another kind")}, nil},
		{&sdk.Job{Task: engine.Train, Text: a}, nil},
	} {
		if got, err := s.paths(c.job); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s %s: paths %v, %v; want %v", c.job.Task, c.job.Text, c.job.Input, got, err, c.want)
		}
	}
	_, err := s.paths(&sdk.Job{Task: engine.Supernet, Input: []byte(`{"paths": ["nonsense"]}`)})
	if err == nil || !strings.Contains(err.Error(), "path nonsense: ") {
		t.Errorf("error %v", err)
	}
	for _, other := range []string{`{"x": {"float": [0, 1]}}`, `{"network": {"input": [1, 16], "classes": 2}, "lr": {"float": [0, 1]}, "head": {}}`} {
		if s := share(networktest.Space(t, other)); s != nil || s.supernet() != nil {
			t.Errorf("the space %s is said to share weights", other)
		}
	}
}
