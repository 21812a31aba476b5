package networktest

import (
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// Space is the space of a declaration, bound to the networks of its genomes.
func Space(t testing.TB, declaration string) *genome.Space {
	t.Helper()
	s, err := genome.ParseSpaceJSON([]byte(declaration))
	if err == nil {
		s, err = network.Bind(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
