package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/export"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

func (a *app) exportCommand() *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use:   "export [DIR]",
		Short: "Write all candidates as CSV, JSON lines or Parquet",
		Long: `Writes every candidate of the search in DIR with its metrics and genes, one a
row. The format is that of --format, or as the file of --output is called.`,
		Example: `  nascent export mnist1d --output mnist1d.csv
  nascent export mnist1d --output mnist1d.parquet
  nascent export mnist1d --format json | jq .metrics.accuracy`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if format == "" {
				format = "csv"
				if output != "-" {
					format = strings.TrimPrefix(filepath.Ext(output), ".")
				}
			}
			if format == "jsonl" {
				format = "json"
			}
			if !slices.Contains(export.Formats, format) {
				return wrongInput("--format: %q is no format; use one of %s", format, strings.Join(export.Formats, ", "))
			}
			if format == "parquet" && output == "-" && a.width > 0 {
				return wrongInput("Parquet is nothing for a terminal; name a file with --output")
			}
			dir := directory(args)
			write := func(out io.Writer) error {
				return a.look(cmd.Context(), dir, []string{"export", dir, "--format", format}, out, func(v *show.View) error {
					return export.Write(out, v, format)
				})
			}
			if output == "-" || a.live != nil {
				return write(a.out)
			}
			f, err := os.CreateTemp(filepath.Dir(output), ".nascent-export-*")
			if err != nil {
				return wrongInput("--output %s: %v; choose a file in a directory that you may write", output, errors.Unwrap(err))
			}
			defer os.Remove(f.Name())
			if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
				return err
			}
			if err := os.Rename(f.Name(), output); err != nil {
				return fmt.Errorf("--output %s: %w", output, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "csv, json or parquet")
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write (-: standard output)")
	return cmd
}
