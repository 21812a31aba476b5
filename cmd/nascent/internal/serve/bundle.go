package serve

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// What the page's modules import and export, each in a line of its own.
var (
	imported = regexp.MustCompile(`^import \{ (.+) \} from 'nascent/(.+)'$`)
	exported = regexp.MustCompile(`^export (?:async function|function|const) (\w+)`)
	renamed  = regexp.MustCompile(`(\w+) as (\w+)`)
)

// bundle makes one script of a module and those that it imports, for a page that is a
// file: a browser lets no such page import another file. Modules become functions that
// return what they export, so they may not import one another in a circle.
func bundle(main string) (string, error) {
	var out strings.Builder
	var done, within []string
	var add func(name string) error
	add = func(name string) error {
		switch {
		case slices.Contains(done, name):
			return nil
		case slices.Contains(within, name):
			return fmt.Errorf("the modules %s import one another in a circle", strings.Join(append(within, name), ", "))
		}
		text, err := fs.ReadFile(files, "web/"+name)
		if err != nil {
			return err
		}
		within = append(within, name)
		var body, names []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if m := imported.FindStringSubmatch(line); m != nil {
				if err := add(m[2]); err != nil {
					return err
				}
				line = fmt.Sprintf("const { %s } = modules[%q]", renamed.ReplaceAllString(m[1], "$1: $2"), m[2])
			} else if m := exported.FindStringSubmatch(line); m != nil {
				names, line = append(names, m[1]), strings.TrimPrefix(line, "export ")
			} else if strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "export ") {
				return fmt.Errorf("%s: %q is not how modules import and export here", name, line)
			}
			body = append(body, line)
		}
		within, done = within[:len(within)-1], append(done, name)
		fmt.Fprintf(&out, "modules[%q] = (() => {\n%sreturn { %s }\n})()\n", name, strings.Join(body, "\n"), strings.Join(names, ", "))
		return nil
	}
	if err := add(main); err != nil {
		return "", err
	}
	return "'use strict';\n(() => {\nconst modules = {}\n" + out.String() + "})()\n", nil
}
