package evolve

import (
	"fmt"

	"github.com/nascent-nas/nascent/engine"
)

// generations is the state of a population whose children take its place together.
type generations struct {
	First      engine.ID `json:"first"`      // of its own candidates; 0 before the first turn
	Started    int       `json:"started"`    // known-good genomes proposed
	Generation int       `json:"generation"` // from 0
	Sent       int       `json:"sent"`       // jobs of this generation proposed
	Back       int       `json:"back"`       // and consumed
	Population roll      `json:"population"` // best first
	Children   roll      `json:"children"`   // of this generation, measured so far
	Ladder     Ladder    `json:"ladder,omitempty"`
}

// pack writes the state as JSON.
func (st *generations) pack() []byte {
	b := make([]byte, 0, len(st.Population.text)+len(st.Children.text)+256)
	b = fmt.Appendf(b, `{"first":%d,"started":%d,"generation":%d,"sent":%d,"back":%d`,
		st.First, st.Started, st.Generation, st.Sent, st.Back)
	b = st.Children.appendTo(st.Population.appendTo(b, "population"), "children")
	return append(st.Ladder.appendTo(b), '}')
}

// begin takes over what is in the History: its best, as many as a generation has, are
// the population. It is false where there are none.
func (st *generations) begin(turn engine.Turn, size int, j judge, o opener, p *Promoter) bool {
	st.First = turn.FirstID
	found := j.founders(turn.History, size)
	if len(found) == 0 {
		return false
	}
	for _, c := range found {
		st.Population.add(c.ID)
	}
	st.Started, st.Generation = o.opened(turn), 1
	p.Adopt(&st.Ladder, turn.History)
	return true
}
