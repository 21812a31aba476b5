package qlearning

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// phase is a number of networks that are drawn with one epsilon.
type phase struct {
	epsilon  float64
	networks int
}

// schedule says with which epsilon a network is drawn.
type schedule []phase

// published is table 2 of the paper: 2,700 networks.
func published() schedule {
	return schedule{{1, 1500}, {0.9, 100}, {0.8, 100}, {0.7, 100}, {0.6, 150}, {0.5, 150}, {0.4, 150}, {0.3, 150}, {0.2, 150}, {0.1, 150}}
}

// text writes a schedule as UnmarshalJSON reads it.
func (s schedule) text() string {
	var rows []string
	for _, p := range s {
		rows = append(rows, fmt.Sprintf("[%g, %d]", p.epsilon, p.networks))
	}
	return "[" + strings.Join(rows, ", ") + "]"
}

// UnmarshalJSON reads pairs: [[1.0, 1500], [0.9, 100]].
func (s *schedule) UnmarshalJSON(b []byte) error {
	const remedy = "write pairs of an epsilon from 0 to 1 and a number of networks: [[1.0, 1500], [0.9, 100]]"
	var rows [][]float64
	var m *genome.Mistake
	if err := option.Decode(b, &rows); errors.As(err, &m) {
		m.Remedy = remedy
		return m
	}
	*s = nil
	for i, row := range rows {
		if len(row) != 2 || row[0] < 0 || row[0] > 1 || row[1] < 0 || row[1] > maxWhole || row[1] != math.Trunc(row[1]) {
			return &genome.Mistake{Key: fmt.Sprintf("[%d]", i),
				Problem: strings.Join(strings.Fields(fmt.Sprint(row)), ", ") + " is no phase", Remedy: remedy}
		}
		*s = append(*s, phase{row[0], int(row[1])})
	}
	if n := s.total(); n < 1 || n > maxWhole {
		return fmt.Errorf("it has %d networks in all: use 1 to %d", n, maxWhole)
	}
	return nil
}

// total is the number of networks of all phases.
func (s schedule) total() int {
	n := 0
	for _, p := range s {
		n += p.networks
	}
	return n
}

// scaled is the schedule shrunk or stretched to budget networks. The ends of
// phases are scaled and rounded, half up, so that phases always sum to the
// budget; a short phase may vanish.
func (s schedule) scaled(budget int) schedule {
	total, end, before := s.total(), 0, 0
	var out schedule
	for _, p := range s {
		end += p.networks
		scaled := (2*end*budget + total) / (2 * total)
		out = append(out, phase{p.epsilon, scaled - before})
		before = scaled
	}
	return out
}

// at is the epsilon of network n, from 0. After the last phase its epsilon
// stays.
func (s schedule) at(n int) float64 {
	last := 0.0
	for _, p := range s {
		if p.networks == 0 {
			continue
		}
		if n < p.networks {
			return p.epsilon
		}
		n -= p.networks
		last = p.epsilon
	}
	return last
}

// tag names an epsilon in the History.
func tag(epsilon float64) string { return "epsilon " + strconv.FormatFloat(epsilon, 'g', 6, 64) }
