package show

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// Record is one candidate as `list --json` writes it.
type Record struct {
	ID        engine.ID     `json:"id"`
	Phase     engine.Phase  `json:"phase"`
	Status    engine.Status `json:"status"`
	Genome    string        `json:"genome"`
	Hash      string        `json:"hash"`
	Parents   []engine.ID   `json:"parents"`
	Operator  string        `json:"operator"`
	Origin    engine.Origin `json:"origin,omitempty"`  // of what no strategy proposed
	Outside   bool          `json:"outside,omitempty"` // it does not fit what is declared since a takeover
	Seed      uint64        `json:"seed"`
	Fidelity  int           `json:"fidelity"`
	Budget    float64       `json:"budget"`
	Metrics   engine.Values `json:"metrics"`
	Attempts  int           `json:"attempts"`
	Reason    string        `json:"reason"`
	Seconds   float64       `json:"seconds"`
	Lost      float64       `json:"lost"`
	Usage     engine.Usage  `json:"usage,omitzero"`
	Stopped   bool          `json:"stopped,omitempty"`
	Task      engine.Task   `json:"task"`
	Tag       string        `json:"tag,omitempty"`
	Resume    engine.ID     `json:"resume,omitempty"`
	Inherit   engine.ID     `json:"inherit,omitempty"`
	Reuse     engine.ID     `json:"reuse,omitempty"`
	Replicate bool          `json:"replicate,omitempty"`
	Baseline  string        `json:"baseline,omitempty"`
	Labels    []string      `json:"labels,omitempty"`
	Comment   string        `json:"comment,omitempty"`
}

// RecordOf makes the record of a candidate.
func RecordOf(c *engine.Candidate) Record {
	parents, metrics := c.Parents, c.Metrics
	if parents == nil {
		parents = []engine.ID{}
	}
	if metrics == nil {
		metrics = engine.Values{}
	}
	return Record{
		ID: c.ID, Phase: c.Phase, Status: c.Status, Genome: c.Genome.Text(), Hash: c.Genome.Hash().String(),
		Parents: parents, Operator: c.Operator, Origin: c.Origin(), Outside: c.Outside, Seed: c.Seed, Fidelity: c.Fidelity, Budget: c.Budget,
		Metrics: metrics, Attempts: c.Attempts, Reason: c.Reason, Seconds: c.Seconds, Lost: c.Lost, Usage: c.Usage, Stopped: c.Stopped,
		Task: c.Task, Tag: c.Tag, Resume: c.Resume, Inherit: c.Inherit, Reuse: c.Reuse, Replicate: c.Replicate, Baseline: c.Baseline,
	}
}

// Columns are those that every search has.
var Columns = []string{
	"id", "phase", "status", "genome", "hash", "parents", "operator", "seed", "fidelity", "budget", "attempts",
	"reason", "seconds", "lost", "stopped", "task", "tag", "resume", "inherit", "reuse", "replicate", "baseline",
}

// Before the name of a metric or of a gene that a column shows, or of what a job took of
// the machine.
const (
	metricPrefix = "metric:"
	genePrefix   = "gene:"
	usagePrefix  = "usage:"
)

// MetricColumn is the name of the column of a metric: as it is called, or
// metric:NAME where another column has that name.
func MetricColumn(name string) string {
	if slices.Contains(Columns, name) || strings.Contains(name, ":") {
		return metricPrefix + name
	}
	return name
}

// UsageColumn is the name of the column of a field of engine.Usage.
func UsageColumn(name string) string { return usagePrefix + name }

// GeneColumn is the name of the column of a gene.
func GeneColumn(path string) string { return genePrefix + path }

// metricOf is the metric that a column shows, "" if it shows none.
func metricOf(column string) string {
	if name, ok := strings.CutPrefix(column, metricPrefix); ok {
		return name
	}
	if slices.Contains(Columns, column) || strings.HasPrefix(column, genePrefix) || strings.HasPrefix(column, usagePrefix) {
		return ""
	}
	return column
}

// Column is the value of a column: a number, a text, or nil where the candidate
// has none; of a gene that holds others their JSON. Columns are those of Record, metrics (NAME or metric:NAME) and
// gene:PATH.
func Column(c *engine.Candidate, name string) any {
	id := func(id engine.ID) any {
		if id == 0 {
			return nil
		}
		return id.String()
	}
	switch name {
	case "id":
		return c.ID.String()
	case "phase":
		return string(c.Phase)
	case "status":
		return string(c.Status)
	case "genome":
		return c.Genome.Text()
	case "hash":
		return c.Genome.Hash().String()
	case "parents":
		var s []string
		for _, p := range c.Parents {
			s = append(s, p.String())
		}
		return strings.Join(s, ",")
	case "operator":
		return c.Operator
	case "seed":
		return float64(c.Seed)
	case "fidelity":
		return float64(c.Fidelity)
	case "budget":
		return c.Budget
	case "attempts":
		return float64(c.Attempts)
	case "reason":
		return c.Reason
	case "seconds":
		return c.Seconds
	case "lost":
		return c.Lost
	case "stopped":
		return strconv.FormatBool(c.Stopped)
	case "task":
		return string(c.Task)
	case "tag":
		return c.Tag
	case "resume":
		return id(c.Resume)
	case "inherit":
		return id(c.Inherit)
	case "reuse":
		return id(c.Reuse)
	case "replicate":
		return strconv.FormatBool(c.Replicate)
	case "baseline":
		return c.Baseline
	}
	if path, ok := strings.CutPrefix(name, genePrefix); ok {
		switch g, _ := c.Genome.Gene(path); g := g.(type) {
		case nil:
			return nil
		case int64:
			return float64(g)
		case float64:
			return g
		default:
			return genome.ValueText(g)
		}
	}
	if x, ok := c.Metrics.Get(metricOf(name)); ok {
		return x
	}
	return nil
}

// knownGene checks that a space has a gene.
func knownGene(s *genome.Space, path string) error {
	if _, ok := s.Path(path); ok {
		return nil
	}
	const shown = 8
	paths := s.Paths(1000)
	meant := ""
	if near := nearest(path, paths); near != "" {
		meant = fmt.Sprintf("did you mean %s%s? ", genePrefix, near)
	}
	list := strings.Join(paths[:min(shown, len(paths))], ", ")
	if len(paths) > shown {
		list += ", ..."
	}
	return fmt.Errorf("the space has no gene %q; %sit has %s", path, meant, list)
}

// Cell writes a column for a table.
func Cell(c *engine.Candidate, name string) string {
	switch x := Column(c, name).(type) {
	case nil:
		return "-"
	case float64:
		switch name {
		case "seed":
			return strconv.FormatUint(c.Seed, 10)
		case "lost":
			return Seconds(x)
		}
		return Number(cmp.Or(metricOf(name), name), x)
	case string:
		return x
	default:
		return fmt.Sprint(x)
	}
}

// nearest is the name that was meant, or "": one that ends with it, or is nearly it.
func nearest(name string, known []string) string {
	for _, k := range known {
		if strings.HasSuffix(k, "."+name) {
			return k
		}
	}
	return option.Nearest(name, known)
}
