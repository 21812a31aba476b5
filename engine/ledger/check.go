package ledger

import (
	"errors"
	"io/fs"
	"iter"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"go.etcd.io/bbolt"
)

// Check reads everything that a stopped search keeps in dir and returns an
// error that names the first thing that is not whole, wrapping
// engine.ErrDamaged; nil when all is. It asks whether
//
//   - the pages are a tree with every page in use or free, and both metas are
//     whole (Open asks this too);
//   - every record has its checksum and is nothing but a record, and none is
//     missing;
//   - the turns follow each other and made exactly the jobs that there are,
//     with ids in their order, and every job that a job names exists;
//   - every result has its job; what the turns consumed is the History of
//     their part, in its order, each result once (the last few may still be
//     without their turn where a limit cut a batch short); nothing that was
//     consumed is in the inbox or has attempts;
//   - every kept file has the content that its name says, and those that the
//     inbox, the attempts and the newest turns name are kept.
//
// All of that is asked of one moment. Who goes on with the search meanwhile may collect
// files: those that were kept at that moment are then no longer looked at.
func Check(dir string) error {
	l, err := Inspect(dir)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Check()
}

// Check is that of the search as it was when Inspect opened it.
func (l *Ledger) Check() error {
	for _, ask := range []func() error{
		l.checkPages, l.checkMeta, l.checkJobs, l.checkHistory, l.checkWaiting, l.checkFiles,
	} {
		if err := ask(); err != nil {
			return err
		}
	}
	return nil
}

// checkPages lets bbolt look over its own pages, as a second opinion.
func (l *Ledger) checkPages() error {
	return l.view(func(tx *bbolt.Tx) (first error) {
		for err := range tx.Check() { // to the end, or bbolt's goroutine stays
			if first == nil {
				first = damaged("%v", err)
			}
		}
		return first
	})
}

// checkMeta reads the meta and state buckets, and counts all others.
func (l *Ledger) checkMeta() error {
	_, begun, err := l.Header()
	if err != nil {
		return err
	}
	if _, err := l.Counters(); err != nil {
		return err
	}
	for _, part := range []engine.Part{engine.PartSearch, engine.PartFinal} {
		if _, err := l.State(part); err != nil {
			return err
		}
	}
	t := l.totals
	if !begun && t != (totals{}) {
		return damaged("bucket meta, key header is missing")
	}
	seq := uint64(1)
	for r, err := range l.Events() {
		if err != nil {
			return err
		}
		if r.Seq != seq {
			return damaged("bucket events: event %d stands where event %d should", r.Seq, seq)
		}
		seq++
	}
	return l.view(func(tx *bbolt.Tx) error {
		known := map[string][]string{
			bucketMeta:  {keyFormat, keyHeader, keyCounters, keyTotals},
			bucketState: {string(engine.PartSearch), string(engine.PartFinal)},
		}
		for name, keys := range known {
			err := tx.Bucket([]byte(name)).ForEach(func(k, _ []byte) error {
				if !slices.Contains(keys, string(k)) {
					return damaged("bucket %s, key %q: it does not belong there", name, k)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		for _, c := range []struct {
			bucket string
			want   uint64
		}{
			{bucketEvents, t.events}, {bucketSearch, t.turns[0]}, {bucketFinal, t.turns[1]}, {bucketJobs, t.jobs},
			{bucketHistory, t.history}, {bucketDetails, t.history}, {bucketInbox, t.inbox}, {bucketTries, t.attempts},
		} {
			if n := uint64(tx.Bucket([]byte(c.bucket)).Stats().KeyN); n != c.want {
				return damaged("bucket %s has %d records instead of %d", c.bucket, n, c.want)
			}
		}
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			if !slices.Contains(buckets, string(name)) {
				return damaged("bucket %q does not belong there", name)
			}
			return nil
		})
	})
}

// partOf is the part whose turns make and consume a job.
func partOf(id engine.ID) engine.Part {
	if id > engine.FinalBase {
		return engine.PartFinal
	}
	return engine.PartSearch
}

// checkJobs walks turns and jobs side by side: each turn made the next few. Between them
// stand those that came from outside.
func (l *Ledger) checkJobs() error {
	next, stop := iter.Pull2(l.Jobs())
	defer stop()
	job, broken, more := next()
	made := map[engine.Part]engine.ID{engine.PartSearch: 0, engine.PartFinal: engine.FinalBase} // the newest
	accept := func(part engine.Part) error {
		err := checkJob(&job, made)
		made[part] = job.ID
		job, broken, more = next()
		return err
	}
	outside := func(part engine.Part, before uint64) error {
		for broken == nil && more && job.ID == made[part]+1 && job.Origin() != "" && job.Turn == before {
			if err := accept(part); err != nil {
				return err
			}
		}
		return broken
	}
	for _, part := range []engine.Part{engine.PartSearch, engine.PartFinal} {
		n := uint64(0)
		for t, err := range l.Turns(part) {
			if err == nil {
				err = outside(part, t.N)
			}
			if err != nil {
				return err
			}
			bucket, _, _ := turnBucket(part)
			switch {
			case t.N != n:
				return damaged("bucket %s: turn %d stands where turn %d should", bucket, t.N, n)
			case t.FirstID != made[part]+1:
				return damaged("bucket %s, key %d: its first id is %v, but the newest job is %v", bucket, t.N, t.FirstID, made[part])
			case t.Jobs < 0:
				return damaged("bucket %s, key %d: it made %d jobs", bucket, t.N, t.Jobs)
			}
			n++
			for range t.Jobs {
				id := made[part] + 1
				switch {
				case broken != nil:
					return broken
				case !more || job.ID != id:
					return damaged("bucket jobs, key %d is missing", uint64(id))
				case job.Turn != t.N:
					return damaged("bucket jobs, key %d: it names turn %d, but turn %d made it", uint64(id), job.Turn, t.N)
				}
				if err := accept(part); err != nil {
					return err
				}
			}
			for _, id := range t.Keep {
				if id == 0 || id > made[partOf(id)] {
					return damaged("bucket %s, key %d: it keeps job %v, which there is not", bucket, t.N, id)
				}
			}
		}
		if err := outside(part, n); err != nil {
			return err
		}
	}
	switch {
	case broken != nil:
		return broken
	case more:
		return damaged("bucket jobs, key %d: no turn made it", uint64(job.ID))
	}
	return nil
}

// checkJob sees that a job names only jobs before it. made are the newest of
// each part so far; all of the search come before those of the final.
func checkJob(job *engine.JobRecord, made map[engine.Part]engine.ID) error {
	named := slices.Clone(job.Parents)
	for _, id := range []engine.ID{job.Resume, job.Inherit, job.Reuse} {
		if id != 0 {
			named = append(named, id)
		}
	}
	for _, id := range named {
		if id == 0 || id > made[partOf(id)] {
			return damaged("bucket jobs, key %d: it names job %v, which was not there before it", uint64(job.ID), id)
		}
	}
	return nil
}

// checkHistory walks the History and the turns side by side. What was imported is looked
// at by itself: a turn may bring it while results of a batch that was cut short, which
// stand in the History already, wait for theirs.
func (l *Ledger) checkHistory() error {
	type consumed struct {
		turn uint64
		id   engine.ID
	}
	imported := map[engine.ID]bool{}
	for job, err := range l.Jobs() {
		if err != nil {
			return err
		}
		if job.Origin() == engine.Imported {
			imported[job.ID] = true
		}
	}
	type line struct {
		part     engine.Part
		imported bool
	}
	lines := []line{{engine.PartSearch, false}, {engine.PartSearch, true}, {engine.PartFinal, false}}
	named := func(of line) iter.Seq2[consumed, error] {
		return func(yield func(consumed, error) bool) {
			for t, err := range l.Turns(of.part) {
				if err != nil {
					yield(consumed{}, err)
					return
				}
				for _, id := range t.Consumed {
					if imported[id] == of.imported && !yield(consumed{t.N, id}, nil) {
						return
					}
				}
			}
		}
	}
	next := map[line]func() (consumed, error, bool){}
	for _, of := range lines {
		pull, stop := iter.Pull2(named(of))
		defer stop()
		next[of] = pull
	}
	position := uint64(0)
	for r, err := range l.History() {
		if err != nil {
			return err
		}
		t, err, ok := next[line{partOf(r.ID), imported[r.ID]}]()
		if err != nil {
			return err
		}
		if ok && t.id != r.ID {
			return damaged("turn %d of the %s consumed job %v where the history has job %v", t.turn, partOf(r.ID), t.id, r.ID)
		}
		if err := l.checkResult(r.ID, position); err != nil {
			return err
		}
		position++
	}
	for _, of := range lines {
		if t, err, ok := next[of](); err != nil {
			return err
		} else if ok {
			return damaged("turn %d of the %s consumed job %v, which is not in the history", t.turn, of.part, t.id)
		}
	}
	return nil
}

// checkResult sees that a result has its job, and that its details lead back
// to its position; as there are as many details as results, each is there once.
func (l *Ledger) checkResult(id engine.ID, position uint64) error {
	return l.view(func(tx *bbolt.Tx) error {
		key := number8(uint64(id))
		if tx.Bucket([]byte(bucketJobs)).Get(key) == nil {
			return damaged("bucket history, key %d: there is no job %v", position, id)
		}
		more, err := get(tx, bucketDetails, key, numbered(uint64(id), readDetails))
		switch {
		case err != nil:
			return err
		case more == nil:
			return damaged("bucket details, key %d is missing", uint64(id))
		case more.position != position:
			return damaged("bucket details, key %d: it names position %d instead of %d", uint64(id), more.position, position)
		}
		return nil
	})
}

// checkWaiting looks at the inbox and the attempts.
func (l *Ledger) checkWaiting() error {
	open := func(bucket string, id engine.ID) error {
		return l.view(func(tx *bbolt.Tx) error {
			key := number8(uint64(id))
			if tx.Bucket([]byte(bucketJobs)).Get(key) == nil {
				return damaged("bucket %s, key %d: there is no job %v", bucket, uint64(id), id)
			}
			if tx.Bucket([]byte(bucketDetails)).Get(key) != nil {
				return damaged("bucket %s, key %d: the result of job %v was consumed", bucket, uint64(id), id)
			}
			return nil
		})
	}
	for r, err := range l.Inbox() {
		if err != nil {
			return err
		}
		if err := l.kept(bucketInbox, uint64(r.ID), r.Files); err != nil {
			return err
		}
		if err := open(bucketInbox, r.ID); err != nil {
			return err
		}
	}
	for r, err := range l.Attempts() {
		if err != nil {
			return err
		}
		if err := l.kept(bucketTries, uint64(r.ID), r.Saved); err != nil {
			return err
		}
		if err := open(bucketTries, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// kept sees that files are there which nobody may have collected yet. Those of
// consumed results may be gone.
func (l *Ledger) kept(bucket string, key uint64, files []engine.FileRef) error {
	for _, f := range files {
		_, err := l.Path(f.Hash)
		switch {
		case errors.Is(err, fs.ErrNotExist) && l.there[f.Hash]: // it was collected since
		case errors.Is(err, fs.ErrNotExist):
			return damaged("bucket %s, key %d: the file %s (%s) is missing", bucket, key, f.Hash, f.Name)
		case err != nil:
			return damaged("bucket %s, key %d: %v", bucket, key, err)
		}
	}
	return nil
}

// checkFiles hashes what is kept, and looks for what the newest turns rely on.
func (l *Ledger) checkFiles() error {
	for _, part := range []engine.Part{engine.PartSearch, engine.PartFinal} {
		var newest engine.TurnRecord
		for t, err := range l.Turns(part) {
			if err != nil {
				return err
			}
			newest = t
		}
		bucket, _, _ := turnBucket(part)
		if err := l.kept(bucket, newest.N, newest.Files); err != nil {
			return err
		}
	}
	return l.store.check()
}
