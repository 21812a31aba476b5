package command

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/watch"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch [DIR]",
		Short: "Watch and steer a search in the terminal",
		Long: `Shows the search in DIR (default: the current directory) in the terminal, while it runs
and afterwards: where it stands, its candidates, one of them whole, failures, what
happened and what plugins print. Keys steer it; ? lists them. It goes on when you leave
with q.`,
		Example: `  nascent watch mnist1d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			in, ok := a.in.(*os.File)
			if !ok || a.paper == nil || !term.IsTerminal(int(in.Fd())) || os.Getenv("TERM") == "dumb" {
				return wrongInput("watch needs a terminal; without one use: nascent status %s, list, log, or serve for a browser", quote(dir))
			}
			if err := isDir(dir); err != nil {
				return err
			}
			if !begun(dir) {
				return nothingHere(dir)
			}
			return watch.Run(cmd.Context(), serve.Open(dir, a), in, a.paper, a.colour)
		},
	}
}
