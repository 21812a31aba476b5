package evolve

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync/atomic"

	"github.com/nascent-nas/nascent/engine"
)

// memo remembers the newest state that a strategy left behind, so that a turn costs
// what it changes and not what the state holds. Whoever begins without it reads the
// same from the state's bytes.
type memo[S any] struct{ newest atomic.Pointer[memory[S]] }

type memory[S any] struct {
	packed []byte
	state  *S
}

// read is the state of these bytes, to be changed by the caller alone.
func (m *memo[S]) read(packed []byte) (*S, error) {
	if last := m.newest.Swap(nil); last != nil && bytes.Equal(last.packed, packed) {
		return last.state, nil
	}
	state := new(S)
	return state, unpack(packed, state)
}

// keep remembers a state and returns its bytes.
func (m *memo[S]) keep(packed []byte, state *S) []byte {
	m.newest.Store(&memory[S]{packed, state})
	return packed
}

// roll is a list of candidates, with its JSON at hand.
type roll struct {
	ids  []engine.ID
	text []byte // the ids, each with a comma behind it
}

func (l *roll) add(ids ...engine.ID) {
	for _, id := range ids {
		l.ids = append(l.ids, id)
		l.text = append(strconv.AppendUint(l.text, uint64(id), 10), ',')
	}
}

// shorten drops the first until n are left, and lists them.
func (l *roll) shorten(n int) []engine.ID {
	over := max(0, len(l.ids)-n)
	for range over {
		l.text = l.text[bytes.IndexByte(l.text, ',')+1:]
	}
	gone := l.ids[:over:over]
	l.ids = l.ids[over:]
	return gone
}

// UnmarshalJSON reads what appendTo wrote.
func (l *roll) UnmarshalJSON(b []byte) error {
	var ids []engine.ID
	if err := json.Unmarshal(b, &ids); err != nil {
		return err
	}
	*l = roll{}
	l.add(ids...)
	return nil
}

// appendTo adds the list's JSON, under a key, to that of an object.
func (l *roll) appendTo(b []byte, key string) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	if len(l.ids) == 0 {
		return append(b, "null"...)
	}
	b = append(append(b, '['), l.text[:len(l.text)-1]...)
	return append(b, ']')
}

// appendTo adds the JSON of a Ladder, if there is one, to that of an object.
func (l Ladder) appendTo(b []byte) []byte {
	if len(l) == 0 {
		return b
	}
	return append(append(b, `,"ladder":`...), pack(l)...)
}
