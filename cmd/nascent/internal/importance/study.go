package importance

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// Study is what genes mean to one metric.
type Study struct {
	Metric     string      `json:"metric"`
	Goal       engine.Goal `json:"goal"`
	Candidates int         `json:"candidates"` // that were looked at
	Best       int         `json:"best"`       // of them
	Genes      []Effect    `json:"genes"`      // the most important first
}

// fewest candidates tell something of importance.
const fewest = 20

// Population are the genes of some rows, for who needs those of the same ones again.
type Population struct {
	rows  []int
	genes []counted
	nulls map[int][]float64 // by how many are the best
}

func (p *Population) of(r *show.Rows, rows []int) []counted {
	if p.genes == nil || !slices.Equal(p.rows, rows) {
		*p = Population{rows: rows, genes: countAll(genesOf(r, rows))}
	}
	return p.genes
}

// Among finds out what genes mean to a metric, among those trained candidates of some rows
// that reached the highest fidelity: what tells the best of them, a share, from all.
func Among(r *show.Rows, o engine.Objective, found []int, share float64, of *Population) (Study, error) {
	column := r.Metric(o.Metric)
	fits := func(row int) bool {
		return column != nil && !math.IsNaN(column[row]) && r.Phase.At(row) == string(engine.PhaseSearch) &&
			r.Status.At(row) == string(engine.OK) &&
			r.Task.At(row) == string(engine.Train) && !r.Stopped[row] && r.Baseline.At(row) == ""
	}
	highest := 0
	for _, row := range found {
		if fits(row) {
			highest = max(highest, r.Fidelity[row])
		}
	}
	var rows []int
	var scores []float64
	for _, row := range found {
		if fits(row) && r.Fidelity[row] == highest {
			rows = append(rows, row)
			x := engine.Key(column[row])
			if o.Goal == engine.Minimize {
				x = -x
			}
			scores = append(scores, x)
		}
	}
	if len(rows) < fewest {
		return Study{}, fmt.Errorf("%s: only %s were measured at the highest fidelity; importance needs at least %d",
			o.Metric, show.Plural(len(rows), "candidate"), fewest)
	}
	best := Best(scores, share)
	s := Study{Metric: o.Metric, Goal: o.Goal, Candidates: len(rows)}
	for _, yes := range best {
		if yes {
			s.Best++
		}
	}
	s.Genes = effects(of.of(r, rows), best)
	return s, nil
}

// genesOf are the values of all genes in some rows: those of a list together, those of a
// cell by their places.
func genesOf(r *show.Rows, rows []int) []Gene {
	space := r.Archive.Space
	var names []string
	add := func(name string) {
		if p, ok := space.Path(name); ok && (p.Number || p.Text || p.Truth) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range r.Genes() {
		p, _ := space.Path(name)
		if p.Number || p.Text || p.Truth {
			add(name)
			continue
		}
		for _, row := range rows[:min(100, len(rows))] { // what a cell consists of
			for _, l := range space.Leaves(r.Genome(row)) {
				if strings.HasPrefix(l.Path, name+".") && !strings.HasSuffix(l.Path, ".length") {
					add(l.Path)
				}
			}
			if !p.Many { // the others are alike
				break
			}
		}
	}
	parts := make([][]Gene, min(runtime.GOMAXPROCS(0), 8))
	var wait sync.WaitGroup
	r.Genome(rows[0]) // from now on rows may be read side by side
	for k := range parts {
		wait.Go(func() { parts[k] = valuesOf(r, rows[k*len(rows)/len(parts):(k+1)*len(rows)/len(parts)], names) })
	}
	wait.Wait()
	out := parts[0]
	for _, more := range parts[1:] {
		for i := range out {
			out[i].Append(&more[i])
		}
	}
	return slices.DeleteFunc(out, func(g Gene) bool { return g.Constant() })
}

// valuesOf are the values of genes in some rows.
func valuesOf(r *show.Rows, rows []int, names []string) []Gene {
	out := make([]Gene, len(names))
	for i, name := range names {
		out[i].Name = name
	}
	flat := r.Archive.Space.Flat()
	var genes []int // by leaves: which one it is of, or -1
	take := func(leaf int, v any) {
		if leaf == len(genes) {
			path := flat.Paths()[leaf]
			i := slices.Index(names, path)
			if i < 0 {
				i = slices.Index(names, genome.WithoutPlaces(path))
			}
			genes = append(genes, i)
		}
		if genes[leaf] < 0 {
			return
		}
		g := &out[genes[leaf]]
		switch v := v.(type) {
		case int64:
			g.Number(float64(v))
		case float64:
			g.Number(v)
		case string:
			g.Text(v)
		case bool:
			g.Text(map[bool]string{false: "no", true: "yes"}[v])
		}
	}
	for _, row := range rows {
		flat.Each(r.Genome(row), take)
		for i := range out {
			out[i].Next()
		}
	}
	return out
}
