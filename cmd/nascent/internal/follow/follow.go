// Package follow tells others what a search has committed: commands of the user's, and
// files and servers of other programs. Each of them, a Sink, is told everything at least
// once, in the order of the ledger, and never keeps the search waiting: it reads the
// ledger from where it was, at its own pace. How far each came is kept in a file beside
// the ledger.
package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// Record is one thing that was committed: a candidate, or the end of a run.
type Record struct {
	// Number is that of the record in its search: 1, 2, ..., the same whoever reads it
	// and whenever.
	Number      uint64
	Evaluations int               // of phase search so far
	Candidate   *engine.Candidate // without curve and output, and without genome if it is a baseline; nil where a run ended
	Leads       bool              // it changed who is best or, with several objectives, the front
	Best        *engine.Candidate // who is best now; nil while nobody is
	Before      *engine.Candidate // who was, where Leads
	Ended       *Ended
}

// Ended is the end of a run.
type Ended struct {
	engine.Ended
	Time time.Time
}

// Search is what is followed.
type Search struct {
	Ledger
	Name string
	Dir  string // absolute
}

// Ledger is what is read of a search's ledger, the one of package ledger.
type Ledger interface {
	engine.Ledger
	Mark() (ledger.Mark, error)
	Entries(from uint64) iter.Seq2[ledger.Entry, error]
}

// Sink is told what was committed.
type Sink interface {
	// Name tells it apart from the others of its search, in all runs.
	Name() string

	// Take is told the records that come next, and says how many of them it has done with.
	// It is told the others again: after an error later, or by the next run.
	Take(ctx context.Context, s *Search, records []Record) (done int, err error)

	// Past tells whether it wants to know what was committed before it was first there.
	Past() bool
}

// A Sink that is an io.Closer is closed at the end.

const (
	most   = 256                    // records that are told at once
	gather = 100 * time.Millisecond // what is committed in that time is told at once
	enough = 2                      // further attempts once the run has ended
)

// The pause after an error, doubled after each further one, and the longest.
var first, last = time.Second, time.Minute

// Follower tells Sinks.
type Follower struct {
	open  func() (*Search, error)
	say   func(text string)
	told  *told
	sinks []*follower

	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// follower tells one Sink.
type follower struct {
	*Follower
	sink   Sink
	news   chan struct{} // something was committed
	ending chan struct{} // closed when nothing more will be
	err    error         // why not everything was told, once it has ended
}

// Follow begins to tell sinks what a ledger holds and will hold, as soon as open answers
// with its search. dir is where it is kept how far each came. say is told of trouble, one
// line each.
func Follow(dir string, led Ledger, open func() (*Search, error), sinks []Sink, say func(text string)) (*Follower, error) {
	told, err := readTold(dir)
	if err != nil {
		return nil, err
	}
	for _, sink := range sinks {
		if _, known := told.get(sink.Name()); known || sink.Past() {
			continue
		}
		now, err := records(led)
		if err == nil {
			err = told.set(sink.Name(), now)
		}
		if err != nil {
			return nil, err
		}
	}
	f := &Follower{open: open, say: say, told: told}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	for _, sink := range sinks {
		one := &follower{Follower: f, sink: sink, news: make(chan struct{}, 1), ending: make(chan struct{})}
		f.sinks = append(f.sinks, one)
		f.done.Go(one.loop)
	}
	return f, nil
}

// News says that something was, or is about to be, committed. It never waits.
func (f *Follower) News() {
	for _, one := range f.sinks {
		select {
		case one.news <- struct{}{}:
		default:
		}
	}
}

// Close tells what is left, and gives up when ctx is done: the next run begins there. It
// returns what was given up, and why.
func (f *Follower) Close(ctx context.Context) error {
	for _, one := range f.sinks {
		close(one.ending)
	}
	stop := context.AfterFunc(ctx, f.cancel)
	defer stop()
	f.done.Wait()
	f.cancel()
	var all []error
	for _, one := range f.sinks {
		if c, ok := one.sink.(io.Closer); ok {
			all = append(all, c.Close())
		}
		if one.err != nil {
			all = append(all, fmt.Errorf("%s: %w", one.sink.Name(), one.err))
		}
	}
	return errors.Join(all...)
}

// loop tells the sink what there is, until nothing more will come.
func (f *follower) loop() {
	src := f.source()
	if src == nil {
		return // it never began
	}
	from, _ := f.told.get(f.sink.Name())
	var waiting []Record
	pause, attempts := first, 0
	for {
		over := f.over() // before reading: what was committed until then is read
		err := f.tell(src, &waiting, &from)
		if f.ctx.Err() == nil {
			f.err = err
		}
		switch {
		case f.ctx.Err() != nil, over && err == nil, over && attempts == enough:
			return
		case err == nil:
			pause = first
			select {
			case <-f.news:
				f.wait(gather)
			case <-f.ending:
			}
		default:
			if pause == first {
				f.say(f.sink.Name() + ": " + err.Error() + "; it is tried again")
			}
			if over {
				attempts++
			}
			f.wait(pause)
			pause = min(last, 2*pause)
		}
	}
}

// source waits for the search; nil: it did not begin.
func (f *follower) source() *source {
	for {
		over := f.over()
		if s, err := f.open(); err == nil {
			return newSource(s)
		}
		if over || f.ctx.Err() != nil {
			return nil
		}
		f.wait(gather)
	}
}

// wait waits, but not once nobody will wait any more.
func (f *follower) wait(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}

func (f *follower) over() bool {
	select {
	case <-f.ending:
		return true
	default:
		return false
	}
}

// tell tells the sink what is new: what waits, from an error, and what follows.
func (f *follower) tell(src *source, waiting *[]Record, from *uint64) error {
	hand := func() error {
		if len(*waiting) == 0 {
			return nil
		}
		done, err := f.sink.Take(f.ctx, src.search, *waiting)
		if done > 0 {
			*from, *waiting = (*waiting)[done-1].Number, (*waiting)[done:]
			err = errors.Join(err, f.told.set(f.sink.Name(), *from))
		}
		return err
	}
	if err := hand(); err != nil {
		return err
	}
	for r, err := range src.records() {
		if err == nil {
			err = f.ctx.Err()
		}
		if err != nil {
			return err
		}
		if r.Number <= *from {
			continue
		}
		if *waiting = append(*waiting, r); len(*waiting) < most {
			continue
		}
		if err := hand(); err != nil {
			return err
		}
	}
	return hand()
}
