package ledger

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// BenchmarkCommit measures candidates a second (each a turn, a job and a
// result) at several sizes of commit, beside the least that durability can
// cost on the same disk: an append of as many bytes and an fsync.
func BenchmarkCommit(b *testing.B) {
	for _, group := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("append+fsync/group=%d", group), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "anchor"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			record := make([]byte, 300)
			n := 0
			for b.Loop() {
				buffer := make([]byte, 0, group*len(record))
				for range group {
					buffer = append(buffer, record...)
				}
				if _, err := f.Write(buffer); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				n += group
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "candidates/s")
		})
		b.Run(fmt.Sprintf("ledger/group=%d", group), func(b *testing.B) {
			l, err := Open(filepath.Join(b.TempDir(), "search"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			n := 0
			for b.Loop() {
				c := candidates(n, group)
				if err := l.Commit(c); err != nil {
					b.Fatal(err)
				}
				n += group
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "candidates/s")
		})
	}
}

// BenchmarkScan reads a history of 100,000 results, as a resumed search does.
func BenchmarkScan(b *testing.B) {
	const n = 100_000
	dir := searched(b, n)
	for b.Loop() {
		l := open(b, dir)
		count := 0
		for _, err := range l.History() {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
		if count < n-1 {
			b.Fatal(count)
		}
		closed(b, l)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "candidates/s")
}

// BenchmarkCheck checks a whole search of 100,000 candidates.
func BenchmarkCheck(b *testing.B) {
	const n = 100_000
	dir := searched(b, n)
	for b.Loop() {
		if err := Check(dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "candidates/s")
}

// searched is the directory of a search of n candidates.
func searched(b *testing.B, n int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "search")
	l := open(b, dir)
	for i := 0; i < n; i += 1000 {
		if err := l.Commit(candidates(i, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	closed(b, l)
	return dir
}

// candidates are the turns from, from+1, ...: each proposes one job and
// consumes the result of the one before.
func candidates(from, count int) *engine.Change {
	var c engine.Change
	if from == 0 {
		c.Header = &engine.Header{Name: "bench"}
	}
	for i := from; i < from+count; i++ {
		id := engine.ID(i + 1)
		turn := engine.TurnRecord{
			Part: engine.PartSearch, N: uint64(i), FirstID: id, Jobs: 1, Want: 1,
			Decision: sha256.Sum256(number8(uint64(i))),
		}
		if i > 0 {
			turn.Consumed = []engine.ID{id - 1}
			r := result(id - 1)
			r.Curve, r.Output = nil, nil
			c.Consumed = append(c.Consumed, r)
		}
		job := engine.JobRecord{Job: engine.Job{
			ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Operator: engine.OpMutate, Budget: 1, Seed: 1<<53 - uint64(id),
		}, Packed: "a genome of a good forty bytes, like many", Turn: uint64(i)}
		if i > 100 {
			job.Parents = []engine.ID{id - 90}
		}
		c.Turns, c.Jobs = append(c.Turns, turn), append(c.Jobs, job)
	}
	c.State = map[engine.Part][]byte{engine.PartSearch: make([]byte, 300)}
	return &c
}
