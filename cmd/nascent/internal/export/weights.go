package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// checkpointName is what evaluators call the file with a candidate's weights.
const checkpointName = "checkpoint"

// checkpoint finds a candidate's checkpoint: its path within the search's
// directory, or why there is none.
func checkpoint(v *show.View, c *engine.Candidate, net *network.Network) (path, why string) {
	if c.Task != engine.Train {
		return "", "it was measured with weights that all candidates share"
	}
	files := c.Files
	if c.Reuse != 0 {
		source, err := v.Candidate(c.Reuse)
		if err != nil {
			return "", err.Error()
		}
		// Duplicates do the same, but their layers may stand in another order.
		if other, err := source.Job.Network(); err != nil || other == nil || !reflect.DeepEqual(net.Nodes, other.Nodes) {
			return "", fmt.Sprintf("it shares the result of candidate %s, which has the same layers in another order: export that", c.Reuse)
		}
		files = source.Files
	}
	for _, f := range files {
		if f.Name != checkpointName {
			continue
		}
		switch _, err := v.Ledger.Path(f.Hash); {
		case errors.Is(err, fs.ErrNotExist):
			return "", "its checkpoint is not kept any more: raise checkpoints.keep, or export one of the best"
		case err != nil:
			return "", fmt.Sprintf("its checkpoint is damaged: put a copy back as files/%s of the search's directory", f.Hash)
		}
		return "files/" + f.Hash, ""
	}
	return "", "it left no checkpoint"
}

// Weights are the arrays of a network.
type Weights struct {
	Values  map[string][]float32 // by their names, see network.Arrays
	Samples *network.Samples     // what was trained on; nil where that is not known
	Origin  string               // in a sentence
}

// Weights reads the trained weights from the candidate's checkpoint in the
// search's directory. Where that cannot be, they are fresh ones, which
// depend on the candidate's seed alone, and a remark says why. So it does where the
// checkpoint does not say how samples were standardised, and which their classes are.
func (m *Model) Weights(dir string) (w *Weights, remark string) {
	why := m.NoCheckpoint
	if m.Checkpoint != "" {
		w, err := m.trained(filepath.Join(dir, filepath.FromSlash(m.Checkpoint)))
		if err == nil && w.Samples == nil {
			remark = fmt.Sprintf("candidate %s is written without its classes, and takes standardised samples: "+
				"its checkpoint is of an older nascent and does not say how they were made", m.ID)
		}
		if err == nil {
			return w, remark
		}
		why = "its checkpoint cannot be used: " + err.Error()
	}
	w = &Weights{Values: map[string][]float32{}, Origin: fmt.Sprintf("The weights are not trained, but drawn afresh by seed %d.", m.Seed)}
	for _, arrays := range m.Network.Arrays() {
		for _, a := range arrays.List() {
			w.Values[a.Name] = a.Initial(m.Seed)
		}
	}
	return w, fmt.Sprintf("candidate %s is written with fresh weights, not trained ones: %s", m.ID, why)
}

// trained reads the network's arrays, and what it was trained on, from a checkpoint.
func (m *Model) trained(path string) (*Weights, error) {
	tensors, metadata, err := safetensors.ReadFile[float32](path)
	if err != nil {
		return nil, err
	}
	byName := map[string][]float32{}
	for _, t := range tensors {
		byName[t.Name] = t.Data
	}
	w := &Weights{Values: map[string][]float32{}, Origin: "The weights are those that it was measured with."}
	for _, arrays := range m.Network.Arrays() {
		for _, a := range arrays.List() {
			data, ok := byName[a.Name]
			if !ok || len(data) != a.Size() {
				return nil, fmt.Errorf("%s holds %d values for %q, but the network has %d there", path, len(data), a.Name, a.Size())
			}
			w.Values[a.Name] = data
		}
	}
	if text, ok := metadata[network.SamplesKey]; ok {
		w.Samples = &network.Samples{}
		if err := json.Unmarshal([]byte(text), w.Samples); err != nil {
			return nil, fmt.Errorf("%s does not say how its samples were standardised: %w", path, err)
		}
		if err := w.Samples.Suit(m.Network); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return w, nil
}
