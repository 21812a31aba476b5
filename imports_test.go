package nascent_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nascent-nas/nascent"

// room is a folder of the source and what its packages may import, tests aside.
// Packages of the room itself and, unless forbidden, of the standard library
// always may.
type room struct {
	folder string   // with everything below it; a deeper room comes before its house
	may    []string // folders of this module; "a/..." is with everything below
	libs   []string // import paths of others, with everything below; "*" for any
	never  []string // of the standard library and of libs, what they may not
}

// Decisions are made here: whatever is not a function of the search's seed
// stays out.
var impure = []string{"math/rand", "math/rand/v2", "crypto/rand", "C"}

var (
	genomes = []string{"genome", "genome/network", "genome/rng"}
	wires   = []string{"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/hashicorp/go-plugin"}
	public  = []string{ // what shipped plugins see, as any outsider
		"genome/...", "engine", "engine/evolve", "engine/option", "engine/ledger",
		"plugins/sdk", "plugins/trainer/...", "plugins/supernet/...", "plugins/jsonl", "plugins/python", "plugins/onnx", "plugins/torch",
	}
)

// Imports run one way: genome <- engine <- {evolve, ledger, enginetest,
// plugins} <- cmd.
var rooms = []room{
	{folder: "internal/safe", libs: []string{"golang.org/x/sys"}, never: impure}, // files that others may have a hand in
	{folder: "internal/mailbox", never: impure},                                  // messages from many to one
	{folder: "internal/identity"},                                                // certificates
	{folder: "genome", never: append([]string{"time"}, impure...)},
	{folder: "engine/option", may: []string{"genome"}, libs: []string{"github.com/agnivade/levenshtein"}, never: impure},
	{folder: "engine/expression", may: append([]string{"engine/option"}, genomes...), never: append([]string{"time"}, impure...)},
	{folder: "engine/surrogate", may: genomes, never: append([]string{"time"}, impure...)},
	{folder: "engine/evolve", may: append([]string{"engine", "engine/option", "engine/surrogate"}, genomes...), never: append([]string{"time"}, impure...)},
	{folder: "engine/ledger", may: append([]string{"engine", "internal/safe"}, genomes...), libs: []string{"go.etcd.io/bbolt", "golang.org/x/sys"}, never: impure},
	{folder: "engine/index", may: append([]string{"engine", "engine/ledger", "internal/safe"}, genomes...), libs: []string{"golang.org/x/sys"}, never: impure},
	{folder: "engine/enginetest", may: append([]string{"engine", "internal/mailbox"}, genomes...), libs: []string{"github.com/google/go-cmp"}},
	{folder: "engine", may: append([]string{"engine/expression", "internal/mailbox"}, genomes...), never: impure},
	{folder: "fleet/place"}, // starts programs, and knows nothing of the search
	{folder: "fleet", may: append([]string{"engine", "internal/mailbox", "internal/identity"}, genomes...), never: wires},
	{folder: "plugins/proto", may: append([]string{"engine"}, genomes...), libs: wires},
	{folder: "plugins/internal/planted", may: append([]string{"engine", "engine/evolve", "engine/enginetest/...", "plugins/sdk"}, genomes...)},
	{folder: "plugins/internal/testplugin", may: append([]string{"engine", "engine/evolve", "plugins/proto", "plugins/sdk"}, genomes...), libs: wires}, // speaks the wire badly, for tests
	{folder: "plugins/internal/plugintest", may: []string{"engine", "engine/enginetest/...", "plugins/host", "plugins/proto"}},
	{folder: "plugins/internal", may: append([]string{"engine", "internal/safe"}, genomes...), libs: []string{"*"}, never: wires},
	{folder: "plugins/host", may: append([]string{"engine", "engine/option", "internal/safe", "internal/mailbox", "internal/identity", "plugins/proto",
		"plugins/internal/...", "plugins/python"}, genomes...), libs: []string{"*"}},
	{folder: "plugins/sdk", may: append([]string{"engine", "engine/option", "internal/mailbox", "internal/identity", "plugins/proto", "plugins/internal/...", "plugins/python"}, genomes...), libs: []string{"*"}},
	{folder: "plugins/trainer", may: append([]string{"engine/option"}, genomes...), libs: []string{"*"}, never: wires}, // training with Gorgonia: a library for plugins
	{folder: "plugins/onnx", may: genomes, libs: []string{"google.golang.org/protobuf/encoding/protowire"}},            // protobuf as a file format, not a wire
	{folder: "plugins/python", may: append([]string{"engine", "internal/safe", "plugins/sdk", "plugins/internal/..."}, genomes...), libs: []string{"*"}, never: wires},
	{folder: "plugins/jsonl", may: append([]string{"engine", "engine/option", "plugins/sdk", "plugins/python"}, genomes...), libs: []string{"*"}, never: wires},
	{folder: "plugins/supernet", may: append([]string{"engine", "engine/evolve"}, genomes...)},
	{folder: "plugins/torch", may: genomes},
	{folder: "plugins/evaluators", may: public, libs: []string{"*"}, never: wires},
	{folder: "plugins/strategies", may: public, libs: []string{"*"}, never: wires},
	{folder: "internal", may: []string{"genome/...", "engine", "engine/ledger"}, libs: []string{"*"}, never: wires}, // programs that try the others
	{folder: "cmd/nascent-plugins", may: []string{"plugins/sdk", "plugins/jsonl", "plugins/evaluators/...", "plugins/strategies/..."}},
	{folder: "cmd/nascent/internal/follow", may: append([]string{"internal/safe", "engine", "engine/ledger"}, genomes...),
		libs: []string{"go.yaml.in/yaml/v3", "google.golang.org/protobuf/encoding/protowire"}}, // protobuf as a file format, not a wire
	{folder: "cmd/nascent", may: []string{
		"internal/safe", "internal/mailbox", "genome/...", "engine", "engine/evolve", "engine/expression", "engine/index", "engine/option",
		"engine/ledger", "fleet", "fleet/place",
		"cmd/nascent/internal/follow",
		"plugins/host", "plugins/jsonl", "plugins/python", "plugins/onnx", "plugins/torch", "plugins/trainer/isa", "plugins/trainer/safetensors",
	}, libs: []string{"*"}, never: wires},
}

// under tells whether name is the folder or lies below it.
func under(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

// allowed tells whether a package of the room may import path, with both paths
// within the module relative to it.
func (r room) allowed(pkg, path string, local bool) bool {
	listed := func(list []string, match func(entry string) bool) bool { return slices.ContainsFunc(list, match) }
	full := path
	if local {
		full = module + "/" + path
	}
	switch {
	case listed(r.never, func(e string) bool { return under(full, e) }):
		return false
	case !local:
		first, _, _ := strings.Cut(path, "/")
		if !strings.Contains(first, ".") { // the standard library
			return true
		}
		return listed(r.libs, func(e string) bool { return e == "*" || under(path, e) })
	case house(path) == house(pkg):
		return true
	}
	return listed(r.may, func(e string) bool {
		if all, deep := strings.CutSuffix(e, "/..."); deep {
			return under(path, all)
		}
		return e == path
	})
}

// house is what a package belongs to: its room, but for shipped plugins their
// own folder.
func house(path string) string {
	for _, r := range rooms {
		if !under(path, r.folder) {
			continue
		}
		if r.folder == "plugins/evaluators" || r.folder == "plugins/strategies" {
			rest := strings.Split(strings.TrimPrefix(path, r.folder+"/"), "/")
			return r.folder + "/" + rest[0]
		}
		return r.folder
	}
	return path
}

// TestImports holds the source to the rooms above: every file, whatever system
// it is built for.
func TestImports(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if base == "testdata" || base != "." && strings.HasPrefix(base, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		files++
		pkg := path.Dir(filepath.ToSlash(name))
		i := slices.IndexFunc(rooms, func(r room) bool { return under(pkg, r.folder) })
		if i < 0 {
			t.Errorf("%s belongs to no room; add one to the list with what it may import", name)
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			short, local := strings.CutPrefix(imported, module+"/")
			if !rooms[i].allowed(pkg, short, local) {
				t.Errorf("%s may not import %s", name, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("there are only %d files here", files)
	}
}

// TestImportRules tries the rules on imports that must and must not be.
func TestImportRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pkg, path string
		want      bool
	}{
		{"genome", "strings", true},
		{"genome", "genome/rng", true},
		{"genome", "engine", false},
		{"genome", "time", false},
		{"genome/network", "gonum.org/v1/gonum/mat", false},
		{"engine", "genome/network", true},
		{"engine", "time", true},
		{"engine", "math/rand/v2", false},
		{"engine", "engine/evolve", false},
		{"engine", "go.etcd.io/bbolt", false},
		{"engine/evolve", "engine", true},
		{"engine/evolve", "engine/ledger", false},
		{"engine/ledger", "go.etcd.io/bbolt", true},
		{"engine/ledger", "google.golang.org/grpc", false},
		{"engine/enginetest", "plugins/sdk", false},
		{"plugins/internal/planted", "plugins/sdk", true},
		{"plugins/evaluators/onemax", "plugins/sdk", true},
		{"plugins/evaluators/onemax", "plugins/proto", false},
		{"plugins/evaluators/onemax", "internal/mailbox", false},
		{"plugins/host", "internal/mailbox", true},
		{"engine", "internal/safe", false},
		{"plugins/evaluators/onemax", "plugins/evaluators/table", false},
		{"plugins/strategies/supernet", "plugins/trainer/nn", true},
		{"plugins/trainer/nn", "plugins/sdk", false},
		{"plugins/evaluators/gorgonia", "plugins/trainer/nn", true},
		{"plugins/evaluators/gorgonia", "gorgonia.org/gorgonia", true},
		{"plugins/strategies/reinforce", "google.golang.org/grpc", false},
		{"plugins/onnx", "google.golang.org/protobuf/encoding/protowire", true},
		{"plugins/onnx", "google.golang.org/protobuf/proto", false},
		{"plugins/onnx", "google.golang.org/grpc", false},
		{"plugins/onnx", "engine", false},
		{"cmd/nascent", "google.golang.org/protobuf/proto", false},
		{"plugins/host", "plugins/proto", true},
		{"plugins/host", "plugins/sdk", false},
		{"plugins/host", "cmd/nascent", false},
		{"cmd/nascent", "plugins/host", true},
		{"cmd/nascent", "plugins/proto", false},
		{"cmd/nascent", "plugins/trainer/safetensors", true},
		{"cmd/nascent", "plugins/trainer/nn", false},
		{"cmd/nascent", "plugins/evaluators/onemax", false},
		{"cmd/nascent/internal/command", "plugins/strategies/supernet/search", false},
		{"cmd/nascent-plugins", "plugins/strategies/supernet", true},
		{"cmd/nascent-plugins", "plugins/host", false},
		{"plugins/python", "plugins/jsonl", false},
		{"plugins/jsonl", "plugins/python", true},
		{"plugins/supernet/orders", "plugins/sdk", false},
		{"cmd/nascent", "engine/enginetest", false},
		{"cmd/nascent", "github.com/hashicorp/go-plugin", false},
	} {
		i := slices.IndexFunc(rooms, func(r room) bool { return under(c.pkg, r.folder) })
		first, _, _ := strings.Cut(c.path, "/")
		local := slices.Contains([]string{"genome", "engine", "plugins", "cmd", "internal"}, first)
		if got := rooms[i].allowed(c.pkg, c.path, local); got != c.want {
			t.Errorf("%s imports %s: allowed is %v, want %v", c.pkg, c.path, got, c.want)
		}
	}
}
