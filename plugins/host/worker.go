package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"google.golang.org/grpc/status"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// worker is a place for one process at a time, and the jobs on board. It lives
// in incarnations: each starts a process, or takes over a started one, serves
// until that is gone, and answers the jobs that went down with it. All its
// fields are under the session's lock.
type worker struct {
	s         *session
	place     int // no other worker of the session has it
	jobs      map[key]*job
	exclusive bool // one job that must be alone is on board
	retired   bool // takes no more jobs; its process is ending
	alive     bool // an incarnation is running
	failures  int  // ends in a row without a finished job
	link      *link
	cancel    context.CancelCauseFunc // of the incarnation's waiting and starting
	killed    map[key]bool            // whom Kill was meant for
}

// newWorker adds a worker to the session, at the first place that is free.
func newWorker(s *session) *worker {
	taken := make([]bool, len(s.workers)+1)
	for _, w := range s.workers {
		if w.place < len(taken) {
			taken[w.place] = true
		}
	}
	return newWorkerAt(s, slices.Index(taken, false))
}

// newWorkerAt adds a worker at a place that is free.
func newWorkerAt(s *session, place int) *worker {
	w := &worker{s: s, place: place, jobs: map[key]*job{}}
	s.workers = append(s.workers, w)
	return w
}

// forward hands a job to the process, or sees to it that one starts.
func (w *worker) forward(k key, j *job) {
	switch {
	case w.link != nil && w.killed == nil:
		j.sent = true
		w.link.process.log.aboard(w.order())
		w.link.out.Put(order{job: &j.assignment})
	case !w.alive:
		w.begin(nil)
	}
}

// begin starts an incarnation. With the lock held, or before the session is
// known.
func (w *worker) begin(l *link) {
	w.alive = true
	ctx, cancel := context.WithCancelCause(context.Background())
	w.cancel = cancel
	w.s.wg.Go(func() {
		defer cancel(nil)
		w.live(ctx, l)
	})
}

// drop forgets an answered job.
func (w *worker) drop(k key) {
	delete(w.jobs, k)
	if len(w.jobs) > 0 {
		if w.link != nil {
			w.link.process.log.aboard(w.order())
		}
		return
	}
	w.exclusive = false
	w.leave()
}

// leave ends a worker without jobs, if there are more than are wanted.
func (w *worker) leave() {
	if i := slices.Index(w.s.workers, w); i >= w.s.want && !w.retired {
		w.retired = true
		w.close()
		if w.link != nil {
			time.AfterFunc(stopGrace, w.link.process.kill) // should it not mind being asked
		}
		if !w.alive {
			w.s.workers = slices.Delete(w.s.workers, i, i+1)
		}
	}
}

// close asks the process to end.
func (w *worker) close() {
	if w.cancel != nil {
		w.cancel(errClosed)
	}
	if w.link != nil {
		w.link.out.Close()
	}
}

// abort ends the process at once.
func (w *worker) abort() {
	if w.cancel != nil {
		w.cancel(errKilled)
	}
	if w.link != nil {
		w.link.process.kill()
	}
}

var errKilled = errors.New("killed")

// live is one incarnation.
func (w *worker) live(ctx context.Context, l *link) {
	s := w.s
	var failed error
	if l == nil {
		if failed = w.pause(ctx); failed == nil {
			l, failed = w.connect(ctx)
		}
	}
	if l != nil {
		s.mu.Lock()
		w.link = l
		if s.closed || w.retired || ctx.Err() != nil {
			l.out.Close()
		}
		l.process.log.aboard(w.order())
		for _, k := range w.order() {
			w.jobs[k].sent = true
			l.out.Put(order{job: &w.jobs[k].assignment})
		}
		s.mu.Unlock()
		sent := make(chan struct{})
		go func() {
			l.send(s)
			close(sent)
		}()
		failed = w.receive(l)
		s.mu.Lock()
		orderly, struck := s.closed || w.retired, w.killed != nil
		s.mu.Unlock()
		broke := false
		if !orderly {
			broke = !l.process.dies(failed) && !struck // it lives, and only its stream has ended
			l.process.kill()
		}
		ending, stop := context.WithCancel(context.Background())
		go func() {
			select {
			case <-s.forced:
				stop()
			case <-ending.Done():
			}
		}()
		l.end(ending)
		stop()
		l.out.Close()
		<-sent
		if broke {
			failed = fmt.Errorf("%s broke off the stream of jobs: %s%s", s.plugin.Name, status.Convert(failed).Message(), l.process.quote())
		} else {
			failed = errors.New(l.process.cause())
		}
	}
	w.settle(l, failed)
}

// starting bounds how many processes start at once: hundreds would keep each other
// from getting on, and whoever wants them to end waiting.
var starting = make(chan struct{}, 2*runtime.NumCPU())

// connect starts a process when it is its turn.
func (w *worker) connect(ctx context.Context) (*link, error) {
	select {
	case starting <- struct{}{}:
		defer func() { <-starting }()
		return w.s.connect(ctx, w.place)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// pause waits longer and longer before a process is started that keeps
// failing.
func (w *worker) pause(ctx context.Context) error {
	w.s.mu.Lock()
	n := w.failures
	w.s.mu.Unlock()
	if n == 0 {
		return nil
	}
	select {
	case <-time.After(min(50*time.Millisecond<<min(n-1, 10), 30*time.Second)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// order is the jobs on board by id.
func (w *worker) order() []key {
	var ks []key
	for k := range w.jobs {
		ks = append(ks, k)
	}
	slices.SortFunc(ks, func(a, b key) int {
		if a.id != b.id {
			return int(int64(a.id) - int64(b.id))
		}
		return a.attempt - b.attempt
	})
	return ks
}

// settle answers what was on board when the process ended, or could not be
// started, and begins anew where jobs came in meanwhile.
func (w *worker) settle(l *link, cause error) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	reason := "its process ended"
	if cause != nil {
		reason = engine.OneLine(cause.Error())
	}
	var changed *engine.ChangedError
	if errors.As(cause, &changed) {
		s.events.Put(engine.Event{Kind: engine.Broken, Reason: changed.Error() + " while the search ran"})
	}
	// That a job had begun may not have reached us before the end, so every
	// one that was sent counts as on board.
	board := 0
	for _, j := range w.jobs {
		if j.sent {
			board++
		}
	}
	for _, k := range w.order() {
		j := w.jobs[k]
		e := engine.Event{Kind: engine.Lost, Reason: reason}
		switch {
		case w.killed[k]:
			e.Reason, e.Alone = "killed", true
		case s.closed:
			e.Kind, e.Reason = engine.Returned, "shutting down"
		case changed != nil:
			e.Kind = engine.Returned
		case w.killed != nil && !j.sent:
			continue // came in after the blow
		case w.killed != nil:
			e.Kind, e.Reason = engine.Returned, "its process was killed because of another job"
		case l == nil:
			e.Alone = true // it cannot be started: everybody's fault
		case !j.sent:
			continue
		case j.begun.IsZero() && l.began:
			e.Kind = engine.Returned // the process went before it got to it
		default:
			e.Alone = board == 1
		}
		delete(w.jobs, k)
		s.emit(k, e)
	}
	for k, other := range s.acks {
		if other == l {
			delete(s.acks, k)
		}
	}
	if w.killed == nil && !s.closed && !w.retired {
		w.failures++
	}
	w.link, w.killed, w.alive, w.cancel = nil, nil, false, nil
	switch {
	case len(w.jobs) > 0 && !s.closed:
		w.begin(nil)
	case len(w.jobs) > 0:
		for _, k := range w.order() {
			delete(w.jobs, k)
			s.emit(k, engine.Event{Kind: engine.Returned, Reason: "shutting down"})
		}
	default:
		w.exclusive = false
		if i := slices.Index(s.workers, w); i >= s.want {
			s.workers = slices.Delete(s.workers, i, i+1)
		}
	}
}

// receive takes reports until the stream ends. The events of one message go on
// together.
func (w *worker) receive(l *link) error {
	var events []engine.Event
	for {
		m, err := l.stream.Recv()
		if err != nil {
			return err
		}
		now := time.Now()
		l.look(m, now)
		for _, id := range m.Begun {
			events = w.begun(l, key{engine.ID(id), 1}, now, events)
		}
		for _, r := range m.Reports {
			if files(r) {
				w.s.events.Put(events...) // storing takes time
				events = events[:0]
			}
			events = w.report(l, r, now, events)
		}
		w.s.events.Put(events...)
		clear(events)
		events = events[:0]
	}
}

// files tells whether a report brings files.
func files(r *proto.Report) bool {
	return r.GetSaved() != nil || len(r.GetFinished().GetFiles()) > 0
}

// begun handles the news that an attempt has begun and adds it to events.
func (w *worker) begun(l *link, k key, now time.Time, events []engine.Event) []engine.Event {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if j := w.aboard(l, k); j != nil {
		events = j.begin(l, k, now, events)
	}
	return events
}

// begin notes that a job has begun, once. With the lock held.
func (j *job) begin(l *link, k key, now time.Time, events []engine.Event) []engine.Event {
	if j.begun.IsZero() {
		j.begun, l.began = now, true
		j.taken.before, j.taken.marked = l.mark.cpu, l.mark.at.Equal(now)
		events = append(events, engine.Event{ID: k.id, Attempt: k.attempt, Kind: engine.Begun})
	}
	return events
}

// aboard is the job of an attempt, nil if that is not on board: what came was a late
// answer, a second one, or has a wrong id. With the lock held.
func (w *worker) aboard(l *link, k key) *job {
	if j := w.jobs[k]; j != nil && j.sent {
		return j
	}
	l.process.log.to.Warn("dropped a report about a job that is not on board", "job", k.id.String(), "attempt", k.attempt)
	return nil
}

// report handles one report and adds what it means to events.
func (w *worker) report(l *link, r *proto.Report, now time.Time, events []engine.Event) []engine.Event {
	s := w.s
	k := key{engine.ID(r.Id), int(r.Attempt)}
	add := func(e engine.Event) {
		e.ID, e.Attempt = k.id, k.attempt
		events = append(events, e)
	}
	s.mu.Lock()
	j := w.aboard(l, k)
	if j == nil {
		s.mu.Unlock()
		return events
	}
	if _, returned := r.What.(*proto.Report_Returned); !returned {
		events = j.begin(l, k, now, events)
	}
	switch what := r.What.(type) {
	case *proto.Report_Progress:
		p := proto.PointFrom(what.Progress)
		j.curve = append(j.curve, p)
		s.mu.Unlock()
		add(engine.Event{Kind: engine.Progress, Point: p})
	case *proto.Report_Returned:
		reason := engine.OneLine(what.Returned)
		if reason == "" {
			reason = "handed back"
		}
		w.drop(k)
		s.mu.Unlock()
		add(engine.Event{Kind: engine.Returned, Reason: reason})
	case *proto.Report_Saved:
		s.mu.Unlock()
		var ref engine.FileRef
		err := engine.CheckFileName(what.Saved.Name)
		if err == nil {
			ref, err = put(w.s.setup.Files, l.scratch, what.Saved)
		}
		s.mu.Lock()
		if err != nil {
			l.process.log.to.Error("cannot keep saved progress", "job", k.id.String(), "error", err)
		} else if w.jobs[k] == j {
			j.saved = engine.WithFile(j.saved, ref)
			add(engine.Event{Kind: engine.Saved, Files: j.saved})
		}
		s.mu.Unlock()
	case *proto.Report_Finished:
		w.failures = 0
		s.acks[k] = l
		w.drop(k) // from here on it is ours alone
		s.mu.Unlock()
		add(engine.Event{Kind: engine.Finished, Result: w.result(l, j, what.Finished), Fault: what.Finished.Fault,
			Crashed: what.Finished.Crashed})
	default:
		s.mu.Unlock()
	}
	return events
}

// result makes the engine's result of an answer: judged, timed, its files in
// the store.
func (w *worker) result(l *link, j *job, f *proto.Finished) *engine.Result {
	result := proto.FinishedFrom(f)
	if result.Seconds == 0 && !w.s.hello.Exact("seconds") {
		result.Seconds = time.Since(j.begun).Seconds()
	}
	if len(result.Curve) == 0 {
		result.Curve = j.curve
	}
	for _, file := range f.Files {
		if result.Status == engine.Failed {
			os.Remove(file.Path)
			continue
		}
		ref, err := put(w.s.setup.Files, l.scratch, file)
		if err != nil {
			*result = engine.Result{Status: engine.Failed, Reason: engine.OneLine(err.Error()), Seconds: result.Seconds}
			continue
		}
		result.Files = append(result.Files, ref)
	}
	return result
}

// put takes a plugin's file into the store. It must be a plain file in the
// directory that the process was given.
func put(files engine.Files, scratch string, f *proto.File) (engine.FileRef, error) {
	if files == nil {
		return engine.FileRef{}, errors.New("the search has no store of files")
	}
	if rel, err := filepath.Rel(scratch, f.Path); err != nil || !filepath.IsLocal(rel) {
		return engine.FileRef{}, fmt.Errorf("the file %s is not in the plugin's own directory", f.Name)
	}
	info, err := os.Lstat(f.Path)
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("the file %s is not there: %w", f.Name, err)
	}
	if !info.Mode().IsRegular() {
		return engine.FileRef{}, fmt.Errorf("the file %s is no plain file", f.Name)
	}
	return files.Put(f.Path, f.Name)
}
