package command

import (
	"errors"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// best is how the command line names the best candidate.
const best = "best"

// readID reads the name of a candidate; that of the best is 0.
func readID(name string) (engine.ID, error) {
	if name == best {
		return 0, nil
	}
	id, err := engine.ParseID(name)
	if err != nil {
		return 0, wrongInput("%v, or %s", err, best)
	}
	return id, nil
}

// pick finds a candidate, the best for 0: the winner, once there is one, for the
// best figure of a search is partly luck.
func pick(v *show.View, id engine.ID) (engine.Candidate, error) {
	if o, ok := v.Outcome(); ok && id == 0 {
		id = o.Winner
	}
	if id == 0 {
		best := v.Best(1)
		if len(best) == 0 {
			return engine.Candidate{}, errors.New("nothing has been measured yet, so there is no best; name a candidate")
		}
		id = best[0].ID
	}
	return v.Candidate(id)
}
