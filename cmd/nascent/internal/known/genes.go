package known

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// genomeOf is the genome of a row.
func (m *Mapping) genomeOf(row *Row) (genome.Genome, error) {
	space := m.search.Space
	switch {
	case !row.Genome.IsZero():
		return carry(space, row.Genome)
	case m.genome != "":
		v := row.Values[m.genome]
		if text, isText := v.(string); isText {
			return space.Parse(text)
		}
		if v == nil {
			return genome.Genome{}, &genome.Mistake{Problem: "without a genome"}
		}
		return space.FromTree(v)
	}
	root := &branch{}
	for path, column := range m.genes {
		if v := row.Values[column]; v != nil {
			root.put(steps(path), readings(v, row.Raw))
		}
	}
	// A value may be read in several ways: the first that the space takes is meant.
	said := map[string]error{} // of the likeliest, by gene
	for {
		g, err := space.FromTree(root.tree())
		var e *genome.Mistake
		if err == nil || !errors.As(err, &e) {
			return g, err
		}
		if said[e.Key] == nil {
			said[e.Key] = err
		}
		if !root.next(steps(e.Key)) {
			return g, said[e.Key]
		}
	}
}

// carry brings a genome of another space here if all of it has a place.
func carry(space *genome.Space, old genome.Genome) (genome.Genome, error) {
	g, lines, err := space.Carry(old)
	if err != nil {
		return g, err
	}
	if len(lines) > 0 {
		key, problem, ok := strings.Cut(lines[0], ": ")
		if !ok {
			key, problem = "genome", lines[0]
		}
		problem, _, _ = strings.Cut(problem, "; took")
		problem, _, _ = strings.Cut(problem, "; dropped")
		return g, &genome.Mistake{Key: key, Problem: problem}
	}
	return g, nil
}

// readings are the values that a cell may stand for, the likeliest first.
func readings(v any, raw bool) []any {
	switch x := v.(type) {
	case float64:
		return []any{rounded(x), x}
	case string:
		if !raw {
			return []any{x}
		}
		text := strings.TrimSpace(x)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return []any{n, x}
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return []any{rounded(f), f, x}
		}
		if b, err := strconv.ParseBool(text); err == nil {
			return []any{b, x}
		}
	}
	return []any{v}
}

// rounded is a number as genomes have them, with six significant digits.
func rounded(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return x
	}
	return y
}

// branch is a part of a genome that is put together from columns.
type branch struct {
	readings []any // its own value; none: it has only what is below
	at       int   // the reading that counts
	below    map[string]*branch
}

func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func (b *branch) put(path []string, readings []any) {
	if len(path) == 0 {
		b.readings = readings
		return
	}
	if b.below == nil {
		b.below = map[string]*branch{}
	}
	next := b.below[path[0]]
	if next == nil {
		next = &branch{}
		b.below[path[0]] = next
	}
	next.put(path[1:], readings)
}

// next lets the value at a path, or above it, be read in its next way; false if there is none.
func (b *branch) next(path []string) bool {
	if len(path) > 0 && b.below[path[0]] != nil && b.below[path[0]].next(path[1:]) {
		return true
	}
	if b.at+1 >= len(b.readings) {
		return false
	}
	b.at++
	return true
}

// tree is the value. What is below an option that is not chosen does not count: a study
// has it where an earlier trial had.
func (b *branch) tree() any {
	if len(b.readings) > 0 {
		own := b.readings[b.at]
		if chosen := b.below[fmt.Sprint(own)]; chosen != nil {
			return genome.Map{{Key: fmt.Sprint(own), Value: chosen.tree()}}
		}
		return own
	}
	keys := slices.Sorted(maps.Keys(b.below))
	if _, err := strconv.Atoi(slices.Concat(keys, []string{""})[0]); err == nil { // places in a list
		list := []any{}
		for i := 0; b.below[strconv.Itoa(i)] != nil; i++ {
			list = append(list, b.below[strconv.Itoa(i)].tree())
		}
		return list
	}
	m := genome.Map{}
	for _, key := range keys {
		m = append(m, genome.Entry{Key: key, Value: b.below[key].tree()})
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
