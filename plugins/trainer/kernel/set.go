package kernel

import (
	"os"

	"github.com/nascent-nas/nascent/plugins/trainer/isa"
)

// Set names one implementation of the kernels.
type Set = isa.Set

// The sets, from the slowest to the fastest.
const (
	Go     = isa.Go
	AVX2   = isa.AVX2
	AVX512 = isa.AVX512
)

// Available lists the sets that run on this machine, slowest first.
func Available() []Set { return isa.Available() }

var best = isa.Choose(isa.Available(), os.Getenv(isa.Env))

// Best returns the set chosen when the process started: the fastest available
// one, or the one that the environment variable NASCENT_KERNEL names if this
// machine has it.
func Best() Set { return best }
