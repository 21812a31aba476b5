package host

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/nascent-nas/nascent/plugins/python"
)

// Files are those that a plugin consists of, with these options, besides what comes with
// nascent: who is to run it elsewhere needs them. They are absolute.
func (p Plugin) Files(options json.RawMessage) ([]string, error) {
	if p.Script != "" {
		return python.Sources(p.Script)
	}
	if len(p.Args) == 0 && filepath.Dir(p.Path) != ownDir() { // else it is one of those that nascent-plugins serves
		return []string{p.Path}, nil
	}
	var all []string
	for _, word := range Command(options) {
		if info, err := os.Stat(word); err == nil && info.Mode().IsRegular() && filepath.IsAbs(word) {
			all = append(all, word)
		}
	}
	return all, nil
}

// Command is what the plugin exec is to run by these options; empty for others.
func Command(options json.RawMessage) []string {
	var o struct {
		Command []string `json:"command"`
	}
	if json.Unmarshal(options, &o) != nil {
		return nil
	}
	return o.Command
}
