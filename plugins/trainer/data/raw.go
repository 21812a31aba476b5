package data

import (
	"fmt"
	"math"
	"slices"
)

// raw is what a file holds.
type raw struct {
	path     string
	labelled string // the file of labels
	shape    []int  // of one sample
	columns  []string
	labels   []string
	narrow   []float32 // the values, if float32 is exact
	wide     []float64 // the values, if not
}

// Where the channels of samples are.
const (
	channelsFirst = "channels_first"
	channelsLast  = "channels_last"
)

// arrange puts the channels of samples first. Samples that look as if they had
// several last, and nothing is said of that, are refused.
func (r *raw) arrange(layout string, channels bool) error {
	last := r.shape[len(r.shape)-1]
	behind := channels && last <= 4 && r.shape[0] > 4
	if layout == "" && behind && last == 1 {
		layout = channelsLast // in the same order
	}
	switch {
	case layout != "" && !channels:
		return fmt.Errorf("%s: data.layout says where channels are, but these samples of shape %v have none; leave it out",
			r.path, r.shape)
	case layout == "" && behind:
		return fmt.Errorf("%s: holds samples of shape %v, which seem to have %d channels last; "+
			"set data.layout to channels_last, or to channels_first if they have %d", r.path, r.shape, last, r.shape[0])
	case layout == channelsLast:
		pixels := 1
		for _, d := range r.shape[:len(r.shape)-1] {
			pixels *= d
		}
		channelsToFront(r.narrow, pixels, last)
		channelsToFront(r.wide, pixels, last)
		r.shape = append([]int{last}, r.shape[:len(r.shape)-1]...)
	}
	return nil
}

func channelsToFront[F float32 | float64](values []F, pixels, channels int) {
	sample := make([]F, pixels*channels)
	for at := 0; at < len(values); at += len(sample) {
		copy(sample, values[at:])
		for i, v := range sample {
			values[at+i%channels*pixels+i/channels] = v
		}
	}
}

// set numbers the classes and stores the values; like is the training file's, nil
// for that itself.
func (r *raw) set(like *Set) (*Set, error) {
	s := &Set{Shape: r.shape, Columns: r.columns, X: r.narrow}
	var offset []float64
	if like == nil {
		s.Classes = named(r.labels)
		switch n := len(s.Classes); {
		case n < 2:
			return nil, fmt.Errorf("%s: all samples are of class %q; name the column or file that holds the classes",
				r.labelled, s.Classes[0])
		case n > mostClasses:
			return nil, fmt.Errorf("%s: holds %d classes, more than %d; name the column or file that holds the classes",
				r.labelled, n, mostClasses)
		}
	} else {
		s.Classes, offset = like.Classes, like.Offset
		switch {
		case !slices.Equal(r.columns, like.Columns):
			return nil, fmt.Errorf("%s: has the feature columns %s, but the training file %s; give "+
				"files with the same columns in the same order",
				r.path, listed(r.columns), listed(like.Columns))
		case !slices.Equal(r.shape, like.Shape):
			return nil, fmt.Errorf("%s: holds samples of shape %v, but the training file of shape %v; take files that belong together",
				r.path, r.shape, like.Shape)
		}
	}
	var err error
	if s.Y, err = numbered(r.labelled, r.labels, s.Classes); err != nil {
		return nil, err
	}
	if r.wide == nil && offset == nil {
		return s, nil
	}
	if r.wide == nil {
		for _, v := range r.narrow {
			r.wide = append(r.wide, float64(v))
		}
	}
	return s, s.fill(r.path, r.wide, offset)
}

// fill stores values as float32, less an offset: that of the training file or, for
// the training file itself, the smallest value of every group that float32 would
// keep apart badly, such as the hours of 2024010107. Differences keep 20 bits of
// their group's range. Values that float32 cannot hold even so are refused.
func (s *Set) fill(path string, values, offset []float64) error {
	groups := s.groups()
	low, high := slices.Repeat([]float64{math.Inf(1)}, groups), slices.Repeat([]float64{math.Inf(-1)}, groups)
	for i, v := range values {
		g := i % groups
		low[g], high[g] = min(low[g], v), max(high[g], v)
	}
	less := func() (lost []float64) {
		s.X, lost = make([]float32, len(values)), make([]float64, groups)
		for i, v := range values {
			g := i % groups
			if s.Offset != nil {
				v -= s.Offset[g]
			}
			s.X[i] = float32(v)
			lost[g] = max(lost[g], math.Abs(v-float64(s.X[i])))
		}
		return lost
	}
	badly := func(g int, lost float64) bool {
		return lost > (high[g]-low[g])/(1<<20) && (high[g] > low[g] || math.IsInf(lost, 1))
	}
	s.Offset = offset
	lost := less()
	if offset == nil {
		for g := range lost {
			if badly(g, lost[g]) {
				if s.Offset == nil {
					s.Offset = make([]float64, groups)
				}
				s.Offset[g] = low[g]
			}
		}
		if s.Offset != nil {
			lost = less()
		}
	}
	for g := range lost {
		reach := high[g] - low[g]
		refused := badly(g, lost[g]) || reach > 1e30 || reach > 0 && reach < 1e-30
		if math.IsInf(lost[g], 1) || offset == nil && refused {
			what := "its values"
			if s.Columns != nil {
				what = fmt.Sprintf("column %q", s.Columns[g])
			}
			return fmt.Errorf("%s: %s from %g to %g cannot be told apart in float32; write them in another unit, or as logarithms",
				path, what, low[g], high[g])
		}
	}
	return nil
}
