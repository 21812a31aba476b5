package fit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// checkpoint is the metadata of a checkpoint's safetensors file; the tensors
// are the model's state.
type checkpoint struct {
	Format  int      `json:"format"`
	Recipe  Recipe   `json:"recipe"`
	Network string   `json:"network"` // hash
	Kernels string   `json:"kernels"`
	Epoch   int      `json:"epoch"` // steps in one
	At      position `json:"at"`
}

const (
	checkpointFormat = 1
	checkpointKey    = "nascent"
)

// Save writes everything that training goes on from to a file at path.
func (t *Trainer) Save(path string) error {
	meta, err := json.Marshal(t.checkpoint())
	if err != nil {
		return err
	}
	samples, err := json.Marshal(t.setup.Train.Samples())
	if err != nil {
		return err
	}
	var tensors []safetensors.Tensor
	for _, tensor := range t.model.State() {
		tensors = append(tensors, safetensors.Tensor(tensor))
	}
	// Written under another name first: a reader never sees half a file.
	if err := safetensors.WriteFile(path+".part", tensors,
		map[string]string{checkpointKey: string(meta), network.SamplesKey: string(samples)}); err != nil {
		return fmt.Errorf("cannot write a checkpoint: %w; make room in %s", err, filepath.Dir(path))
	}
	return os.Rename(path+".part", path)
}

func (t *Trainer) checkpoint() checkpoint {
	return checkpoint{
		Format: checkpointFormat, Recipe: t.setup.Recipe, Network: t.setup.Network.Hash().String(),
		Kernels: nn.KernelSet(), Epoch: t.perEpoch, At: t.at,
	}
}

// Load goes on from a checkpoint, one of this job (own) or of one with a
// smaller budget: its weights, its optimizer's moments, its statistics, its
// position, and its seed instead of the Setup's. It refuses one of another
// network, recipe or kernel set, or from beyond the budget; the Trainer is
// then as before.
func (t *Trainer) Load(path string, own bool) error {
	tensors, metadata, err := safetensors.ReadFile[float32](path)
	if err != nil {
		return err
	}
	var c checkpoint
	if err := json.Unmarshal([]byte(metadata[checkpointKey]), &c); err != nil {
		return fmt.Errorf("%s: is no checkpoint of this evaluator (%w); train afresh", path, err)
	}
	want := t.checkpoint()
	refuse := func(what string, has, needs any) error {
		return fmt.Errorf("%s: is a checkpoint of %s %v, but the job has %v; train afresh", path, what, has, needs)
	}
	switch {
	case c.Format != want.Format:
		return refuse("format", c.Format, want.Format)
	case c.Network != want.Network && c.Network != t.setup.Network.HashBy(0).String(): // as it was called before
		return refuse("network", c.Network, want.Network)
	case c.Recipe != want.Recipe:
		return refuse("recipe", fmt.Sprintf("%+v", c.Recipe), fmt.Sprintf("%+v", want.Recipe))
	case c.Kernels != want.Kernels:
		return refuse("kernel set", c.Kernels, want.Kernels)
	case c.Epoch != want.Epoch:
		return refuse("steps an epoch", c.Epoch, want.Epoch)
	case c.At.Earlier < 0 || c.At.Earlier > len(c.At.Curve):
		return refuse("curve points", c.At.Earlier, len(c.At.Curve))
	case c.At.Step < 0 || c.At.Step > t.total || c.At.Seen < 0 || c.At.Correct < 0:
		return refuse("step", c.At.Step, fmt.Sprintf("a budget of %d steps", t.total))
	}
	var state []nn.Tensor
	for _, tensor := range tensors {
		state = append(state, nn.Tensor(tensor))
	}
	// Dropout is part of the model and follows the seed, so it is built again.
	next := *t
	next.at, next.order = c.At, nil
	if !own {
		next.at.Earlier = len(next.at.Curve)
	}
	if err := next.build(); err != nil {
		return err
	}
	if err := next.model.Load(state); err != nil {
		return fmt.Errorf("%s: %w; train afresh", path, err)
	}
	*t = next
	return nil
}
