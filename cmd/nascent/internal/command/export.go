package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/export"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/internal/safe"
)

// endings are those of files that are not called as their format.
var endings = map[string]string{"jsonl": "json", "gv": "dot", "mmd": "mermaid", "py": "pytorch"}

// knownEndings are those that say a format.
func knownEndings() []string {
	all := slices.Concat(export.Formats, export.NetworkFormats, slices.Collect(maps.Keys(endings)))
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *app) exportCommand() *cobra.Command {
	var format, output, files string
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

With --files it copies the files that the candidate's job kept (show lists them).

Weights are trained ones if the candidate's checkpoint is kept. The format is
that of --format, or as the file of --output is called. Without ID, formats of
one candidate write the best.`,
		Example: `  nascent export mnist1d --output mnist1d.csv
  nascent export mnist1d --output mnist1d.parquet
  nascent export mnist1d --format json | jq .metrics.accuracy
  nascent export mnist1d best --format dot | dot -Tsvg > network.svg
  nascent export mnist1d 42 --output network.onnx
  nascent export mnist1d 42 --output network.py
  nascent export mnist1d 42 --files kept`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			named := len(args) == 2
			if files != "" {
				if cmd.Flags().Changed("format") || cmd.Flags().Changed("output") {
					return wrongInput("--files %s: this writes what a job kept, as it was kept; leave --format and --output out", files)
				}
				id := best
				if named {
					id = args[1]
				}
				return a.exportFiles(cmd.Context(), directory(args), id, files)
			}
			from := "--format"
			if format == "" && output != "-" {
				format, from = strings.ToLower(strings.TrimPrefix(filepath.Ext(output), ".")), "--output "+output
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
			case !table && !network && from != "--format":
				return wrongInput("%s: %q is no ending of a format; use one of %s, or say which with --format",
					from, format, strings.Join(knownEndings(), ", "))
			case !table && !network:
				return wrongInput("--format: %q is no format; use one of %s, or for one candidate one of %s",
					format, strings.Join(export.Formats, ", "), strings.Join(export.NetworkFormats, ", "))
			case named && !network:
				return wrongInput("--format: %s is for all candidates; leave the id out, or use one of %s", format,
					strings.Join(export.NetworkFormats, ", "))
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
	cmd.Flags().StringVar(&files, "files", "", "directory to copy the files to that the candidate's job kept")
	return cmd
}

// describe asks a search for all that is known of a candidate, as JSON.
func (a *app) describe(ctx context.Context, dir, name string) ([]byte, error) {
	id, err := readID(name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = a.look(ctx, dir, []string{"export", dir, name, "--format", "json"}, &text, func(v *show.View) error {
		c, err := pick(v, id)
		if err != nil {
			return err
		}
		return export.Describe(&text, v, &c)
	})
	return text.Bytes(), err
}

// exportFiles copies the files that a candidate's job kept into a directory, under
// their names. It replaces none. What cannot be copied does not keep the others.
func (a *app) exportFiles(ctx context.Context, dir, name, to string) error {
	text, err := a.describe(ctx, dir, name)
	if err != nil {
		return err
	}
	files, others, err := export.Files(text)
	if err != nil {
		return wrongInput("%v", err)
	}
	for _, f := range files {
		path := filepath.Join(to, f.Name)
		if owner := ownedBy(path, dir); owner != "" {
			return wrongInput("--files %s: this belongs to the search in %s; choose another directory", to, owner)
		}
		if _, err := os.Lstat(path); err == nil {
			return wrongInput("--files %s: %s is there already; choose another directory, or remove it", to, path)
		}
	}
	if len(files) > 0 {
		if err := os.MkdirAll(to, 0o755); err != nil {
			return wrongInput("--files %s: %v; choose a directory that you may write", to, errors.Unwrap(err))
		}
	}
	for _, f := range files {
		path := filepath.Join(to, f.Name)
		if err := safe.Write(path, 0o644, func(out io.Writer) error { return export.WriteFile(out, dir, f) }); err != nil {
			return fmt.Errorf("cannot write %s: %w", path, err)
		}
		fmt.Fprintf(a.out, "%s (%s bytes)\n", path, show.Thousands(f.Size))
	}
	return others
}

// exportCandidate writes one candidate. Whatever the format, the search is
// asked for its description.
func (a *app) exportCandidate(ctx context.Context, dir, name, format, output string) error {
	described, err := a.describe(ctx, dir, name)
	if err != nil {
		return err
	}
	text := bytes.NewBuffer(described)
	if format == "json" {
		if output == "-" && a.width > 0 {
			var indented bytes.Buffer
			if err := json.Indent(&indented, text.Bytes(), "", "  "); err != nil {
				return err
			}
			text = &indented
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
