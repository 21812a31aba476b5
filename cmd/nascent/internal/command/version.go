package command

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/engine"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: "Prints nascent's version, the commit that it was built from where that is known,\nand the Go and " +
			"the machine that it was built by and for.",
		Example: `  nascent version --json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			v := version{Version: engine.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			v.Commit, v.Changed = commit(info)
			if asJSON {
				return a.writeJSON(v)
			}
			_, err := fmt.Fprintln(a.out, v)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// version is what is known of this program.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`  // what it was built from
	Changed  bool   `json:"changed,omitempty"` // but with changes that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (v version) String() string {
	built := fmt.Sprintf("%s, %s", v.Go, v.Platform)
	if v.Commit != "" {
		from := "commit " + v.Commit[:min(12, len(v.Commit))]
		if v.Changed {
			from += " with changes"
		}
		built = from + ", " + built
	}
	return fmt.Sprintf("nascent %s (%s)", v.Version, built)
}

// pseudo is the version that go install gives a commit without a tag: its last part
// is the beginning of the commit's hash.
var pseudo = regexp.MustCompile(`[-.]\d{14}-([0-9a-f]{12})(\+dirty)?$`)

// commit is what the program was built from: as make stamps it, or as the version says
// that go install was asked for. "" where neither knows.
func commit(info *debug.BuildInfo) (hash string, changed bool) {
	if info == nil {
		return "", false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			hash = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if match := pseudo.FindStringSubmatch(info.Main.Version); hash == "" && match != nil {
		return match[1], match[2] != ""
	}
	return hash, changed && hash != ""
}
