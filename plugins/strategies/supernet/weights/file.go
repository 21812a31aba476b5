package weights

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/plugins/gorgonia/nn"
	"github.com/nascent-nas/nascent/plugins/gorgonia/safetensors"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/orders"
)

// What the metadata of a weights file says.
const (
	methodKey  = "nascent.supernet.method"
	kernelsKey = "nascent.kernels"
)

// save writes weights and the optimizer's state.
func save(m *nn.Supernet, path string, method orders.Method) error {
	var tensors []safetensors.Tensor
	for _, t := range m.State() {
		tensors = append(tensors, safetensors.Tensor(t))
	}
	metadata := map[string]string{methodKey: string(method), kernelsKey: nn.KernelSet()}
	// Written under another name first: a reader never sees half a file.
	if err := safetensors.WriteFile(path+".part", tensors, metadata); err != nil {
		return fmt.Errorf("cannot write the shared weights: %w; make room in %s", err, filepath.Dir(path))
	}
	return os.Rename(path+".part", path)
}

// methodOf tells by which method a file's weights were trained.
func methodOf(path string) (orders.Method, error) {
	_, metadata, err := safetensors.ReadFile[float32](path)
	if err != nil {
		return "", err
	}
	if metadata[methodKey] == "" {
		return "", fmt.Errorf("%s: holds no shared weights", path)
	}
	return orders.Method(metadata[methodKey]), nil
}

// load reads what save wrote, for weights of the same method.
func (e *evaluator) load(m *nn.Supernet, path string, method orders.Method) error {
	tensors, metadata, err := safetensors.ReadFile[float32](path)
	if err != nil {
		return err
	}
	if has := metadata[methodKey]; has != string(method) {
		return fmt.Errorf("%s: holds weights of the method %q, not of %q; begin the schedule again", path, has, method)
	}
	if has := metadata[kernelsKey]; has != nn.KernelSet() {
		return fmt.Errorf("%s: was trained with the kernels %s, and this processor uses %s; set NASCENT_KERNEL=%s, or begin the schedule again", path, has, nn.KernelSet(), has)
	}
	var state []nn.Tensor
	for _, t := range tensors {
		state = append(state, nn.Tensor(t))
	}
	if err := m.Load(state); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
