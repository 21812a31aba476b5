package genome

// tree returns the declaration as data, defaults left out, so that equal spaces
// have equal JSON.
func (d *declaration) tree() Map {
	var m Map
	if d.network != nil {
		m = append(m, Entry{"network", d.network})
	}
	if l := d.limit; l != (Limits{}) {
		var limits Map
		for _, e := range []struct {
			key string
			n   int64
		}{{"parameters", l.Parameters}, {"macs", l.Macs}, {"depth", l.Depth}} {
			if e.n > 0 {
				limits = append(limits, Entry{e.key, e.n})
			}
		}
		m = append(m, Entry{"limits", limits})
	}
	if len(d.defs) > 0 {
		var defs Map
		for _, def := range d.defs {
			defs = append(defs, Entry{def.name, def.gene.declared()})
		}
		m = append(m, Entry{"define", defs})
	}
	if len(d.variationTree) > 0 {
		m = append(m, Entry{"variation", d.variationTree})
	}
	return append(m, d.root.declared().(Map)...)
}

func (d *declaration) appendJSON(b []byte) []byte {
	b, err := appendJSON(b, d.tree())
	if err != nil {
		panic("genome: a checked declaration does not encode: " + err.Error())
	}
	return b
}

// declared returns a gene as it is declared, before expansion.
func (g *gene) declared() any {
	var m Map
	add := func(key string, v any) { m = append(m, Entry{key, v}) }
	switch g.kind {
	case kindConst:
		return g.value
	case kindFrom:
		add("from", g.name)
	case kindUse:
		add("use", g.name)
		if g.depthSet {
			add("depth", int64(g.depth))
		}
	case kindInt:
		add("int", []any{g.lo, g.hi})
		if g.step != 1 {
			add("step", g.step)
		}
	case kindFloat:
		add("float", []any{g.flo, g.shownHi})
		if g.stepSet {
			add("step", g.fstep)
		}
	case kindBool:
		add("bool", true)
	case kindChoice:
		options := make([]any, len(g.options))
		weights := make([]any, len(g.options))
		for i, o := range g.options {
			options[i], weights[i] = o.value, o.weight
			if o.body != nil {
				options[i] = Map{{o.value.(string), o.body.declared()}}
			}
		}
		add("choice", options)
		if g.weighted {
			add("weights", weights)
		}
		if g.ordered {
			add("ordered", true)
		}
	case kindGroup:
		if g.tuple {
			list := make([]any, len(g.fields))
			for i, f := range g.fields {
				list[i] = f.gene.declared()
			}
			return list
		}
		m = Map{}
		for _, f := range g.fields {
			add(f.name, f.gene.declared())
		}
	case kindList:
		add("list", g.elem.declared())
		if g.minLen == g.maxLen {
			add("length", int64(g.minLen))
		} else {
			add("length", []any{int64(g.minLen), int64(g.maxLen)})
		}
	case kindEdges, kindVertices, kindPairs:
		add("cell", g.cell.declared(g))
	}
	if g.log {
		add("log", true)
	}
	return m
}

func (c *cell) declared(g *gene) Map {
	names := func(ops []string) []any {
		out := make([]any, len(ops))
		for i, op := range ops {
			out[i] = op
		}
		return out
	}
	var m Map
	switch g.kind {
	case kindEdges:
		m = Map{{"edges", names(c.ops)}, {"nodes", int64(c.nodes)}}
	case kindVertices:
		m = Map{{"vertices", names(c.ops)}, {"nodes", []any{int64(g.minLen), int64(g.maxLen)}}}
		if c.maxEdges < c.nodes*(c.nodes-1)/2 {
			m = append(m, Entry{"max_edges", int64(c.maxEdges)})
		}
	default:
		m = Map{{"pairs", names(c.ops)}, {"nodes", int64(c.nodes)}}
		if c.inputs != 2 {
			m = append(m, Entry{"inputs", int64(c.inputs)})
		}
		if c.distinct {
			m = append(m, Entry{"distinct", true})
		}
		if len(c.combine) != 1 || c.combine[0] != "add" {
			m = append(m, Entry{"combine", names(c.combine)})
		}
	}
	return append(m, c.extra...)
}
