package network

import (
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// cell is the reading of a cell's gene.
type cell interface {
	// build adds the cell once.
	build(b *builder, at place) int
}

// place is where a cell stands in a network.
type place struct {
	before, last int        // the answers of the two cells before it, or of what stands there
	channels     int        // that it is to have
	reduces      bool       // it halves the extent itself
	reduced      bool       // the cell before did, so that the one before that is twice as large
	super        *superCell // all its operations, where a Supernet is made; else nil
}

// cellKind is a way in which cells are written; each stands in a file of its own.
type cellKind struct {
	gene    string   // the list that all of its genes have
	more    []string // other keys that they may have, the list of another kind too
	narrow  bool     // has the channels of its input: that is projected
	read    func(b *builder, v genome.Map) (cell, bool)
	stacked skeleton
}

// skeleton is how a stack repeats cells of a kind.
type skeleton struct {
	cells, channels int                                    // by default
	multiplier      int                                    // default of a stem's channels by those of the cells; 0 has none to choose
	stem            func(b *builder, in, channels int) int // by default
	reduction       func(b *builder, in, channels int) int // between stages; nil: a cell halves the extent itself, and may be another one
	end             func(b *builder, in int) int           // after the last cell; nil: nothing
}

// cellKinds are those that the files of the kinds add.
var cellKinds []*cellKind

func addCell(k *cellKind) { cellKinds = append(cellKinds, k) }

// isCell says whether a value is a cell: a group with the list of a kind.
func isCell(v any) bool {
	m, ok := v.(genome.Map)
	if !ok {
		return false
	}
	for i := range m {
		for _, k := range cellKinds {
			if m[i].Key == k.gene {
				_, ok := m[i].Value.([]any)
				return ok
			}
		}
	}
	return false
}

// readCell reads a cell's gene.
func (b *builder) readCell(v genome.Map) (cell, *cellKind, bool) {
	var kind *cellKind
next:
	for _, e := range v {
		switch e.Key {
		case "channels":
			continue
		case "isomorphism":
			if e.Value != "exact" && e.Value != "published" {
				b.fail("isomorphism is %v; it is exact or published", e.Value)
				return nil, nil, false
			}
			continue
		}
		for _, k := range cellKinds {
			if e.Key == k.gene {
				continue next
			}
			for _, more := range k.more {
				if e.Key == more {
					continue next
				}
			}
		}
		b.slip("has no parameter %q; a cell has channels, inputs, output, isomorphism", e.Key)
		return nil, nil, false
	}
	for _, k := range cellKinds {
		if _, ok := v.Get(k.gene); ok && (kind == nil || slices.Contains(k.more, kind.gene)) {
			kind = k
		}
	}
	c, ok := kind.read(b, v)
	return c, kind, ok
}

// cellLayer reads a cell that stands alone in a sequence, once, over in.
func (b *builder) cellLayer(v genome.Map, in int) int {
	if !b.spatial(in) {
		return 0
	}
	channels := b.channels(in)
	if c, ok := v.Get("channels"); ok {
		a := args{b: b}
		if channels, ok = a.bounded("channels", c, 1); !ok {
			return 0
		}
	}
	c, kind, ok := b.readCell(v)
	if !ok {
		return 0
	}
	in = b.projected(kind, in, channels)
	return b.cell(c, place{before: in, last: in, channels: channels})
}

// projected gives a narrow cell's input the cell's channels.
func (b *builder) projected(kind *cellKind, in, channels int) int {
	if !kind.narrow || b.channels(in) == channels {
		return in
	}
	return b.under("project", func() int { return b.reluConvNorm(in, filterOf(channels, 1, 1)) })
}

func (b *builder) cell(c cell, at place) int {
	if b.err != nil {
		return 0
	}
	return c.build(b, at)
}

// words converts a list of strings.
func words(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, x := range list {
		if out[i], ok = x.(string); !ok {
			return nil, false
		}
	}
	return out, true
}
