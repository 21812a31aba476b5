package export

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/examples"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// TestExamples: any candidate of every example, and its baselines, can be
// written in every format, but for those of a space without layers.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, name := range examples.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, _ := examples.Text(name)
			doc, err := config.Parse(name, t.TempDir(), text)
			if err != nil {
				t.Fatal(err)
			}
			search, err := doc.Read()
			if err != nil {
				t.Fatal(err)
			}
			var genomes []genome.Genome
			for seed := range uint64(5) {
				g, err := search.Engine.Space.Random(rng.New(seed))
				if err != nil {
					t.Fatal(err)
				}
				genomes = append(genomes, g)
			}
			for _, b := range search.Engine.Final.Baselines {
				genomes = append(genomes, b.Genome)
			}
			for i, g := range genomes {
				net, err := (&engine.Job{Genome: g}).Network()
				if err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(described{Search: name, Network: net, NoNetwork: "its space has no layers"})
				if err != nil {
					t.Fatal(err)
				}
				m, err := Read(text)
				if name == "onemax" {
					if err == nil || !strings.Contains(err.Error(), "its space has no layers; use --format json") {
						t.Errorf("got %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				w, remark := m.Weights(t.TempDir())
				if remark == "" {
					t.Error("the weights pretend to be trained")
				}
				for format, write := range map[string]func(*bytes.Buffer) error{
					"dot":         func(b *bytes.Buffer) error { return m.WriteDot(b) },
					"mermaid":     func(b *bytes.Buffer) error { return m.WriteMermaid(b) },
					"onnx":        func(b *bytes.Buffer) error { return m.WriteONNX(b, w) },
					"pytorch":     func(b *bytes.Buffer) error { return m.WritePyTorch(b, w, "net.safetensors") },
					"safetensors": func(b *bytes.Buffer) error { return m.WriteSafetensors(b, w) },
				} {
					var b bytes.Buffer
					if err := write(&b); err != nil || b.Len() < 200 {
						t.Errorf("%s: %v and %d bytes", format, err, b.Len())
					}
					if format == "pytorch" && i == 0 {
						parses(t, b.String())
					}
				}
			}
		})
	}
}

// parses wants a text to be Python, if there is one.
func parses(t *testing.T, text string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
