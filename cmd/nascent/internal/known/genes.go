package known

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// genomeOf is the genome of a row.
func (m *Mapping) genomeOf(row *Row) (genome.Genome, error) {
	space := m.search.Space
	if !row.Genome.IsZero() {
		return carry(space, row.Genome)
	}
	whole, _ := m.wholly(row)
	switch v := whole.(type) {
	case nil:
	case string:
		return space.Parse(v)
	default:
		return space.FromTree(v)
	}
	if len(m.genes)+len(m.length) == 0 {
		return genome.Genome{}, &genome.Mistake{Problem: "without a genome"}
	}
	root := &branch{}
	for path, column := range m.genes {
		if v := row.Values[column]; v != nil {
			root.at(steps(path)).readings = readings(v, row.Raw)
		}
	}
	for list, column := range m.length {
		v := row.Values[column]
		if v == nil {
			continue
		}
		n, ok := number(v)
		if !ok || n != math.Trunc(n) || n < 0 || n > mostElements {
			return genome.Genome{}, &genome.Mistake{Key: list, Problem: fmt.Sprintf("%v elements, says %s", v, column)}
		}
		root.at(steps(list)).length = new(int(n))
	}
	if err := root.whole(""); err != nil {
		return genome.Genome{}, err
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
	case none:
		return []any{"none", "None", "null"}
	case int64:
		return append([]any{x}, truth(float64(x))...)
	case float64:
		return append([]any{rounded(x), x}, truth(x)...)
	case string:
		likeliest, last := []any{x}, []any(nil) // a text says what it is, but in a file of texts alone
		if raw {
			likeliest, last = nil, []any{x}
		}
		text := strings.TrimSpace(x)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			likeliest, last = append(likeliest, n), append(last, truth(float64(n))...)
		} else if f, err := strconv.ParseFloat(text, 64); err == nil {
			likeliest, last = append(likeliest, rounded(f), f), append(last, truth(f)...)
		} else if b, err := strconv.ParseBool(text); err == nil {
			likeliest = append(likeliest, b)
		}
		return append(likeliest, last...)
	}
	return []any{v}
}

// truth is what a number may be in the place of.
func truth(x float64) []any {
	if x == 0 || x == 1 {
		return []any{x == 1}
	}
	return nil
}

// rounded is a number as genomes have them, with six significant digits.
func rounded(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return x
	}
	return y
}

// mostElements is more than any list has; what is longer is refused before it is made.
const mostElements = 1 << 20

// branch is a part of a genome that is put together from columns.
type branch struct {
	readings []any // its own value; none: it has only what is below
	reading  int   // the one that counts
	length   *int  // that a column says, of a list
	below    map[string]*branch
}

func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// at is the part at a path, made where there is none.
func (b *branch) at(path []string) *branch {
	if len(path) == 0 {
		return b
	}
	if b.below == nil {
		b.below = map[string]*branch{}
	}
	next := b.below[path[0]]
	if next == nil {
		next = &branch{}
		b.below[path[0]] = next
	}
	return next.at(path[1:])
}

// whole sees that lists have all elements that they should.
func (b *branch) whole(path string) error {
	has := 0
	for ; b.below[strconv.Itoa(has)] != nil; has++ {
	}
	if b.length != nil && has < *b.length {
		return &genome.Mistake{Key: path, Problem: fmt.Sprintf("has %d of the %d elements that %s.length says", has, *b.length, path)}
	}
	for _, key := range sortedKeys(b.below) {
		if chosen := func(r any) bool { return fmt.Sprint(r) == key }; len(b.readings) > 0 && !slices.ContainsFunc(b.readings, chosen) {
			continue
		}
		inner := path + "." + key
		if place, err := strconv.Atoi(key); err == nil && path != "" {
			switch {
			case b.length != nil && place >= *b.length:
				continue // as what is below an option that is not chosen
			case place >= has:
				return &genome.Mistake{Key: path, Problem: fmt.Sprintf("has an element %d and none before it", place)}
			}
			inner = path + "[" + key + "]"
		}
		if err := b.below[key].whole(strings.TrimPrefix(inner, ".")); err != nil {
			return err
		}
	}
	return nil
}

// next lets the value at a path, or above it, be read in its next way; false if there is none.
func (b *branch) next(path []string) bool {
	if len(path) > 0 && b.below[path[0]] != nil && b.below[path[0]].next(path[1:]) {
		return true
	}
	if b.reading+1 >= len(b.readings) {
		return false
	}
	b.reading++
	return true
}

// tree is the value. What is below an option that is not chosen does not count: a study
// has it where an earlier trial had.
func (b *branch) tree() any {
	if len(b.readings) > 0 {
		own := b.readings[b.reading]
		if chosen := b.below[fmt.Sprint(own)]; chosen != nil {
			return genome.Map{{Key: fmt.Sprint(own), Value: chosen.tree()}}
		}
		return own
	}
	if b.length != nil && *b.length == 0 {
		return []any{}
	}
	keys := sortedKeys(b.below)
	if _, err := strconv.Atoi(slices.Concat(keys, []string{""})[0]); err == nil { // places in a list
		list := []any{}
		for i := 0; b.below[strconv.Itoa(i)] != nil && (b.length == nil || i < *b.length); i++ {
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
