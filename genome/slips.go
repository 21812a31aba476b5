package genome

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A map without a kind of gene is a group, and what holds no gene is constant.
// So a slip of the pen, or the spelling of another tool, would run as a constant
// and nobody be told. This file knows such maps: a constant group that a person
// means looks otherwise.

// spelling is a word that other tools have for a kind of gene.
type spelling struct {
	kind string // "int", "float", "choice" or "bool"
	log  bool
	q    bool // the last number is a step
}

// spellings of Optuna, Ray Tune, NNI, Hyperopt, ConfigSpace, NePS, Katib, Ax,
// Keras Tuner and Weights & Biases, in small letters without _ and -, and without
// what stands before them: suggest, hp., tune.
var spellings = map[string]spelling{}

func init() {
	for kind, words := range map[spelling]string{
		{kind: "choice"}: `choices options values categorical categoricals categories enum oneof gridsearch grid discrete ordinal
			categoricaldistribution pchoice sample`,
		{kind: "float"}: `uniform real double number floats range bounds interval normal qnormal randn qrandn uniformfloat
			uniformfloathyperparameter floatdistribution`,
		{kind: "float", log: true}:          `loguniform loguniformvalues reverseloguniform lognormal logspace`,
		{kind: "float", q: true}:            `quniform discreteuniform`,
		{kind: "float", log: true, q: true}: `qloguniform`,
		{kind: "int"}: `integer integers ints randint uniformint uniforminteger
			uniformintegerhyperparameter intdistribution intuniform`,
		{kind: "int", log: true}:          `lograndint`,
		{kind: "int", q: true}:            `qrandint`,
		{kind: "int", log: true, q: true}: `qlograndint`,
		{kind: "bool"}:                    `boolean bools booleans`,
	} {
		for word := range strings.FieldsSeq(words) {
			spellings[word] = kind
		}
	}
}

// spelled returns what a word stands for, in another tool or in ours.
func spelled(word string) (spelling, bool) {
	w := strings.ToLower(word)
	for _, before := range []string{"hp.", "tune.", "optuna.", "trial.", "suggest_", "nni.", "neps."} {
		w = strings.TrimPrefix(w, before)
	}
	w = strings.NewReplacer("_", "", "-", "").Replace(w)
	s, ok := spellings[w]
	if !ok && slices.Contains([]string{"int", "float", "choice", "bool"}, w) {
		s, ok = spelling{kind: w}, true
	}
	if !ok && len(w) > 5 { // long words with a slip in them
		for _, word := range slices.Sorted(maps.Keys(spellings)) {
			if len(word) > 6 && distanceOf(w, word) == 1 {
				return spellings[word], true
			}
		}
	}
	return s, ok
}

var (
	lowEnds  = []string{"min", "low", "lower", "min_value", "minimum", "minval", "lo", "lower_bound"}
	highEnds = []string{"max", "high", "upper", "max_value", "maximum", "maxval", "hi", "upper_bound"}
	// naming says which kind it is where the kind is a value.
	naming = []string{"type", "_type", "parameterType", "parameter_type", "distribution", "dist", "param_type", "value_type"}
	// saying holds the range or the options there.
	saying = []string{"_value", "value", "values", "choices", "options", "bounds", "range", "feasibleSpace", "feasible_space",
		"categories", "sequence", "name", "_name"}
	// beside a gene, in ours and in other tools.
	beside = []string{"step", "log", "weights", "ordered", "length", "depth", "q", "base", "default", "default_value", "sampling",
		"prior", "scale", "name", "_name", "mu", "sigma", "is_fidelity", "log_scale", "size", "upper", "lower", "probabilities", "p"}
	// rules between genes.
	ruling = []string{"forbidden", "forbiddens", "forbidden_clauses", "conditions", "condition", "dependencies", "constraints", "exclude"}
)

// slip tells a map that was meant for a gene, and what was meant.
func (d *declarer) slip(m Map, path []string) *Mistake {
	known := func(key string, more ...string) bool {
		return slices.Contains(beside, key) || slices.Contains(more, key)
	}
	for _, e := range m {
		others := slices.ContainsFunc(m, func(o Entry) bool { return o.Key != e.Key && !known(o.Key) })
		if others {
			continue
		}
		at := child(path, e.Key)
		if s, ok := spelled(e.Key); ok && s.fits(e.Value) {
			return fault(at, "write "+s.example(e.Value, m)+constants, "%q is no kind of gene", shorten(e.Key))
		}
		if kind := d.closest(e, m); kind != "" {
			return fault(at, "write "+kind+constants, "%q is no kind of gene", shorten(e.Key))
		}
	}
	if inner, ok := oneOf(m, []string{"attributes"}).(Map); ok && len(m) == 2 { // Optuna's JSON
		name, _ := oneOf(m, []string{"name"}).(string)
		if s, ok := spelled(name); ok {
			return fault(path, "write "+s.example(inner, inner)+constants, "%s declares no gene", describe(m))
		}
	}
	lo, hi := oneOf(m, lowEnds), oneOf(m, highEnds)
	kind, named := "", false
	if word, ok := oneOf(m, naming).(string); ok {
		var s spelling
		if s, named = spelled(word); named {
			kind = s.kind
		}
	}
	_, isLow := real(lo)
	_, isHigh := real(hi)
	switch {
	case isLow && isHigh && !slices.ContainsFunc(m,
		func(e Entry) bool { return !known(e.Key, slices.Concat(lowEnds, highEnds, naming)...) }):
		s := spelling{kind: kind}
		if kind != "int" && kind != "float" {
			s.kind = rangeKind(lo, hi)
		}
		return fault(path, "write "+s.example([]any{lo, hi}, m)+constants, "%s declares no gene", describe(m))
	case named && (isHigh || oneOf(m, saying) != nil):
		s := spelling{kind: kind}
		return fault(path, "write "+s.example(oneOf(m, saying), m)+constants, "%s declares no gene", describe(m))
	}
	return nil
}

const constants = "; a group of constants needs other names"

// slipOfTop tells a key of the top that another tool has and we have not.
func slipOfTop(e Entry, path []string) *Mistake {
	if slices.Contains(ruling, e.Key) && !holdsKind(e.Value) {
		return fault(path,
			"put genes that depend on an option into it, as in choice: [a, {b: {x: {int: [1, 8]}}}]; a constant needs another name",
			"is no rule that a space knows")
	}
	return nil
}

// slipOfWord tells a word that was meant for a gene: float, uniform(0, 1).
func slipOfWord(word string, path []string) *Mistake {
	name, call, called := strings.Cut(word, "(")
	s, ok := spelled(name)
	if !ok || called != strings.HasSuffix(word, ")") || !called && !isKeyword(word) {
		return nil
	}
	var args []any
	for arg := range strings.SplitSeq(strings.Trim(call, "()[] "), ",") {
		arg = strings.Trim(arg, ` "'[]`)
		if x, err := numberOf(arg); err == nil {
			args = append(args, x)
		} else if arg != "" {
			args = append(args, arg)
		}
	}
	return fault(path, "write "+s.example(args, nil)+"; for the word itself {choice: ["+strconv.Quote(word)+"]}",
		"%q is a word, no gene", shorten(word))
}

// holdsKind tells whether a kind of gene is declared anywhere in a value.
func holdsKind(v any) bool {
	switch v := v.(type) {
	case Map:
		return slices.ContainsFunc(v, func(e Entry) bool { return isKeyword(e.Key) || holdsKind(e.Value) })
	case []any:
		return slices.ContainsFunc(v, holdsKind)
	}
	return v == "bool"
}

// oneOf returns the value of the first of some keys, nil if there is none.
func oneOf(m Map, keys []string) any {
	for _, key := range keys {
		if v, ok := m.Get(key); ok {
			return v
		}
	}
	return nil
}

// fits tells whether a value may be what the kind holds.
func (s spelling) fits(v any) bool {
	list, isList := v.([]any)
	numbers := isList && len(list) > 0 && !slices.ContainsFunc(list, func(e any) bool { _, ok := real(e); return !ok })
	m, isMap := v.(Map)
	ends := isMap && oneOf(m, lowEnds) != nil && oneOf(m, highEnds) != nil
	switch s.kind {
	case "choice":
		return isList && len(list) > 0
	case "bool":
		return v == true
	case "int":
		_, one := whole(v)
		return numbers && len(list) <= 3 || ends || one
	}
	return numbers && len(list) >= 2 && len(list) <= 3 || ends
}

// example writes the gene that was meant. beside may hold what changes it.
func (s spelling) example(v any, beside Map) string {
	list, _ := v.([]any)
	if m, ok := v.(Map); ok {
		if lo, hi := oneOf(m, lowEnds), oneOf(m, highEnds); lo != nil && hi != nil {
			list = []any{lo, hi}
		} else if inner, ok := oneOf(m, []string{"list", "values", "choices"}).([]any); ok { // Katib's feasibleSpace
			list = inner
		}
	}
	switch s.kind {
	case "choice":
		if len(list) == 0 {
			return "{choice: [a, b]}"
		}
		return "{choice: " + describe(list) + "}"
	case "bool":
		return "{bool: true}"
	}
	step, _ := beside.Get("step")
	if step == nil {
		step, _ = beside.Get("q")
	}
	if s.q && len(list) == 3 {
		step = list[2]
	}
	out := "{float: [0.001, 0.1]"
	if s.kind == "int" {
		out = "{int: [1, 8]"
	}
	if len(list) >= 2 {
		out = "{" + s.kind + ": " + describe(list[:2])
	}
	if step != nil {
		out += ", step: " + describe(step)
	}
	if log, _ := beside.Get("log"); s.log || log == true {
		out += ", log: true"
	}
	return out + "}"
}

// rangeKind is int for whole ends, else float.
func rangeKind(lo, hi any) string {
	_, a := lo.(int64)
	_, b := hi.(int64)
	if a && b {
		return "int"
	}
	return "float"
}

// closest returns the kind of gene that a key was meant for, if its value is
// what that kind holds.
func (d *declarer) closest(e Entry, m Map) string {
	list, isList := e.Value.([]any)
	inner, isMap := e.Value.(Map)
	word, _ := e.Value.(string)
	for _, kind := range slices.Sorted(maps.Keys(keywords)) {
		far := distanceOf(strings.ToLower(e.Key), kind)
		if far > 2 || far > 1 && len(kind) < 5 || e.Key == "pool" {
			continue
		}
		fits := false
		switch kind {
		case "int", "float":
			fits = isList && len(list) == 2 && spelling{kind: kind}.fits(list)
		case "choice":
			fits = isList
		case "bool":
			fits = e.Value == true
		case "list":
			_, fits = m.Get("length")
		case "cell":
			fits = isMap && isCell(inner)
		case "use":
			fits = slices.Contains(d.defined, word)
		case "from":
			fits = slices.Contains(d.named, word)
		}
		if fits {
			return kind
		}
	}
	return ""
}

// distanceOf counts the letters to insert, delete, replace or swap to make b of
// a (Damerau).
func distanceOf(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
			default:
				same := 1
				if a[i-1] == b[j-1] {
					same = 0
				}
				rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+same)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
				}
			}
		}
	}
	return rows[len(a)][len(b)]
}
