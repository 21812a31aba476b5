package index_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// search is a ledger that grows.
type search struct {
	*ledger.Ledger
	dir  string
	n    int // candidates
	seed uint64
}

func begin(t testing.TB, seed uint64) *search {
	t.Helper()
	dir := t.TempDir()
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { led.Close() })
	s := &search{led, dir, 0, seed}
	s.commit(t, &engine.Change{Header: &engine.Header{Name: fmt.Sprint(seed), Config: json.RawMessage(`{}`)}})
	return s
}

func (s *search) commit(t testing.TB, c *engine.Change) {
	t.Helper()
	if err := s.Commit(c); err != nil {
		t.Fatal(err)
	}
}

// grow adds candidates of all sorts, up to n.
func (s *search) grow(t testing.TB, n int) {
	t.Helper()
	c := &engine.Change{}
	for ; s.n < n; s.n++ {
		r := rand.New(rand.NewPCG(s.seed, uint64(s.n)))
		id := engine.ID(s.n + 1)
		j := engine.JobRecord{Packed: string([]byte{byte(s.n), byte(r.IntN(9))}), Turn: uint64(s.n)}
		j.ID, j.Phase, j.Task, j.Operator, j.Budget, j.Seed = id, engine.PhaseSearch, engine.Train, "mutate", 2.5, r.Uint64N(1<<53)
		x := engine.ResultRecord{ID: id, Attempt: 1, Attempts: 1 + r.IntN(3)}
		x.Status, x.Seconds, x.Metrics = engine.OK, r.Float64(), engine.Values{{Name: "accuracy", Value: r.Float64()}}
		switch r.IntN(6) {
		case 0:
			x.Status, x.Metrics, x.Reason, x.Lost = engine.Failed, nil, fmt.Sprintf("reason %d", s.n), 1.5
		case 1:
			j.Tag, j.Parents, j.Operator, j.Fidelity = "island 2", []engine.ID{id, 1}, "cross", 1
		case 2:
			j.Resume, j.Replicate, x.Stopped, j.Packed = 1, true, true, ""
			x.Metrics = append(x.Metrics, engine.Value{Name: "val/loss", Value: -1})
			x.Usage = engine.Usage{CPU: r.Float64(), Memory: r.Int64(), GPUMemory: r.Int64N(2)}
		case 3:
			j.Inherit, j.Reuse, j.Baseline = 2, 1, "hand made"
			if s.n%2 == 0 { // else what it was to share was cancelled
				x.Attempts = 0
			}
		}
		c.Jobs, c.Consumed = append(c.Jobs, j), append(c.Consumed, x)
	}
	s.commit(t, c)
}

func (s *search) open(t testing.TB, keep bool) *index.Index {
	t.Helper()
	x, err := index.Open(s.dir, s.Ledger, keep)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// check sees that an index says what the ledger does.
func (s *search) check(t testing.TB, x *index.Index) {
	t.Helper()
	row := 0
	for e, err := range s.Entries(0) {
		if err != nil {
			t.Fatal(err)
		}
		want := engine.Candidate{Job: e.Job.Job, Result: e.Result.Result, Attempts: e.Result.Attempts, Lost: e.Result.Lost}
		if want.Attempts > 0 {
			want.Reuse = 0
		}
		got := x.Candidate(row)
		if len(got.Parents) == 0 {
			got.Parents = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("row %d of %d is\n%+v, want\n%+v", row, x.Len(), got, want)
		}
		if j := x.Job(row); j.Packed != e.Job.Packed || j.Baseline != want.Baseline {
			t.Fatalf("row %d has genome %q of %q", row, j.Packed, j.Baseline)
		}
		if at, ok := x.Find(want.ID); !ok || at != row {
			t.Fatalf("%s is in row %d, %v", want.ID, at, ok)
		}
		row++
	}
	if x.Len() != row || row != s.n {
		t.Fatalf("it has %d rows, want %d", x.Len(), s.n)
	}
}

func (s *search) file(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, index.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *search) put(t testing.TB, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, index.FileName), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// However it grew, and whoever wrote it, the index says what the ledger does, and its
// file is the same.
func TestGrows(t *testing.T) {
	t.Parallel()
	sizes := []int{0, 1, 2, 700, 4095, 4096, 4097, 8191, 9000}
	s := begin(t, 1)
	for _, n := range sizes {
		s.grow(t, n)
		s.check(t, s.open(t, false))
		s.check(t, s.open(t, true))
		s.check(t, s.open(t, true))
	}
	step := s.file(t)
	s.put(t, nil)
	s.check(t, s.open(t, true))
	if !bytes.Equal(s.file(t), step) {
		t.Error("the file depends on how it grew")
	}

	followed := begin(t, 1)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		index.Follow(followed.dir, followed.Ledger, time.Millisecond, stop)
		close(done)
	}()
	for n := 0; n <= 9000; n += 1500 {
		followed.grow(t, n)
		followed.check(t, followed.open(t, false))
	}
	close(stop)
	<-done
	if !bytes.Equal(followed.file(t), step) {
		t.Error("the file depends on who wrote it")
	}
}

// Cut short or changed anywhere, it is made whole by itself.
func TestHeals(t *testing.T) {
	t.Parallel()
	s := begin(t, 2)
	s.grow(t, 4500)
	s.check(t, s.open(t, true))
	x := s.open(t, true)
	x.Remember([]byte("state"))
	whole := s.file(t)
	x = s.open(t, true)
	if got, ok := x.State(); !ok || string(got) != "state" {
		t.Fatalf("it remembers %q, %v", got, ok)
	}
	r := rand.New(rand.NewPCG(1, 2))
	places := []int{0, 1, 15, 16, 47, 48, 51, 52, 53, 60, len(whole) - 1, len(whole) - 6, len(whole) - 20}
	for range 8 {
		places = append(places, r.IntN(len(whole)))
	}
	for _, at := range places {
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << r.IntN(8)
		for _, b := range [][]byte{bad, whole[:at], append(bytes.Clone(whole), whole[at:]...)} {
			s.put(t, b)
			s.check(t, s.open(t, true))
			if got := s.file(t); len(b) < len(whole) && !bytes.HasPrefix(whole, got) {
				t.Fatalf("cut at %d it became another", at)
			}
		}
	}
}

func TestStateIsForgotten(t *testing.T) {
	t.Parallel()
	s := begin(t, 3)
	s.grow(t, 10)
	s.open(t, true).Remember([]byte("ten"))
	if got, ok := s.open(t, true).State(); !ok || string(got) != "ten" {
		t.Fatalf("it remembers %q, %v", got, ok)
	}
	s.commit(t, &engine.Change{Counters: &engine.Counters{Wall: 1}})
	if got, ok := s.open(t, true).State(); ok {
		t.Errorf("after a commit it remembers %q", got)
	}
	s.open(t, true).Remember([]byte("wall"))
	s.commit(t, &engine.Change{Events: []engine.EventRecord{{Seq: 1, Kind: "label"}}})
	if got, ok := s.open(t, true).State(); ok {
		t.Errorf("after an event it remembers %q", got)
	}
}

// An index of a newer version, one that claims to be longer than memory, and one that is
// are made anew.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := begin(t, 9)
	s.grow(t, 4200)
	s.check(t, s.open(t, true))
	whole := s.file(t)
	newer := bytes.Clone(whole)
	newer[len("nascent index ")]++
	longer := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(longer[52+1:], 1<<31)
	for name, b := range map[string][]byte{"newer": newer, "a block of two gigabytes": longer} {
		s.put(t, b)
		s.check(t, s.open(t, false))
		s.check(t, s.open(t, true))
		if !bytes.Equal(s.file(t), whole) {
			t.Errorf("%s: it was not made anew", name)
		}
	}
	for _, b := range [][]byte{whole, longer} {
		s.put(t, b)
		if err := os.Truncate(filepath.Join(s.dir, index.FileName), 1<<40); err != nil {
			t.Skipf("skipped: no file can be a terabyte here: %v", err)
		}
		s.check(t, s.open(t, true))
		if !bytes.Equal(s.file(t), whole) {
			t.Error("a file of a terabyte was not made anew")
		}
	}
}

// Where nobody may write it is read all the same, and where there is none as well.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("skipped: root may write in a read-only directory")
	}
	s := begin(t, 10)
	s.grow(t, 30)
	for _, kept := range []bool{false, true} {
		if kept {
			s.check(t, s.open(t, true))
			s.grow(t, 40)
		}
		if err := os.Chmod(s.dir, 0o500); err != nil {
			t.Fatal(err)
		}
		s.check(t, s.open(t, true))
		s.check(t, s.open(t, true))
		if err := os.Chmod(s.dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// Who read the index before others wrote it leaves it as they did.
func TestStaleReader(t *testing.T) {
	t.Parallel()
	s := begin(t, 8)
	s.grow(t, 5000)
	stale := s.open(t, true)
	s.grow(t, 9000)
	s.check(t, s.open(t, true))
	want := s.file(t)
	stale.Remember([]byte("as it was"))
	if !bytes.Equal(s.file(t), want) {
		t.Error("it was written over")
	}
}

// The index of another search, or of another future of this one, is not believed.
func TestForeign(t *testing.T) {
	t.Parallel()
	s, other := begin(t, 4), begin(t, 5)
	s.grow(t, 30)
	other.grow(t, 30)
	other.check(t, other.open(t, true))
	s.put(t, other.file(t))
	s.check(t, s.open(t, true))

	twin := begin(t, 4) // begun in the same words, with other results
	twin.seed = 6
	twin.grow(t, 40)
	twin.check(t, twin.open(t, true))
	s.put(t, twin.file(t))
	s.check(t, s.open(t, true)) // longer than the ledger
	s.grow(t, 40)
	s.put(t, twin.file(t))
	s.check(t, s.open(t, true)) // as long
	s.grow(t, 60)
	s.put(t, twin.file(t))
	s.check(t, s.open(t, true)) // shorter
}

// What is no index stays as it is, and so does what a link leads to.
func TestNotOurs(t *testing.T) {
	t.Parallel()
	s := begin(t, 7)
	s.grow(t, 20)
	s.put(t, []byte("my own words"))
	s.check(t, s.open(t, true))
	if got := s.file(t); string(got) != "my own words" {
		t.Errorf("they became %q", got)
	}
	target := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.dir, index.FileName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(s.dir, index.FileName)); err != nil {
		t.Fatal(err)
	}
	s.check(t, s.open(t, true))
	if b, err := os.ReadFile(target); err != nil || len(b) > 0 {
		t.Errorf("what the link leads to has %d bytes, %v", len(b), err)
	}
	if _, err := ledger.Inspect(s.dir); err == nil {
		t.Error("a link in the place of the index is not refused")
	}
}

func BenchmarkOpen(b *testing.B) {
	s := begin(b, 1)
	s.grow(b, 100_000)
	s.open(b, true)
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			s.open(b, true)
		}
	})
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			s.put(b, nil)
			s.open(b, true)
		}
	})
}

// Who follows a search by a cursor has its rows, whoever sends them, and wherever he
// began: with the file, or with nothing.
func TestFeed(t *testing.T) {
	t.Parallel()
	s := begin(t, 8)
	s.grow(t, 5000)
	s.open(t, true)
	s.grow(t, 5003)
	fromFile, fromNothing := index.Load(s.dir), &index.Index{}
	if fromFile.Len() != 5000 {
		t.Fatalf("the file has %d rows", fromFile.Len())
	}
	receive := func(x *index.Index, b *bytes.Buffer) {
		t.Helper()
		m, err := s.Mark()
		for err == nil {
			err = x.Receive(b, m.Search)
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		s.check(t, x)
	}
	follow := func(x *index.Index) {
		t.Helper()
		var b bytes.Buffer
		if ok, err := index.Holds(s.Ledger, x.Cursor()); err != nil || ok != (x.Len() > 0) {
			t.Fatalf("it holds: %v, %v", ok, err)
		}
		if err := index.Send(&b, s.Ledger, x.Cursor().Rows); err != nil {
			t.Fatal(err)
		}
		receive(x, &b)
	}
	for _, x := range []*index.Index{fromFile, fromNothing} {
		if follow(x); x == fromNothing {
			x.Find(1) // from now on ids are known
		}
	}
	s.grow(t, 10_000)
	follow(fromFile)
	var b bytes.Buffer
	if err := s.open(t, false).Write(&b, 5003); err != nil {
		t.Fatal(err)
	}
	again := bytes.NewReader(b.Bytes())
	receive(fromNothing, &b)
	if row, ok := fromNothing.Find(9000); !ok || row != 8999 {
		t.Errorf("candidate 9000 stands in row %d, %v", row, ok)
	}

	other := begin(t, 9)
	other.grow(t, 10_000)
	if ok, err := index.Holds(other.Ledger, fromFile.Cursor()); ok || err != nil {
		t.Errorf("it holds those of another: %v, %v", ok, err)
	}
	for _, r := range []io.Reader{strings.NewReader("nascent index 1\nand no rows"), again} {
		if err := fromFile.Receive(r, fromFile.Cursor().Search); !errors.Is(err, index.ErrFeed) {
			t.Errorf("what does not follow is taken: %v", err)
		}
	}
}
