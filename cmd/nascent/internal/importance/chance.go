package importance

import (
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Beyond is the Chance up to which a gene is said to stand out.
const Beyond = 0.05

// How often the best are drawn at random: as often as so many values take, within bounds. The
// fewest still tell that something happens less than once in twenty draws.
const (
	mostDraws   = 199
	fewestDraws = 19
	drawnValues = 5_000_000
)

// excess is by how many of its standard deviations a divergence is above its mean if the
// best were any, as far as that of a chi-square tells: genes of few and of many cells
// are compared by it.
func excess(found, chance float64, cells int) float64 {
	if chance <= 0 || cells < 2 {
		return 0
	}
	return (found/chance - 1) * math.Sqrt(float64(cells-1)/2)
}

// Weigh says of each gene of a study, the newest of the population, how often one of all
// genes would look as important as this one were the best drawn at random (Westfall & Young,
// Resampling-Based Multiple Testing, 1993). It is the same each time, and at least 1 / (draws + 1).
func (p *Population) Weigh(s *Study) {
	null := p.null(s.Best)
	for i := range s.Genes {
		e := &s.Genes[i]
		above := len(null) - lower(null, e.excess)
		e.Chance = float64(above+1) / float64(len(null)+1)
	}
}

// lower is how many of sorted numbers are below x.
func lower(sorted []float64, x float64) int {
	n, _ := slices.BinarySearch(sorted, x)
	return n
}

// null are the greatest excesses of all genes in as many draws of so many candidates, sorted.
func (p *Population) null(best int) []float64 {
	if known, ok := p.nulls[best]; ok {
		return known
	}
	values := 0
	for i := range p.genes {
		values += len(p.genes[i].codes)
	}
	work := float64(values)*float64(best)/float64(len(p.rows)) + float64(len(p.rows))
	out := make([]float64, min(max(fewestDraws, int(drawnValues/work)), mostDraws))
	var wait sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), 8)
	for w := range workers {
		wait.Go(func() {
			d := drawing{genes: p.genes, order: make([]int32, len(p.rows))}
			for k := w; k < len(out); k += workers {
				out[k] = d.greatest(best, uint64(k))
			}
		})
	}
	wait.Wait()
	slices.Sort(out)
	if p.nulls == nil {
		p.nulls = map[int][]float64{}
	}
	p.nulls[best] = out
	return out
}

// drawing draws candidates as if they were the best.
type drawing struct {
	genes []counted
	order []int32
	top   []float64
}

// greatest is the greatest excess of all genes among best candidates, those of draw k.
func (d *drawing) greatest(best int, k uint64) float64 {
	for i := range d.order {
		d.order[i] = int32(i)
	}
	r := rng.New(rng.Derive(0, "importance", k))
	for i := range best {
		j := i + r.Intn(len(d.order)-i)
		d.order[i], d.order[j] = d.order[j], d.order[i]
	}
	greatest := 0.0
	for i := range d.genes {
		g := &d.genes[i]
		d.top = append(d.top[:0], make([]float64, len(g.names))...)
		m := 0.0
		for _, candidate := range d.order[:best] {
			if g.take(int(candidate), d.top) {
				m++
			}
		}
		if m > 0 && m < g.n {
			found, chance := g.divergence(d.top, m)
			greatest = max(greatest, excess(found, chance, len(g.names)))
		}
	}
	return greatest
}
