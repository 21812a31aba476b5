package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/safe"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a directory",
		Long: `Writes a manual page for nascent and one for each of its commands into DIR,
as man reads them: from share/man/man1 beside the bin that nascent lies in.`,
		Example: `  nascent man ~/.local/share/man/man1 && man nascent-run`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return wrongInput("%s cannot be made: %v; choose a directory that can be written", args[0], err)
			}
			root := cmd.Root()
			for _, c := range append([]*cobra.Command{root}, root.Commands()...) {
				if c != root && !c.IsAvailableCommand() {
					continue
				}
				path := filepath.Join(args[0], manName(c)+".1")
				err := safe.Write(path, 0o644, func(w io.Writer) error {
					_, err := w.Write(manPage(c))
					return err
				})
				if err != nil {
					return wrongInput("%v; choose a directory that can be written", err)
				}
			}
			return nil
		},
	}
}

// manName is what a command's page is called.
func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage is a command's page in roff's words.
func manPage(c *cobra.Command) []byte {
	var b bytes.Buffer
	section := func(name string) { fmt.Fprintf(&b, ".SH %s\n", name) }
	item := func(head, text string) { fmt.Fprintf(&b, ".TP\n%s\n%s\n", head, roff(text)) }
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"nascent %s\" \"Nascent\"\n.nh\n.ad l\n", strings.ToUpper(roff(manName(c))), roff(engine.Version))
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(manName(c)), roff(strings.ToLower(c.Short[:1])+c.Short[1:]))
	section("SYNOPSIS")
	use := c.UseLine()
	if c.HasAvailableSubCommands() {
		use = c.CommandPath() + " COMMAND [flags]"
	}
	fmt.Fprintf(&b, "\\fB%s\\fR\n", roff(use))
	section("DESCRIPTION")
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if set := strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n "); set {
			fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(paragraph)) // a table: its lines stay
		} else {
			fmt.Fprintln(&b, roff(paragraph))
		}
	}
	if c.HasAvailableSubCommands() {
		section("COMMANDS")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				item(`\fB`+roff(sub.Name())+`\fR`, sub.Short+".")
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		section("OPTIONS")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			value, usage := pflag.UnquoteUsage(f)
			head := `\fB` + roff("--"+f.Name) + `\fR`
			if f.Shorthand != "" {
				head = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + head
			}
			if value != "" {
				head += ` \fI` + roff(value) + `\fR`
			}
			item(head, usage)
		})
	}
	if c.HasExample() {
		section("EXAMPLES")
		fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(c.Example))
	}
	if c.HasParent() {
		section("SEE ALSO")
		fmt.Fprintf(&b, ".BR %s (1)\n", roff(manName(c.Parent())))
	}
	return b.Bytes()
}

// roff writes text so that roff reads it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
