package index

import (
	"iter"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// Table is History as columns. Row i is the candidate at position i: its values stand
// at i in each column. It must not be changed.
type Table struct {
	IDs                []engine.ID
	Phase, Task        Words
	Status, Reason     Words
	Operator, Tag      Words
	Baseline           Words
	Fidelity, Attempts []int
	Budget             []float64
	Seed               []uint64
	Seconds, Lost      []float64
	Usage              []engine.Usage
	Stopped, Replicate []bool
	Resume, Inherit    []engine.ID
	Reuse              []engine.ID
	Packed             []string // genomes, see Genome.Packed

	parents []engine.ID
	ends    []int // in parents, of each row's
	metrics []string
	values  map[string][]float64
	at      map[engine.ID]int
	rows    int // that there is room for
}

// Words is a column of texts of which many are equal.
type Words struct {
	Codes []uint32 // into Texts, for each row
	Texts []string // those that there are, in the order of their first row

	known map[string]uint32
}

// At is the text of a row.
func (w *Words) At(row int) string { return w.Texts[w.Codes[row]] }

func (w *Words) add(text string) {
	code, ok := w.known[text]
	if !ok {
		if w.known == nil {
			w.known = map[string]uint32{}
		}
		code = uint32(len(w.Texts))
		w.known[text], w.Texts = code, append(w.Texts, text)
	}
	w.Codes = append(w.Codes, code)
}

// Len is how many candidates there are.
func (t *Table) Len() int { return len(t.IDs) }

// Parents are those of a row.
func (t *Table) Parents(row int) []engine.ID {
	from := 0
	if row > 0 {
		from = t.ends[row-1]
	}
	return t.parents[from:t.ends[row]:t.ends[row]]
}

// Metrics are the names of all that some candidate has, in order.
func (t *Table) Metrics() []string { return t.metrics }

// Metric is the column of a metric: NaN where a candidate lacks it; nil if all do.
func (t *Table) Metric(name string) []float64 { return t.values[name] }

// Find is the row of a candidate.
func (t *Table) Find(id engine.ID) (row int, ok bool) {
	if t.at == nil {
		t.at = make(map[engine.ID]int, t.Len())
		for i, id := range t.IDs {
			t.at[id] = i
		}
	}
	row, ok = t.at[id]
	return row, ok
}

// Job is what the job of a row says of its genome, for engine.Archive.Genome.
func (t *Table) Job(row int) engine.JobRecord {
	return engine.JobRecord{Job: engine.Job{ID: t.IDs[row], Baseline: t.Baseline.At(row)}, Packed: t.Packed[row]}
}

// Candidate is that of a row, without Genome, Curve, Output, Files, Input and Stop.
func (t *Table) Candidate(row int) engine.Candidate {
	c := engine.Candidate{
		Job: engine.Job{
			ID: t.IDs[row], Phase: engine.Phase(t.Phase.At(row)), Task: engine.Task(t.Task.At(row)), Operator: t.Operator.At(row),
			Parents: t.Parents(row), Fidelity: t.Fidelity[row], Budget: t.Budget[row], Seed: t.Seed[row], Resume: t.Resume[row],
			Inherit: t.Inherit[row], Reuse: t.Reuse[row], Tag: t.Tag.At(row), Replicate: t.Replicate[row], Baseline: t.Baseline.At(row),
		},
		Result: engine.Result{
			Status: engine.Status(t.Status.At(row)), Reason: t.Reason.At(row), Stopped: t.Stopped[row], Seconds: t.Seconds[row],
			Usage: t.Usage[row],
		},
		Attempts: t.Attempts[row], Lost: t.Lost[row],
	}
	for _, name := range t.metrics {
		if x := t.values[name][row]; !math.IsNaN(x) {
			c.Metrics = append(c.Metrics, engine.Value{Name: name, Value: x})
		}
	}
	return c
}

// words are the columns of texts, in the order of the file.
func (t *Table) words() []*Words {
	return []*Words{&t.Phase, &t.Task, &t.Status, &t.Reason, &t.Operator, &t.Tag, &t.Baseline}
}

// shared is the job whose result this is. One that was to share a result that was cancelled
// is measured itself, and its record is as the turn made it.
func shared(j *engine.JobRecord, r *engine.ResultRecord) engine.ID {
	if r.Attempts > 0 {
		return 0
	}
	return j.Reuse
}

// add appends a candidate.
func (t *Table) add(e *ledger.Entry) {
	j, r := &e.Job, &e.Result
	t.IDs = append(t.IDs, r.ID)
	for i, text := range []string{string(j.Phase), string(j.Task), string(r.Status), r.Reason, j.Operator, j.Tag, j.Baseline} {
		t.words()[i].add(text)
	}
	t.Fidelity, t.Attempts = append(t.Fidelity, j.Fidelity), append(t.Attempts, r.Attempts)
	t.Budget, t.Seconds, t.Lost = append(t.Budget, j.Budget), append(t.Seconds, r.Seconds), append(t.Lost, r.Lost)
	t.Seed, t.Usage = append(t.Seed, j.Seed), append(t.Usage, r.Usage)
	t.Stopped, t.Replicate = append(t.Stopped, r.Stopped), append(t.Replicate, j.Replicate)
	t.Resume, t.Inherit, t.Reuse = append(t.Resume, j.Resume), append(t.Inherit, j.Inherit), append(t.Reuse, shared(j, r))
	t.Packed = append(t.Packed, j.Packed)
	t.parents = append(t.parents, j.Parents...)
	t.ends = append(t.ends, len(t.parents))
	for _, v := range r.Metrics {
		t.column(v.Name, t.Len())[t.Len()-1] = v.Value
	}
	t.level()
	if t.at != nil {
		t.at[r.ID] = t.Len() - 1
	}
}

// reserve makes room for so many rows.
func (t *Table) reserve(n int) {
	t.Usage = slices.Grow(t.Usage, n)
	t.IDs, t.Seed, t.ends, t.Packed = slices.Grow(t.IDs, n), slices.Grow(t.Seed, n), slices.Grow(t.ends, n), slices.Grow(t.Packed, n)
	for _, w := range t.words() {
		w.Codes = slices.Grow(w.Codes, n)
	}
	for _, column := range []*[]int{&t.Fidelity, &t.Attempts} {
		*column = slices.Grow(*column, n)
	}
	for _, column := range []*[]float64{&t.Budget, &t.Seconds, &t.Lost} {
		*column = slices.Grow(*column, n)
	}
	for _, column := range []*[]bool{&t.Stopped, &t.Replicate} {
		*column = slices.Grow(*column, n)
	}
	for _, column := range []*[]engine.ID{&t.Resume, &t.Inherit, &t.Reuse} {
		*column = slices.Grow(*column, n)
	}
	t.rows = n
}

// column is that of a metric, with so many rows.
func (t *Table) column(name string, rows int) []float64 {
	x, ok := t.values[name]
	if !ok {
		if t.values == nil {
			t.values = map[string][]float64{}
		}
		t.metrics = append(t.metrics, name)
		slices.Sort(t.metrics)
		x = make([]float64, 0, max(rows, t.rows))
	}
	x = lengthened(x, rows)
	t.values[name] = x
	return x
}

// level makes all columns of metrics as long as the others.
func (t *Table) level() {
	for _, name := range t.metrics {
		if x := t.values[name]; len(x) < t.Len() {
			t.values[name] = lengthened(x, t.Len())
		}
	}
}

func lengthened(x []float64, rows int) []float64 {
	x = slices.Grow(x, rows-len(x))
	for len(x) < rows {
		x = append(x, math.NaN())
	}
	return x
}

// Each ranges over all candidates, as Candidate has them.
func (t *Table) Each() iter.Seq2[int, engine.Candidate] {
	return func(yield func(int, engine.Candidate) bool) {
		for row := range t.Len() {
			if !yield(row, t.Candidate(row)) {
				return
			}
		}
	}
}
