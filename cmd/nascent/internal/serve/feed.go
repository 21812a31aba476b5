package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// Asked is what somebody has of a search who asks for the rest.
type Asked struct {
	Search string `json:"search,omitempty"` // hexadecimal, see index.Cursor
	Rows   uint64 `json:"rows,omitempty"`
	Last   uint32 `json:"last,omitempty"`
	Events uint64 `json:"events,omitempty"` // the number of the newest one
}

func (a Asked) cursor() (c index.Cursor) {
	hex.Decode(c.Search[:], []byte(a.Search)) // another length: of another search
	c.Rows, c.Last = a.Rows, a.Last
	return c
}

// State is where a search stands.
type State struct {
	show.Told
	Live    bool            `json:"live"` // a process runs it
	Outcome *engine.Outcome `json:"outcome"`
}

// Told is what came of the final strategy as it can be told, nil if it never began.
func Told(o engine.Outcome, began bool) *engine.Outcome {
	if !began {
		return nil
	}
	o.Violation = min(o.Violation, math.MaxFloat64) // infinite where a metric is missing
	return &o
}

// head is what a feed begins with.
type head struct {
	Search [32]byte             `json:"search"`
	Anew   bool                 `json:"anew"`  // what the asker has is of another search, or of another past of this one
	Total  uint64               `json:"total"` // rows that there are
	Header *engine.Header       `json:"header"`
	Events []engine.EventRecord `json:"events"` // that the asker lacks
}

// A feed is messages: a kind, the length of what follows (4 bytes, little-endian), JSON or
// blocks of rows as package index writes them.
const (
	headMessage  = 'h'
	rowsMessage  = 'r'
	stateMessage = 's' // the last one
)

func message(w io.Writer, kind byte, body []byte) error {
	_, err := w.Write(append(binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(body))), body...))
	return err
}

// rowsWriter makes messages of blocks.
type rowsWriter struct{ io.Writer }

func (w rowsWriter) Write(block []byte) (int, error) {
	return len(block), message(w.Writer, rowsMessage, block)
}

// Write writes a feed of the search in a ledger. rows writes those from a position on.
func Write(w io.Writer, led *ledger.Ledger, a Asked, rows func(w io.Writer, from uint64) error, state func() (State, error)) error {
	mark, err := led.Mark()
	if err != nil {
		return err
	}
	held, err := index.Holds(led, a.cursor())
	if err != nil {
		return err
	}
	h := head{Search: mark.Search, Total: mark.History, Anew: !held}
	if !held {
		a = Asked{}
	}
	if found, ok, err := led.Header(); err != nil {
		return err
	} else if ok {
		h.Header = &found
	}
	for e, err := range led.Events() {
		if err != nil {
			return err
		}
		if e.Seq > a.Events {
			h.Events = append(h.Events, e)
		}
	}
	text, err := json.Marshal(h)
	if err == nil {
		err = message(w, headMessage, text)
	}
	if err == nil {
		err = rows(rowsWriter{w}, a.Rows)
	}
	if err != nil {
		return err
	}
	s, err := state()
	if err != nil {
		return err
	}
	if text, err = json.Marshal(s); err != nil {
		return fmt.Errorf("where the search stands cannot be written: %w", err)
	}
	return message(w, stateMessage, text)
}

// errCut says that a feed ended too early.
var errCut = errors.New("the process that has the search ended while it answered")

// receiver takes the parts of a feed.
type receiver interface {
	begin(head) error
	receive(rows io.Reader, search [32]byte) error
	stand(State)
}

// receive reads a feed to its end.
func receive(r io.Reader, to receiver) error {
	var h head
	for {
		var front [5]byte
		if _, err := io.ReadFull(r, front[:]); err != nil {
			return errCut
		}
		body := make([]byte, binary.LittleEndian.Uint32(front[1:]))
		if _, err := io.ReadFull(r, body); err != nil {
			return errCut
		}
		var err error
		switch front[0] {
		case headMessage:
			if err = json.Unmarshal(body, &h); err == nil {
				err = to.begin(h)
			}
		case rowsMessage:
			err = to.receive(bytes.NewReader(body), h.Search)
		case stateMessage:
			var s State
			if err = json.Unmarshal(body, &s); err == nil {
				to.stand(s)
			}
			return err
		default:
			err = errors.New("the process that runs the search is of another version of nascent, which cannot be read")
		}
		if err != nil {
			return err
		}
	}
}
