package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nascent-nas/nascent/engine"
)

// toldName is the file in which the hook of a scenario that has one writes down what it was
// told, a line of JSON for each event.
const toldName = "told"

// hooked compares what a hook was told with what the search has.
func (x *trial) hooked() error {
	if !x.hook {
		return nil
	}
	log, err := os.ReadFile(filepath.Join(x.dir, toldName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	k, err := readKept(x.search())
	if err != nil {
		return err
	}
	wrong, err := told(k, string(log))
	x.tally.lost, x.tally.twice = append(x.tally.lost, wrong.lost...), append(x.tally.twice, wrong.twice...)
	return err
}

// told wants every candidate to have been told, and always under one number that is
// nobody else's.
func told(k kept, log string) (wrong tally, err error) {
	numbers, candidates := map[engine.ID]uint64{}, map[uint64]engine.ID{}
	for line := range strings.Lines(log) {
		var m struct {
			Event     string
			Number    uint64
			Candidate struct{ ID engine.ID }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return wrong, fmt.Errorf("a hook was told %q: %w", line, err)
		}
		if m.Event != "candidate" {
			continue
		}
		id := m.Candidate.ID
		if before, known := numbers[id]; known && before != m.Number {
			wrong.twice = append(wrong.twice, fmt.Sprintf("candidate %s was told as number %d and as number %d", id, before, m.Number))
		}
		if before, known := candidates[m.Number]; known && before != id {
			wrong.twice = append(wrong.twice, fmt.Sprintf("number %d was told of the candidates %s and %s", m.Number, before, id))
		}
		numbers[id], candidates[m.Number] = m.Number, id
	}
	for _, id := range k.history {
		if _, known := numbers[id]; !known {
			wrong.lost = append(wrong.lost, fmt.Sprintf("candidate %s was told to no hook", id))
		}
	}
	return wrong, nil
}
