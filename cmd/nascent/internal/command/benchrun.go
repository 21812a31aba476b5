package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// runAll runs all searches, some at once, until they are finished or somebody
// interrupts. It tells whether all are finished; a search that was refused, or
// fell into trouble, says so in its err.
func (a *app) runAll(ctx context.Context, runs []*benchRun, f benchFlags) (whole bool, err error) {
	before := 0
	for _, r := range runs {
		if r.done = r.storage.finished(); r.done {
			before++
		}
	}
	var mu sync.Mutex // guards stopped, and done, err and search of all runs
	stopped := false
	stop := func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		for _, r := range runs {
			if r.search != nil {
				r.search.Stop()
			}
		}
	}
	ended := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(ended)
	defer outlive()()
	interrupts := make(chan os.Signal, 4)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupts)
	others.Go(func() {
		for asked := false; ; asked = true {
			select {
			case <-interrupts:
			case <-ended:
				return
			}
			if asked {
				fmt.Fprintln(a.err, "ended at once; nothing that was committed is lost; the same command goes on")
				os.Exit(exitTrouble)
			}
			if !f.quiet {
				fmt.Fprintln(a.err, "finishing: running jobs keep their progress (once more: end at once)")
			}
			stop()
		}
	})
	if !f.quiet {
		others.Go(func() { a.follow(runs, before, &mu, ended) })
	}
	refused := func(r *benchRun) bool {
		return slices.ContainsFunc(runs, func(x *benchRun) bool { return x.by == r.by && x.err != nil && exitStatus(x.err) == exitInput })
	}
	run := func(r *benchRun) {
		among := func(s *engine.Search) {
			mu.Lock()
			defer mu.Unlock()
			if r.search = s; stopped {
				s.Stop()
			}
		}
		mu.Lock()
		skip := stopped || r.done || refused(r)
		mu.Unlock()
		if skip {
			return
		}
		quiet := *a
		quiet.out, quiet.err = discard{}, discard{}
		err := r.storage.run(ctx, &quiet, f.accept, among)
		done := err == nil && r.storage.finished()
		mu.Lock()
		r.search, r.err, r.done = nil, err, done
		mu.Unlock()
	}
	var workers sync.WaitGroup
	queue := make(chan *benchRun)
	for range f.parallel {
		workers.Go(func() {
			for r := range queue {
				run(r)
			}
		})
	}
	for _, r := range runs {
		queue <- r
	}
	close(queue)
	workers.Wait()
	mu.Lock()
	defer mu.Unlock()
	for _, r := range runs {
		if !r.done && r.err == nil && !refused(r) {
			return false, nil
		}
	}
	return true, nil
}

// follow prints where the bench stands, at growing intervals up to a minute.
// before is how many searches earlier runs had finished.
func (a *app) follow(runs []*benchRun, before int, mu *sync.Mutex, ended <-chan struct{}) {
	begun, pause := time.Now(), time.Second
	for {
		select {
		case <-ended:
			return
		case <-time.After(pause):
		}
		pause = min(time.Minute, pause*3/2)
		mu.Lock()
		done := 0
		var names []string
		var running []*engine.Search
		for _, r := range runs {
			if r.done || r.err != nil {
				done++
			} else if r.search != nil {
				running, names = append(running, r.search), append(names, fmt.Sprintf("%s seed %d", r.by.name, r.seed))
			}
		}
		mu.Unlock()
		part := float64(done)
		for i, s := range running {
			st := s.Status()
			share, _ := show.Progress(st, 0)
			if st.Phase != engine.PhaseSearch {
				share = 1
			}
			if share > 0 {
				part += min(share, 1)
				names[i] += fmt.Sprintf(" at %.0f %%", 100*min(share, 1))
			}
			if len(st.Best) > 0 {
				names[i] += fmt.Sprintf(" after %s", show.Plural(st.Evaluations, "evaluation"))
			}
		}
		spent := time.Since(begun).Seconds()
		line := fmt.Sprintf("%s  %d of %s finished", show.Seconds(spent), done, searches(len(runs)))
		if len(names) > 0 {
			line += ", running " + strings.Join(names, ", ")
		}
		if now := part - float64(before); now > 0 {
			line += fmt.Sprintf("  %s  about %s left", show.Rate(now/spent), show.Seconds(spent/now*(float64(len(runs))-part)))
		}
		fmt.Fprintln(a.err, line)
	}
}
