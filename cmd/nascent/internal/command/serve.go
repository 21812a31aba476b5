package command

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/health"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
)

func (a *app) serveCommand() *cobra.Command {
	var listen, token string
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Show searches in a browser",
		Long: `Shows the search in DIR, or all that lie in the folder DIR, as a page for a browser:
running ones as they go. The page loads nothing from elsewhere, and what it shows is
to be had as JSON, too. It keeps nobody from running a search.

Without --listen it answers on this machine alone. For others name an address, and give
them a token: the first word of the file of --token is that for whoever may change
something, the second one, if there is one, that for whoever may look. Without a second
one everybody may look who reaches the address.`,
		Example: `  nascent serve mnist1d
  nascent serve . --listen 8080
  nascent serve runs --listen 0.0.0.0:8080 --token ~/.nascent-token`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := serve.Config{Dir: directory(args), Source: a}
			if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
				return isDir(c.Dir)
			}
			at, err := health.ParseAddress(listen)
			if err != nil {
				return wrongInput("--listen: %v", err)
			}
			if at.Network != "tcp" {
				return wrongInput("--listen %s: a browser needs a port; write PORT or HOST:PORT", listen)
			}
			if token != "" {
				if c.Tokens, err = serve.ReadTokens(token); err != nil {
					return wrongInput("--token %s: %v", token, err)
				}
			}
			host, _, _ := net.SplitHostPort(at.Where)
			c.Names = append(c.Names, host)
			if name, err := os.Hostname(); err == nil {
				c.Names = append(c.Names, name)
			}
			server, err := serve.New(c)
			if err != nil {
				return err
			}
			l, err := net.Listen(at.Network, at.Where)
			if err != nil {
				return fmt.Errorf("--listen %s: %w; choose another port, or free this one", listen, err)
			}
			if open, err := netip.ParseAddrPort(l.Addr().String()); err == nil && !open.Addr().IsLoopback() && c.Tokens.Read == "" {
				fmt.Fprintln(a.err, "nascent: everybody who reaches this address may look; a second word in the file of --token would keep others out")
			}
			fmt.Fprintf(a.out, "http://%s/\n", shown(l.Addr()))
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return server.Run(ctx, l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8170", "where to answer: PORT (this machine alone), or HOST:PORT")
	cmd.Flags().StringVar(&token, "token", "", "file with the token for writing and, as a second word, that for reading")
	return cmd
}

// shown is an address as a browser takes it.
func shown(at net.Addr) string {
	if t, ok := at.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			return fmt.Sprintf("%s:%d", name, t.Port)
		}
	}
	return at.String()
}
