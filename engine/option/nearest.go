package option

import (
	"slices"

	"github.com/agnivade/levenshtein"
)

// Nearest is the known name that a typing mistake probably meant, or "": two letters
// that changed places are two edits.
func Nearest(name string, known []string) string {
	most := 1
	if len(name) > 3 {
		most = max(2, len(name)/3)
	}
	best, least := "", 1+most
	for _, k := range slices.Sorted(slices.Values(known)) {
		if n := levenshtein.ComputeDistance(name, k); n < least {
			best, least = k, n
		}
	}
	return best
}
