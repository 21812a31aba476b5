package genome

// geneKind says what a gene is.
type geneKind uint8

const (
	kindInt geneKind = iota
	kindFloat
	kindBool
	kindChoice
	kindGroup // named fields, or a tuple: fields in order without names
	kindList
	kindEdges    // a cell with operations on edges
	kindVertices // a cell with operations on nodes
	kindPairs    // a cell with two inputs per node
	kindConst    // not a gene: a value that is in the tree and nowhere else
	kindFrom     // not a gene: a copy of another gene's value in the tree
	kindUse      // only in declarations: replaced when the space is expanded
)

// gene is one gene, as declared and, after expansion, as the operators walk it.
// Expanded genes form a directed acyclic graph: equal parts are shared, so that
// the same pointer means the same declaration.
type gene struct {
	kind geneKind
	path []string // of its declaration

	// kindInt and kindFloat. count is the number of values, 0 for a float
	// without step.
	lo, hi, step   int64
	flo, fhi       float64
	fstep          float64
	shownHi        float64 // the high end as it is declared
	grid           *grid   // of a float with step; nil: its steps are added
	log            bool
	curved         bool // log, and wide enough for it to make a difference
	count          int64
	llo, lspan     float64 // logarithm of the low bound and of high/low
	stepSet        bool
	options        []option // kindChoice
	ordered        bool
	weighted       bool
	fields         []field // kindGroup
	tuple          bool
	elem           *gene  // kindList
	minLen, maxLen int    // kindList; nodes of kindVertices
	cell           *cell  // the three cells
	value          any    // kindConst
	name           string // kindUse: the definition; kindFrom: the path
	depth          int    // kindUse, if depthSet
	depthSet       bool
	source         []int // kindFrom: places of fields from the top to origin
	origin         *gene // kindFrom: the gene that is copied

	sig    string  // of genes without parts: equal declarations have equal sig
	genes  float64 // how many numbers the largest value takes
	static bool    // takes none: constants, copies and what holds only those
}

// option is one alternative of a choice.
type option struct {
	value  any    // int64, float64, bool or string; the name if it has genes
	text   string // as canonical text has it
	weight float64
	body   *gene // a group; nil for a plain option
}

// field is a named gene of a group.
type field struct {
	name string
	gene *gene
}

// cell is what the three kinds of cells need beyond a gene.
type cell struct {
	ops      []string
	texts    []string // ops as canonical text has them
	nodes    int      // edges: with the input; pairs: intermediate ones
	maxEdges int      // vertices
	inputs   int      // pairs
	distinct bool     // pairs
	combine  []string // pairs
	combines []string // combine as canonical text has them
	extra    Map      // constants for whoever reads the cell
	counts   *vertexCounts
}

// values returns how many values a scalar gene has, 0 for a continuous one.
func (g *gene) values() int64 {
	switch g.kind {
	case kindInt, kindFloat:
		return g.count
	case kindBool:
		return 2
	case kindChoice:
		return int64(len(g.options))
	}
	return 1
}

// continuous tells a float without step.
func (g *gene) continuous() bool { return g.kind == kindFloat && g.count == 0 }

// plainBits tells a list whose elements are booleans: it is written b0110.
func (g *gene) plainBits() bool { return g.kind == kindList && g.elem.kind == kindBool }
