package data

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mostClasses bounds how many classes there may be.
const mostClasses = 1 << 16

// whole is a whole number as a label, however it was written: 3, -1, 2.0.
var whole = regexp.MustCompile(`^[+-]?[0-9]{1,18}(\.0*)?$`)

// named are the labels of a training file, each class by one name, and the names
// in the order in which they are numbered: as numbers if all are whole numbers
// (1.0 is the class 1), else as text.
func named(labels []string) (classes []string) {
	classes = slices.Clone(labels)
	slices.Sort(classes)
	classes = slices.Compact(classes)
	if !slices.ContainsFunc(classes, func(name string) bool { return !whole.MatchString(name) }) {
		values := make([]int64, len(classes))
		for i, name := range classes {
			values[i] = wholeNumber(name)
		}
		slices.Sort(values)
		values = slices.Compact(values)
		classes = classes[:0]
		for _, v := range values {
			classes = append(classes, strconv.FormatInt(v, 10))
		}
	}
	return classes
}

// numbered are the numbers of labels, by the classes of the training file.
func numbered(path string, labels, classes []string) ([]int32, error) {
	number := make(map[string]int32, len(classes))
	numbers := true
	for i, name := range classes {
		number[name] = int32(i)
		numbers = numbers && whole.MatchString(name)
	}
	y := make([]int32, len(labels))
	for i, name := range labels {
		if numbers && whole.MatchString(name) {
			name = strconv.FormatInt(wholeNumber(name), 10)
		}
		at, known := number[name]
		if !known {
			return nil, fmt.Errorf("%s: has class %q, which the training file has not (%s); give files with the same classes",
				path, name, listed(classes))
		}
		y[i] = at
	}
	return y, nil
}

func wholeNumber(text string) int64 {
	digits, _, _ := strings.Cut(text, ".")
	v, _ := strconv.ParseInt(strings.TrimPrefix(digits, "+"), 10, 64) // whole has looked at it
	return v
}

// complete sees to it that kept has a sample of every class that other has one
// of: in exchange other gets one of the class that kept has most of. Both stay
// as large as they are, and ascending. It fails if kept is too small for that.
func complete(s *Set, kept, other []int) error {
	has := make([]int, len(s.Classes))
	for _, at := range kept {
		has[s.Y[at]]++
	}
	for i, at := range other {
		class := s.Y[at]
		if has[class] > 0 {
			continue
		}
		most := slices.Index(has, slices.Max(has))
		if has[most] < 2 {
			return fmt.Errorf("%d samples would be left to train on, too few for one of each of the %d classes "+
				"(does data.label name the class?)", len(kept), len(s.Classes))
		}
		j := len(kept) - 1
		for int(s.Y[kept[j]]) != most {
			j--
		}
		kept[j], other[i] = at, kept[j]
		has[most]--
		has[class]++
	}
	slices.SortFunc(kept, cmp.Compare[int])
	slices.SortFunc(other, cmp.Compare[int])
	return nil
}

// without names the classes of which a part has no sample.
func without(s *Set, index []int) (names []string) {
	has := make([]bool, len(s.Classes))
	for _, at := range index {
		has[s.Y[at]] = true
	}
	for i, name := range s.Classes {
		if !has[i] {
			names = append(names, name)
		}
	}
	return names
}
