package plugintest

import (
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Until waits for an event of the kind, of an evaluator that has one job.
func Until(t *testing.T, s engine.Session, kind engine.EventKind) engine.Event {
	t.Helper()
	for {
		select {
		case e, open := <-s.Events():
			switch {
			case !open:
				t.Fatal("the session ended")
			case e.Kind == kind:
				return e
			case e.Kind == engine.Finished:
				t.Fatalf("finished early: %+v", e.Result)
			}
		case <-time.After(5 * time.Minute):
			t.Fatal("no answer for five minutes")
		}
	}
}

// Exact leaves out what is measured.
func Exact(r *engine.Result) (values engine.Values) {
	for _, v := range r.Metrics {
		if v.Name != "seconds" {
			values = append(values, v)
		}
	}
	return values
}
