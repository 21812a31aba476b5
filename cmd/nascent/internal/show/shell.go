package show

import (
	"os"
	"slices"
)

// Program is nascent as it was called, to be pasted into a shell: it need not be on
// the PATH.
func Program() string { return Quote(os.Args[0]) }

// Quote makes a text safe to paste into a shell.
func Quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("/._-+:@%"), r)
	}
	for _, r := range s {
		if !plain(r) {
			out := "'"
			for _, r := range s {
				if r == '\'' {
					out += `'\''`
				} else {
					out += string(r)
				}
			}
			return out + "'"
		}
	}
	if s == "" {
		return "''"
	}
	return s
}
