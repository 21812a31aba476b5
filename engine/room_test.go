package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// disked is a ledger on a disk with as much room as the test says.
type disked struct {
	engine.Ledger
	free atomic.Int64
}

func (d *disked) Room() (engine.Room, error) {
	return engine.Room{Free: d.free.Load(), Used: 1 << 20}, nil
}

// A search pauses before its disk is full, also when it is run again, goes on once there is
// room, or when somebody has it, and takes the way that it would have taken.
func TestPausesBeforeTheDiskIsFull(t *testing.T) {
	t.Parallel()
	for _, defied := range []bool{false, true} {
		name := "room is made"
		if defied {
			name = "resumed without room"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				plain := acting(t, crawling())
				run(t, plain)
				var sent atomic.Int64
				a := crawling()
				submit := a.submit
				a.submit = func(s *scene, x engine.Assignment) error { sent.Add(1); return submit(s, x) }
				cfg := acting(t, a)
				disk := &disked{Ledger: cfg.Ledger}
				disk.free.Store(1 << 30)
				cfg.Ledger = disk
				s, err := engine.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(5 * time.Second)
					if st := s.Status(); st.Paused != nil || st.Disk == nil || st.Disk.Free != 1<<30 || st.Disk.Used != 1<<20 || st.Disk.Need < 1<<20 {
						t.Errorf("with room it is %+v, %+v", st.Paused, st.Disk)
					}
					disk.free.Store(1 << 20)
					time.Sleep(time.Minute)
					before := sent.Load()
					time.Sleep(time.Hour)
					if st := s.Status(); sent.Load() != before || st.Running != 0 || st.Paused == nil || !strings.Contains(st.Paused.Cause, "make room") {
						t.Errorf("without room it is %+v, and %d jobs were sent", st, sent.Load()-before)
					}
					s.Stop()
				}()
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := sent.Load()
				if s, err = engine.New(cfg); err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(time.Hour)
					if st := s.Status(); sent.Load() != before || st.Paused == nil {
						t.Errorf("%d jobs are sent after a restart, and %+v", sent.Load()-before, st)
					}
					if !defied {
						disk.free.Store(1 << 30)
					} else if _, err := s.Steer(engine.Request{Resume: true, By: "me"}); err != nil {
						t.Error(err)
					}
				}()
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if digest(t, cfg.Ledger, -1) != digest(t, plain.Ledger, -1) || s.Status().State != engine.StateFinished {
					t.Errorf("it took another way: %+v", s.Status())
				}
				said := map[string]int{}
				all, err := engine.Timeline(cfg.Ledger)
				for _, o := range all {
					said[o.Kind+" by "+o.By]++
				}
				who := "nascent"
				if defied {
					who = "me"
				}
				if err != nil || said["pause by nascent"] != 1 || said["resume by "+who] != 1 {
					t.Errorf("the log has %v, %v", said, err)
				}
			})
		})
	}
}

// Who has a search pause is not overruled by room on its disk.
func TestRoomEndsNobodysPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := acting(t, crawling())
		disk := &disked{Ledger: cfg.Ledger}
		cfg.Ledger = disk
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Minute)
			if st := s.Status(); st.Paused == nil || st.Paused.Cause == "" {
				t.Errorf("without room it is %+v", st.Paused)
			}
			if _, err := s.Steer(engine.Request{Pause: &engine.Pause{}, By: "me"}); err != nil {
				t.Error(err)
			}
			disk.free.Store(1 << 40)
			time.Sleep(time.Hour)
			if st := s.Status(); st.Paused == nil || st.Paused.By != "me" || st.Paused.Cause != "" {
				t.Errorf("it is %+v", st.Paused)
			}
			s.Stop()
		}()
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
