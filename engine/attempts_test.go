package engine_test

import (
	"testing"
	"testing/synctest"

	"github.com/nascent-nas/nascent/engine"
)

// The death of a process counts against a job that was alone in it, and against nobody
// where several were: each of them is then tried alone.
func TestDeathsCount(t *testing.T) {
	t.Parallel()
	for name, alone := range map[string]bool{"alone": true, "with others": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var a actor
				a.submit = func(s *scene, x engine.Assignment) error {
					s.send(begun(x))
					if x.Job.ID != 2 || x.Attempt > 3 || !alone && x.Alone { // of the job in question all but the last attempt dies
						s.send(good(x))
						return nil
					}
					s.send(engine.Event{ID: x.Job.ID, Attempt: x.Attempt, Kind: engine.Lost, Reason: "killed", Alone: alone})
					return nil
				}
				cfg := acting(t, &a)
				cfg.Limits.Evaluations, cfg.Failures.Attempts, cfg.Failures.PauseAfter = 4, 4, 100
				run(t, cfg)
				c, err := mustArchive(t, cfg.Ledger).Candidate(2)
				if want := map[bool]int{true: 4, false: 1}[alone]; err != nil || c.Status != engine.OK || c.Attempts != want {
					t.Errorf("after three deaths it is %s, and %d attempts count, want %d; %v", c.Status, c.Attempts, want, err)
				}
			})
		})
	}
}
