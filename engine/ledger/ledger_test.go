package ledger

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nascent-nas/nascent/engine"
	"go.etcd.io/bbolt"
)

var update = flag.Bool("update", false, "write the file of the current format in testdata anew")

// script writes a search, one commit after another: turn n consumes what turn
// n-2 proposed, so that there are always an inbox and attempts.
type script struct {
	turns uint64
	ids   engine.ID
}

const perTurn = 3

func (s *script) next() *engine.Change {
	n := s.turns
	c := &engine.Change{
		State:    map[engine.Part][]byte{engine.PartSearch: fmt.Appendf(nil, "state after turn %d", n)},
		Counters: &engine.Counters{Wall: float64(n), State: engine.StateRunning},
	}
	if n == 0 {
		c.Header = &engine.Header{Name: "scripted", Engine: "0.1.0", Created: time.Unix(1700000000, 0), Config: []byte(`{"seed":7}`)}
		c.Events = []engine.EventRecord{{Seq: 1, Kind: "started", Data: []byte(`{"pid":1}`), Time: time.Unix(1700000000, 5)}}
	}
	t := engine.TurnRecord{Part: engine.PartSearch, N: n, FirstID: s.ids + 1, Jobs: perTurn, Want: perTurn, Decision: sha256.Sum256([]byte{byte(n)})}
	for range perTurn {
		s.ids++
		job := engine.JobRecord{Job: engine.Job{
			ID: s.ids, Phase: engine.PhaseSearch, Task: engine.Train, Operator: engine.OpRandom, Budget: 4, Seed: uint64(s.ids) * 1234567890123 % (1 << 53),
		}, Packed: fmt.Sprintf("packed genome %8d", s.ids), Turn: n}
		if s.ids > 2*perTurn {
			job.Operator, job.Parents = engine.OpCross, []engine.ID{s.ids - 2*perTurn, s.ids - 2*perTurn + 1}
		}
		c.Jobs = append(c.Jobs, job)
	}
	for i := range engine.ID(perTurn) {
		if n >= 1 {
			c.Inbox = append(c.Inbox, result(t.FirstID-perTurn+i))
		}
		if n >= 2 {
			id := t.FirstID - 2*perTurn + (i+1)%perTurn
			t.Consumed = append(t.Consumed, id)
			c.Consumed = append(c.Consumed, result(id))
		}
	}
	c.Attempts = []engine.AttemptRecord{{ID: t.FirstID, Started: 2, Counted: 1, Reason: "it died"}}
	c.Turns = []engine.TurnRecord{t}
	s.turns++
	return c
}

func result(id engine.ID) engine.ResultRecord {
	x := 1 / float64(id)
	return engine.ResultRecord{ID: id, Attempt: 1, Attempts: 1, Result: engine.Result{
		Status: engine.OK, Seconds: x, Output: []byte("output"),
		Metrics: engine.Values{{Name: "accuracy", Value: x}, {Name: "parameters", Value: 5210}},
		Curve:   []engine.Point{{Step: 1, Metrics: engine.Values{{Name: "loss", Value: x}}}, {Step: 2, Metrics: engine.Values{{Name: "loss", Value: x / 2}}}},
	}}
}

func open(t testing.TB, dir string) *Ledger {
	t.Helper()
	l, err := Open(dir, Options{NoSync: true}) // these tests cut no power
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func closed(t testing.TB, l *Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// scripted makes a search of some turns and returns its directory, closed.
func scripted(t testing.TB, turns int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "search")
	l := open(t, dir)
	var s script
	for range turns {
		if err := l.Commit(s.next()); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, l)
	return dir
}

// dump is all that a reader can see.
func dump(l *Ledger) (text string, err error) {
	var b strings.Builder
	add := func(x any, e error) {
		if e != nil {
			err = errors.Join(err, e)
		}
		fmt.Fprintf(&b, "%+v\n", x)
	}
	h, _, e := l.Header()
	add(h, e)
	c, e := l.Counters()
	add(c, e)
	for _, part := range []engine.Part{engine.PartSearch, engine.PartFinal} {
		s, e := l.State(part)
		add(s, e)
		for r, e := range l.Turns(part) {
			add(r, e)
		}
	}
	for r, e := range l.Events() {
		add(r, e)
	}
	for r, e := range l.Jobs() {
		add(r, e)
	}
	for r, e := range l.History() {
		add(r.ID, e)
		r, _, e = l.Result(r.ID)
		add(r, e)
	}
	for r, e := range l.Inbox() {
		add(r, e)
	}
	for r, e := range l.Attempts() {
		add(r, e)
	}
	return b.String(), err
}

func mustDump(t testing.TB, dir string) string {
	t.Helper()
	l, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	text, err := dump(l)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func oneLine(t testing.TB, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line: %q", err)
	}
}

func TestWholeLedgerPassesCheck(t *testing.T) {
	t.Parallel()
	for _, turns := range []int{0, 1, 2, 40} {
		if err := Check(scripted(t, turns)); err != nil {
			t.Errorf("%d turns: %v", turns, err)
		}
	}
}

// A ledger of any format, as it was first written, is read by every later version:
// as it is, and after it was brought to the current format, which the first commit does
// and nothing before it.
func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	fresh := scripted(t, 4)
	if *update {
		content, err := os.ReadFile(filepath.Join(fresh, FileName))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		w.Write(content)
		w.Close()
		if err := os.WriteFile(fmt.Sprintf("testdata/format%d.db.gz", currentFormat()), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := mustDump(t, fresh)
	for format := 1; format <= currentFormat(); format++ {
		f, err := os.Open(fmt.Sprintf("testdata/format%d.db.gz", format))
		if err != nil {
			t.Fatalf("%v; write one with -update", err)
		}
		defer f.Close()
		unzip, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(unzip)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, FileName)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Check(dir); err != nil {
			t.Errorf("format %d: %v", format, err)
		}
		if diff := cmp.Diff(want, mustDump(t, dir)); diff != "" {
			t.Errorf("the file of format %d reads differently (-now +then):\n%s", format, diff)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("the file of format %d was changed by reading it: %v", format, err)
		}
		l := open(t, dir)
		closed(t, l)
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("the file of format %d was changed by opening it: %v", format, err)
		}
		l = open(t, dir)
		counters, err := l.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Commit(&engine.Change{Counters: &counters}); err != nil {
			t.Fatal(err)
		}
		closed(t, l)
		if l = open(t, dir); l.format != currentFormat() {
			t.Errorf("after a commit the file of format %d has format %d", format, l.format)
		}
		closed(t, l)
		if err := Check(dir); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, mustDump(t, dir)); diff != "" {
			t.Errorf("the file of format %d reads differently once it was written to (-now +then):\n%s", format, diff)
		}
	}
}

// Whatever byte of the file changes, Check finds it, or no reader sees it.
func TestFlippedByteInFile(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 12)
	want := mustDump(t, dir)
	whole, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	found, unseen := 0, 0
	const steps = 509 // leaves all offsets of a page in reach over the pages
	for i := 0; i < len(whole); i++ {
		if i%steps != 0 && (whole[i] == 0 || i%13 != 0) {
			continue
		}
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		if err := os.WriteFile(filepath.Join(dir, FileName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		err := Check(dir)
		if err == nil {
			unseen++
			if got := mustDump(t, dir); got != want {
				t.Fatalf("byte %d flipped: a reader sees another search and Check sees nothing", i)
			}
			continue
		}
		found++
		oneLine(t, err)
		if !errors.Is(err, engine.ErrDamaged) && !strings.Contains(err.Error(), "is no ledger") {
			t.Fatalf("byte %d flipped: %v is not called damaged", i, err)
		}
		// What Open lets through, readers find or do not see.
		if l, err := Inspect(dir); err == nil {
			if got, err := dump(l); err == nil && got != want {
				// Only what is missing may go unnoticed by readers; Check found it.
				if len(got) > len(want) {
					t.Fatalf("byte %d flipped: a reader sees more than there was", i)
				}
			}
			l.Close()
		}
	}
	if found < 100 {
		t.Errorf("of %d flipped bytes only %d were found", found+unseen, found)
	}
	t.Logf("%d flipped bytes found, %d seen by nobody", found, unseen)
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 12)
	path := filepath.Join(dir, FileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := newestMeta(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	used := int(meta.pages) * pageSize
	for _, size := range []int{0, 1, 15, 40, 80, 4095, 4096, 4096 + 40, 8191, 8192, 3 * 4096, used - 4096, used - 1} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		for name, err := range opening(dir) {
			oneLine(t, err)
			if !errors.Is(err, engine.ErrDamaged) && !(size < 20 && size > 0 && errors.Is(err, engine.ErrConfig)) {
				t.Errorf("%s of the first %d bytes: %v", name, size, err)
			}
		}
	}
}

// opening is what the three ways into a directory say of it.
func opening(dir string) map[string]error {
	l, err := Open(dir, Options{NoSync: true})
	if err == nil {
		l.Close()
	}
	r, err2 := Inspect(dir)
	if err2 == nil {
		r.Close()
	}
	return map[string]error{"Open": err, "Inspect": err2, "Check": Check(dir)}
}

// bbolt takes the older meta page where the newest is damaged, and with it the
// state before the last commit. Here that is reported.
func TestDamagedMetaPageIsReported(t *testing.T) {
	t.Parallel()
	for page := range 2 {
		dir := scripted(t, 5)
		path := filepath.Join(dir, FileName)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[page*pageSize+pageHeader+50] ^= 4
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("bbolt is not fooled by a damaged meta page any more: %v", err)
		}
		db.Close()
		for name, err := range opening(dir) {
			if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("meta page %d", page)) {
				t.Errorf("%s with meta page %d damaged: %v", name, page, err)
			}
		}
	}
}

// A meta page replaced by an older whole one, as by a lost write.
func TestLostMetaPageIsReported(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 5)
	path := filepath.Join(dir, FileName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := newestMeta(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	at := b[meta.page*pageSize+pageHeader:]
	binary.LittleEndian.PutUint64(at[48:], meta.txid-2)
	h := fnv.New64a()
	h.Write(at[:56])
	binary.LittleEndian.PutUint64(at[56:], h.Sum64())
	older, err := newestMeta(bytes.NewReader(b))
	if err != nil && !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("%v", err)
	}
	if err == nil && older.txid != meta.txid-1 {
		t.Errorf("transaction %d is the newest", older.txid)
	}
	binary.LittleEndian.PutUint64(at[48:], meta.txid-4)
	h.Reset()
	h.Write(at[:56])
	binary.LittleEndian.PutUint64(at[56:], h.Sum64())
	if _, err := newestMeta(bytes.NewReader(b)); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("metas that do not follow each other: %v", err)
	}
}

func TestNoLedger(t *testing.T) {
	t.Parallel()
	other := func(dir string, content func(path string)) string {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		content(filepath.Join(dir, FileName))
		return dir
	}
	text := other(t.TempDir(), func(path string) { os.WriteFile(path, []byte("name: not a ledger\n"), 0o644) })
	long := other(t.TempDir(), func(path string) { os.WriteFile(path, bytes.Repeat([]byte("text "), 10000), 0o644) })
	folder := other(t.TempDir(), func(path string) { os.Mkdir(path, 0o755) })
	bolt := other(t.TempDir(), func(path string) {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		db.Update(func(tx *bbolt.Tx) error {
			b, _ := tx.CreateBucket([]byte("somebody's"))
			return b.Put([]byte("key"), []byte("value"))
		})
		db.Close()
	})
	for dir, says := range map[string]string{text: "no ledger", long: "no ledger", folder: "is a directory", bolt: "no ledger"} {
		for name, err := range opening(dir) {
			oneLine(t, err)
			if !errors.Is(err, engine.ErrConfig) || errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if left := names(t, dir); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// tamper changes records behind the ledger's back, with right checksums.
func tamper(t testing.TB, dir string, f func(tx *bbolt.Tx, tr *transaction)) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, FileName), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		totals, err := get(tx, bucketMeta, []byte(keyTotals), readTotals)
		if err != nil {
			return err
		}
		tr := &transaction{totals: *totals}
		f(tx, tr)
		return put(tr, bucket(tx, bucketMeta), []byte(keyTotals), writeTotals, &tr.totals)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormat(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 1)
	next := currentFormat() + 1
	tamper(t, dir, func(tx *bbolt.Tx, _ *transaction) {
		e := encoder{b: fmt.Appendf(nil, formatText, next, "9.8.7")}
		tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), e.seal(bucketMeta, []byte(keyFormat), 0))
	})
	for name, err := range opening(dir) {
		oneLine(t, err)
		if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), fmt.Sprintf("format %d,", next)) ||
			!strings.Contains(err.Error(), "nascent 9.8.7 or newer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMigrationsMayRunAgain(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 3)
	want := mustDump(t, dir)
	db, err := bbolt.Open(filepath.Join(dir, FileName), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Update(func(tx *bbolt.Tx) error { return migrate(tx, 0) }); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	if got := mustDump(t, dir); got != want {
		t.Error("running the migrations again changed the content")
	}
}

// Check names what is not whole, even where every record is.
func TestCheckFindsContradictions(t *testing.T) {
	t.Parallel()
	set := func(tr *transaction, tx *bbolt.Tx, name string, key uint64, write func(*encoder)) {
		b := tx.Bucket([]byte(name))
		var e encoder
		write(&e)
		b.Put(number8(key), e.seal(name, number8(key), 0))
	}
	drop := func(tx *bbolt.Tx, name string, key uint64) { tx.Bucket([]byte(name)).Delete(number8(key)) }
	turn := func(tx *bbolt.Tx, n uint64) engine.TurnRecord {
		r, err := get(tx, bucketSearch, number8(n), numbered(n, readTurn(engine.PartSearch)))
		if err != nil || r == nil {
			t.Fatal(n, err)
		}
		return *r
	}
	job := func(tx *bbolt.Tx, id uint64) engine.JobRecord {
		r, err := get(tx, bucketJobs, number8(id), numbered(id, readJob))
		if err != nil || r == nil {
			t.Fatal(id, err)
		}
		return *r
	}
	setTurn := func(tr *transaction, tx *bbolt.Tx, r engine.TurnRecord) {
		set(tr, tx, bucketSearch, r.N, func(e *encoder) { writeTurn(e, &r) })
	}
	setJob := func(tr *transaction, tx *bbolt.Tx, r engine.JobRecord) {
		set(tr, tx, bucketJobs, uint64(r.ID), func(e *encoder) { writeJob(e, &r) })
	}
	for name, c := range map[string]struct {
		change func(tx *bbolt.Tx, tr *transaction)
		says   string
	}{
		"nothing": {func(*bbolt.Tx, *transaction) {}, ""},
		"job missing": {func(tx *bbolt.Tx, tr *transaction) {
			drop(tx, bucketJobs, 5)
			tr.totals.jobs--
		}, "bucket jobs, key 5"},
		"job too many": {func(tx *bbolt.Tx, tr *transaction) {
			r := job(tx, 5)
			r.ID = 1000
			setJob(tr, tx, r)
			tr.totals.jobs++
		}, "bucket jobs, key 1000"},
		"job uncounted":   {func(tx *bbolt.Tx, tr *transaction) { tr.totals.jobs++ }, "bucket jobs has"},
		"job's turn":      {func(tx *bbolt.Tx, tr *transaction) { r := job(tx, 5); r.Turn = 3; setJob(tr, tx, r) }, "bucket jobs, key 5"},
		"job's parent":    {func(tx *bbolt.Tx, tr *transaction) { r := job(tx, 9); r.Parents[0] = 10; setJob(tr, tx, r) }, "bucket jobs, key 9"},
		"job's ancestor":  {func(tx *bbolt.Tx, tr *transaction) { r := job(tx, 9); r.Inherit = 99; setJob(tr, tx, r) }, "bucket jobs, key 9"},
		"job's twin":      {func(tx *bbolt.Tx, tr *transaction) { r := job(tx, 9); r.Reuse = 9; setJob(tr, tx, r) }, "bucket jobs, key 9"},
		"job's source":    {func(tx *bbolt.Tx, tr *transaction) { r := job(tx, 9); r.Resume = 99; setJob(tr, tx, r) }, "bucket jobs, key 9"},
		"turn's first id": {func(tx *bbolt.Tx, tr *transaction) { r := turn(tx, 2); r.FirstID++; setTurn(tr, tx, r) }, "turns.search, key 2"},
		"turn's jobs":     {func(tx *bbolt.Tx, tr *transaction) { r := turn(tx, 2); r.Jobs++; setTurn(tr, tx, r) }, "jobs, key"},
		"turn's keep":     {func(tx *bbolt.Tx, tr *transaction) { r := turn(tx, 2); r.Keep = []engine.ID{77}; setTurn(tr, tx, r) }, "turns.search, key 2"},
		"turn's files":    {func(tx *bbolt.Tx, tr *transaction) { r := turn(tx, 7); r.Files = missing(); setTurn(tr, tx, r) }, "turns.search, key 7"},
		"turn missing":    {func(tx *bbolt.Tx, tr *transaction) { drop(tx, bucketSearch, 2) }, "turns.search"},
		"last turn":       {func(tx *bbolt.Tx, tr *transaction) { drop(tx, bucketSearch, 7) }, "turns.search ends"},
		"consumed order":  {func(tx *bbolt.Tx, tr *transaction) { r := turn(tx, 3); swap(r.Consumed); setTurn(tr, tx, r) }, "turn 3"},
		"consumed twice": {func(tx *bbolt.Tx, tr *transaction) {
			r := turn(tx, 3)
			r.Consumed[1] = r.Consumed[0]
			setTurn(tr, tx, r)
		}, "turn 3"},
		"consumed missing": {func(tx *bbolt.Tx, tr *transaction) {
			r := turn(tx, 7)
			r.Consumed = append(r.Consumed, 19)
			setTurn(tr, tx, r)
		}, "turn 7"},
		"event missing":   {func(tx *bbolt.Tx, tr *transaction) { drop(tx, bucketEvents, 1) }, "events"},
		"header missing":  {func(tx *bbolt.Tx, tr *transaction) { tx.Bucket([]byte(bucketMeta)).Delete([]byte(keyHeader)) }, "header"},
		"history missing": {func(tx *bbolt.Tx, tr *transaction) { drop(tx, bucketHistory, 4) }, "history"},
		"details missing": {func(tx *bbolt.Tx, tr *transaction) {
			drop(tx, bucketDetails, 4)
			set(tr, tx, bucketDetails, 999, func(e *encoder) { writeDetails(e, &details{}) })
		}, "bucket details, key 4 is missing"},
		"details astray": {func(tx *bbolt.Tx, tr *transaction) {
			set(tr, tx, bucketDetails, 4, func(e *encoder) { writeDetails(e, &details{position: 11}) })
		}, "bucket details, key 4"},
		"inbox consumed": {func(tx *bbolt.Tx, tr *transaction) {
			r := result(2)
			set(tr, tx, bucketInbox, 2, func(e *encoder) { writeInbox(e, &r) })
			tr.totals.inbox++
		}, "bucket inbox, key 2"},
		"inbox without job": {func(tx *bbolt.Tx, tr *transaction) {
			r := result(2000)
			set(tr, tx, bucketInbox, 2000, func(e *encoder) { writeInbox(e, &r) })
			tr.totals.inbox++
		}, "bucket inbox, key 2000"},
		"inbox files": {func(tx *bbolt.Tx, tr *transaction) {
			r := result(19)
			r.Files = missing()
			set(tr, tx, bucketInbox, 19, func(e *encoder) { writeInbox(e, &r) })
		}, "bucket inbox, key 19"},
		"attempt consumed": {func(tx *bbolt.Tx, tr *transaction) {
			set(tr, tx, bucketTries, 2, func(e *encoder) { writeAttempt(e, &engine.AttemptRecord{}) })
			tr.totals.attempts++
		}, "bucket attempts, key 2"},
		"strange bucket": {func(tx *bbolt.Tx, tr *transaction) { tx.CreateBucket([]byte("guest")) }, "guest"},
		"strange key": {func(tx *bbolt.Tx, tr *transaction) {
			tx.Bucket([]byte(bucketMeta)).Put([]byte("guest"), []byte("x"))
		}, "guest"},
		"bucket missing": {func(tx *bbolt.Tx, tr *transaction) { tx.DeleteBucket([]byte(bucketTries)) }, "bucket attempts is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := scripted(t, 8)
			tamper(t, dir, c.change)
			err := Check(dir)
			oneLine(t, err)
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Check says %v, which does not name %q", err, c.says)
			}
		})
	}
}

func missing() []engine.FileRef {
	return []engine.FileRef{{Name: "weights", Hash: hex.EncodeToString(make([]byte, 32)), Size: 1}}
}

func swap(ids []engine.ID) { ids[0], ids[1] = ids[1], ids[0] }

func TestCheckHashesFiles(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 2)
	l := open(t, dir)
	path := filepath.Join(l.Temp(), "x")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	ref, err := l.Put(path, "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filesName, ref.Hash), []byte("Weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir); !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), ref.Hash) {
		t.Errorf("a changed file: %v", err)
	}
}

func TestTempIsEmptied(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 1)
	left := filepath.Join(dir, filesName, tempName, "sub", "unfinished")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	if list := names(t, l.Temp()); len(list) != 0 {
		t.Errorf("left in Temp: %v", list)
	}
}

func TestPutRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "search"))
	link := filepath.Join(l.Temp(), "link")
	if err := os.Symlink("/etc/hostname", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, l.Temp()} {
		if _, err := l.Put(path, "x"); err == nil {
			t.Errorf("Put took %s", path)
		}
	}
	for _, hash := range []string{"", "../ledger.db", strings.Repeat("A", 64), "tmp"} {
		if _, err := l.Path(hash); err == nil {
			t.Errorf("Path found %q", hash)
		}
		if err := l.Remove([]string{hash}); err == nil {
			t.Errorf("Remove took %q", hash)
		}
	}
}

// A commit that contradicts the ledger changes nothing and makes it say so.
func TestCommitRefusesContradictions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]engine.Change{
		"second header":         {Header: &engine.Header{}},
		"event out of order":    {Events: []engine.EventRecord{{Seq: 3}}},
		"turn out of order":     {Turns: []engine.TurnRecord{{Part: engine.PartSearch, N: 7}}},
		"turn of no part":       {Turns: []engine.TurnRecord{{Part: "x"}}},
		"state of no part":      {State: map[engine.Part][]byte{"x": nil}},
		"job twice":             {Jobs: []engine.JobRecord{{Job: engine.Job{ID: 1}}}},
		"job without id":        {Jobs: []engine.JobRecord{{}}},
		"result twice":          {Inbox: []engine.ResultRecord{result(10)}},
		"result after the fact": {Inbox: []engine.ResultRecord{result(1)}},
		"result without job":    {Inbox: []engine.ResultRecord{result(99)}},
		"consumed twice":        {Consumed: []engine.ResultRecord{result(1)}},
		"consumed without job":  {Consumed: []engine.ResultRecord{result(99)}},
		"attempt without job":   {Attempts: []engine.AttemptRecord{{ID: 99}}},
		"attempt at a result":   {Attempts: []engine.AttemptRecord{{ID: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := scripted(t, 5)
			want := mustDump(t, dir)
			l := open(t, dir)
			c.Counters = &engine.Counters{Wall: 999} // must not stay either
			first := l.Commit(&c)
			oneLine(t, first)
			if first == nil || !strings.Contains(first.Error(), "close the ledger and open it again") {
				t.Fatalf("%v", first)
			}
			if err := l.Commit(&engine.Change{Counters: &engine.Counters{}}); !errors.Is(err, first) {
				t.Errorf("the next commit: %v", err)
			}
			if _, err := l.Counters(); !errors.Is(err, first) {
				t.Errorf("reading after it: %v", err)
			}
			closed(t, l)
			if got := mustDump(t, dir); got != want {
				t.Error("the refused commit left something")
			}
		})
	}
}

// When writing fails nobody knows what is on disk, until it is opened again.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 3)
	want := mustDump(t, dir)
	l := open(t, dir)
	l.file.Close() // every write fails from now on
	s := script{turns: 3, ids: 9}
	if err := l.Commit(s.next()); err == nil || !strings.Contains(err.Error(), "open it again") {
		t.Fatalf("%v", err)
	}
	if _, err := l.Counters(); err == nil {
		t.Error("it still answers")
	}
	l.Close()
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	if got := mustDump(t, dir); got != want {
		t.Error("the failed commit left something")
	}
	l = open(t, dir)
	s = script{turns: 3, ids: 9}
	if err := l.Commit(s.next()); err != nil {
		t.Error(err)
	}
}

func TestClosedLedger(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "search"))
	closed(t, l)
	closed(t, l)
	if _, err := l.Counters(); err == nil {
		t.Error("a closed ledger answers")
	}
	if err := l.Commit(new(script).next()); err == nil {
		t.Error("a closed ledger commits")
	}
	for _, err := range l.Jobs() {
		if err == nil {
			t.Error("a closed ledger iterates")
		}
	}
}

func TestDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	closed(t, open(t, dir))
	for path, want := range map[string]fs.FileMode{
		dir: 0o700, filepath.Join(dir, filesName): 0o700, filepath.Join(dir, FileName): 0o600, filepath.Join(dir, lockName): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
}

// What cannot be made leaves nothing behind.
func TestUnfitDirectory(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{
		file,
		filepath.Join(file, "below"),
		"/proc/nascent/search",
		filepath.Join(root, "new", strings.Repeat("x", 300)), // too long a name, below a directory that could be made
	} {
		_, err := Open(dir, Options{})
		oneLine(t, err)
		if !errors.Is(err, engine.ErrConfig) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if list := names(t, root); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
	// The folder for files cannot be made after the ledger was.
	dir := filepath.Join(root, "half")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filesName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(dir, Options{}); err == nil {
		l.Close()
		t.Error("opened with a file in the place of the folder for files")
	}
	if list := names(t, dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
	if os.Getuid() == 0 {
		t.Log("skipped: the unwritable directory, because root may write anywhere")
		return
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, engine.ErrConfig) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("unwritable: %v", err)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	if _, err := Inspect(empty); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, engine.ErrConfig) {
		t.Errorf("an empty directory: %v", err)
	}
	if list := names(t, empty); len(list) != 0 {
		t.Errorf("left behind: %v", list)
	}
	dir := scripted(t, 3)
	l, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(&engine.Change{Counters: &engine.Counters{}}); !errors.Is(err, errReadOnly) {
		t.Errorf("a reader's commit: %v", err)
	}
	if err := l.Collect(nil); !errors.Is(err, errReadOnly) {
		t.Errorf("a reader's Collect: %v", err)
	}
	closed(t, l)
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	if l, err = Inspect(dir); err != nil {
		t.Fatalf("without a lock: %v", err)
	}
	closed(t, l)
	if list := names(t, dir); !slices.Equal(list, before) {
		t.Errorf("a reader left %v of %v", list, before)
	}
}

// However long somebody reads, he keeps no writer out, and what he reads stays as it was.
func TestReadersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	dir := scripted(t, 4)
	want := mustDump(t, dir)
	l, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(l.Jobs())
	defer stop()
	if _, err, ok := next(); err != nil || !ok {
		t.Fatal(err)
	}
	held, _, err := lock(l.root, mount{}, true, 0)
	if err != nil {
		t.Fatalf("a writer beside a reader: %v", err)
	}
	unlock(held, true)
	writer := open(t, dir)
	s := script{turns: 4, ids: 12}
	for range 20 {
		if err := writer.Commit(s.next()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := dump(l); err != nil || got != want {
		t.Errorf("the reader sees what was committed after it began: %v", err)
	}
	if err := l.Check(); err != nil {
		t.Errorf("what it reads is not whole: %v", err)
	}
	closed(t, writer)
	if got := mustDump(t, dir); got == want {
		t.Error("nothing was committed")
	}
	closed(t, l)
}

// What the process that runs a search hands over is its ledger as of the newest commit,
// and is one that can be gone on with.
func TestCopy(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "search")
	l := open(t, dir)
	var s script
	for range 7 { // transactions with odd numbers and even ones
		if err := l.Commit(s.next()); err != nil {
			t.Fatal(err)
		}
		want, err := dump(l)
		if err != nil {
			t.Fatal(err)
		}
		var whole []byte
		r, err := Received(dir, func(out io.Writer) error {
			f, err := l.Copy()
			if err != nil {
				return err
			}
			defer f.Close()
			if whole, err = io.ReadAll(f); err == nil {
				_, err = out.Write(whole)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := dump(r); err != nil || got != want {
			t.Fatalf("after %d turns the copy holds something else: %v", s.turns, err)
		}
		if err := r.Check(); err != nil {
			t.Errorf("after %d turns the copy is not whole: %v", s.turns, err)
		}
		closed(t, r)
		own := t.TempDir()
		if err := os.WriteFile(filepath.Join(own, FileName), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			w := open(t, own)
			next := s
			next.turns = w.totals.turns[0]
			next.ids = engine.ID(perTurn * next.turns)
			if err := w.Commit(next.next()); err != nil {
				t.Fatal(err)
			}
			closed(t, w)
		}
		if err := Check(own); err != nil {
			t.Error(err)
		}
	}
	problem := errors.New("it went away")
	if _, err := Received(dir, func(out io.Writer) error { _, err := out.Write([]byte("half")); return errors.Join(err, problem) }); !errors.Is(err, problem) {
		t.Errorf("half a copy: %v", err)
	}
	if _, err := Received(dir, func(io.Writer) error { return nil }); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("nothing: %v", err)
	}
}

// A file that is collected while somebody checks the search was there; one that was
// missing before is damage.
func TestCheckBesideWhoCollects(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "search")
	l := open(t, dir)
	path := filepath.Join(l.Temp(), "w")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	ref, err := l.Put(path, "w")
	if err != nil {
		t.Fatal(err)
	}
	var s script
	c := s.next()
	c.Turns[0].Files = []engine.FileRef{ref}
	if err := l.Commit(c); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	r, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	if err := l.Commit(s.next()); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove([]string{ref.Hash}); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Errorf("a file was collected meanwhile: %v", err)
	}
	closed(t, r)
	closed(t, l)
}

// Where there is no room among the temporary files a copy is in memory.
func TestCopyWithoutRoom(t *testing.T) {
	dir := scripted(t, 3)
	want := mustDump(t, dir)
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "is not there"))
	if got := mustDump(t, dir); got != want {
		t.Error("a copy in memory holds something else")
	}
}

func isLocked(err error, pid int) bool {
	var l *LockedError
	return errors.As(err, &l) && l.PID == pid
}

// A copy of a search without its lock file, where nothing may be made, can
// still be read.
func TestInspectReadOnlyCopy(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("skipped: root may write in a read-only directory")
	}
	dir := scripted(t, 2)
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if err := Check(dir); err != nil {
		t.Error(err)
	}
}

// A reader that stops in the middle of a batch keeps no transaction open, and
// goes on over thousands of commits without letting the file grow.
func TestIteratorsHoldNoTransaction(t *testing.T) {
	t.Parallel()
	l := open(t, scripted(t, 2))
	s := script{turns: 2, ids: 6}
	for _, err := range l.Jobs() {
		if err != nil {
			t.Fatal(err)
		}
		if n := l.db.Stats().OpenTxN; n != 0 {
			t.Fatalf("%d transactions are open between the steps of an iterator", n)
		}
		if err := l.Commit(s.next()); err != nil {
			t.Fatal(err)
		}
		if s.turns > 30 {
			break
		}
	}
}

// The file stays small: a candidate of a search with a turn per result costs
// no more than 400 bytes without its curve.
func TestBytesPerCandidate(t *testing.T) {
	t.Parallel()
	const n, group = 20000, 50
	l := open(t, filepath.Join(t.TempDir(), "search"))
	for i := 0; i < n; i += group {
		if err := l.Commit(candidates(i, group)); err != nil {
			t.Fatal(err)
		}
	}
	meta, err := newestMeta(l.file)
	if err != nil {
		t.Fatal(err)
	}
	if per := float64(meta.pages*pageSize) / n; per > 400 {
		t.Errorf("%.0f bytes for each candidate", per)
	} else {
		t.Logf("%.0f bytes for each candidate", per)
	}
}

// Many readers and one writer, for the race detector.
func TestReadersBesideTheWriter(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "search"))
	var s script
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := dump(l); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		})
	}
	for range 60 {
		if err := l.Commit(s.next()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}
