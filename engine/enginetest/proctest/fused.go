package proctest

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// NothingFused compiles the package of the test for a machine that has an instruction
// which multiplies and adds with one rounding. The compiler uses it unless a product is
// rounded by a conversion; then numbers differ from those of other machines.
func NothingFused(t *testing.T) {
	t.Helper()
	if err := NeverCached(); err != nil {
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
