package network

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// row is a chain of nodes that is drawn on one line: a layer and the norms,
// activations and dropouts before or after it that nobody else reads.
type row struct {
	first, last int
	from        []int // rows whose answers it reads, ascending
}

// rows folds the nodes into rows.
func (n *Network) rows() []row {
	readers := make([]int, len(n.Nodes))
	for i := range n.Nodes {
		for _, in := range n.Nodes[i].Inputs {
			readers[in]++
		}
	}
	var rows []row
	at := make([]int, len(n.Nodes)) // the row of a node
	heavy := false                  // the current row has its layer
	for i := range n.Nodes {
		node := &n.Nodes[i]
		slight := node.Op.meaning().slight
		joins := i > 1 && len(node.Inputs) == 1 && node.Inputs[0] == i-1 && readers[i-1] == 1 && (slight || !heavy)
		if joins {
			rows[len(rows)-1].last = i
			heavy = heavy || !slight
		} else {
			r := row{first: i, last: i}
			for _, in := range node.Inputs {
				r.from = append(r.from, at[in])
			}
			slices.Sort(r.from)
			r.from = slices.Compact(r.from)
			rows = append(rows, r)
			heavy = !slight
		}
		at[i] = len(rows) - 1
	}
	return rows
}

// describe says what a row computes: "conv 16, kernel 5, norm, relu".
func (n *Network) describe(r row) string {
	var s strings.Builder
	for i := r.first; i <= r.last; i++ {
		if i > r.first {
			s.WriteString(", ")
		}
		n.Nodes[i].describe(&s)
	}
	return s.String()
}

func (node *Node) describe(s *strings.Builder) {
	o := node.Op.meaning()
	switch {
	case o.text != nil:
		s.WriteString(o.text(node))
		return
	case o.title != "":
		s.WriteString(o.title)
	default:
		s.WriteString(string(node.Op))
	}
	if node.Channels > 0 {
		s.WriteString(" " + strconv.Itoa(node.Channels))
	}
	if len(node.Kernel) > 0 {
		s.WriteString(" k" + extent(node.Kernel))
	}
	if len(node.Stride) > 0 && slices.Max(node.Stride) > 1 {
		s.WriteString(" s" + extent(node.Stride))
	}
	if len(node.Dilation) > 0 && slices.Max(node.Dilation) > 1 {
		s.WriteString(" d" + extent(node.Dilation))
	}
	if node.Groups > 1 {
		s.WriteString(" g" + strconv.Itoa(node.Groups))
	}
	if node.Circular {
		s.WriteString(" circular")
	}
}

// extent writes 3 for [3 3] and 1x7 for [1 7].
func extent(v []int) string {
	s := strconv.Itoa(v[0])
	for _, x := range v[1:] {
		if x != v[0] {
			return s + "x" + strconv.Itoa(v[1])
		}
	}
	return s
}

// Layers describes the network without its input, a line for each layer with
// the norm and activation that belong to it: "conv 16 k5, norm, relu". k is the
// kernel, s the stride, d the dilation, g the groups.
func (n *Network) Layers() []string {
	rows := n.rows()
	lines := make([]string, 0, len(rows))
	for _, r := range rows {
		if n.Nodes[r.first].Op != Input {
			lines = append(lines, n.describe(r))
		}
	}
	return lines
}

// maxLanes is how many branches are drawn side by side; wider graphs name their
// sources by number only.
const maxLanes = 10

// String draws the network for a terminal: one line for each layer with its
// name in the genome, the shape it answers and its parameters; lines at the
// left lead around layers, and what does not read the line above says what it
// reads.
func (n *Network) String() string {
	rows := n.rows()
	gutter, lanes := draw(rows)
	type cells struct{ name, what, shape, parameters string }
	table := make([]cells, len(rows))
	widths := [4]int{}
	for i, r := range rows {
		c := cells{name: n.Nodes[r.main(n)].Name, what: n.describe(r), shape: shapeText(n.Nodes[r.last].Shape)}
		if len(r.from) > 1 || len(r.from) == 1 && r.from[0] != i-1 {
			c.what += " of "
			for k, f := range r.from {
				if k > 0 {
					c.what += ", "
				}
				c.what += strconv.Itoa(f)
			}
		}
		if p := n.rowParameters(r); p > 0 {
			c.parameters = thousands(p)
		}
		table[i] = c
		for k, s := range [...]string{c.name, c.what, c.shape, c.parameters} {
			widths[k] = max(widths[k], utf8.RuneCountInString(s))
		}
	}
	digits := len(strconv.Itoa(len(rows) - 1))
	var s strings.Builder
	for i, c := range table {
		if lanes > 0 {
			s.WriteString(gutter[i])
			s.WriteByte(' ')
		}
		line := fmt.Sprintf("%*d  %-*s  %-*s  %*s  %*s", digits, i, widths[0], c.name, widths[1], c.what, widths[2],
			c.shape, widths[3], c.parameters)
		s.WriteString(strings.TrimRight(line, " "))
		s.WriteByte('\n')
	}
	fmt.Fprintf(&s, "%s parameters, %s multiply-adds, depth %d\n", thousands(n.Parameters()), thousands(n.Macs()), n.Depth())
	return s.String()
}

// main is the node that names a row: its first that is no norm or activation.
func (r row) main(n *Network) int {
	for i := r.first; i <= r.last; i++ {
		if !n.Nodes[i].Op.meaning().slight {
			return i
		}
	}
	return r.first
}

// rowParameters counts what a row learns.
func (n *Network) rowParameters(r row) int64 {
	var p int64
	for k := r.first; k <= r.last; k++ {
		p = plus(p, n.parameters(k))
	}
	return p
}

func shapeText(shape []int) string {
	s := make([]string, len(shape))
	for i, v := range shape {
		s[i] = strconv.Itoa(v)
	}
	return strings.Join(s, "x")
}

// thousands writes 3482 as 3,482.
func thousands(v int64) string {
	s := strconv.FormatInt(v, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// draw lays out the lines that lead from a row to later ones than the next. It
// answers the gutter of each row and its width in lanes, 0 when there are none
// or too many.
func draw(rows []row) ([]string, int) {
	// until[s] is the last row that reads row s from afar.
	until := make([]int, len(rows))
	for t, r := range rows {
		for _, s := range r.from {
			if s != t-1 {
				until[s] = t
			}
		}
	}
	lane := make([]int, len(rows))
	var busy []int // per lane: the row until which it is taken
	for s := range rows {
		if until[s] == 0 {
			continue
		}
		l := 0
		for l < len(busy) && busy[l] > s {
			l++
		}
		if l == len(busy) {
			busy = append(busy, 0)
		}
		busy[l], lane[s] = until[s], l
	}
	lanes := len(busy)
	if lanes == 0 || lanes > maxLanes {
		return make([]string, len(rows)), 0
	}
	// Lane 0 is the one next to the layers.
	gutter := make([]string, len(rows))
	grid := make([]rune, 2*lanes)
	source := make([]int, lanes) // the row that a lane last began at
	for i, r := range rows {
		for k := range grid {
			grid[k] = ' '
		}
		column := func(l int) int { return 2 * (lanes - 1 - l) }
		for l, s := range source {
			if s < i && until[s] > i && lane[s] == l {
				grid[column(l)] = '│'
			}
		}
		across := len(grid) // leftmost column of a horizontal line
		mark := func(s int, r rune) {
			c := column(lane[s])
			grid[c] = r
			across = min(across, c)
		}
		arrow := false
		for _, s := range r.from {
			if s == i-1 {
				continue
			}
			arrow = true
			if until[s] == i {
				mark(s, '╰')
			} else {
				mark(s, '├')
			}
		}
		if until[i] > 0 {
			source[lane[i]] = i
			c := column(lane[i])
			if grid[c] == '╰' {
				mark(i, '├') // one line ends where the next begins
			} else {
				mark(i, '╭')
			}
		}
		for c := across + 1; c < len(grid); c++ {
			switch grid[c] {
			case ' ':
				grid[c] = '─'
			case '│':
				grid[c] = '┼'
			case '├':
				grid[c] = '┼'
			case '╰':
				grid[c] = '┴'
			case '╭':
				grid[c] = '┬'
			}
		}
		if arrow {
			grid[len(grid)-1] = '▶'
		}
		gutter[i] = string(grid)
	}
	return gutter, lanes
}

// Line is one line of a drawn network: a layer with the norms and activations that
// belong to it.
type Line struct {
	Name       string // in the genome
	Text       string // what it computes, see Layers
	Shape      string // of its answer: "16x28x28"
	Parameters int64
	From       []int // lines whose answers it reads, ascending; none: the input
}

// Outline lists the lines of the network, the input first, so that others can draw it.
func (n *Network) Outline() []Line {
	rows := n.rows()
	out := make([]Line, len(rows))
	for i, r := range rows {
		out[i] = Line{n.Nodes[r.main(n)].Name, n.describe(r), shapeText(n.Nodes[r.last].Shape), n.rowParameters(r), r.from}
	}
	return out
}
