package show

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/genome"
)

// Array is a column of some rows. One of its slices has as many elements as there are
// rows: Ints or Floats (NaN: none); or Codes, places in Values (-1: none), or Values alone.
// A single one of Values alone is that of all rows; nil is none.
type Array struct {
	Name   string
	Ints   []int64
	Floats []float64
	Codes  []int32
	Values []any // int64, float64, bool, string
}

// Arrays are the columns of some rows: those that are named or, if none is, all fields
// but the hash, what jobs took of the machine, metrics, and genes element by element.
func (r *Rows) Arrays(rows []int, columns []string) []Array {
	r.unpack(rows)
	if len(columns) > 0 {
		out := make([]Array, len(columns))
		for i, name := range columns {
			var b builder
			for k, row := range rows {
				b.put(k, len(rows), plain(r.Value(row, name)))
			}
			out[i] = b.array(name, len(rows))
		}
		return out
	}
	fields := slices.DeleteFunc(slices.Clone(Fields), func(name string) bool { return name == "hash" })
	out := make([]Array, len(fields))
	var genes []Array
	work := []func(){func() { genes = r.geneArrays(rows) }}
	for i, name := range fields {
		work = append(work, func() { out[i] = r.fieldArray(name, rows) })
	}
	sideBySide(work)
	for _, name := range engine.UsageNames {
		var b builder
		for k, row := range rows {
			if x, known := r.Usage[row].Get(name); known {
				b.put(k, len(rows), x)
			}
		}
		out = append(out, b.array(UsageColumn(name), len(rows)))
	}
	for _, name := range r.Metrics() {
		a := Array{Name: MetricColumn(name), Floats: make([]float64, len(rows))}
		for k, row := range rows {
			a.Floats[k] = r.Metric(name)[row]
		}
		out = append(out, a)
	}
	return append(out, genes...)
}

// unpack makes the genomes of rows, which then may be read side by side.
func (r *Rows) unpack(rows []int) {
	if len(rows) == 0 {
		return
	}
	r.Genome(rows[0])
	var work []func()
	for part := range slices.Chunk(rows, 4096) {
		work = append(work, func() {
			for _, row := range part {
				r.Genome(row)
			}
		})
	}
	sideBySide(work)
}

// sideBySide does work on all processors.
func sideBySide(work []func()) {
	next := make(chan func(), len(work))
	for _, f := range work {
		next <- f
	}
	close(next)
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8) {
		wait.Go(func() {
			for f := range next {
				f()
			}
		})
	}
	wait.Wait()
}

// fieldArray is the column of a field.
func (r *Rows) fieldArray(name string, rows []int) Array {
	words := map[string]*index.Words{
		"phase": &r.Phase, "task": &r.Task, "status": &r.Status, "reason": &r.Reason, "operator": &r.Operator, "tag": &r.Tag, "baseline": &r.Baseline,
	}
	ids := map[string][]engine.ID{"resume": r.Resume, "inherit": r.Inherit, "reuse": r.Reuse}
	wholes := map[string][]int{"fidelity": r.Fidelity, "attempts": r.Attempts}
	a := Array{Name: name}
	var b builder
	switch w, of, whole := words[name], ids[name], wholes[name]; {
	case name == "genome":
		a.Values = make([]any, len(rows))
		for k, row := range rows {
			a.Values[k] = r.Genome(row).Text()
		}
		return a
	case name == "id" || name == "seed" || whole != nil:
		a.Ints = make([]int64, len(rows))
		for k, row := range rows {
			switch {
			case whole != nil:
				a.Ints[k] = int64(whole[row])
			case name == "seed":
				a.Ints[k] = int64(r.Seed[row])
			default:
				a.Ints[k] = int64(r.IDs[row])
			}
		}
		return a
	case w != nil:
		b.codes = make([]int32, len(rows))
		for k, row := range rows {
			b.codes[k] = int32(w.Codes[row])
		}
		for _, text := range w.Texts {
			b.values = append(b.values, text)
		}
	case of != nil:
		for k, row := range rows {
			if id := of[row]; id != 0 {
				b.put(k, len(rows), int64(id))
			}
		}
	default:
		c, _ := r.field(name)
		var values []expression.Value
		for k, row := range rows {
			if values = c.At(row, values[:0]); c.Many { // ids and labels
				b.put(k, len(rows), joined(values))
			} else if len(values) > 0 {
				b.put(k, len(rows), valueIn(values[0]))
			} else if c.Kind == expression.Text {
				b.put(k, len(rows), "")
			}
		}
	}
	return b.array(name, len(rows))
}

// joined are several values as one text.
func joined(values []expression.Value) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(' ')
		}
		if v.Kind == expression.Number {
			v.Text = engine.ID(v.Number).String()
		}
		b.WriteString(v.Text)
	}
	return b.String()
}

func valueIn(v expression.Value) any {
	switch v.Kind {
	case expression.Text:
		return v.Text
	case expression.Truth:
		return v.Number != 0
	}
	return v.Number
}

// plain is a value as a column may hold it: one that holds others as JSON.
func plain(v any) any {
	switch v.(type) {
	case nil, int64, float64, bool, string:
		return v
	}
	return genome.ValueText(v)
}

// geneArrays are the columns of genes. Those of a list follow each other.
func (r *Rows) geneArrays(rows []int) []Array {
	type part struct {
		flat   *genome.Flat
		leaves []builder
	}
	parts := make([]part, min(runtime.GOMAXPROCS(0), 8))
	var wait sync.WaitGroup
	for p := range parts {
		from, to := p*len(rows)/len(parts), (p+1)*len(rows)/len(parts)
		wait.Go(func() {
			flat := r.Archive.Space.Flat()
			var leaves []builder
			for k := from; k < to; k++ {
				if r.Baseline.At(rows[k]) != "" {
					continue // its genome is of another space
				}
				flat.Each(r.Genome(rows[k]), func(leaf int, v any) {
					if leaf == len(leaves) {
						leaves = append(leaves, builder{})
					}
					leaves[leaf].put(k-from, to-from, v)
				})
			}
			parts[p] = part{flat, leaves}
		})
	}
	wait.Wait()
	var order []string
	known := map[string]bool{}
	for _, p := range parts {
		for _, path := range p.flat.Paths() {
			if !known[path] {
				known[path] = true
				order = append(order, path)
			}
		}
	}
	slices.SortStableFunc(order, ByPlace(order))
	place := make(map[string]int, len(order))
	for i, path := range order {
		place[path] = i
	}
	all := make([]builder, len(order))
	for p := range parts {
		from := p * len(rows) / len(parts)
		for leaf, path := range parts[p].flat.Paths() {
			all[place[path]].join(from, len(rows), &parts[p].leaves[leaf])
		}
	}
	out := make([]Array, len(order))
	for i, path := range order {
		out[i] = all[i].array(GeneColumn(path), len(rows))
	}
	return out
}

// ByPlace compares paths of genes so that those of one list follow each other, in its
// order; others stay as they are.
func ByPlace(order []string) func(a, b string) int {
	first := map[string]int{} // where a list, or a gene that is none's, was met
	list := func(path string) (name string, rest string) {
		if name, rest, ok := strings.Cut(path, "["); ok {
			return name, rest
		}
		return strings.TrimSuffix(path, ".length"), ""
	}
	for i, path := range order {
		name, _ := list(path)
		if _, ok := first[name]; !ok {
			first[name] = i
		}
	}
	return func(a, b string) int {
		p, x := list(a)
		q, y := list(b)
		if p != q {
			return cmp.Compare(first[p], first[q])
		}
		i, _, _ := strings.Cut(x, "]")
		j, _, _ := strings.Cut(y, "]")
		return cmp.Or(cmp.Compare(len(i), len(j)), strings.Compare(i, j))
	}
}

// builder makes an Array of values as they come: numbers with a fraction as they are,
// of others each once.
type builder struct {
	floats []float64
	codes  []int32
	values []any
	known  map[any]int32 // once there are many
}

// put takes the value of row k of n; a row without one has none.
func (b *builder) put(k, n int, v any) {
	if v == nil {
		return
	}
	if x, ok := v.(float64); ok {
		if b.floats == nil {
			b.floats = slices.Repeat([]float64{math.NaN()}, n)
		}
		b.floats[k] = x
		return
	}
	if b.codes == nil {
		b.codes = slices.Repeat([]int32{-1}, n)
	}
	b.codes[k] = b.code(v)
}

// few is how many values are looked through one by one.
const few = 8

func (b *builder) code(v any) int32 {
	if len(b.values) <= few {
		if i := slices.Index(b.values, v); i >= 0 {
			return int32(i)
		}
	} else if code, ok := b.known[v]; ok {
		return code
	}
	code := int32(len(b.values))
	b.values = append(b.values, v)
	if code == few {
		b.known = map[any]int32{}
		for i, v := range b.values {
			b.known[v] = int32(i)
		}
	} else if code > few {
		b.known[v] = code
	}
	return code
}

// join takes what another one has, whose first row is the k-th of n.
func (b *builder) join(k, n int, from *builder) {
	if from.floats != nil {
		if b.floats == nil {
			b.floats = slices.Repeat([]float64{math.NaN()}, n)
		}
		copy(b.floats[k:], from.floats)
	}
	if from.codes == nil {
		return
	}
	if b.codes == nil {
		b.codes = slices.Repeat([]int32{-1}, n)
	}
	codes := make([]int32, len(from.values))
	for i, v := range from.values {
		codes[i] = b.code(v)
	}
	for i, code := range from.codes {
		if code >= 0 {
			b.codes[k+i] = codes[code]
		}
	}
}

// array is what was put, of n rows.
func (b *builder) array(name string, n int) Array {
	a := Array{Name: name, Floats: b.floats, Codes: b.codes, Values: b.values}
	whole := !slices.ContainsFunc(b.values, func(v any) bool { _, ok := v.(int64); return !ok })
	switch {
	case a.Floats == nil && a.Codes == nil: // nobody has one
		a.Values = []any{nil}
	case a.Floats == nil && len(a.Values) == 1 && !slices.Contains(a.Codes, -1):
		a.Codes = nil
	case a.Floats != nil && a.Codes != nil && whole: // numbers of both kinds
		for k, code := range a.Codes {
			if code >= 0 {
				a.Floats[k] = float64(a.Values[code].(int64))
			}
		}
		a.Codes, a.Values = nil, nil
	case a.Floats != nil && a.Codes != nil:
		for k, x := range a.Floats {
			if !math.IsNaN(x) {
				a.Codes[k] = b.code(x)
			}
		}
		a.Floats, a.Values = nil, b.values
	case a.Codes != nil && whole && !slices.Contains(a.Codes, -1):
		a.Ints = make([]int64, n)
		for k, code := range a.Codes {
			a.Ints[k] = a.Values[code].(int64)
		}
		a.Codes, a.Values = nil, nil
	}
	return a
}

// WriteArrays writes columns of n rows for programs, which docs/cli.md describes.
func WriteArrays(out io.Writer, arrays []Array, n int) error {
	columns := make([]any, len(arrays))
	for i, a := range arrays {
		kind := "values"
		switch {
		case a.Ints != nil:
			kind = "int64"
		case a.Floats != nil:
			kind = "float64"
		case a.Codes != nil:
			kind = "codes"
		}
		c := genome.Map{{Key: "name", Value: a.Name}, {Key: "type", Value: kind}}
		if a.Values != nil {
			c = append(c, genome.Entry{Key: "values", Value: a.Values})
		}
		columns[i] = c
	}
	head, err := genome.Map{{Key: "rows", Value: int64(n)}, {Key: "columns", Value: columns}}.MarshalJSON()
	if err != nil {
		return err
	}
	for len(head)%8 != 7 {
		head = append(head, ' ')
	}
	w := bufio.NewWriterSize(out, 1<<16)
	w.Write(append(head, '\n'))
	for _, a := range arrays {
		switch {
		case a.Ints != nil:
			err = binary.Write(w, binary.LittleEndian, a.Ints)
		case a.Floats != nil:
			err = binary.Write(w, binary.LittleEndian, a.Floats)
		case a.Codes != nil:
			if err = binary.Write(w, binary.LittleEndian, a.Codes); err == nil && n%2 == 1 {
				_, err = w.Write(make([]byte, 4))
			}
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}
