package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/internal/safe"
	"github.com/nascent-nas/nascent/plugins/internal/cache"
)

// several is a program that serves more than one plugin, each by the kind and the
// name that it is called with: nascent-plugins evaluator gorgonia. Called with the
// word list it prints a line of JSON that says which, with the versions of their results:
// {"evaluator": {"gorgonia": 1}, "strategy": {"darts": 1}}. It is looked for where plugins are; executables with a plugin's
// name come first.
const several = "nascent-plugins"

// askLimit bounds how long a program may take to say what it serves.
const askLimit = 30 * time.Second

// served are the plugins of one kind that programs called Several serve.
func served(kind Kind, dirs []string) ([]Plugin, error) {
	var out []Plugin
	for _, dir := range Dirs(dirs...) {
		path := filepath.Join(dir, several)
		if !executable(path) {
			continue
		}
		if err := trusted(path); err != nil {
			return nil, err
		}
		sum, err := hashFile(path)
		if err != nil {
			return nil, err
		}
		offers, err := ask(path, sum)
		if err != nil {
			return nil, err
		}
		for name, results := range offers[kind] {
			if !slices.ContainsFunc(out, func(p Plugin) bool { return p.Name == name }) {
				out = append(out, Plugin{Path: path, Args: []string{string(kind), name}, Name: name, Kinds: []Kind{kind},
					Fingerprint: sum, Results: results})
			}
		}
	}
	return out, nil
}

// ask has a program say what it serves. The answer is kept in the cache by the
// program's hash; where there is no cache, it is asked every time.
func ask(path, sum string) (map[Kind]map[string]int, error) {
	var answer map[Kind]map[string]int
	folder, err := cache.Folder("what programs serve", "serves")
	kept := filepath.Join(folder, sum)
	if err == nil {
		if b, err := os.ReadFile(kept); err == nil && json.Unmarshal(b, &answer) == nil && len(answer) > 0 {
			return answer, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "list")
	cmd.Env = environment(os.Environ(), nil)
	said, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(said, &answer)
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not say what it serves (%w): install it again, beside nascent", path, err)
	}
	if folder != "" {
		safe.Write(kept, 0o600, func(w io.Writer) error { // what cannot be kept is asked again
			_, err := w.Write(said)
			return err
		})
	}
	return answer, nil
}
