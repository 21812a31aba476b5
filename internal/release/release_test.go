package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

const root = "../.."

// shipped is a builder that has built already: the programs as other tests link them,
// but always static.
var shipped = sync.OnceValues(func() (*builder, error) {
	dir, err := os.MkdirTemp("", "nascent-release-test-")
	if err != nil {
		return nil, err
	}
	programs := filepath.Join(dir, runtime.GOARCH)
	return &builder{root, dir}, errors.Join(os.Mkdir(programs, 0o700), proctest.Shipped(programs))
})

func TestMain(m *testing.M) {
	os.Setenv("CGO_ENABLED", "0")
	code := m.Run()
	if b, _ := shipped(); b != nil {
		os.RemoveAll(b.dir)
	}
	os.Exit(code)
}

func built(t *testing.T) (*builder, string) {
	t.Helper()
	if machines[runtime.GOARCH] == "" {
		t.Skipf("there are no releases for %s", runtime.GOARCH)
	}
	b, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := b.programs(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return b, dir
}

// A wheel has what installers ask for, and nothing in it depends on when and where it
// was made.
func TestWheel(t *testing.T) {
	t.Parallel()
	_, dir := built(t)
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := writeWheel(w, runtime.GOARCH, os.DirFS(root), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("made twice, it has other bytes")
	}
	r, err := zip.NewReader(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	base := "nascent_nas-" + engine.Version
	text := map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if text[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		want := fs.FileMode(0o644)
		if strings.HasPrefix(f.Name, base+".data/scripts/") {
			want = 0o755
		}
		if f.Mode() != want || f.Modified.Year() != 1980 {
			t.Errorf("%s is %s of %s", f.Name, f.Mode(), f.Modified)
		}
	}
	// Every file is recorded with its hash, but the record itself.
	rows, err := csv.NewReader(bytes.NewReader(text[base+".dist-info/RECORD"])).ReadAll()
	if err != nil || len(rows) != len(r.File) || len(rows) != len(text) {
		t.Fatalf("%d files, %d names, %d records: %v", len(r.File), len(text), len(rows), err)
	}
	for _, row := range rows {
		sum := sha256.Sum256(text[row[0]])
		want := []string{row[0], "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]), fmt.Sprint(len(text[row[0]]))}
		if row[0] == base+".dist-info/RECORD" {
			want = []string{row[0], "", ""}
		}
		if !slices.Equal(row, want) {
			t.Errorf("recorded is %q, it is %q", row, want)
		}
	}
	for _, line := range []string{"Name: nascent-nas", "Version: " + engine.Version, "Requires-Python: >=3.9"} {
		if !strings.Contains(string(text[base+".dist-info/METADATA"]), line+"\n") {
			t.Errorf("METADATA lacks %q", line)
		}
	}
	var said []string
	for line := range strings.Lines(string(text[base+".dist-info/WHEEL"])) {
		if tag, ok := strings.CutPrefix(strings.TrimSpace(line), "Tag: py3-none-"); ok {
			said = append(said, tag)
		}
	}
	if want := base + "-py3-none-" + strings.Join(said, ".") + ".whl"; len(said) != 2 || wheelName(runtime.GOARCH) != want {
		t.Errorf("it is called %s, by its tags %s", wheelName(runtime.GOARCH), want)
	}
	for _, name := range []string{"__init__.py", "__main__.py", "py.typed", "_programs.py"} {
		if _, ok := text["nascent/"+name]; !ok {
			t.Errorf("the package lacks %s", name)
		}
	}
	for _, name := range names {
		program, err := elf.NewFile(bytes.NewReader(text[base+".data/scripts/"+name]))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range program.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s is not static: it has %s", name, p.Type)
			}
		}
		if program.Section(".symtab") != nil || program.Section(".debug_info") != nil {
			t.Errorf("%s is not stripped", name)
		}
	}
}

// The SDK is of the version that the programs are of.
func TestWheelOfAnotherVersion(t *testing.T) {
	t.Parallel()
	err := writeWheel(io.Discard, "amd64", overlay{os.DirFS(root), "plugins/python/nascent/version.py", "\n__version__ = \"9.9\"\n"}, os.DirFS(root))
	if err == nil || !strings.Contains(err.Error(), "version.py has another version than engine.Version") {
		t.Error(err)
	}
}

// overlay is a file system in which one file has another text.
type overlay struct {
	fs.FS
	name, text string
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if name == o.name {
		return []byte(o.text), nil
	}
	return fs.ReadFile(o.FS, name)
}

// person is somebody in an empty folder with a virtual environment that the wheel was
// installed in, and without Go.
type person struct {
	bin, home, folder string
}

func (p *person) run(t *testing.T, path, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.bin, program), args...)
	cmd.Dir, cmd.Env = p.folder, []string{"PATH=" + path, "HOME=" + p.home, "TMPDIR=" + os.TempDir(), "PIP_DISABLE_PIP_VERSION_CHECK=1"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *person) must(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := p.run(t, p.bin, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

// drive drives a search from Python, and says how many candidates it has.
const drive = `
import nascent

search = nascent.Search("driven", space={"x": {"float": [-10, 10]}}, objectives={"accuracy": "maximize"}, strategy="random")
for trial in search.ask(evaluations=20):
    search.tell(trial, accuracy=1 / (1 + trial.genes["x"] ** 2))
print(len(search.frame()))
`

// Installed in a fresh environment without anything else, the wheel runs examples and
// evaluators in Python.
func TestInstalledWheel(t *testing.T) {
	t.Parallel()
	b, _ := built(t)
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &person{filepath.Join(home, "venv", "bin"), home, t.TempDir()}
	out := "there is no python3 here"
	if python, err := exec.LookPath("python3"); err == nil {
		text, err := exec.Command(python, "-m", "venv", filepath.Join(home, "venv")).CombinedOutput()
		if out = string(text); err == nil {
			out = ""
		}
	}
	if out != "" {
		t.Skipf("no virtual environment can be made with python3: install python3-venv, or put another python3 into $PATH first\n%s", out)
	}
	name, err := release{root: root, out: home}.wheel(b, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	p.must(t, "python", "-m", "pip", "install", "--no-index", "--find-links", home, "nascent-nas")
	p.must(t, "python", "-m", "pip", "check")
	if out := p.must(t, "python", "-m", "pip", "show", "nascent-nas"); !strings.Contains(out, "Version: "+engine.Version) {
		t.Errorf("%s is installed as %s", name, out)
	}
	if out := p.must(t, "nascent", "version"); !strings.HasPrefix(out, "nascent "+engine.Version+" (") {
		t.Error(out)
	}
	if out := p.must(t, "python", "-c", "import nascent, nascent._programs as p; print(p.path(), p.path('nascent-plugins'), nascent.__version__)"); out !=
		fmt.Sprintf("%s %s %s\n", filepath.Join(p.bin, "nascent"), filepath.Join(p.bin, "nascent-plugins"), engine.Version) {
		t.Error(out)
	}
	p.must(t, "nascent", "run", "onemax", "--quiet", "--evaluations", "40")
	p.must(t, "nascent", "init", "mine", "--python")
	// Even where $PATH leads nowhere there is the interpreter beside nascent.
	if out, err := p.run(t, "/nowhere", "nascent", "run", "mine", "--quiet", "--evaluations", "20"); err != nil {
		t.Fatal(err, out)
	}
	var status struct{ OK int }
	if text := p.must(t, "nascent", "status", "mine", "--json"); json.Unmarshal([]byte(text), &status) != nil || status.OK < 20 {
		t.Error(text)
	}
	if out := p.must(t, "python", "-m", "nascent", "try", "mine/evaluate.py"); !strings.Contains(out, "accuracy") {
		t.Error(out)
	}
	if out, err := p.run(t, p.bin, "nascent", "run", "--quiet", "fashion-mnist"); err == nil || strings.Count(out, "\n") != 1 ||
		!strings.Contains(out, "torch") {
		t.Errorf("%v: %s", err, out)
	}
	// Python starts the program that came with the package, whatever $PATH has.
	if out, err := p.run(t, "/nowhere", "python", "-c", drive); err != nil || out != "20\n" {
		t.Error(err, out)
	}
	p.must(t, "nascent", "stop", "driven") // the engine, which otherwise waits for clients

	// Another project's package of the same name is named by both.
	site, err := filepath.Glob(filepath.Join(home, "venv", "lib", "python3*", "site-packages"))
	if err != nil || len(site) != 1 {
		t.Fatal(site, err)
	}
	if err := os.Mkdir(filepath.Join(site[0], "nascent-1.2.dist-info"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out := p.must(t, "nascent", "run", "mine", "--quiet", "--evaluations", "30"); strings.Count(out, "nascent 1.2 in "+site[0]+" is another project") != 1 {
		t.Error(out)
	}
	if out, err := p.run(t, p.bin, "python", "-c", "import nascent._programs as p; p.path()"); err == nil ||
		!strings.Contains(out, "Missing: nascent 1.2 in "+site[0]+" is another project whose package is called nascent, too") {
		t.Error(err, out)
	}
}

// A path that no unit can name is refused before anything is made.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"/usr/local": "/usr/local/bin/nascent", "/a b": `"/a b/bin/nascent"`, "/50%": "/50%%/bin/nascent",
		`/it's`: `'\''`, `/a"b`: `'"'`, `/a\b`: `'\\'`, "/a\nb": `'\n'`,
	} {
		word, err := unitWord(prefix + "/bin/nascent")
		if got := cmp.Or(word, fmt.Sprint(err)); got != want && (err == nil || !strings.HasPrefix(got, "PREFIX has the character "+want+",")) {
			t.Errorf("%q: %s, want %s", prefix, got, want)
		}
	}
	r := release{root: root, prefix: `/a"b`, archs: []string{runtime.GOARCH}}
	if err := r.make([]string{"install"}); err == nil || !strings.HasPrefix(err.Error(), "PREFIX has") {
		t.Error(err)
	}
}

// What is installed below a prefix works there, and is what an archive has.
func TestInstallAndArchive(t *testing.T) {
	t.Parallel()
	b, _ := built(t)
	prefix, out := filepath.Join(t.TempDir(), "a 100% prefix"), t.TempDir()
	r := release{root: root, out: out, prefix: prefix, archs: []string{runtime.GOARCH}}
	if err := r.install(b, runtime.GOARCH); err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(filepath.Join(prefix, "bin", "nascent"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(version), "nascent "+engine.Version) {
		t.Errorf("%v %s", err, version)
	}
	written := `"` + strings.Replace(prefix, "%", "%%", 1) + `/bin/nascent"`
	unit := filepath.Join(prefix, "share", "systemd", "user", "nascent@.service")
	if text, err := os.ReadFile(unit); err != nil || !strings.Contains(string(text), "\nExecStart="+written+" run") {
		t.Errorf("%v\n%s", err, text)
	}
	if verify, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("there is no systemd-analyze here: the unit was not verified")
	} else if said, err := exec.Command(verify, "verify", "--man=no", unit).CombinedOutput(); err != nil || bytes.Contains(said, []byte("nascent@")) {
		t.Errorf("systemd-analyze: %v\n%s", err, said)
	}

	name, err := r.archive(b, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if err := sums(out, []string{name}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, name))
	if err != nil {
		t.Fatal(err)
	}
	listed, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(text), name); err != nil || string(listed) != want {
		t.Errorf("SHA256SUMS has %s, want %s: %v", listed, want, err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	n, in := 0, tar.NewReader(unzipped)
	for ; ; n++ {
		h, err := in.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		below := strings.TrimPrefix(h.Name, stem(runtime.GOARCH)+"/")
		installed := filepath.Join(prefix, below)
		packed, err := io.ReadAll(in)
		there, err2 := os.ReadFile(installed)
		if err := errors.Join(err, err2); err != nil || !bytes.Equal(packed, there) {
			t.Errorf("%s is not what was installed: %v", h.Name, err)
		}
		if info, err := os.Stat(installed); err != nil || info.Mode() != h.FileInfo().Mode() {
			t.Errorf("%s: %v, %v", h.Name, h.FileInfo().Mode(), err)
		}
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s tells of %s, %s", h.Name, h.ModTime, h.Uname)
		}
	}
	var installed []string
	filepath.WalkDir(prefix, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			installed = append(installed, path)
		}
		return err
	})
	if n != len(installed) || n < 20 {
		t.Errorf("the archive has %d files, installed are %d", n, len(installed))
	}
}

// Under an emulator programs find one another: here the machine itself stands in for one.
func TestUnder(t *testing.T) {
	t.Parallel()
	b, _ := built(t)
	out := t.TempDir()
	if err := (release{root: root, out: out, under: "env"}).programs(b, runtime.GOARCH); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(out, "nascent"), "run", "onemax", "--quiet", "--evaluations", "20")
	cmd.Dir = t.TempDir()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	for _, name := range names {
		if text, err := os.ReadFile(filepath.Join(out, name)); err != nil || !bytes.HasPrefix(text, []byte("#!/bin/sh\nexec env '"+out)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r    release
		what []string
		want string
	}{
		{release{prefix: "/usr"}, nil, "say what to make"},
		{release{prefix: "/usr", archs: []string{"amd64"}}, []string{"snap"}, "snap is nothing that can be made"},
		{release{prefix: "here", archs: []string{"amd64"}}, []string{"install"}, "PREFIX is here: give an absolute path"},
		{release{prefix: "/usr", archs: []string{"riscv64"}}, []string{"wheel"}, "releases for amd64 and arm64, not for riscv64"},
	} {
		if err := c.r.make(c.what); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: %v, want %s", c.r, c.what, err, c.want)
		}
	}
}
