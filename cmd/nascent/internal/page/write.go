package page

import (
	_ "embed"
	"errors"
	"html/template"
	"os"
	"path/filepath"
)

// Style is the style sheet of every page. Lines have the classes s0 to s9, bands
// b0 to b9.
//
//go:embed style.css
var Style template.CSS

// Colours is how many series can be told apart by their class.
const Colours = 10

// Write puts a file in its place as a whole, or not at all.
func Write(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
