package genome_test

import (
	"fmt"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

func Example() {
	space := genome.MustParseSpace(`{
		"lr": {"float": [1e-4, 1e-1], "log": true},
		"blocks": {"list": {"channels": {"choice": [4, 8, 16], "ordered": true}, "norm": "bool"}, "length": [1, 3]}
	}`)
	r := rng.New(7)
	parent, err := space.Parse("lr=0.01 blocks=[(channels=8 norm=no)]")
	if err != nil {
		fmt.Println(err)
		return
	}
	child, err := space.Mutate(parent, r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(child)
	fmt.Println(genome.Diff(parent, child))
	_, err = space.Parse("lr=0.01 blocks=[(channels=9 norm=no)]")
	fmt.Println(err)
	// Output:
	// lr=0.01 blocks=[(channels=8 norm=yes)]
	// [blocks[0].norm: no -> yes]
	// blocks[0].channels: "9" is no option; the options are 4, 8, 16
}
