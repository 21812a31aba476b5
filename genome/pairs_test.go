package genome

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

var update = flag.Bool("update", false, "write testdata anew from what the operators do")

// Each file of testdata is read as blocks of lines KEY: VALUE, and each block
// says what one kind of variation makes of the genomes above it.
func TestBeforeAndAfter(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/mutate.txt", "testdata/cross.txt"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		var space, kind string
		var given []Genome
		var s *Space
		for n, line := range strings.Split(strings.TrimRight(string(raw), "\n"), "\n") {
			key, value, ok := strings.Cut(line, ": ")
			if !ok || strings.HasPrefix(line, "#") {
				out = append(out, line)
				continue
			}
			at := fmt.Sprintf("%s:%d", file, n+1)
			switch key {
			case "space":
				space, given = value, nil
			case "kind":
				kind, given = value, nil
				group := "kinds"
				if strings.Contains(file, "cross") {
					group = "cross"
				}
				var tree Map
				if err := tree.UnmarshalJSON([]byte(space)); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				if s, err = ParseSpace(append(tree, Entry{"variation", Map{{group, Map{{kind, 1}}}}})); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			case "before":
				given = append(given, mustParse(t, s, value))
				if got := given[len(given)-1].Text(); got != value {
					t.Errorf("%s: canonical text is %s", at, got)
				}
			default: // seed N: after
				var seed uint64
				if _, err := fmt.Sscanf(key, "seed %d", &seed); err != nil {
					t.Fatalf("%s: %q is no key", at, key)
				}
				var g Genome
				if len(given) == 1 {
					g, err = s.Mutate(given[0], rng.New(seed))
				} else {
					g, err = s.Cross(given[0], given[1], rng.New(seed))
				}
				got := g.Text()
				if err != nil {
					got = "error: " + err.Error()
				}
				if got != value && !*update {
					t.Errorf("%s: %s gives\n  %s, want\n  %s", at, kind, got, value)
				}
				line = key + ": " + got
			}
			out = append(out, line)
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n")+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}
