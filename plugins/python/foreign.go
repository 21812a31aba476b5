package python

import (
	"fmt"
	"path/filepath"
	"regexp"
)

// distribution is how installers call what they know of one that is called nascent.
// That of this project is nascent-nas.
var distribution = regexp.MustCompile(`^(?i:nascent)-([^-]+)(-.*)?\.(dist|egg)-info$`)

// Foreign says in one line that the Python which runs the program at file has another
// project's package that is called nascent, too; "" if it has none. The program is not
// hindered by it: what nascent starts finds nascent's own first.
func Foreign(given, file string) string {
	path, err := Interpreter(given, file)
	if err != nil {
		return ""
	}
	for _, packages := range []string{"site-packages", "dist-packages"} {
		there, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(path)), "lib", "python3*", packages, "[nN]*-info"))
		for _, entry := range there {
			if match := distribution.FindStringSubmatch(filepath.Base(entry)); match != nil {
				return fmt.Sprintf("nascent %s in %s is another project whose package is called nascent, too: "+
					"programs that nascent starts import nascent's own; nascent-nas needs an environment without it",
					match[1], filepath.Dir(entry))
			}
		}
	}
	return ""
}
