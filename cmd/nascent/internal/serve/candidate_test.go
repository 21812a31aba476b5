package serve

import (
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
)

// Who is asked for and has no result is one that runs, one that waits, or one that there is not.
func TestUnknownCandidates(t *testing.T) {
	t.Parallel()
	rows := &show.Rows{Index: &index.Index{}}
	rows.IDs = []engine.ID{1, 2, 4, engine.FinalBase + 1}
	now := &engine.Snapshot{Jobs: []engine.RunningJob{{ID: 3}}, Waiting: 2, Running: 1, Window: 4}
	for id, want := range map[engine.ID]string{
		3:                    "candidate 3 is running, and has no result yet",
		5:                    "candidate 5 has no result: it still waits, or was dropped",
		11:                   "candidate 11 has no result",
		12:                   "there is no candidate 12; the newest that has a result is 4",
		engine.FinalBase + 9: "there is no result of a job f9 of the end",
	} {
		if err := unknown(id, rows, now); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
