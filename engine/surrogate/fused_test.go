package surrogate

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// Where a machine has an instruction that multiplies and adds with one rounding, the
// compiler uses it unless a product is rounded by a conversion: predictions would
// differ from those of other machines.
func TestNothingIsFused(t *testing.T) {
	t.Parallel()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command here to look at the code of another machine with")
	}
	c := exec.Command(tool, "build", "-gcflags=-S", ".")
	c.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !regexp.MustCompile(`\tFMULD\t`).Match(out) {
		t.Fatalf("no products in %d bytes of code", len(out))
	}
	for _, line := range regexp.MustCompile(`(?m)^.*\tFN?M(ADD|SUB)D\t.*$`).FindAllString(string(out), -1) {
		t.Errorf("round this product by float64(): %s", line)
	}
}
