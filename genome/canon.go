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
