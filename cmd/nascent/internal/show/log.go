package show

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Log prints a running search as JSON objects, one a line, for programs that gather
// logs: time, level, msg, search, and what belongs to each msg (docs/cli.md). It never
// keeps the search waiting: what the reader does not take in time is left out, and how
// much that was is said.
type Log struct {
	handler slog.Handler
	search  slog.Attr
	live    Live

	mu      sync.Mutex
	waiting []entry
	dropped int
	wake    chan struct{}

	close  chan struct{}
	closed sync.WaitGroup
	once   sync.Once
}

// entry is a line that is to be printed.
type entry struct {
	at    time.Time
	level slog.Level
	text  string
	attrs []slog.Attr
}

// logRoom bounds the lines that wait.
const logRoom = 10_000

// NewLog gathers what is to be printed about the search of that name.
func NewLog(out io.Writer, name string) *Log {
	return &Log{
		handler: slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}), search: slog.String("search", name),
		wake: make(chan struct{}, 1), close: make(chan struct{}),
	}
}

// Follow begins to print, and tells now and then where the search stands.
func (l *Log) Follow(live Live) {
	l.live = live
	l.closed.Go(l.loop)
}

// Close prints what is left and ends.
func (l *Log) Close(last string) {
	if last != "" {
		l.Say(last)
	}
	l.once.Do(func() { close(l.close) })
	l.closed.Wait()
	l.flush() // of what never followed
}

func (l *Log) loop() {
	const most = time.Minute
	pause := time.Second
	progress := time.NewTimer(pause)
	defer progress.Stop()
	shown := -1
	for {
		select {
		case <-l.wake:
		case <-progress.C:
			if v, err := l.live(); err == nil {
				if s := v.Status(); s.Evaluations != shown {
					shown = s.Evaluations
					l.add(slog.LevelInfo, "progress", standing(s)...)
				}
			}
			pause = min(most, pause*3/2)
			progress.Reset(pause)
		case <-l.close:
			l.flush()
			if v, err := l.live(); err == nil {
				l.add(slog.LevelInfo, "ended", standing(v.Status())...)
				l.flush()
			}
			return
		}
		l.flush()
	}
}

// standing are the attributes that tell where a search stands.
func standing(s engine.Snapshot) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("state", string(s.State)), slog.String("phase", string(s.Phase)), slog.Int("evaluations", s.Evaluations),
		slog.Int("ok", s.OK), slog.Int("invalid", s.Invalid), slog.Int("failed", s.Failed), slog.Int("running", s.Running),
		slog.Float64("wall", s.Wall), slog.Float64("seconds", s.Spent.Seconds),
	}
	if s.Cause != "" {
		attrs = append(attrs, slog.String("cause", s.Cause))
	}
	if len(s.Best) > 0 {
		attrs = append(attrs, slog.Any("best", s.Best[0].ID), slog.Any("metrics", s.Best[0].Means()))
	}
	if s.Hypervolume != nil {
		attrs = append(attrs, slog.Float64("hypervolume", *s.Hypervolume))
		if s.HypervolumeError > 0 {
			attrs = append(attrs, slog.Float64("hypervolume_error", s.HypervolumeError))
		}
	}
	return attrs
}

func (l *Log) flush() {
	l.mu.Lock()
	lines, dropped := l.waiting, l.dropped
	l.waiting, l.dropped = nil, 0
	l.mu.Unlock()
	if dropped > 0 {
		lines = append(lines, entry{time.Now(), slog.LevelWarn, "left out", []slog.Attr{slog.Int("lines", dropped)}})
	}
	for _, e := range lines {
		r := slog.NewRecord(e.at, e.level, e.text, 0)
		r.AddAttrs(l.search)
		r.AddAttrs(e.attrs...)
		l.handler.Handle(context.Background(), r)
	}
}

func (l *Log) add(level slog.Level, text string, attrs ...slog.Attr) {
	l.mu.Lock()
	if len(l.waiting) < logRoom {
		l.waiting = append(l.waiting, entry{time.Now(), level, text, attrs})
	} else {
		l.dropped++
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Fail adds what ended the search.
func (l *Log) Fail(err error) {
	l.add(slog.LevelError, "failed", slog.String("reason", Clean(err.Error())))
}

// Say adds a line for people.
func (l *Log) Say(text string) { l.add(slog.LevelInfo, "note", slog.String("text", Clean(text))) }

// Observe takes an update in; it is engine.Config's Observe.
func (l *Log) Observe(u engine.Update) {
	switch u.Kind {
	case engine.Dispatched:
		l.add(slog.LevelDebug, "started", slog.Any("id", u.Job.ID), slog.Int("attempt", u.Attempt), slog.Int("fidelity", u.Job.Fidelity))
	case engine.Consumed:
		c := u.Candidate
		level := slog.LevelInfo
		attrs := []slog.Attr{
			slog.Any("id", c.ID), slog.String("status", string(c.Status)), slog.String("phase", string(c.Phase)),
			slog.Int("fidelity", c.Fidelity), slog.Float64("seconds", c.Seconds), slog.Any("metrics", slices.Clone(c.Metrics)),
		}
		if c.Usage != (engine.Usage{}) {
			attrs = append(attrs, slog.Any("usage", c.Usage))
		}
		if c.Status != engine.OK {
			level = slog.LevelWarn
			attrs = append(attrs, slog.String("reason", Clean(c.Reason)))
		}
		l.add(level, "candidate", attrs...)
	case engine.Retried:
		l.add(slog.LevelWarn, "retried", slog.Any("id", u.Job.ID), slog.Int("attempt", u.Attempt), slog.String("reason", Clean(u.Text)))
	case engine.Said:
		l.Say(u.Text)
	}
}
