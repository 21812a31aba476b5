package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"math"

	"github.com/nascent-nas/nascent/engine"
	"go.etcd.io/bbolt"
)

// A batch is what an iterator reads in one transaction. Between batches it
// holds none: a long one would keep bbolt from using its free pages again.
const (
	batchRecords = 1000
	batchBytes   = 1 << 20
)

func number8(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number reads a key.
func number(bucket string, key []byte) (uint64, error) {
	if len(key) != 8 {
		return 0, damaged("bucket %s, key %q: it should have 8 bytes", bucket, key)
	}
	return binary.BigEndian.Uint64(key), nil
}

// turnBucket tells where the turns of a part are, and its index.
func turnBucket(part engine.Part) (string, int, error) {
	switch part {
	case engine.PartSearch:
		return bucketSearch, 0, nil
	case engine.PartFinal:
		return bucketFinal, 1, nil
	}
	return "", 0, fmt.Errorf("there is no part %q of a search; there are %q and %q", part, engine.PartSearch, engine.PartFinal)
}

// view runs f in a reading transaction.
func (l *Ledger) view(f func(*bbolt.Tx) error) error {
	if err := l.fit(); err != nil {
		return err
	}
	err := guard(func() error { return l.db.View(f) })
	if l.locked != nil && errors.Is(err, engine.ErrDamaged) { // it was open for writing: see what became of it
		if why := l.present(); why != nil {
			return why
		}
	}
	return err
}

// decode reads one record.
func decode[T any](bucket string, key, value []byte, seen map[string]string, read func(*decoder) T) (r T, err error) {
	payload, err := unseal(bucket, key, value)
	if err == nil {
		d := decoder{b: payload, seen: seen}
		r = read(&d)
		err = d.done()
	}
	if err != nil {
		var zero T
		return zero, damaged("bucket %s, key %s: %v", bucket, keyText(key), err)
	}
	return r, nil
}

// keyText is a key for people.
func keyText(key []byte) string {
	if len(key) == 8 && bytes.IndexByte(key, 0) >= 0 {
		return fmt.Sprint(binary.BigEndian.Uint64(key))
	}
	return fmt.Sprintf("%q", key)
}

// get reads the record at a key; nil when there is none.
func get[T any](tx *bbolt.Tx, bucket string, key []byte, read func(*decoder) T) (*T, error) {
	value := tx.Bucket([]byte(bucket)).Get(key)
	if value == nil {
		return nil, nil
	}
	r, err := decode(bucket, key, value, nil, read)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// numbered makes a reader of records with numbers for keys into one for get.
func numbered[T any](n uint64, read func(*decoder, uint64) T) func(*decoder) T {
	return func(d *decoder) T { return read(d, n) }
}

// scan reads a bucket in the order of its keys, one batch a transaction.
func scan[T any](l *Ledger, bucket string, read func(*decoder, uint64) T) iter.Seq2[T, error] {
	seen := map[string]string{}
	return scanFrom(l, bucket, 0, func(_ *bbolt.Tx, n uint64, k, v []byte) (T, error) {
		return decode(bucket, k, v, seen, func(d *decoder) T { return read(d, n) })
	})
}

// scanFrom reads a bucket from a key on.
func scanFrom[T any](l *Ledger, bucket string, next uint64, read func(tx *bbolt.Tx, n uint64, k, v []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var batch []T
		for more := true; more; {
			batch = batch[:0]
			size := 0
			err := l.view(func(tx *bbolt.Tx) error {
				c := tx.Bucket([]byte(bucket)).Cursor()
				k, v := c.Seek(number8(next))
				for ; k != nil && len(batch) < batchRecords && size < batchBytes; k, v = c.Next() {
					n, err := number(bucket, k)
					if err != nil {
						return err
					}
					r, err := read(tx, n, k, v)
					if err != nil {
						return err
					}
					batch = append(batch, r)
					size += len(v)
					next = n + 1
					if n == math.MaxUint64 {
						more = false
						return nil
					}
				}
				more = more && k != nil
				return nil
			})
			for _, r := range batch {
				if !yield(r, nil) {
					return
				}
			}
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
		}
	}
}

// meta reads a record of the meta bucket.
func meta[T any](l *Ledger, key string, read func(*decoder) T) (r T, ok bool, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		found, err := get(tx, bucketMeta, []byte(key), read)
		if found != nil {
			r, ok = *found, true
		}
		return err
	})
	return r, ok, err
}

// Header returns the header; false before the first commit.
func (l *Ledger) Header() (engine.Header, bool, error) { return meta(l, keyHeader, readHeader) }

// Counters returns the newest counters; those of a new search before the first.
func (l *Ledger) Counters() (engine.Counters, error) {
	c, ok, err := meta(l, keyCounters, readCounters)
	if err == nil && !ok {
		c.State = engine.StateNew
	}
	return c, err
}

// Events ranges over the journal of events.
func (l *Ledger) Events() iter.Seq2[engine.EventRecord, error] {
	return scan(l, bucketEvents, readEvent)
}

// Turns ranges over the turns of a part.
func (l *Ledger) Turns(part engine.Part) iter.Seq2[engine.TurnRecord, error] {
	bucket, _, err := turnBucket(part)
	if err != nil {
		return func(yield func(engine.TurnRecord, error) bool) { yield(engine.TurnRecord{}, err) }
	}
	return scan(l, bucket, readTurn(part))
}

// Jobs ranges over all jobs.
func (l *Ledger) Jobs() iter.Seq2[engine.JobRecord, error] { return scan(l, bucketJobs, readJob) }

// History ranges over the consumed results, without Curve and Output.
func (l *Ledger) History() iter.Seq2[engine.ResultRecord, error] {
	return scan(l, bucketHistory, readHistory)
}

// Entry is what History holds at one position.
type Entry struct {
	Job    engine.JobRecord
	Result engine.ResultRecord // without Curve and Output
	Sum    uint32              // the checksum of the record at that position
}

// Entries ranges over History from a position on.
func (l *Ledger) Entries(from uint64) iter.Seq2[Entry, error] {
	seen := map[string]string{}
	return scanFrom(l, bucketHistory, from, func(tx *bbolt.Tx, n uint64, k, v []byte) (e Entry, err error) {
		if e.Result, err = decode(bucketHistory, k, v, seen, func(d *decoder) engine.ResultRecord { return readHistory(d, n) }); err != nil {
			return e, err
		}
		id := number8(uint64(e.Result.ID))
		job := tx.Bucket([]byte(bucketJobs)).Get(id)
		if job == nil {
			return e, damaged("bucket history, key %d: there is no job %s", n, e.Result.ID)
		}
		e.Job, err = decode(bucketJobs, id, job, seen, func(d *decoder) engine.JobRecord { return readJob(d, uint64(e.Result.ID)) })
		e.Sum = sumOf(v)
		return e, err
	})
}

// Mark tells states of a search apart: equal marks, equal states.
type Mark struct {
	Search  [sha256.Size]byte // of what was recorded when it began
	History uint64            // how long it is
	Last    uint32            // the checksum of its last record
	State   uint32            // of all totals and counters
}

// Mark is the ledger's now.
func (l *Ledger) Mark() (m Mark, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		found, err := get(tx, bucketMeta, []byte(keyTotals), readTotals)
		if err != nil || found == nil {
			return err
		}
		m.Search, m.History = sha256.Sum256(meta.Get([]byte(keyHeader))), found.history
		for _, key := range []string{keyTotals, keyCounters} {
			m.State = crc32.Update(m.State, castagnoli, meta.Get([]byte(key)))
		}
		for _, bucket := range []string{bucketEvents, bucketHistory} {
			if _, v := tx.Bucket([]byte(bucket)).Cursor().Last(); v != nil {
				m.Last = sumOf(v)
				m.State = crc32.Update(m.State, castagnoli, v)
			}
		}
		return nil
	})
	return m, err
}

// SumAt is the checksum of the record at a position of History, or false.
func (l *Ledger) SumAt(position uint64) (at uint32, ok bool, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bucketHistory)).Get(number8(position))
		if ok = len(v) >= sumSize; ok {
			at = sumOf(v)
		}
		return nil
	})
	return at, ok, err
}

// sumOf is the checksum that a record ends with.
func sumOf(value []byte) uint32 {
	if len(value) < sumSize {
		return 0
	}
	return binary.LittleEndian.Uint32(value[len(value)-sumSize:])
}

// Inbox ranges over the results that wait for their turn.
func (l *Ledger) Inbox() iter.Seq2[engine.ResultRecord, error] {
	return scan(l, bucketInbox, readInbox)
}

// Attempts ranges over the attempts at unfinished jobs.
func (l *Ledger) Attempts() iter.Seq2[engine.AttemptRecord, error] {
	return scan(l, bucketTries, readAttempt)
}

// Result returns the whole result of a job; false when there is none yet.
func (l *Ledger) Result(id engine.ID) (r engine.ResultRecord, ok bool, err error) {
	key := number8(uint64(id))
	err = l.view(func(tx *bbolt.Tx) error {
		waiting, err := get(tx, bucketInbox, key, numbered(uint64(id), readInbox))
		if err != nil {
			return err
		}
		if waiting != nil {
			r, ok = *waiting, true
			return nil
		}
		more, err := get(tx, bucketDetails, key, numbered(uint64(id), readDetails))
		if err != nil || more == nil {
			return err
		}
		found, err := get(tx, bucketHistory, number8(more.position), numbered(more.position, readHistory))
		if err != nil {
			return err
		}
		if found == nil || found.ID != id {
			return damaged("bucket details, key %d: position %d of the history holds another result", uint64(id), more.position)
		}
		r, ok = *found, true
		r.Curve, r.Output = more.curve, more.output
		return nil
	})
	return r, ok, err
}

// State returns the newest state of a part's strategy; nil before the first.
func (l *Ledger) State(part engine.Part) (state []byte, err error) {
	if _, _, err := turnBucket(part); err != nil {
		return nil, err
	}
	err = l.view(func(tx *bbolt.Tx) error {
		found, err := get(tx, bucketState, []byte(part), readState)
		if found != nil {
			state = *found
		}
		return err
	})
	return state, err
}
