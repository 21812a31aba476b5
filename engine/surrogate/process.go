package surrogate

// process is a Gaussian process: rows of Points with a level, and how their values
// vary together. It is not safe for concurrent use.
type process struct {
	kernel *kernel
	rows   []row
	factor factor
}

// newProcess begins one without rows.
func newProcess(k *kernel) *process { return &process{kernel: k} }

// add adds a row, by how unlike its words are those of each row before.
func (p *process) add(x *Point, level int, unlike []float64) {
	r := p.kernel.row(x, level)
	p.factor.add(p.covariances(&r, unlike, nil), p.kernel.variance()+p.kernel.noise)
	p.rows = append(p.rows, r)
}

// truncate drops all but the first n rows.
func (p *process) truncate(n int) { p.rows, p.factor.rows = p.rows[:n], p.factor.rows[:n] }

// unlike appends how unlike the words of a Point are those of each row.
func (p *process) unlike(x *Point, into []float64) []float64 {
	for i := range p.rows {
		into = append(into, x.words.unlike(&p.rows[i].words))
	}
	return into
}

// covariances appends those with all rows.
func (p *process) covariances(r *row, unlike, into []float64) []float64 {
	for i := range p.rows {
		into = append(into, p.kernel.between(r, &p.rows[i], unlike[i]))
	}
	return into
}

// weigh makes weights of the rows' values: a mean is the sum of covariances times
// weights.
func (p *process) weigh(values []float64) []float64 {
	w := append([]float64(nil), values...)
	p.factor.solve(w)
	p.factor.solveBack(w)
	return w
}

// belief is what a Process says of a Point at a level.
type belief struct {
	variance float64 // without the noise of measuring
	row      row
	solved   []float64 // the covariances with the rows, solved by the factor
}

const (
	leastVariance = 1e-12
	spareRows     = 8 // that are believed afterwards
)

// believe says how Points vary that have these covariances with the rows.
func (p *process) believe(all []belief) {
	var four [4][]float64
	spare := make([]float64, len(p.rows))
	for i := 0; i < len(all); i += len(four) {
		for j := range four {
			if four[j] = spare; i+j < len(all) {
				four[j] = all[i+j].solved
			}
		}
		p.factor.solveFour(&four)
	}
	variance := p.kernel.variance()
	for i := range all {
		b := &all[i]
		b.variance = max(variance-dot(b.solved, b.solved), leastVariance)
	}
}

// follow lets a belief take in the rows that were added since it was made.
func (p *process) follow(b *belief) {
	for k := len(b.solved); k < len(p.rows); k++ {
		l := p.factor.rows[k]
		unlike := b.row.words.unlike(&p.rows[k].words)
		x := (p.kernel.between(&b.row, &p.rows[k], unlike) - dot(b.solved, l)) / l[k]
		b.solved = append(b.solved, x)
		b.variance = max(b.variance-float64(x*x), leastVariance)
	}
}
