package option

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/genome"
)

// Under is the greatest number below x: a bound that does not belong to the range.
func Under(x float64) float64 { return math.Nextafter(x, math.Inf(-1)) }

// Over is the least number above x: a bound that does not belong to the range.
func Over(x float64) float64 { return math.Nextafter(x, math.Inf(1)) }

// number is an int or a float64.
type number struct {
	get                    func() float64
	set                    func(float64)
	otherwise, least, most float64
	whole                  bool
}

// top is the largest value that the option may have now.
func (n *number) top(o *Option) float64 {
	if o.most == "" {
		return n.most
	}
	most := o.set.find(o.most).value.(*number).get()
	if o.less {
		most--
	}
	return min(n.most, most)
}

func (n *number) reset(o *Option) {
	x := n.otherwise
	if o.like != "" {
		x = o.set.find(o.like).value.(*number).get()
	}
	n.set(min(x, max(n.top(o), n.least)))
}

func (n *number) read(o *Option, raw json.RawMessage) *genome.Mistake {
	var x float64
	if json.Unmarshal(raw, &x) != nil || !n.within(o, x) {
		return n.mistake(o, short(raw))
	}
	n.set(x)
	return nil
}

func (n *number) check(o *Option) *genome.Mistake {
	if x := n.get(); !n.within(o, x) {
		return n.mistake(o, decimal(x))
	}
	return nil
}

func (n *number) within(o *Option, x float64) bool {
	return x >= n.least && x <= n.top(o) && (!n.whole || x == math.Trunc(x))
}

func (n *number) mistake(o *Option, text string) *genome.Mistake {
	what := "number"
	if n.whole {
		what = "whole number"
	}
	return &genome.Mistake{Problem: fmt.Sprintf("%s is no %s %s", text, what, between(n.least, n.top(o), ""))}
}

func (n *number) describe(o *Option, d *Described) {
	d.Default = decimal(n.otherwise)
	most := ""
	if o.most != "" {
		most = o.most
		if o.less {
			most += " - 1"
		}
	}
	d.Bounds = between(n.least, n.most, most)
}

// between writes a range; most is the name of what bounds it, if something does.
func between(least, top float64, most string) string {
	from, to := "from "+decimal(least), " to "
	if isOver(least) {
		from, to = "above "+decimal(Under(least)), ", up to "
	}
	switch {
	case least == -math.MaxFloat64 && top == math.MaxFloat64:
		return "of any size"
	case most != "":
		return from + to + most
	case isUnder(top) && isOver(least):
		return from + " and below " + decimal(Over(top))
	case isUnder(top):
		return from + " to below " + decimal(Over(top))
	}
	return from + to + decimal(top)
}

// isUnder tells whether a bound was made by Under: the number above it is the one
// that a person would write.
func isUnder(x float64) bool { return len(decimal(Over(x))) < len(decimal(x))-2 }

// isOver tells whether a bound was made by Over.
func isOver(x float64) bool { return len(decimal(Under(x))) < len(decimal(x))-2 }
