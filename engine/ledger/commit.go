package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Commit makes the whole change durable in one transaction. A change that
// contradicts what is there (a job or a result twice, a result without its
// job, a gap in the turns) is an error like any other. The first change to a
// ledger of an older format brings it to the current one.
//
// After an error nobody knows what is on disk, so the ledger does nothing more
// than say so: close it and open it again.
func (l *Ledger) Commit(c *engine.Change) error {
	if err := l.fit(); err != nil {
		return err
	}
	if l.readOnly {
		return errReadOnly
	}
	if c.Empty() {
		return nil
	}
	if err := l.present(); err != nil {
		l.mu.Lock()
		l.unfit = err
		l.mu.Unlock()
		return err
	}
	t := transaction{totals: l.totals}
	t.e.b = l.arena[:0]
	ended := false // bbolt came back, with or without an error
	err := guard(func() error {
		err := l.db.Update(func(tx *bbolt.Tx) error {
			if err := migrate(tx, l.format); err != nil {
				return err
			}
			return t.apply(tx, c)
		})
		ended = true
		return err
	})
	if err != nil {
		err = l.failed(err)
		l.mu.Lock()
		l.unfit, l.faulted = err, !ended
		l.mu.Unlock()
		return err
	}
	l.measure()
	l.totals, l.format = t.totals, currentFormat()
	l.store.named(t.named)
	if cap(t.e.b) <= maxArena {
		l.arena = t.e.b
	}
	return nil
}

// failed says why a commit failed, and what to do.
func (l *Ledger) failed(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("cannot commit to %s: %w; make room on its disk and run the same command again: it goes on from the last commit", l.path, err)
	}
	if !errors.Is(err, engine.ErrDamaged) {
		return fmt.Errorf("cannot commit to %s: %w; the outcome is unknown: close the ledger and open it again, with "+
			"the same command, to go on from the last commit", l.path, err)
	}
	if why := l.present(); why != nil {
		return why
	}
	return fmt.Errorf("cannot commit to %s: %w", l.path, err)
}

// measure notes how long the file is.
func (l *Ledger) measure() {
	if info, err := l.file.Stat(); err == nil {
		l.longest.Store(max(l.longest.Load(), info.Size()))
	}
}

// maxArena is the most memory that is kept from one commit for the next.
const maxArena = 4 << 20

// transaction writes one change. All its records lie in one buffer, which
// bbolt reads from until the commit is done.
type transaction struct {
	e      encoder
	totals totals
	key    [8]byte
	named  []string // hashes of the files that were Put and are named from now on
}

func (t *transaction) name(files []engine.FileRef) {
	for _, f := range files {
		t.named = append(t.named, f.Hash)
	}
}

// bucket opens a bucket for writing.
func bucket(tx *bbolt.Tx, name string) *table {
	b := tx.Bucket([]byte(name))
	switch name {
	case bucketEvents, bucketSearch, bucketFinal, bucketJobs, bucketHistory, bucketDetails:
		b.FillPercent = growingFill
	}
	return &table{b, name}
}

type table struct {
	*bbolt.Bucket
	name string
}

// at is the key of a number, valid until the next call.
func (t *transaction) at(n uint64) []byte {
	binary.BigEndian.PutUint64(t.key[:], n)
	return t.key[:]
}

func (b *table) has(key []byte) bool { return b.Get(key) != nil }

// put writes the record that write encodes.
func put[T any](t *transaction, b *table, key []byte, write func(*encoder, *T), r *T) error {
	from := len(t.e.b)
	write(&t.e, r)
	if err := b.Put(key, t.e.seal(b.name, key, from)); err != nil {
		return fmt.Errorf("bucket %s, key %s: %w", b.name, keyText(key), err)
	}
	return nil
}

// apply writes the parts of a change in the order in which they build on each
// other.
func (t *transaction) apply(tx *bbolt.Tx, c *engine.Change) error {
	for _, step := range []func(*bbolt.Tx, *engine.Change) error{
		t.meta, t.events, t.jobs, t.turns, t.attempts, t.inbox, t.consumed, t.state,
	} {
		if err := step(tx, c); err != nil {
			return err
		}
	}
	t.name(c.Unused)
	return put(t, bucket(tx, bucketMeta), []byte(keyTotals), writeTotals, &t.totals)
}

func (t *transaction) meta(tx *bbolt.Tx, c *engine.Change) error {
	b := bucket(tx, bucketMeta)
	if c.Header != nil {
		if b.has([]byte(keyHeader)) {
			return fmt.Errorf("the header is there already")
		}
		if err := put(t, b, []byte(keyHeader), writeHeader, c.Header); err != nil {
			return err
		}
	}
	if c.Counters != nil {
		return put(t, b, []byte(keyCounters), writeCounters, c.Counters)
	}
	return nil
}

func (t *transaction) events(tx *bbolt.Tx, c *engine.Change) error {
	b := bucket(tx, bucketEvents)
	for i := range c.Events {
		r := &c.Events[i]
		if r.Seq != t.totals.events+1 {
			return fmt.Errorf("event %d follows event %d", r.Seq, t.totals.events)
		}
		t.totals.events++
		if err := put(t, b, t.at(r.Seq), writeEvent, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) turns(tx *bbolt.Tx, c *engine.Change) error {
	for i := range c.Turns {
		r := &c.Turns[i]
		name, part, err := turnBucket(r.Part)
		if err != nil {
			return err
		}
		if r.N != t.totals.turns[part] {
			return fmt.Errorf("%s turn %d where turn %d belongs", r.Part, r.N, t.totals.turns[part])
		}
		t.totals.turns[part]++
		if err := put(t, bucket(tx, name), t.at(r.N), writeTurn, r); err != nil {
			return err
		}
		t.name(r.Files)
	}
	return nil
}

func (t *transaction) jobs(tx *bbolt.Tx, c *engine.Change) error {
	b := bucket(tx, bucketJobs)
	for i := range c.Jobs {
		r := &c.Jobs[i]
		key := t.at(uint64(r.ID))
		if r.ID == 0 || b.has(key) {
			return fmt.Errorf("job %v is there already", r.ID)
		}
		t.totals.jobs++
		if err := put(t, b, key, writeJob, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) attempts(tx *bbolt.Tx, c *engine.Change) error {
	jobs, consumed, b := bucket(tx, bucketJobs), bucket(tx, bucketDetails), bucket(tx, bucketTries)
	for i := range c.Attempts {
		r := &c.Attempts[i]
		key := t.at(uint64(r.ID))
		if !jobs.has(key) {
			return fmt.Errorf("an attempt at job %v, which there is not", r.ID)
		}
		if consumed.has(key) {
			return fmt.Errorf("an attempt at job %v, whose result was consumed", r.ID)
		}
		before, err := get(tx, bucketTries, key, numbered(uint64(r.ID), readAttempt))
		if err != nil {
			return err
		}
		if before == nil {
			t.totals.attempts++
			t.name(r.Saved)
		} else if !slices.Equal(before.Saved, r.Saved) {
			t.name(r.Saved)
		}
		if err := put(t, b, key, writeAttempt, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) inbox(tx *bbolt.Tx, c *engine.Change) error {
	jobs, consumed, b := bucket(tx, bucketJobs), bucket(tx, bucketDetails), bucket(tx, bucketInbox)
	for i := range c.Inbox {
		r := &c.Inbox[i]
		key := t.at(uint64(r.ID))
		switch {
		case !jobs.has(key):
			return fmt.Errorf("a result of job %v, which there is not", r.ID)
		case consumed.has(key), b.has(key):
			return fmt.Errorf("a second result of job %v", r.ID)
		}
		t.totals.inbox++
		t.bring(r)
		if err := put(t, b, key, writeInbox, r); err != nil {
			return err
		}
	}
	return nil
}

// bring names the files of a new result. One that shares another job's result
// shares its files too, and has Put none.
func (t *transaction) bring(r *engine.ResultRecord) {
	if r.Attempt > 0 {
		t.name(r.Files)
	}
}

func (t *transaction) consumed(tx *bbolt.Tx, c *engine.Change) error {
	if len(c.Consumed) == 0 {
		return nil
	}
	jobs, history, more := bucket(tx, bucketJobs), bucket(tx, bucketHistory), bucket(tx, bucketDetails)
	inbox, attempts := bucket(tx, bucketInbox), bucket(tx, bucketTries)
	for i := range c.Consumed {
		r := &c.Consumed[i]
		key := t.at(uint64(r.ID))
		if !jobs.has(key) {
			return fmt.Errorf("a result of job %v, which there is not", r.ID)
		}
		if more.has(key) {
			return fmt.Errorf("the result of job %v consumed twice", r.ID)
		}
		if !inbox.has(key) {
			t.bring(r)
		}
		for _, gone := range []struct {
			table *table
			total *uint64
		}{{inbox, &t.totals.inbox}, {attempts, &t.totals.attempts}} {
			if !gone.table.has(key) {
				continue
			}
			if err := gone.table.Delete(key); err != nil {
				return err
			}
			*gone.total--
		}
		err := put(t, more, key, writeDetails, &details{position: t.totals.history, curve: r.Curve, output: r.Output})
		if err != nil {
			return err
		}
		if err := put(t, history, t.at(t.totals.history), writeHistory, r); err != nil {
			return err
		}
		t.totals.history++
	}
	return nil
}

func (t *transaction) state(tx *bbolt.Tx, c *engine.Change) error {
	b := bucket(tx, bucketState)
	for _, part := range []engine.Part{engine.PartSearch, engine.PartFinal} {
		state, ok := c.State[part]
		if !ok {
			continue
		}
		write := func(e *encoder, state *[]byte) { writeState(e, *state) }
		if err := put(t, b, []byte(part), write, &state); err != nil {
			return err
		}
	}
	for part := range c.State {
		if _, _, err := turnBucket(part); err != nil {
			return err
		}
	}
	return nil
}
