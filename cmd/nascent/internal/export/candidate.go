package export

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/onnx"
	"github.com/nascent-nas/nascent/plugins/torch"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// NetworkFormats are the names of what one candidate is written as.
var NetworkFormats = []string{"pytorch", "onnx", "dot", "mermaid", "json"}

// described is one candidate as JSON: all that is known of it.
type described struct {
	Search string `json:"search"`
	show.Candidate
	Network      *network.Network `json:"network,omitempty"`
	NoNetwork    string           `json:"no_network,omitempty"`    // why there is none
	Checkpoint   string           `json:"checkpoint,omitempty"`    // its file, within the search's directory
	NoCheckpoint string           `json:"no_checkpoint,omitempty"` // why there is none
}

// Describe writes one candidate as a JSON object on one line: what `show --json`
// has, and its network. The other formats are made from that.
func Describe(out io.Writer, v *show.View, c *engine.Candidate) error {
	d := described{Search: v.Status().Name, Candidate: v.CandidateOf(c)}
	net, err := c.Job.Network()
	switch {
	case err != nil:
		d.NoNetwork = "its layers do not fit together: " + err.Error()
	case net == nil:
		d.NoNetwork = "its space has no layers"
	}
	if d.Network = net; net != nil {
		d.Checkpoint, d.NoCheckpoint = checkpoint(v, c, net)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}

// Model is a candidate with its network, as Describe wrote it.
type Model struct {
	Search       string             `json:"search"`
	ID           engine.ID          `json:"id"`
	Genome       string             `json:"genome"`
	Seed         uint64             `json:"seed"`
	Metrics      map[string]float64 `json:"metrics"`
	Network      *network.Network   `json:"network"`
	NoNetwork    string             `json:"no_network"`
	Checkpoint   string             `json:"checkpoint"`
	NoCheckpoint string             `json:"no_checkpoint"`
	Files        []show.File        `json:"files"`
}

// Read reads what Describe wrote. A candidate without a network is an error
// that says why there is none.
func Read(text []byte) (*Model, error) {
	var m Model
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	if m.Network == nil {
		return nil, fmt.Errorf("candidate %s is no network that could be drawn or run: %s; use --format json for "+
			"its genes and metrics", m.ID, m.NoNetwork)
	}
	return &m, nil
}

// Title says in one line what the model is.
func (m *Model) Title() string {
	var metrics []string
	for _, name := range slices.Sorted(maps.Keys(m.Metrics)) {
		metrics = append(metrics, name+" "+show.Number(name, m.Metrics[name]))
	}
	if len(metrics) == 0 {
		metrics = []string{"not measured"}
	}
	return fmt.Sprintf("Candidate %s of %s: %s", m.ID, m.Search, strings.Join(metrics, ", "))
}

// WriteDot writes the network for Graphviz.
func (m *Model) WriteDot(out io.Writer) error {
	_, err := fmt.Fprintf(out, "// %s\n%s", m.Title(), m.Network.Dot())
	return err
}

// WriteMermaid writes the network as a Mermaid flowchart.
func (m *Model) WriteMermaid(out io.Writer) error {
	_, err := fmt.Fprintf(out, "%%%% %s\n%s", m.Title(), m.Network.Mermaid())
	return err
}

// WriteONNX writes the network with its weights as an ONNX model.
func (m *Model) WriteONNX(out io.Writer, w *Weights) error {
	return onnx.Write(out, m.Network, w.Values, w.Samples, onnx.About{
		Name: m.Search, Version: engine.Version, Text: m.Title() + ". " + w.Origin, Properties: m.properties(w),
	})
}

// WritePyTorch writes the network as a Python module that reads its weights from
// a file beside it.
func (m *Model) WritePyTorch(out io.Writer, w *Weights, beside string) error {
	return torch.Write(out, m.Network, torch.About{Title: m.Title(), Genome: m.Genome, Weights: w.Origin,
		Beside: beside, Samples: w.Samples})
}

// WriteSafetensors writes the weights.
func (m *Model) WriteSafetensors(out io.Writer, w *Weights) error {
	var tensors []safetensors.Tensor
	for _, arrays := range m.Network.Arrays() {
		for _, a := range arrays.List() {
			tensors = append(tensors, safetensors.Tensor{Name: a.Name, Shape: a.Shape, Data: w.Values[a.Name]})
		}
	}
	metadata := map[string]string{}
	for _, p := range m.properties(w) {
		metadata[p[0]] = p[1]
	}
	return safetensors.Write(out, tensors, metadata)
}

// properties are what files say of a model.
func (m *Model) properties(w *Weights) [][2]string {
	all := [][2]string{{"search", m.Search}, {"candidate", m.ID.String()}, {"genome", m.Genome}, {"weights", w.Origin}}
	if w.Samples != nil {
		for _, p := range [...]struct {
			name  string
			value any
		}{{"classes", w.Samples.Classes}, {network.SamplesKey, w.Samples}} {
			text, err := json.Marshal(p.value)
			if err == nil { // always: texts and finite numbers
				all = append(all, [2]string{p.name, string(text)})
			}
		}
	}
	return all
}
