package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/export"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// endings are those of files that are not called as their format.
var endings = map[string]string{"jsonl": "json", "gv": "dot", "mmd": "mermaid", "py": "pytorch"}

func (a *app) exportCommand() *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use:   "export [DIR [ID]]",
		Short: "Write all candidates as a table, or one as a network",
		Long: `Writes every candidate of the search in DIR with its metrics and genes, one a
row, as csv, json (lines) or parquet; or candidate ID, "best" for the best, as

  pytorch  a Python file of its own, and its weights beside it as safetensors
  onnx     a model for onnxruntime and others, weights included
  dot      its layers with shapes and parameters, for Graphviz
  mermaid  the same as a flowchart for Markdown
  json     genome, network, metrics and all else that is known of it

Weights are trained ones if the candidate's checkpoint is kept. The format is
that of --format, or as the file of --output is called. Without ID, formats of
one candidate write the best.`,
		Example: `  nascent export mnist1d --output mnist1d.csv
  nascent export mnist1d --output mnist1d.parquet
  nascent export mnist1d --format json | jq .metrics.accuracy
  nascent export mnist1d best --format dot | dot -Tsvg > network.svg
  nascent export mnist1d 42 --output network.onnx
  nascent export mnist1d 42 --output network.py`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			named := len(args) == 2
			if format == "" && output != "-" {
				format = strings.TrimPrefix(filepath.Ext(output), ".")
			}
			if full, ok := endings[format]; ok {
				format = full
			}
			if format == "" {
				format = "csv"
				if named {
					format = "json"
				}
			}
			table, network := slices.Contains(export.Formats, format), slices.Contains(export.NetworkFormats, format)
			switch {
			case !table && !network:
				return wrongInput("--format: %q is no format; use one of %s, or for one candidate one of %s",
					format, strings.Join(export.Formats, ", "), strings.Join(export.NetworkFormats, ", "))
			case named && !network:
				return wrongInput("--format: %s is for all candidates; leave the id out, or use one of %s", format, strings.Join(export.NetworkFormats, ", "))
			case (format == "parquet" || format == "onnx") && output == "-" && a.width > 0:
				return wrongInput("--format: %s is nothing for a terminal; name a file with --output", format)
			}
			if format == "pytorch" && output == "-" {
				return wrongInput("--format: pytorch makes two files, a program and its weights; name the program with --output network.py")
			}
			if named || !table {
				id := best
				if named {
					id = args[1]
				}
				return a.exportCandidate(cmd.Context(), directory(args), id, format, output)
			}
			dir := directory(args)
			return a.toFile(output, dir, func(out io.Writer) error {
				return a.look(cmd.Context(), dir, []string{"export", dir, "--format", format}, out, func(v *show.View) error {
					return export.Write(out, v, format)
				})
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "csv, json or parquet; for one candidate pytorch, onnx, dot, mermaid or json")
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write (-: standard output)")
	return cmd
}

// exportCandidate writes one candidate. Whatever the format, the search is
// asked for its description.
func (a *app) exportCandidate(ctx context.Context, dir, name, format, output string) error {
	id, err := readID(name)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = a.look(ctx, dir, []string{"export", dir, name, "--format", "json"}, &text, func(v *show.View) error {
		c, err := pick(v, id)
		if err != nil {
			return err
		}
		return export.Describe(&text, v, &c)
	})
	if err != nil {
		return err
	}
	if format == "json" {
		if output == "-" && a.width > 0 {
			var indented bytes.Buffer
			if err := json.Indent(&indented, text.Bytes(), "", "  "); err != nil {
				return err
			}
			text = indented
		}
		return a.toFile(output, dir, func(out io.Writer) error { _, err := text.WriteTo(show.NewPrinter(out)); return err })
	}
	m, err := export.Read(text.Bytes())
	if err != nil {
		return wrongInput("%v", err)
	}
	var weights *export.Weights
	beside := strings.TrimSuffix(output, filepath.Ext(output)) + ".safetensors"
	if format == "onnx" || format == "pytorch" {
		var remark string
		if weights, remark = m.Weights(dir); remark != "" {
			fmt.Fprintln(a.err, "nascent: "+remark)
		}
	}
	if format == "pytorch" {
		if _, _, err := destination(output, dir); err != nil {
			return err
		}
		err := a.toFile(beside, dir, func(out io.Writer) error { return m.WriteSafetensors(out, weights) })
		if err != nil {
			return err
		}
	}
	return a.toFile(output, dir, func(out io.Writer) error {
		switch format {
		case "pytorch":
			return m.WritePyTorch(out, weights, filepath.Base(beside))
		case "dot":
			return m.WriteDot(out)
		case "mermaid":
			return m.WriteMermaid(out)
		}
		return m.WriteONNX(out, weights)
	})
}
