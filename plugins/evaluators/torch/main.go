// Command nascent-evaluator-torch is the evaluator that trains classifiers with
// PyTorch, on a CPU or a GPU. The work is done by the Python package beside this
// file, which is embedded; the plugin that runs Python drives it.
//
// docs/torch.md has its options.
package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/nascent-nas/nascent/plugins/python"
)

//go:embed evaluate.py nascent_torch/*.py
var source embed.FS

// driver is the plugin that runs Python, and looked for beside this one.
const driver = "nascent-evaluator-exec"

func main() {
	fmt.Fprintln(os.Stderr, become())
	os.Exit(1)
}

// become turns this process into the driver of the embedded program. It returns
// only with an error.
func become() error {
	folder, err := python.UnpackFiles("torch", source)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(self), driver)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no %s beside %s, and it runs Python: build it, or copy it there", driver, self)
	}
	if err := os.Setenv("NASCENT_SCRIPT", filepath.Join(folder, "evaluate.py")); err != nil {
		return err
	}
	return syscall.Exec(path, os.Args, os.Environ())
}
