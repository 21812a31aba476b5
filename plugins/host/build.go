package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/nascent-nas/nascent/internal/safe"
	"github.com/nascent-nas/nascent/plugins/internal/cache"
)

const modulePath = "github.com/nascent-nas/nascent"

// EnvSource names the directory of nascent's source, for plugins in Go files
// that belong to no module of their own.
const EnvSource = "NASCENT_SOURCE"

// build makes an executable of a Go file, or of a directory with a Go program,
// and returns its path. It lies in a cache directory named by the hash of the
// source, and is built only once, unless what is there is not what was built.
// Debugging data is left out: linking it would take a third of the time.
//
// A file in a module is built in it. A file in none is built as if it lay in
// nascent's own source, which is looked for in $NASCENT_SOURCE, above nascent's
// executable and above the working directory.
func build(source string) (string, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("%s is Go source, and there is no go command to build it: install Go, or give an executable", source)
	}
	info, err := os.Stat(source)
	if err != nil {
		return "", err
	}
	dir, target := source, []string{"."}
	if !info.IsDir() {
		dir, target = filepath.Dir(source), []string{source}
	}
	module, workdir := above(dir, "go.mod"), dir
	if module == "" {
		if module = nascentSource(); module == "" {
			return "", fmt.Errorf("%s lies in no Go module and nascent's source is not found: set $%s to it, or add a "+
				"go.mod that requires %s", source, EnvSource, modulePath)
		}
		workdir = module
		if info.IsDir() {
			files, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if err != nil {
				return "", err
			}
			target = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
		}
	}
	if info.IsDir() && len(target) == 0 {
		return "", fmt.Errorf("%s has no Go files: give the directory of a Go program", source)
	}
	sum, err := hashSource(module, dir, target)
	if err != nil {
		return "", err
	}
	folder, err := cache.Folder("built plugins", "build", sum)
	if err != nil {
		return "", err
	}
	out := filepath.Join(folder, plainName(source))
	if whole(out) {
		return out, nil
	}
	half, err := os.MkdirTemp(folder, "half-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(half)
	made := filepath.Join(half, "plugin")
	cmd := exec.Command(goTool, append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o", made}, target...)...)
	cmd.Dir = workdir
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", buildError(source, dir, output, err)
	}
	return out, keepBuilt(made, out)
}

// sumOf is the file that tells the hash of a built program: only one that still has
// it is whole.
func sumOf(program string) string { return program + ".sha256" }

func whole(program string) bool {
	if !executable(program) {
		return false
	}
	want, err := os.ReadFile(sumOf(program))
	if err != nil {
		return false
	}
	sum, err := hashFile(program)
	return err == nil && sum == string(want)
}

// keepBuilt puts a program in its place, durable before it has its name.
func keepBuilt(made, program string) error {
	f, err := os.Open(made)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot keep %s: %w; make room, or set $%s to another directory", program, err, cache.Env)
	}
	sum, err := hashFile(made)
	if err == nil {
		err = os.Rename(made, program)
	}
	if err == nil {
		err = safe.Write(sumOf(program), 0o600, func(w io.Writer) error {
			_, err := io.WriteString(w, sum)
			return err
		})
	}
	return err
}

// buildError puts the compiler's first complaints into one line.
func buildError(source, dir string, output []byte, err error) error {
	var lines []string
	for _, line := range strings.Split(string(bytes.TrimSpace(output)), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if lines = append(lines, strings.TrimPrefix(line, "./")); len(lines) == 3 {
			break
		}
	}
	if len(lines) == 0 {
		lines = []string{err.Error()}
	}
	if len(lines[0]) > 400 {
		lines[0] = lines[0][:400]
	}
	return fmt.Errorf("%s does not compile: %s", filepath.Base(source), strings.Join(lines, "; "))
}

// above is the nearest directory, from dir upwards, that holds file; "" if
// none does.
func above(dir, file string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, file)); err == nil && info.Mode().IsRegular() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func nascentSource() string {
	var starts []string
	if d := os.Getenv(EnvSource); d != "" {
		starts = append(starts, d)
	}
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		starts = append(starts, filepath.Dir(self))
	}
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	for _, d := range starts {
		root := above(d, "go.mod")
		if root == "" {
			continue
		}
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil && strings.HasPrefix(strings.TrimSpace(string(mod)), "module "+modulePath+"\n") {
			return root
		}
	}
	return ""
}

// hashSource is the hash of everything that a build reads, as far as that is
// in the module and in the program's own directory, and of the toolchain.
func hashSource(module, dir string, target []string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, t := range target {
		fmt.Fprintf(h, "%s %s\n", dir, t)
	}
	const most = 20000
	count := 0
	add := func(root string, everything bool) error {
		return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // what cannot be read cannot be built either
			}
			name := d.Name()
			if d.IsDir() {
				if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
					return fs.SkipDir
				}
				return nil
			}
			if !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			switch filepath.Ext(name) {
			case ".go", ".s", ".c", ".h", ".mod", ".sum":
			default:
				if !everything {
					return nil
				}
			}
			if count++; count > most {
				return errors.New("too many files around " + root + ": build the plugin yourself and give the executable")
			}
			info, err := d.Info()
			if err != nil || info.Size() > 64<<20 {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			fmt.Fprintf(h, "%s %x\n", path, sha256.Sum256(b))
			return nil
		})
	}
	if err := add(module, false); err != nil {
		return "", err
	}
	// A program's directory may hold files that it embeds; one that lies in no
	// module may be a large directory of other things.
	if rel, err := filepath.Rel(module, dir); err == nil && rel != "." && filepath.IsLocal(rel) {
		if err := add(dir, true); err != nil {
			return "", err
		}
	} else {
		for _, t := range target {
			if filepath.IsAbs(t) {
				b, err := os.ReadFile(t)
				if err != nil {
					return "", err
				}
				fmt.Fprintf(h, "%x\n", sha256.Sum256(b))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}
