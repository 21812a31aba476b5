package command

import (
	"context"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/internal/safe"
)

// reportName is the page in a search's directory.
const reportName = "report.html"

func (a *app) reportCommand() *cobra.Command {
	var output string
	var asJSON, textOnly bool
	cmd := &cobra.Command{
		Use:   "report [DIR]",
		Short: "Say what came of a search, and write it down as a page",
		Long: `Prints what came of the search in DIR so far, and writes the same as a page: one
file that loads nothing, to be opened in a browser or sent to somebody. It shows what
"nascent serve" shows, as the search stands: pictures of all candidates, and of the
best thousand networks, genes and curves, in a table that is filtered by conditions.`,
		Example: `  nascent report mnist1d
  nascent report mnist1d --output monday.html
  nascent report mnist1d --output - | ssh host 'cat > public/mnist1d.html'
  nascent report mnist1d --json | jq .networks`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			page := func(out io.Writer) error {
				return a.opened(cmd.Context(), dir, []string{"report", dir, "--output", "-"}, out, func(o *opened) error {
					return o.page(cmd.Context(), out)
				})
			}
			textArgs := []string{"report", dir, "--text"}
			if asJSON {
				textArgs = []string{"report", dir, "--json"}
			}
			switch {
			case asJSON && output != "":
				return wrongInput("--json: this is printed, and no page; leave --output out")
			case output == "-":
				return page(a.data)
			case asJSON || textOnly:
			case output != "":
				return a.toFile(output, dir, page)
			default:
				if err := isDir(dir); err != nil {
					return err
				}
				err := safe.Write(filepath.Join(dir, reportName), 0o644, page)
				if unwritable(err) {
					return wrongInput("%s may not be written to; name a place for the page: --output FILE, or --text for none", dir)
				}
				if err != nil {
					return err
				}
			}
			return a.opened(cmd.Context(), dir, textArgs, a.out, func(o *opened) error {
				x, err := o.read(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return a.writeJSON(x.Report().JSON())
				}
				return x.Report().WriteText(a.out, a.lines(), quote(shortest(dir)), !textOnly)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write the page to, and nothing else (-: standard output; default report.html in DIR)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object and write no page")
	cmd.Flags().BoolVar(&textOnly, "text", false, "write no page")
	return cmd
}

// read reads all of the search.
func (o *opened) read(ctx context.Context) (*serve.One, error) {
	x := serve.Open(o.dir, o)
	return x, x.Refresh(ctx)
}

// page writes the search as the page that is one file.
func (o *opened) page(ctx context.Context, w io.Writer) error {
	x, err := o.read(ctx)
	if err != nil {
		return err
	}
	return x.WriteFile(ctx, w)
}
