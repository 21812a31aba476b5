package command

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/watch"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch [DIR]",
		Short: "Watch and steer searches in the terminal",
		Long: `Shows the search in DIR (default: the current directory) in the terminal, while it runs
and afterwards: where it stands, its candidates, one of them whole, failures, what
happened and what plugins print. Keys steer it; ? lists them. It goes on when you leave
with q. Of a folder with searches it lists all; Enter opens one, Esc comes back.`,
		Example: `  nascent watch mnist1d
  nascent watch runs`,
		Args: cobra.MaximumNArgs(1),
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
				many := serve.OpenMany(dir, a)
				if many.Len() == 0 {
					return nothingHere(dir)
				}
				whole, err := filepath.Abs(dir)
				if err != nil {
					return err
				}
				return watch.RunMany(cmd.Context(), many, filepath.Base(whole), in, a.paper, a.colour)
			}
			return watch.Run(cmd.Context(), serve.Open(dir, a), in, a.paper, a.colour)
		},
	}
}
