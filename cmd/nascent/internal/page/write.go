package page

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/nascent-nas/nascent/internal/safe"
)

// style is the style sheet of every page. Lines have the classes s0 to s9, bands
// b0 to b9.
//
//go:embed style.css
var style template.CSS

//go:embed frame.html
var frame string

// Frame is what every page begins and ends with: the templates head and foot.
type Frame struct {
	Title, Name, Headline string
	Cause                 string // of the trouble that ended what is shown; "" if none did
	Version               string
}

// Layout reads the template of a page, which has a Frame.
func Layout(name, text string) *template.Template {
	funcs := template.FuncMap{"style": func() template.CSS { return style }}
	return template.Must(template.Must(template.New(name).Funcs(funcs).Parse(frame)).Parse(text))
}

// Colours is how many series can be told apart by their class.
const Colours = 10

// Write puts a file in its place as a whole, or not at all.
func Write(path string, content []byte) error {
	return safe.Write(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
