package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// comparable tells whether results of an evaluator can be compared with those of
// one that was opened before. What ships with nascent says by a number when its
// results change, so that an upgrade alone refuses no search; it began with 1,
// which ledgers of before do not say. Of everything else the program is compared.
func (h *Hello) comparable(then *Hello) bool {
	if h.Results == 0 {
		return h.Fingerprint == then.Fingerprint
	}
	return h.Name == then.Name && len(h.changes(then)) == 0
}

// Differs says in words why results of an evaluator cannot be compared with those of
// another; nil if they can.
func (h *Hello) Differs(other *Hello) []string {
	if h.comparable(other) {
		return nil
	}
	if said := h.changes(other); len(said) > 0 {
		return said
	}
	return []string{"it is another build of " + other.Name}
}

// changes says in words what makes an evaluator another than it was.
func (h *Hello) changes(then *Hello) []string {
	if h.Name != then.Name {
		return []string{fmt.Sprintf("it is %s now and was %s", h.Name, then.Name)}
	}
	said := IdentityChanges(then.Identity, h.Identity)
	switch was := max(then.Results, 1); {
	case h.Results == 0 && len(said) == 0 && h.Fingerprint != then.Fingerprint:
		said = append(said, "the program of "+h.Name+" changed")
	case h.Results > 0 && h.Results != was:
		said = append(said, fmt.Sprintf("this version of nascent makes other results with %s (their version is %d, and was %d)", h.Name, h.Results, was))
	}
	return said
}

// ChangedError refuses an evaluator that is another than it was.
type ChangedError struct {
	What []string // "evaluate.py changed"
}

func (e *ChangedError) Error() string { return strings.Join(e.What, ", ") }

// IdentityFiles are the hashes of the author's own files in an identity, by name: the
// sources of a program in Python, from the directory of its file, and what the words
// of a command name, without directories.
func IdentityFiles(identity string) map[string]string { return readIdentity(identity).files }

// Kernels is the set of numerical kernels that its results depend on, as it says at the end
// of its data: "kernels avx2"; "" if it says nothing.
func (h *Hello) Kernels() string { return readIdentity(h.Identity).kernels }

// IdentityChanges says in words what is different of two identities, see
// Hello.Identity: "evaluate.py changed", "option batch: 64, was 32". It is empty
// where results are the same.
func IdentityChanges(then, now string) []string {
	if then == now {
		return nil
	}
	a, b := readIdentity(then), readIdentity(now)
	var said []string
	if len(b.files) > 0 { // what ships told its own files once, and has none now
		for _, name := range slices.Sorted(maps.Keys(union(a.files, b.files))) {
			was, had := a.files[name]
			is, has := b.files[name]
			switch {
			case !had:
				said = append(said, name+" was added")
			case !has:
				said = append(said, name+" was removed")
			case was != is:
				said = append(said, name+" changed")
			}
		}
	}
	said = append(said, optionChanges("", a.options, b.options)...)
	if a.kernels != b.kernels {
		said = append(said, fmt.Sprintf("it computes with the kernels %s, and did with %s (NASCENT_KERNEL chooses)",
			cmp.Or(clip(b.kernels), "that it does not name"), cmp.Or(clip(a.kernels), "others")))
	}
	if a.data != b.data {
		said = append(said, fmt.Sprintf("its data changed (%s, was %s)", clip(b.data), clip(a.data)))
	}
	return said
}

// identity is an identity taken apart.
type identity struct {
	options map[string]any
	files   map[string]string // hashes of the author's own files, by name
	data    string
	kernels string
}

// readIdentity reads options as a JSON object and then, after the word data, what
// the evaluator says of its data. Of a program's own, the JSON-lines protocol says
// there: its command, as a list of words, a file's name with its hash in place of
// its path; and an object with the hashes of its sources, and its data.
func readIdentity(text string) identity {
	out := identity{files: map[string]string{}}
	const word = " kernels "
	if at := strings.LastIndex(text, word); at >= 0 && !strings.ContainsAny(text[at+len(word):], " \"") {
		text, out.kernels = text[:at], text[at+len(word):]
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&out.options) != nil {
		out.data = text
		return out
	}
	if out.options == nil {
		out.options = map[string]any{}
	}
	rest, _ := strings.CutPrefix(strings.TrimSpace(text[d.InputOffset():]), "data ")
	for rest != "" {
		var raw json.RawMessage
		d := json.NewDecoder(strings.NewReader(rest))
		if d.Decode(&raw) != nil || !out.program(raw) {
			break
		}
		rest = strings.TrimSpace(rest[d.InputOffset():])
	}
	out.data = strings.TrimSpace(out.data + " " + rest)
	return out
}

// program takes in what the JSON-lines protocol says, and tells whether it was that.
func (i *identity) program(raw json.RawMessage) bool {
	var words []string
	if json.Unmarshal(raw, &words) == nil {
		for k, word := range words {
			if name, hash, ok := strings.Cut(word, " "); ok && len(hash) == 64 {
				i.files[name], words[k] = hash, name
			}
		}
		i.options["command"] = strings.Join(words, " ")
		return true
	}
	var said struct {
		Sources map[string]string `json:"sources"`
		Data    string            `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&said) != nil {
		return false
	}
	maps.Copy(i.files, said.Sources)
	i.data = said.Data
	return true
}

// optionChanges says which options are others, by their paths.
func optionChanges(path string, then, now map[string]any) []string {
	var said []string
	for _, key := range slices.Sorted(maps.Keys(union(then, now))) {
		was, had := then[key]
		is, has := now[key]
		a, groupThen := was.(map[string]any)
		b, groupNow := is.(map[string]any)
		switch {
		case groupThen && groupNow:
			said = append(said, optionChanges(path+key+".", a, b)...)
		case !had:
			said = append(said, fmt.Sprintf("option %s%s: %s, was not given", path, key, written(is)))
		case !has:
			said = append(said, fmt.Sprintf("option %s%s: not given, was %s", path, key, written(was)))
		case written(was) != written(is):
			said = append(said, fmt.Sprintf("option %s%s: %s, was %s", path, key, written(is), written(was)))
		}
	}
	return said
}

// written is a value as people write it.
func written(v any) string {
	if text, ok := v.(string); ok {
		return clip(text)
	}
	text, _ := json.Marshal(v) // it was read from JSON
	return clip(string(text))
}

func union[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return all
}
