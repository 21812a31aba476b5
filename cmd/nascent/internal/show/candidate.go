package show

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// Candidate is what `show --json` writes.
type Candidate struct {
	Record
	Genes      genome.Map     `json:"genes"`
	Curve      []engine.Point `json:"curve"`
	Layers     []string       `json:"layers,omitempty"`
	Parameters int64          `json:"parameters,omitempty"`
	Macs       int64          `json:"macs,omitempty"`
	Children   []engine.ID    `json:"children"`
	Files      []File         `json:"files"`
	Report     engine.Values  `json:"report,omitempty"` // what its tests left for reports alone

	Estimates map[string]engine.Estimate `json:"estimates,omitempty"` // by metric, over all measurements of its genome
}

// File is a file that a candidate's job kept.
type File struct {
	engine.FileRef
	Missing string `json:"missing,omitempty"` // why it cannot be had: FileGone or FileDamaged
}

// Why a kept file cannot be had.
const (
	FileGone    = "not kept any more"
	FileDamaged = "damaged"
)

// filesOf lists what a candidate's job kept, or that of the candidate whose result it
// shares.
func (v *View) filesOf(c *engine.Candidate) []File {
	files := c.Files
	if c.Reuse != 0 {
		if source, err := v.Candidate(c.Reuse); err == nil {
			files = source.Files
		}
	}
	out := []File{}
	for _, f := range files {
		file := File{FileRef: f}
		switch _, err := v.Ledger.Path(f.Hash); {
		case errors.Is(err, fs.ErrNotExist):
			file.Missing = FileGone
		case err != nil:
			file.Missing = FileDamaged
		}
		out = append(out, file)
	}
	return out
}

// CandidateOf gathers all that is known of a candidate.
func (v *View) CandidateOf(c *engine.Candidate) Candidate {
	out := Candidate{
		Record: RecordOf(c), Genes: c.Genome.Tree(), Curve: c.Curve, Children: []engine.ID{}, Files: v.filesOf(c), Report: v.reportedOf(c),
		Estimates: v.Estimates(c.ID),
	}
	if all, err := engine.ReadLabels(v.Ledger); err == nil {
		out.Labels, out.Comment = all[c.ID].Names, all[c.ID].Comment
	}
	if out.Curve == nil {
		out.Curve = []engine.Point{}
	}
	if net := NetworkOf(c.Genome); net != nil {
		out.Layers, out.Parameters, out.Macs = net.Layers(), net.Parameters(), net.Macs()
	}
	for d := range v.Candidates() {
		for _, p := range d.Parents {
			if p == c.ID {
				out.Children = append(out.Children, d.ID)
				break
			}
		}
	}
	return out
}

// NetworkOf is a genome's network, nil where it has none.
func NetworkOf(g genome.Genome) *network.Network {
	if g.IsZero() || !network.Has(g.Space()) {
		return nil
	}
	net, err := network.Read(g)
	if err != nil {
		return nil
	}
	return net
}

// WriteCandidate prints all that is known of a candidate.
func WriteCandidate(out io.Writer, v *View, c *engine.Candidate, width int) error {
	var b strings.Builder
	field := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, Clean(fmt.Sprintf(format, args...)))
	}
	all := v.CandidateOf(c)
	field("candidate", "%s, phase %s", c.ID, c.Phase)
	status := string(c.Status)
	if status == "" {
		status = "not yet measured"
	}
	if c.Stopped {
		status += ", stopped early"
	}
	field("status", "%s", status)
	if c.Reason != "" {
		field("reason", "%s", c.Reason)
	}
	if len(all.Labels) > 0 {
		field("label", "%s", strings.Join(all.Labels, ", "))
	}
	if all.Comment != "" {
		field("comment", "%s", all.Comment)
	}
	field("metrics", "%s", Values(v, c.Metrics))
	if len(all.Estimates) > 0 {
		field("estimate", "%s", Estimated(v, c.Metrics, all.Estimates))
	}
	if len(all.Report) > 0 {
		field("report", "%s", Values(v, all.Report))
	}
	field("fidelity", "%d (budget %s)", c.Fidelity, strings.TrimSpace(fmt.Sprintf("%g %s", c.Budget, v.Units)))
	origin := c.Operator
	if len(c.Parents) > 0 {
		origin += " of " + idList(c.Parents)
	}
	if c.Baseline != "" {
		origin += " " + c.Baseline
	}
	if c.Resume != 0 {
		origin += ", goes on from " + c.Resume.String()
	}
	if c.Inherit != 0 {
		origin += ", inherits from " + c.Inherit.String()
	}
	if c.Reuse != 0 {
		origin += ", shares the result of " + c.Reuse.String()
	}
	field("origin", "%s", origin)
	if c.Outside {
		field("outside", "it does not fit what the search declares now: log has which takeover, and why")
	}
	field("children", "%s", idList(all.Children))
	field("seed", "%d", c.Seed)
	field("cost", "%s", cost(c))
	if used := UsedAll(c.Usage); used != "" {
		field("took", "%s", used)
	}
	for _, f := range all.Files {
		missing := ""
		if f.Missing != "" {
			missing = ", " + f.Missing
		}
		field("file", "%s, %s bytes, sha256 %s%s", f.Name, Thousands(f.Size), f.Hash, missing)
	}
	field("hash", "%s", c.Genome.Hash())
	for i, line := range Wrap(c.Genome.Text(), max(30, width-11)) {
		name := ""
		if i == 0 {
			name = "genome"
		}
		field(name, "%s", line)
	}
	for _, p := range c.Parents {
		if parent, err := v.Candidate(p); err == nil && parent.Genome.Space() == c.Genome.Space() {
			for i, line := range genome.Diff(parent.Genome, c.Genome) {
				name := ""
				if i == 0 {
					name = "from " + p.String()
				}
				field(name, "%s", line)
			}
		}
	}
	if net := NetworkOf(c.Genome); net != nil {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimRight(net.String(), "\n"))
	}
	if len(c.Curve) > 1 {
		b.WriteString("\n")
		for _, name := range MetricNames(v, c.Curve[len(c.Curve)-1].Metrics) {
			var ys []float64
			for _, p := range c.Curve {
				if y, ok := p.Metrics.Get(name); ok {
					ys = append(ys, y)
				}
			}
			if len(ys) > 1 {
				fmt.Fprintf(&b, "%-15s %s  %s to %s\n", name, Sparkline(ys, 40), Number(name, ys[0]), Number(name, ys[len(ys)-1]))
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// cost is what a candidate's job took, all attempts together.
func cost(c *engine.Candidate) string {
	s := fmt.Sprintf("%s, %s", Seconds(c.Seconds+c.Lost), Plural(c.Attempts, "attempt"))
	switch {
	case c.Lost > 0 && c.Seconds == 0:
		s += ", all of it in what brought no result"
	case c.Lost > 0:
		s += fmt.Sprintf(", %s of it in what brought no result", Seconds(c.Lost))
	}
	return s
}

func idList(ids []engine.ID) string {
	if len(ids) == 0 {
		return "none"
	}
	var s []string
	for i, id := range ids {
		if i == 20 {
			s = append(s, fmt.Sprintf("and %d more", len(ids)-i))
			break
		}
		s = append(s, id.String())
	}
	return strings.Join(s, ", ")
}
