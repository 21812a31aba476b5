package genome

// Distance says how unlike two genomes of this space are: 0 if and only if they
// are equal, at most 1, symmetric. Scalars differ by their share of the range
// (of its logarithm with log), ordered options by their steps, others by 1;
// lists by the cheapest way to edit one into the other. Every gene counts
// alike. Genomes of other spaces are at distance 1.
func (s *Space) Distance(a, b Genome) float64 {
	if a.packed == b.packed && !a.IsZero() && !b.IsZero() {
		return 0
	}
	t, err := s.codes(nil, a)
	if err != nil {
		return 1
	}
	u, err := s.codes(nil, b)
	if err != nil {
		return 1
	}
	d := distance{a: t, b: u}
	far, weight := d.between(s.root, 0, 0)
	// Rounding must not make unequal genomes equal.
	return min(max(far/weight, 1e-12), 1)
}

// distance compares codes.
type distance struct{ a, b []uint64 }

// Lists longer than this are compared place by place.
const maxAligned = 200

// between returns how far the value at i in a is from that at j in b, from 0 to
// weight, which is the larger number of genes.
func (d *distance) between(g *gene, i, j int) (far, weight float64) {
	if g.static {
		return 0, 0
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			x, w := d.between(f.gene, i, j)
			far += x
			weight += w
			i, j = f.gene.stretch(d.a, i), f.gene.stretch(d.b, j)
		}
		return far, weight
	case kindList:
		weight = max(g.leaves(d.a, i), g.leaves(d.b, j))
		far, _ = d.align(g, i, j, false)
		return min(far, weight), weight
	case kindChoice:
		weight = max(g.leaves(d.a, i), g.leaves(d.b, j))
		k, l := d.a[i], d.b[j]
		body := g.options[k].body
		switch {
		case k == l && body == nil:
			return 0, weight
		case k == l:
			far, weight = d.between(body, i+1, j+1)
			return far, weight + 1
		case g.ordered && weight == 1:
			return float64(max(k, l)-min(k, l)) / float64(len(g.options)-1), 1
		}
		return weight, weight
	case kindEdges, kindPairs:
		for k := range g.cellCodes() {
			if d.a[i+k] != d.b[j+k] {
				far++
			}
		}
		return far, float64(g.cellCodes())
	case kindVertices:
		return d.graphs(i, j), max(g.leaves(d.a, i), g.leaves(d.b, j))
	}
	if d.a[i] == d.b[j] {
		return 0, 1
	}
	if g.kind == kindBool {
		return 1, 1
	}
	x, y := g.scaled(d.a[i]), g.scaled(d.b[j])
	return max(x-y, y-x, 1e-9), 1
}

// graphs compares cells with operations on nodes, node by node from the input
// and the outputs with each other.
func (d *distance) graphs(i, j int) float64 {
	p, q := readGraph(d.a, i), readGraph(d.b, j)
	if len(p.ops) > len(q.ops) {
		p, q = q, p
	}
	n, m := len(p.ops), len(q.ops)
	far := float64(2 * (m - n))
	for v := 1; v < n; v++ {
		w := v
		if v == n-1 {
			w = m - 1
		} else if p.ops[v] != q.ops[v] {
			far++
		}
		if p.before[v] != q.before[w] {
			far++
		}
	}
	return min(far, float64(2*m-2))
}

// leaves counts the genes in a value.
func (g *gene) leaves(t []uint64, i int) float64 {
	if g.static {
		return 0
	}
	switch g.kind {
	case kindGroup:
		sum := 0.0
		for _, f := range g.fields {
			sum += f.gene.leaves(t, i)
			i = f.gene.stretch(t, i)
		}
		return sum
	case kindList:
		sum := 1.0 // the length
		n, i := g.length(t, i)
		for range n {
			sum += max(g.elem.leaves(t, i), 1)
			i = g.elem.stretch(t, i)
		}
		return sum
	case kindChoice:
		if body := g.options[t[i]].body; body != nil {
			return 1 + body.leaves(t, i+1)
		}
		return 1
	case kindEdges, kindPairs:
		return float64(g.cellCodes())
	case kindVertices:
		return float64(2*t[i] - 2)
	}
	return 1
}

// pairing is one step of an alignment: an element of a, of b, or of both; -1
// where there is none.
type pairing struct{ i, j int }

// align returns the cost of editing the list at i in a into that at j in b, by
// replacing, inserting and deleting elements (Levenshtein), and if wanted the
// steps.
func (d *distance) align(g *gene, i, j int, want bool) (float64, []pairing) {
	n, atA := g.starts(d.a, i)
	m, atB := g.starts(d.b, j)
	size := func(t []uint64, at int) float64 { return max(g.elem.leaves(t, at), 1) }
	if n > maxAligned || m > maxAligned || !want && n == m && g.plainBits() {
		far := 0.0
		var steps []pairing
		for k := range max(n, m) {
			switch {
			case k >= n:
				far += size(d.b, atB[k])
				steps = append(steps, pairing{-1, k})
			case k >= m:
				far += size(d.a, atA[k])
				steps = append(steps, pairing{k, -1})
			default:
				x, _ := d.between(g.elem, atA[k], atB[k])
				far += x
				steps = append(steps, pairing{k, k})
			}
		}
		return far, steps
	}
	// cost[k][l]: the first k elements of a into the first l of b.
	cost := make([][]float64, n+1)
	cells := make([]float64, (n+1)*(m+1))
	both := make([]float64, (n+1)*(m+1))
	for k := range cost {
		cost[k] = cells[k*(m+1) : (k+1)*(m+1)]
	}
	for k := 0; k <= n; k++ {
		for l := 0; l <= m; l++ {
			switch {
			case k == 0 && l == 0:
			case k == 0:
				cost[0][l] = cost[0][l-1] + size(d.b, atB[l-1])
			case l == 0:
				cost[k][0] = cost[k-1][0] + size(d.a, atA[k-1])
			default:
				x, _ := d.between(g.elem, atA[k-1], atB[l-1])
				both[k*(m+1)+l] = x
				cost[k][l] = min(cost[k-1][l-1]+x, cost[k-1][l]+size(d.a, atA[k-1]), cost[k][l-1]+size(d.b, atB[l-1]))
			}
		}
	}
	if !want {
		return cost[n][m], nil
	}
	var steps []pairing
	for k, l := n, m; k > 0 || l > 0; {
		switch {
		case k > 0 && l > 0 && cost[k][l] == cost[k-1][l-1]+both[k*(m+1)+l]:
			k, l = k-1, l-1
			steps = append(steps, pairing{k, l})
		case l > 0 && cost[k][l] == cost[k][l-1]+size(d.b, atB[l-1]):
			l--
			steps = append(steps, pairing{-1, l})
		default:
			k--
			steps = append(steps, pairing{k, -1})
		}
	}
	for x, y := 0, len(steps)-1; x < y; x, y = x+1, y-1 {
		steps[x], steps[y] = steps[y], steps[x]
	}
	return cost[n][m], steps
}

// starts returns the length of a list and where its elements begin.
func (g *gene) starts(t []uint64, i int) (int, []int) {
	n, at := g.length(t, i)
	out := make([]int, n)
	for k := range out {
		out[k] = at
		at = g.elem.stretch(t, at)
	}
	return n, out
}
