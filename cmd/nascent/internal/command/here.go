package command

import (
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// strategyFromHere is the value of --strategy with the paths of programs that are
// there in the working directory made absolute; others start, as always, where
// the search.yaml lies.
func strategyFromHere(text string) string {
	var file yaml.Node
	if yaml.Unmarshal([]byte(text), &file) != nil || len(file.Content) == 0 || !fromHere(file.Content[0]) {
		return text
	}
	if n := file.Content[0]; n.Kind == yaml.ScalarNode {
		return n.Value
	}
	b, err := yaml.Marshal(&file)
	if err != nil {
		return text
	}
	return strings.TrimSpace(string(b))
}

// fromHere does so in a strategy as a node, in one that searches within it, and
// in a command, and tells whether there was anything to do.
func fromHere(n *yaml.Node) (changed bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		path := strings.ContainsRune(n.Value, filepath.Separator) || strings.HasSuffix(n.Value, ".go") || strings.HasSuffix(n.Value, ".py")
		if !path || filepath.IsAbs(n.Value) {
			return false
		}
		abs, err := filepath.Abs(n.Value)
		if err != nil {
			return false
		}
		if _, err := os.Stat(abs); err != nil {
			return false
		}
		n.Value = abs
		return true
	case yaml.SequenceNode:
		for _, word := range n.Content {
			if word.Kind == yaml.MappingNode || strings.HasPrefix(word.Value, "./") || strings.HasPrefix(word.Value, "../") {
				changed = fromHere(word) || changed
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := n.Content[i].Value; k == "use" || k == "search" || k == "command" {
				changed = fromHere(n.Content[i+1]) || changed
			}
		}
	}
	return changed
}
