package reinforce

import (
	"fmt"
	"os"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/trainer/controller"
)

// keeper holds the controller of the present turn. It is a cache: what a turn
// needs lies in the file that the state names.
type keeper struct {
	files  engine.Files
	blank  *controller.Policy // what Load fills copies of
	policy *controller.Policy
	hash   string // of the file that the policy is equal to; "" if there is none
}

// begin makes a fresh controller.
func (k *keeper) begin(o *options, setup engine.Setup, seed uint64) error {
	p, err := controller.New(setup.Space, o.policy(), seed)
	k.policy, k.hash = p, ""
	return err
}

// load makes the controller equal to a file.
func (k *keeper) load(hash string) error {
	if k.policy != nil && k.hash == hash && hash != "" {
		return nil
	}
	path, err := k.files.Path(hash)
	if err != nil {
		return err
	}
	if k.policy == nil {
		k.policy = k.blank.Clone()
	}
	k.hash = ""
	if err := k.policy.Load(path); err != nil {
		return err
	}
	k.hash = hash
	return nil
}

// save puts the controller into a file.
func (k *keeper) save() (engine.FileRef, error) {
	f, err := os.CreateTemp(k.files.Temp(), "controller-")
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep the controller: %w", err)
	}
	defer os.Remove(f.Name()) // where it was not taken over
	if err = f.Close(); err == nil {
		err = k.policy.Save(f.Name())
	}
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep the controller: %w", err)
	}
	ref, err := k.files.Put(f.Name(), "controller")
	k.hash = ref.Hash
	return ref, err
}
