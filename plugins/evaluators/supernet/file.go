package supernet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// headerKey is where the metadata of a weights file holds its header.
const headerKey = "nascent.supernet"

// header is the metadata of a weights file; the tensors are the supernet's state.
type header struct {
	Method   orders.Method `json:"method"`
	Kernels  string        `json:"kernels"`
	Progress *progress     `json:"progress,omitempty"` // of an order that was interrupted, with
	Alphas   orders.Alphas `json:"alphas,omitzero"`    // those that it had come to
}

// save writes weights and the optimizer's state.
func save(m *nn.Supernet, path string, h header) error {
	h.Kernels = nn.KernelSet()
	meta, err := json.Marshal(h)
	if err != nil {
		return err
	}
	var tensors []safetensors.Tensor
	for _, t := range m.State() {
		tensors = append(tensors, safetensors.Tensor(t))
	}
	// Written under another name first: a reader never sees half a file.
	if err := safetensors.WriteFile(path+".part", tensors, map[string]string{headerKey: string(meta)}); err != nil {
		return fmt.Errorf("cannot write the shared weights: %w; make room in %s", err, filepath.Dir(path))
	}
	return os.Rename(path+".part", path)
}

// read reads what save wrote.
func read(path string) (header, []nn.Tensor, error) {
	var h header
	tensors, metadata, err := safetensors.ReadFile[float32](path)
	if err != nil {
		return h, nil, err
	}
	if err := json.Unmarshal([]byte(metadata[headerKey]), &h); err != nil {
		return h, nil, fmt.Errorf("%s: holds no shared weights (%w)", path, err)
	}
	if h.Kernels != nn.KernelSet() {
		return h, nil, fmt.Errorf("%s: was trained with the kernels %s, and this processor uses %s; "+
			"set NASCENT_KERNEL=%s if it has these, or "+
			"begin the schedule again", path, h.Kernels, nn.KernelSet(), h.Kernels)
	}
	var state []nn.Tensor
	for _, t := range tensors {
		state = append(state, nn.Tensor(t))
	}
	return h, state, nil
}
