// Package importance tells which genes a metric depends on, by PED-ANOVA:
//
//	S. Watanabe, A. Bansal, F. Hutter. PED-ANOVA: Efficiently Quantifying
//	Hyperparameter Importance in Arbitrary Subspaces. IJCAI 2023.
//
// A gene is important as far as its values among the best candidates are distributed
// otherwise than among all: by the Pearson divergence of the two. Nothing is fitted, and
// it takes what a search looked at as it is, wherever it looked. In place of the paper's
// Parzen windows values are counted in cells, each value one or, where there are many, as
// many values each; and what the divergence would be of a gene that does not matter,
// because the best are few, is taken off.
package importance

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Cells is how many a gene with more different numbers is divided into.
const Cells = 10

// Gene is one gene's values, candidate by candidate: those that each has, none where the
// gene is not active. Of several, as the elements of a list have them, each counts as
// its share.
type Gene struct {
	Name string

	values  []value // the different ones
	numbers map[float64]int32
	texts   map[string]int32
	codes   []int32 // places in values
	ends    []int   // in codes, of each candidate's
}

// value is a number or a text.
type value struct {
	number float64
	text   string
	isText bool
	count  int // how often there is one
}

// Number adds a value of the candidate that comes next.
func (g *Gene) Number(x float64) {
	if g.numbers == nil {
		g.numbers = map[float64]int32{}
	}
	code, ok := g.numbers[x]
	if !ok {
		code = int32(len(g.values))
		g.numbers[x], g.values = code, append(g.values, value{number: x})
	}
	g.values[code].count++
	g.codes = append(g.codes, code)
}

// Text adds a value of the candidate that comes next.
func (g *Gene) Text(s string) {
	if g.texts == nil {
		g.texts = map[string]int32{}
	}
	code, ok := g.texts[s]
	if !ok {
		code = int32(len(g.values))
		g.texts[s], g.values = code, append(g.values, value{text: s, isText: true})
	}
	g.values[code].count++
	g.codes = append(g.codes, code)
}

// Next goes on to the next candidate.
func (g *Gene) Next() { g.ends = append(g.ends, len(g.codes)) }

// Append adds the candidates of another part of the same gene.
func (g *Gene) Append(more *Gene) {
	from := 0
	for _, to := range more.ends {
		for _, code := range more.codes[from:to] {
			if v := &more.values[code]; v.isText {
				g.Text(v.text)
			} else {
				g.Number(v.number)
			}
		}
		g.Next()
		from = to
	}
}

// Constant tells that the gene has one value wherever it is.
func (g *Gene) Constant() bool { return len(g.values) < 2 }

// Effect is what a gene means to a metric.
type Effect struct {
	Gene       string  `json:"gene"`
	Importance float64 `json:"importance"`         // Divergence by the share of the best who have the gene; over all genes the sum is 1, or 0
	Divergence float64 `json:"divergence"`         // among the candidates that have the gene; 0: none to be seen
	Active     float64 `json:"active"`             // share of all candidates that have it
	Favoured   string  `json:"favoured,omitempty"` // the values that are more frequent among the best than anywhere else
	Among      float64 `json:"among_best"`         // their share among the best that have the gene
	Of         float64 `json:"among_all"`          // and among all that do
	Chance     float64 `json:"chance"`             // see Population.Weigh

	excess float64
}

// Of computes the effects of all genes, the most important first. best tells for each
// candidate whether it is one of the best.
func Of(genes []Gene, best []bool) []Effect { return effects(countAll(genes), best) }

func effects(genes []counted, best []bool) []Effect {
	out := make([]Effect, 0, len(genes))
	sum := 0.0
	for i := range genes {
		e := genes[i].effect(best)
		sum += e.Importance
		out = append(out, e)
	}
	for i := range out {
		if sum > 0 {
			out[i].Importance /= sum
		}
	}
	slices.SortStableFunc(out, func(a, b Effect) int {
		switch {
		case a.Importance > b.Importance:
			return -1
		case a.Importance < b.Importance:
			return 1
		}
		return strings.Compare(a.Gene, b.Gene)
	})
	return out
}

// Best marks the share of candidates with the greatest scores, at least one: all that
// are as good as the last of them belong to it.
func Best(scores []float64, share float64) []bool {
	sorted := slices.Clone(scores)
	slices.Sort(sorted)
	n := min(max(1, int(math.Ceil(share*float64(len(scores))))), len(scores))
	best := make([]bool, len(scores))
	if n == 0 {
		return best
	}
	bar := sorted[len(sorted)-n]
	for i, x := range scores {
		best[i] = x >= bar
	}
	return best
}

// counted is a gene whose values are counted in cells.
type counted struct {
	*Gene
	cell   []int32   // of each of the Gene's codes
	names  []string  // of the cells
	all    []float64 // how many candidates have which; of several values each counts as its share
	square []float64 // of these shares, over all candidates
	n      float64   // candidates that have the gene
}

func countAll(genes []Gene) []counted {
	out := make([]counted, len(genes))
	for i := range genes {
		out[i] = count(&genes[i])
	}
	return out
}

func count(g *Gene) counted {
	cells, names := g.divide()
	c := counted{Gene: g, cell: make([]int32, len(g.codes)), names: names, all: make([]float64, len(names)), square: make([]float64, len(names))}
	for i, code := range g.codes {
		c.cell[i] = int32(cells[code])
	}
	share := make([]float64, len(names))
	from := 0
	for _, to := range g.ends {
		mine := c.cell[from:to]
		if from = to; len(mine) == 0 {
			continue
		}
		c.n++
		for _, k := range mine {
			share[k] += 1 / float64(len(mine))
		}
		for _, k := range mine {
			c.all[k] += share[k]
			c.square[k] += share[k] * share[k]
			share[k] = 0 // counted
		}
	}
	return c
}

// take counts a candidate in the cells of top; false: it has no such gene.
func (c *counted) take(candidate int, top []float64) bool {
	from := 0
	if candidate > 0 {
		from = c.ends[candidate-1]
	}
	mine := c.cell[from:c.ends[candidate]]
	for _, k := range mine {
		top[k] += 1 / float64(len(mine))
	}
	return len(mine) > 0
}

// divergence compares the cells of m candidates with those of all, and tells what that
// comes to on average if they are any m.
func (c *counted) divergence(top []float64, m float64) (found, chance float64) {
	for k := range c.names {
		p, q := top[k]/m, c.all[k]/c.n
		found += (p - q) * (p - q) / q
		// The variance of p if the best were any m of the n.
		variance := (c.square[k]/c.n - q*q) * c.n / (c.n - 1)
		chance += variance / m * (1 - m/c.n) / q
	}
	return found, chance
}

// effect compares the distribution of a gene among the best with that among all.
func (c *counted) effect(best []bool) Effect {
	e := Effect{Gene: c.Name, Active: c.n / float64(max(1, len(best)))}
	top := make([]float64, len(c.names))
	m, bests := 0.0, 0.0
	for i, yes := range best {
		if !yes {
			continue
		}
		if bests++; c.take(i, top) {
			m++
		}
	}
	if c.n == 0 || m == 0 || m == c.n {
		return e
	}
	found, chance := c.divergence(top, m)
	e.excess = excess(found, chance, len(c.names))
	most := 0.0
	for k := range c.names {
		p, q := top[k]/m, c.all[k]/c.n
		if gain := p - q; gain > most {
			most, e.Favoured, e.Among, e.Of = gain, c.names[k], p, q
		}
	}
	if e.Divergence = found - chance; e.Divergence <= 0 {
		e.Divergence, e.Favoured, e.Among, e.Of = 0, "", 0, 0
	}
	e.Importance = e.Divergence * m / bests
	return e
}

// divide gives each different value a cell: one of its own or, where there are more
// numbers than Cells, that many with about as many values each.
func (g *Gene) divide() (cells []int, names []string) {
	order := make([]int, len(g.values))
	total, numbers := 0, 0
	for i, v := range g.values {
		if order[i] = i; !v.isText {
			numbers++
			total += v.count
		}
	}
	slices.SortFunc(order, func(a, b int) int { // numbers first
		x, y := &g.values[a], &g.values[b]
		switch {
		case x.isText != y.isText && y.isText:
			return -1
		case x.isText != y.isText:
			return 1
		case x.isText:
			return strings.Compare(x.text, y.text)
		}
		return cmp.Compare(x.number, y.number)
	})
	cells = make([]int, len(g.values))
	seen, first := 0, 0.0
	begun := false
	for k, i := range order {
		v := &g.values[i]
		cells[i] = len(names)
		if v.isText {
			names = append(names, v.text)
			continue
		}
		if !begun {
			first, begun = v.number, true
		}
		if seen += v.count; numbers <= Cells || k == numbers-1 || seen*Cells >= total*(len(names)+1) {
			name := text(v.number)
			if first != v.number {
				name = text(first) + " to " + name
			}
			names, begun = append(names, name), false
		}
	}
	return cells, names
}

// text is a number as people read it.
func text(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
