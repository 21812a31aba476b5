package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"
)

// Buckets. Those of records have keys of eight bytes, big-endian, so that the
// order of the keys is the order of the numbers and growth is at the end.
const (
	bucketMeta    = "meta"         // format, header, counters, totals
	bucketEvents  = "events"       // Seq -> event
	bucketSearch  = "turns.search" // N -> turn
	bucketFinal   = "turns.final"  // N -> turn
	bucketJobs    = "jobs"         // ID -> job
	bucketHistory = "history"      // position, from 0 -> result without curve and output
	bucketDetails = "details"      // ID -> position, curve, output of a consumed result
	bucketInbox   = "inbox"        // ID -> result that waits for its turn
	bucketTries   = "attempts"     // ID -> attempts at a job without a result
	bucketState   = "state"        // part -> the strategy's state after its newest turn
)

var buckets = []string{
	bucketMeta, bucketEvents, bucketSearch, bucketFinal, bucketJobs,
	bucketHistory, bucketDetails, bucketInbox, bucketTries, bucketState,
}

// growingFill is how full pages get in buckets that grow at their end, which
// bbolt would otherwise leave half empty.
const growingFill = 0.95

// Keys in the meta bucket.
const (
	keyFormat   = "format"
	keyHeader   = "header"
	keyCounters = "counters"
	keyTotals   = "totals"
)

// migration brings a ledger from the format before to its own. It may be run again
// on its own result.
type migration struct {
	format int
	needs  string // the first version of Nascent that can read the format
	apply  func(*bbolt.Tx) error
}

// migrations are all formats there have been, in order; the last is current. What
// reads a record reads it in all of them, so that a search may be looked at without
// being changed.
var migrations = []migration{
	{1, "0.1.0", beginFormat1},
	{2, "0.2.0", unchanged}, // attempts, results and counters may hold seconds that were lost
	{3, "0.3.0", unchanged}, // results may hold what they took of the machine; there are imported candidates, and events of more kinds
}

// unchanged is the step to a format in which what was written before means the same.
func unchanged(*bbolt.Tx) error { return nil }

func currentFormat() int { return migrations[len(migrations)-1].format }

func beginFormat1(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	meta := tx.Bucket([]byte(bucketMeta))
	if meta.Get([]byte(keyTotals)) != nil {
		return nil
	}
	var e encoder
	writeTotals(&e, &totals{})
	return meta.Put([]byte(keyTotals), e.seal(bucketMeta, []byte(keyTotals), 0))
}

// The format record is a line of text, which stays readable whatever comes:
// "nascent ledger, format 1, needs 0.1.0".
const formatText = "nascent ledger, format %d, needs %s"

// readFormat returns the format of an open file, 0 for one without any, and
// refuses what this version cannot read.
func readFormat(tx *bbolt.Tx, path string) (int, error) {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil {
		return 0, refused(nil, "%s is no ledger: it is a bbolt file of something else; name a search directory", path)
	}
	value := meta.Get([]byte(keyFormat))
	if value == nil {
		return 0, refused(nil, "%s is no ledger: it is a bbolt file of something else; name a search directory", path)
	}
	payload, err := unseal(bucketMeta, []byte(keyFormat), value)
	if err != nil {
		return 0, damaged("bucket meta, key format: %v", err)
	}
	rest, ok := strings.CutPrefix(string(payload), "nascent ledger, format ")
	number, needs, ok2 := strings.Cut(rest, ", needs ")
	format, err := strconv.Atoi(number)
	if !ok || !ok2 || err != nil || format < 1 {
		return 0, damaged("bucket meta, key format: it says %q", payload)
	}
	if format > currentFormat() {
		return 0, refused(nil, "%s has format %d, this nascent reads up to %d: use nascent %s or newer", path, format, currentFormat(), needs)
	}
	return format, nil
}

// migrate brings a ledger from a format to the current one.
func migrate(tx *bbolt.Tx, from int) error {
	for _, m := range migrations {
		if m.format <= from {
			continue
		}
		err := m.apply(tx)
		if err == nil {
			e := encoder{b: fmt.Appendf(nil, formatText, m.format, m.needs)}
			err = tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), e.seal(bucketMeta, []byte(keyFormat), 0))
		}
		if err != nil {
			return fmt.Errorf("to format %d: %w", m.format, err)
		}
	}
	return nil
}
