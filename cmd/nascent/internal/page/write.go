package page

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/nascent-nas/nascent/internal/safe"
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
	return safe.Write(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
