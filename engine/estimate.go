package engine

import (
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// Estimate is what the measurements of one genome at one fidelity tell of a metric.
type Estimate struct {
	Mean float64 `json:"mean"`
	N    int     `json:"n"` // measurements

	// The ends of the 95 % confidence interval of the mean, by Student's t with the noise of
	// everything that was measured again.
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Freedom int     `json:"-"` // degrees of freedom of that noise; 0 where they are not known
}

// estimates are what is known of genomes at one fidelity by all their measurements:
// each genome's mean, and one estimate of the noise for all, the variance within
// genomes. As long as nothing was measured again, the noise is not known, and
// everything is compared as it was measured.
//
// Before revision 2 of the rules a genome counted as much as its best measurement.
type estimates struct {
	ranking *Ranking
	first   map[sample]*Candidate // of each genome the one that stands for it
	again   map[ID]*repeats       // by the one that stands for the genome
	noise   map[string]*noise     // by metric
}

// sample is equal for candidates of one fidelity that measure the same thing.
type sample struct {
	genome  genome.Genome
	inherit ID
}

// repeats are several measurements of a genome.
type repeats struct{ metrics []series }

// series are measurements of one metric.
type series struct {
	name string
	n    int
	mean float64
}

// noise is what repeats tell of a metric: squared differences from the genomes' means,
// and the degrees of freedom.
type noise struct {
	square  float64
	freedom int
}

func newEstimates(r *Ranking) estimates {
	return estimates{ranking: r, first: map[sample]*Candidate{}, again: map[ID]*repeats{}, noise: map[string]*noise{}}
}

// sample is what a candidate is a measurement of.
func (e *estimates) sample(c *Candidate) sample {
	if e.ranking.Rules < 2 {
		return sample{genome: c.Genome}
	}
	return sample{c.Genome, c.Inherit}
}

// measures tells whether a candidate says how good its genome is, as it was measured here.
func (c *Candidate) measures() bool {
	return c.Status == OK && !c.Stopped && c.Task == Train && !c.imported()
}

// alike tells whether the objective's scale is logarithmic and tells nothing apart that
// was measured.
func (e *estimates) alike(o Objective) bool {
	for _, c := range e.first {
		if x, ok := c.Metrics.Get(o.Metric); ok && !o.TooSmall(x) {
			return false
		}
	}
	return o.Scale == LogScale
}

// add takes in a measurement. It returns the candidate that stands for the genome, nil
// where that is known by another genome's better, and whether the genome was measured
// before.
func (e *estimates) add(c *Candidate) (stands *Candidate, again bool) {
	key := e.sample(c)
	known := e.first[key]
	switch {
	case known == nil && e.again[c.Reuse] != nil:
		return nil, false // it shares what turned out to be luck
	case known == nil:
		e.first[key] = c
		return c, false
	case e.ranking.Rules < 2:
		if e.ranking.member(c).order(e.ranking.member(known)) < 0 {
			e.first[key] = c
			return c, true
		}
		return known, false
	case c.Reuse != 0:
		return known, false
	}
	r := e.again[known.ID]
	if r == nil {
		r = &repeats{}
		for _, v := range known.Metrics {
			r.metrics = append(r.metrics, series{v.Name, 1, v.Value})
		}
		e.again[known.ID] = r
	}
	for i := range r.metrics {
		s := &r.metrics[i]
		x, measured := c.Metrics.Get(s.name)
		if !measured {
			continue
		}
		// Updated as Welford (1962) does; halves, for a difference may be too large.
		n := float64(s.n)
		half := x/2 - s.mean/2
		s.mean = sum(s.mean, 2*(half/(n+1)))
		s.n++
		square := float64(half*half) * 4 * (n / (n + 1))
		z := e.noise[s.name]
		if z == nil {
			z = &noise{}
			e.noise[s.name] = z
		}
		z.square, z.freedom = min(math.MaxFloat64, z.square+min(math.MaxFloat64, square)), z.freedom+1
	}
	return known, true
}

// metrics are the means over what was measured of the genome that a candidate stands for.
func (e *estimates) metrics(c *Candidate) Values {
	r := e.again[c.ID]
	if r == nil {
		return c.Metrics
	}
	out := make(Values, len(r.metrics))
	for i, s := range r.metrics {
		out[i] = Value{s.name, s.mean}
	}
	return out
}

// count is how often a metric was measured of the genome that a candidate stands for.
func (e *estimates) count(c *Candidate, metric string) int {
	r := e.again[c.ID]
	if r == nil {
		return 1
	}
	i := slices.IndexFunc(r.metrics, func(s series) bool { return s.name == metric })
	if i < 0 {
		return 0
	}
	return r.metrics[i].n
}

// error is the standard error of the mean of n measurements, 0 while it is not known.
func (e *estimates) error(metric string, n int) float64 {
	z := e.noise[metric]
	if z == nil || n == 0 {
		return 0
	}
	return math.Sqrt(z.square / float64(z.freedom) / float64(n))
}

// member is a candidate that stands for a genome, with the keys that the genome is
// compared by: the objectives by the lower bound, their mean less its standard error,
// so that what was measured once is not preferred for its luck; everything else by the
// means.
func (e *estimates) member(c *Candidate) *member {
	judged := *c
	judged.Metrics = e.metrics(c)
	return e.less(e.ranking.member(&judged))
}

// less is a member as it is compared by what is known of the noise now.
func (e *estimates) less(m *member) *member {
	if len(e.noise) == 0 {
		return m
	}
	errors := make([]float64, len(e.ranking.Objectives))
	for i, o := range e.ranking.Objectives {
		errors[i] = e.error(o.Metric, e.count(m.Candidate, o.Metric))
	}
	return m.less(e.ranking, errors)
}

// sort puts candidates in the order of their genomes' estimates.
func (e *estimates) sort(candidates []*Candidate) {
	if len(e.noise) == 0 {
		e.ranking.Sort(candidates)
		return
	}
	all := make([]*member, len(candidates))
	own := map[ID]*Candidate{}
	for i, c := range candidates {
		own[c.ID] = c
		all[i] = e.member(e.of(c))
		judged := *all[i].Candidate
		judged.ID = c.ID
		all[i].Candidate = &judged
	}
	for i, c := range e.ranking.rank(all).List() {
		candidates[i] = own[c.ID]
	}
}

// of is the candidate that stands for a candidate's genome.
func (e *estimates) of(c *Candidate) *Candidate {
	if first := e.first[e.sample(c)]; first != nil {
		return first
	}
	return c
}

// few are the estimates of some genomes alone, whatever comes later.
func (e *estimates) few(members []*member) estimates {
	out := newEstimates(e.ranking)
	for _, m := range members {
		c := e.of(m.Candidate)
		out.first[e.sample(c)] = c
		if r := e.again[c.ID]; r != nil {
			out.again[c.ID] = &repeats{slices.Clone(r.metrics)}
		}
	}
	for name, z := range e.noise {
		now := *z
		out.noise[name] = &now
	}
	return out
}

// all are the estimates of the metrics of a candidate's genome, by name: of those of
// which the noise is known.
func (e *estimates) all(c *Candidate) map[string]Estimate {
	c = e.of(c)
	out := map[string]Estimate{}
	for _, v := range e.metrics(c) {
		if z := e.noise[v.Name]; z != nil {
			out[v.Name] = z.estimate(v.Value, e.count(c, v.Name))
		}
	}
	return out
}

// estimate is that of a mean of n measurements.
func (z *noise) estimate(mean float64, n int) Estimate {
	half := student(z.freedom, level) * math.Sqrt(z.square/float64(z.freedom)/float64(n))
	return Estimate{Mean: mean, N: n, Low: sum(mean, -half), High: sum(mean, half), Freedom: z.freedom}
}

// Apart tells whether two means of the same metric and noise differ by more than chance
// explains. Of so many comparisons that are made together, >= 1, chance alone tells
// anything apart in one case of twenty at most (Bonferroni).
func (e Estimate) Apart(other Estimate, together int) bool {
	wider := student(e.Freedom, level/float64(max(1, together))) / student(e.Freedom, level)
	return math.Abs(e.Mean-other.Mean) > wider*math.Hypot(e.High/2-e.Low/2, other.High/2-other.Low/2)
}

// Exact tells whether measuring again gives the same.
func (e Estimate) Exact() bool { return e.High == e.Low }

// level is how often chance lies outside an interval.
const level = 0.05
