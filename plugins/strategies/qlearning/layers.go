package qlearning

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// legal are the transitions that an agent may take from layer to layer (section
// 4.2 of the paper, and its code for what that leaves open).
type legal struct {
	bins                sizes
	maxDense, denseFrom int
	growingDense        bool
	repeatedPooling     bool
	initialPooling      bool
}

func (l *legal) declare(s *option.Set) {
	s.Value(&l.bins, "bins", "[8, 4, 1]", "falling sizes of at least 1",
		"least representation sizes of the bins, largest first; kernels are at most that large")
	s.Int(&l.maxDense, "max_dense", 2, 0, maxWhole, "fully connected layers in a row")
	s.Int(&l.denseFrom, "dense_from", 7, 0, maxWhole, "largest representation that a fully connected layer may see")
	s.Bool(&l.growingDense, "growing_dense", false, "a fully connected layer may be wider than the one before it")
	s.Bool(&l.repeatedPooling, "repeated_pooling", false, "a pool may follow a pool")
	s.Bool(&l.initialPooling, "initial_pooling", false, "a pool may be the first layer")
}

// wholeLayer bounds how many variants a layer may have for its parameters to be
// part of the state that the next one is chosen in. The paper's layers have 18.
const wholeLayer = 64

// layerList is a list whose elements are layers.
type layerList struct {
	path     []string  // from the root
	site     int       // where the layer's type is chosen; -1 if there is one type
	types    []string  // by the options of site, or the one type
	variants []float64 // of each type
	whole    bool      // the parameters of the layer before are part of a state
	least    []int     // of each type the smallest kernel, 0 if it has none to choose
}

// parameter is a site that belongs to a layer.
type parameter struct{ layer, name string }

// layers are the layer lists of a space and what their sites mean.
type layers struct {
	*places
	legal
	lists      map[string]*layerList // by unit
	parameters []parameter           // of sites
	input      []int
	classes    int
	sizes      map[hash]int // representation sizes that were read already
}

// maxSizes bounds the cache of representation sizes.
const maxSizes = 1 << 17

var layerTypes = []string{"conv", "block", "dense", "pool", "global_pool"}

// newLayers finds the lists of layers. It returns nil if there are none.
func newLayers(p *places, rules legal) *layers {
	l := &layers{places: p, legal: rules, lists: map[string]*layerList{},
		parameters: make([]parameter, len(p.sites)), sizes: map[hash]int{}}
	if !l.data() {
		return nil
	}
	for i, s := range p.sites {
		unit := p.units[i]
		if unit == "" || strings.Contains(strings.TrimSuffix(unit, "[]"), "[") || s.Kind == genome.SiteMore {
			continue // not in a list, in a list of lists, or before an element
		}
		if s.Name == unit && slices.ContainsFunc(s.Options, func(o string) bool { return slices.Contains(layerTypes, o) }) {
			l.lists[unit] = &layerList{site: i, types: s.Options}
			continue
		}
		parts := strings.Split(strings.TrimPrefix(s.Name, unit+"."), ".")
		if list := l.lists[unit]; list == nil && slices.Contains(layerTypes, parts[0]) {
			l.lists[unit] = &layerList{site: -1, types: parts[:1]}
		}
		if len(parts) > 1 {
			l.parameters[i] = parameter{parts[0], parts[1]}
		}
	}
	for unit, list := range l.lists {
		l.describe(unit, list)
	}
	if len(l.lists) == 0 {
		return nil
	}
	return l
}

// forgetful tells whether there are layers of which states forget the parameters.
func (l *layers) forgetful() bool {
	for _, list := range l.lists {
		if !list.whole {
			return true
		}
	}
	return false
}

// data reads what the network sees.
func (l *layers) data() bool {
	meta, ok := l.space.Meta("network")
	if !ok {
		return false
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return false
	}
	var data struct {
		Input   json.RawMessage
		Classes int
	}
	if json.Unmarshal(text, &data) != nil {
		return false
	}
	l.classes = data.Classes
	return json.Unmarshal(data.Input, &l.input) == nil // a lone number of features has no layers with a size
}

// describe counts what a list offers.
func (l *layers) describe(unit string, list *layerList) {
	list.path = strings.Split(strings.TrimSuffix(unit, "[]"), ".")
	total := 0.0
	for _, t := range list.types {
		variants, least := 1.0, 0
		for i, p := range l.parameters {
			if l.units[i] != unit || p.layer != t {
				continue
			}
			variants *= float64(len(l.sites[i].Options))
			if p.name == "kernel" {
				least = slices.Min(extents(l.sites[i].Options))
			}
		}
		list.variants, list.least = append(list.variants, variants), append(list.least, least)
		total += variants
	}
	list.whole = total <= wholeLayer
}

// extents reads options as numbers, 0 where one is none.
func extents(options []string) []int {
	out := make([]int, len(options))
	for k, o := range options {
		out[k], _ = strconv.Atoi(o)
	}
	return out
}

// layer is a layer that was chosen, as the state has it.
type layer struct {
	kind       string // "" before the first
	parameters hash
	units      int // of a dense layer
	dense      int // how many dense layers in a row it ends
}

// layered sees the layer before, at which depth the next one stands, the size of
// the representation, and what was decided of the next layer so far. Genes before
// the layers see one another, those behind see the last layer.
type layered struct {
	*layers
	at       element
	list     *layerList // that the newest decision belongs to; nil if none
	answers  []int
	path     hash // of all decisions
	previous layer
	current  layer
	depth    int // layers that were chosen
	size     int // bin of the representation that the next layer sees; 0: flat
	seen     hash
	site     int
}

func (l *layers) walk() walk {
	return &layered{layers: l, at: newElement(l.places)}
}

func (w *layered) ask(d genome.Decision) question {
	fresh := w.at.move(d)
	w.site = d.Site
	if fresh {
		w.next(d)
	}
	q := question{
		state: uint64(w.seen.with(d.Site)), options: len(w.sites[d.Site].Options), closed: d.Closed,
		weights: w.weights(d), action: fresh || w.list == nil,
	}
	if w.list != nil {
		if d.Site == w.list.site {
			q.weights = w.list.variants
		}
		q.closed = w.rules(d)
	}
	return q
}

// next begins a layer, or the genes before or after the layers.
func (w *layered) next(d genome.Decision) {
	unit, index := w.at.unit, w.at.index[w.at.unit]
	if w.current.kind != "" {
		if w.current.kind == "dense" {
			w.current.dense = w.previous.dense + 1
		}
		w.previous, w.current = w.current, layer{}
		w.depth++
	}
	list := w.lists[unit]
	before := w.list
	w.list = list
	w.seen = hash(0).text(unit).with(index)
	if list == nil && before == nil {
		return
	}
	if list != nil {
		w.size = w.bin(w.extent(list, index))
		if w.sites[d.Site].Kind != genome.SiteMore {
			w.begin()
		}
	} else { // behind the layers
		list = before
		w.size = w.bin(w.extent(list, w.depth))
		w.seen = w.seen.with(w.depth)
	}
	w.seen = w.seen.with(w.size, w.previous.dense).text(w.previous.kind)
	if list.whole {
		w.seen = w.seen.with(int(w.previous.parameters))
	}
}

// begin makes the next layer the current one.
func (w *layered) begin() {
	if w.list.site < 0 {
		w.current.kind = w.list.types[0]
	}
}

func (w *layered) take(option int) {
	w.seen, w.path = w.seen.with(w.site, option), w.path.with(w.site, option)
	w.answers = append(w.answers, option)
	if w.list == nil {
		return
	}
	s := &w.sites[w.site]
	switch p := w.parameters[w.site]; {
	case s.Kind == genome.SiteMore:
		if option == 1 {
			w.begin()
		}
		return
	case w.site == w.list.site:
		w.current.kind = s.Options[option]
	case p == parameter{"dense", "units"}:
		w.current.units, _ = strconv.Atoi(s.Options[option])
	}
	w.current.parameters = w.current.parameters.with(w.site, option)
}

// bin is the least size of a representation's bin.
func (l *layers) bin(size int) int {
	for _, least := range l.bins {
		if size >= least {
			return least
		}
	}
	return min(size, l.bins[len(l.bins)-1])
}

// extent is the smallest spatial extent of what the first n layers of a list
// answer, 0 where that is flat or cannot be read. The genome is completed and
// what follows those layers is cut off.
func (w *layered) extent(list *layerList, n int) int {
	key := w.path.with(n)
	if size, ok := w.sizes[key]; ok {
		return size
	}
	asked := 0
	g, err := w.space.Decide(func(d genome.Decision) int {
		asked++
		if asked <= len(w.answers) {
			return w.answers[asked-1]
		}
		return firstOpen(d)
	})
	size := 0
	if err == nil {
		size = w.read(cut(g.Tree(), list.path, n))
	}
	if len(w.sizes) >= maxSizes {
		clear(w.sizes)
	}
	w.sizes[key] = size
	return size
}

// read is the smallest spatial extent of what a tree of layers answers.
func (l *layers) read(tree genome.Map) int {
	net, err := network.Build(tree, l.input, l.classes)
	if err != nil {
		return 0
	}
	for i := len(net.Nodes) - 1; i >= 0; i-- {
		if node := &net.Nodes[i]; !strings.HasPrefix(node.Name, "answer.") {
			if len(node.Shape) < 2 {
				return 0
			}
			return slices.Min(node.Shape[1:])
		}
	}
	return 0
}

// cut keeps of a tree what comes before a list, and its first n elements.
func cut(tree genome.Map, path []string, n int) genome.Map {
	var out genome.Map
	for _, e := range tree {
		if e.Key != path[0] {
			out = append(out, e)
			continue
		}
		switch v := e.Value.(type) {
		case genome.Map:
			e.Value = cut(v, path[1:], n)
		case []any:
			e.Value = v[:min(n, len(v))]
		}
		return append(out, e)
	}
	return out
}

// rules closes the options that are no legal transition. Where none would be
// left the genome's own options stay open.
func (w *layered) rules(d genome.Decision) []bool {
	s := &w.sites[d.Site]
	closed := make([]bool, len(s.Options))
	copy(closed, d.Closed)
	p := w.parameters[d.Site]
	for k, option := range s.Options {
		size, _ := strconv.Atoi(option)
		switch {
		case s.Kind == genome.SiteMore:
			closed[k] = closed[k] || k == 1 && !w.anyFollows()
		case d.Site == w.list.site:
			closed[k] = closed[k] || !w.follows(option, w.list.least[k])
		case p.name == "kernel" && (p.layer == "conv" || p.layer == "block" || p.layer == "pool"):
			closed[k] = closed[k] || size > w.size
		case p == parameter{"dense", "units"}:
			closed[k] = closed[k] || !w.growingDense && w.previous.kind == "dense" && size > w.previous.units
		}
	}
	if !slices.Contains(closed, false) {
		return d.Closed
	}
	return closed
}

// anyFollows tells whether there may be one more layer.
func (w *layered) anyFollows() bool {
	for k, kind := range w.list.types {
		if w.follows(kind, w.list.least[k]) {
			return true
		}
	}
	return false
}

// follows tells whether a layer of a type may come next. least is its smallest
// kernel.
func (w *layered) follows(kind string, least int) bool {
	before := w.previous.kind
	spatial := slices.Contains([]string{"conv", "block", "pool", "global_pool"}, kind)
	switch {
	case before == "global_pool": // the end of the paper's networks
		return false
	case spatial && before == "dense", spatial && least > w.size:
		return false
	case kind == "pool" && before == "pool":
		return w.repeatedPooling
	case kind == "pool" && before == "":
		return w.initialPooling
	case kind == "dense" && before == "dense":
		return w.previous.dense < w.maxDense
	case kind == "dense":
		return w.size <= w.denseFrom && w.maxDense > 0
	}
	return true
}
