package surrogate

import "slices"

// tokens is a multiset, sorted by id.
type tokens struct {
	of    []count
	total float64
}

type count struct {
	id int32
	n  float64
}

// count makes a multiset of words, which get ids as they come. Ids mean nothing
// outside of one Reader: likeness does not depend on them.
func (r *reader) count(words []string) tokens {
	var ids []int32
	for _, w := range words {
		id, ok := r.ids[w]
		if !ok {
			id = int32(len(r.ids))
			r.ids[w] = id
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	t := tokens{total: float64(len(ids))}
	for i, id := range ids {
		if i > 0 && ids[i-1] == id {
			t.of[len(t.of)-1].n++
		} else {
			t.of = append(t.of, count{id, 1})
		}
	}
	return t
}

// unlike is 1 less Tanimoto's share of common words: from 0 for equal multisets to 1
// for those that have nothing in common.
func (t *tokens) unlike(u *tokens) float64 {
	common := 0.0
	a, b := t.of, u.of
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch x, y := a[i], b[j]; {
		case x.id < y.id:
			i++
		case x.id > y.id:
			j++
		default:
			common += min(x.n, y.n)
			i++
			j++
		}
	}
	all := t.total + u.total - common
	if all == 0 {
		return 0
	}
	return 1 - common/all
}
