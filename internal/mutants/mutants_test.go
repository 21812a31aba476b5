package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// Every bug can be planted still: what it replaces stands in the source exactly once,
// and the tests that should catch it are there. make mutants plants them.
func TestBugsApply(t *testing.T) {
	t.Parallel()
	const root = "../.."
	bugs, err := readBugs("bugs")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bugs {
		files, err := b.apply(root)
		if err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
		for name, text := range files {
			if filepath.Ext(name) != ".go" {
				continue
			}
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, 0); err != nil {
				t.Errorf("%s: %v", b.name, err)
			}
		}
		for _, folder := range b.tests {
			if tests, _ := filepath.Glob(filepath.Join(root, folder, "*_test.go")); len(tests) == 0 {
				t.Errorf("%s: there are no tests in %s", b.name, folder)
			}
		}
	}
}

// Bugs are caught, survive, or say what is wrong with them.
func TestMutants(t *testing.T) {
	t.Parallel()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":   "module example.com/m\n",
		"m.go":     "package m\n\nfunc Add(a, b int) int {\n\treturn a + b\n}\n\nfunc Sub(a, b int) int {\n\treturn a - b\n}\n\nfunc Loop() {\n}\n",
		"text.txt": "five\n",
		"m_test.go": `package m

import (
	"os/exec"
	"testing"
)

func TestAdd(t *testing.T) {
	t.Run("small", func(t *testing.T) {
		if Add(1, 2) != 3 {
			t.Error("no")
		}
	})
}

func TestLoop(*testing.T) { Loop() }

// A program that is built while a test runs has the bug as well.
func TestBuilt(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+"/p", "./p").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	if err := exec.Command(dir + "/p").Run(); err != nil {
		t.Error("the program fails")
	}
}
`,
		"p/main.go":       "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/m\"\n)\n\nfunc main() {\n\tif m.Sub(2, 2) != 0 {\n\t\tos.Exit(1)\n\t}\n}\n",
		"bugs/add.txt":    "It subtracts.\nfile: m.go\n-\treturn a + b\n+\treturn a - b\ntests: .\nrun: Add\n",
		"bugs/built.txt":  "It adds.\nfile: m.go\n func Sub(a, b int) int {\n-\treturn a - b\n+\treturn a + b\ntests: .\n",
		"bugs/panic.txt":  "It panics.\nfile: m.go\n func Loop() {\n+\tpanic(\"no\")\n }\ntests: .\nrun: Loop\n",
		"bugs/lives.txt":  "Nobody looks.\nfile: m.go\n-\treturn a - b\n+\treturn a + b\ntests: .\nrun: Add\n",
		"bugs/broken.txt": "It is no Go.\nfile: m.go\n-\treturn a - b\n+\treturn x\ntests: .\nrun: Add\n",
		"bugs/gone.txt":   "It was there.\nfile: m.go\n-\treturn a * b\n+\treturn a / b\ntests: .\nrun: Add\n",
		"bugs/often.txt":  "It is there twice.\nfile: m.go\n- {\n+ {;\ntests: .\nrun: Add\n",
		"bugs/none.txt":   "Its test is gone.\nfile: m.go\n-\treturn a - b\n+\treturn a + b\ntests: .\nrun: Gone\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	survived, err := mutants(&out, &garden{root: root, timeout: "2m"}, filepath.Join(root, "bugs"), "", 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		" add ", "caught by TestAdd/small\n", " built ", "caught by TestBuilt\n", " panic ", "TestLoop (panic: no", " lives ", "SURVIVES: Nobody looks.",
		" broken ", "it does not compile", " gone ", "m.go has 0 times", " often ", "m.go has 3 times", " none ", "no test ran", "8 bugs planted, 3 caught",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if survived != 5 {
		t.Errorf("%d survive", survived)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// What is no bug is refused.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "It does nothing.\ntests: .\n", "It says not where.\n-a\n+b\ntests: .\n", "It says not who.\nfile: m.go\n-a\n+b\n",
		"It changes nothing.\nfile: m.go\n a\ntests: .\n", "It is odd.\nfile: m.go\n-a\n+b\n*c\ntests: .\n",
	} {
		if b, err := parse("x", text); err == nil {
			t.Errorf("%q is taken as %+v", text, b)
		}
	}
}
