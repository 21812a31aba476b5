package enginetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nascent-nas/nascent/engine"
)

// LedgerOptions say what a Ledger does not promise.
type LedgerOptions struct {
	Forgets bool // nothing outlives Close
}

// Ledger checks an implementation of engine.Ledger: what was committed is read
// back as it was, whole, in order, also from a ledger opened anew; results move
// from the inbox to the history; reading beside a commit sees all of it or
// nothing; files are kept by their content. open is called with a fresh empty
// directory, and again with the same one after Close.
func Ledger(t T, open func(dir string) (engine.Ledger, error), o LedgerOptions) {
	t.Helper()
	for _, s := range []struct {
		name string
		run  func(*ledgerSuite)
	}{
		{"fresh", (*ledgerSuite).fresh},
		{"everything", (*ledgerSuite).everything},
		{"nothing", (*ledgerSuite).nothing},
		{"inbox", (*ledgerSuite).inbox},
		{"order", (*ledgerSuite).order},
		{"newest", (*ledgerSuite).newest},
		{"iterators", (*ledgerSuite).iterators},
		{"readers", (*ledgerSuite).readers},
		{"files", (*ledgerSuite).files},
	} {
		sub(t, s.name, func(t T) {
			dir, err := os.MkdirTemp("", "nascent-ledger-")
			if err != nil {
				t.Fatalf("no temporary directory: %v", err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			suite := &ledgerSuite{T: t, dir: filepath.Join(dir, "search"), open: open, forgets: o.Forgets}
			suite.begin()
			t.Cleanup(func() { suite.l.Close() })
			s.run(suite)
		})
	}
}

type ledgerSuite struct {
	T
	dir     string
	open    func(string) (engine.Ledger, error)
	forgets bool
	l       engine.Ledger
}

func (s *ledgerSuite) begin() {
	s.Helper()
	l, err := s.open(s.dir)
	if err != nil {
		s.Fatalf("open: %v", err)
	}
	s.l = l
}

// again opens the ledger anew, if it promises to remember.
func (s *ledgerSuite) again() {
	s.Helper()
	if s.forgets {
		return
	}
	if err := s.l.Close(); err != nil {
		s.Fatalf("close: %v", err)
	}
	s.begin()
}

func (s *ledgerSuite) commit(c engine.Change) {
	s.Helper()
	if err := s.l.Commit(&c); err != nil {
		s.Fatalf("commit: %v", err)
	}
}

// alike compares records: no list and an empty one are the same, and genomes
// are told by their packed form.
var alike = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(engine.Job{}, "Genome"),
}

// brief also ignores what History may leave out.
var brief = append(slices.Clone(alike), cmpopts.IgnoreFields(engine.Result{}, "Curve", "Output"))

func (s *ledgerSuite) same(what string, want, got any, o cmp.Options) {
	s.Helper()
	if diff := cmp.Diff(want, got, o); diff != "" {
		s.Errorf("%s differ from what was committed (-committed +read):\n%s", what, diff)
	}
}

// rows reads a whole iterator.
func rows[R any](s *ledgerSuite, what string, seq iter.Seq2[R, error]) (list []R) {
	s.Helper()
	for r, err := range seq {
		if err != nil {
			s.Fatalf("%s: %v", what, err)
		}
		list = append(list, r)
	}
	return list
}

// holds compares all of the ledger with what the changes say.
func (s *ledgerSuite) holds(changes ...engine.Change) {
	s.Helper()
	var header *engine.Header
	var all engine.Change
	var inbox []engine.ResultRecord
	attempts := map[engine.ID]engine.AttemptRecord{}
	states := map[engine.Part][]byte{}
	counters := engine.Counters{State: engine.StateNew}
	for _, c := range changes {
		if c.Header != nil {
			header = c.Header
		}
		if c.Counters != nil {
			counters = *c.Counters
		}
		all.Events = append(all.Events, c.Events...)
		all.Turns = append(all.Turns, c.Turns...)
		all.Jobs = append(all.Jobs, c.Jobs...)
		inbox = append(inbox, c.Inbox...)
		for _, a := range c.Attempts {
			attempts[a.ID] = a
		}
		for _, r := range c.Consumed {
			all.Consumed = append(all.Consumed, r)
			inbox = slices.DeleteFunc(inbox, func(w engine.ResultRecord) bool { return w.ID == r.ID })
			delete(attempts, r.ID)
		}
		for part, state := range c.State {
			states[part] = state
		}
	}
	for _, a := range attempts {
		all.Attempts = append(all.Attempts, a)
	}
	slices.SortFunc(all.Jobs, func(a, b engine.JobRecord) int { return order(a.ID, b.ID) })
	slices.SortFunc(inbox, func(a, b engine.ResultRecord) int { return order(a.ID, b.ID) })
	slices.SortFunc(all.Attempts, func(a, b engine.AttemptRecord) int { return order(a.ID, b.ID) })

	h, ok, err := s.l.Header()
	if err != nil || ok != (header != nil) {
		s.Fatalf("header: there %v, want %v, %v", ok, header != nil, err)
	}
	if ok {
		s.same("header", *header, h, alike)
	}
	c, err := s.l.Counters()
	if err != nil {
		s.Fatalf("counters: %v", err)
	}
	s.same("counters", counters, c, alike)
	s.same("events", all.Events, rows(s, "events", s.l.Events()), alike)
	s.same("jobs", all.Jobs, rows(s, "jobs", s.l.Jobs()), alike)
	s.same("history", all.Consumed, rows(s, "history", s.l.History()), brief)
	s.same("inbox", inbox, rows(s, "inbox", s.l.Inbox()), alike)
	s.same("attempts", all.Attempts, rows(s, "attempts", s.l.Attempts()), alike)
	for _, part := range []engine.Part{engine.PartSearch, engine.PartFinal} {
		want := slices.DeleteFunc(slices.Clone(all.Turns), func(r engine.TurnRecord) bool { return r.Part != part })
		s.same(string(part)+" turns", want, rows(s, "turns", s.l.Turns(part)), alike)
		state, err := s.l.State(part)
		if err != nil || !bytes.Equal(state, states[part]) {
			s.Errorf("%s state is %q, want %q, %v", part, state, states[part], err)
		}
	}
	for _, want := range slices.Concat(inbox, all.Consumed) {
		r, ok, err := s.l.Result(want.ID)
		if err != nil || !ok {
			s.Fatalf("result of job %v: there %v, %v", want.ID, ok, err)
		}
		s.same("result", want, r, alike)
	}
}

func order(a, b engine.ID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// job is a small job.
func ledgerJob(id engine.ID, turn uint64) engine.JobRecord {
	return engine.JobRecord{
		Job: engine.Job{
			ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Operator: engine.OpMutate,
			Budget: 1, Seed: uint64(id) * 7919,
		},
		Packed: fmt.Sprintf("genome %d", id), Turn: turn,
	}
}

// ledgerResult is a result with something in all its fields.
func ledgerResult(id engine.ID) engine.ResultRecord {
	x := float64(id)
	return engine.ResultRecord{
		ID: id, Attempt: 2, Attempts: 1, Fingerprint: 1,
		Result: engine.Result{
			Status: engine.OK, Reason: "a remark", Stopped: id%2 == 0, Seconds: x / 3,
			Metrics: engine.Values{{Name: "accuracy", Value: 1 / x}, {Name: "ones", Value: x}},
			Curve: []engine.Point{
				{Step: 1, Metrics: engine.Values{{Name: "loss", Value: 2 / x}}},
				{Step: 2, Metrics: engine.Values{{Name: "loss", Value: 1 / x}}},
			},
			Output: fmt.Appendf(nil, "output %d", id),
			Usage:  engine.Usage{CPU: x / 7, Memory: 1 << 33, GPUMemory: int64(id)},
		},
	}
}

func ledgerTurn(part engine.Part, n uint64, first engine.ID, jobs int, consumed ...engine.ID) engine.TurnRecord {
	return engine.TurnRecord{
		Part: part, N: n, FirstID: first, Jobs: jobs, Consumed: consumed, Want: jobs + 1,
		Decision: sha256.Sum256(fmt.Appendf(nil, "%s %d", part, n)),
	}
}

func (s *ledgerSuite) fresh() {
	s.holds()
	if _, ok, err := s.l.Result(1); ok || err != nil {
		s.Errorf("a fresh ledger has a result: %v, %v", ok, err)
	}
	s.again()
	s.holds()
}

// everything puts something into every field of every record.
func (s *ledgerSuite) everything() {
	hash := func(x string) string { h := sha256.Sum256([]byte(x)); return hex.EncodeToString(h[:]) }
	begin := engine.Change{
		Header: &engine.Header{
			Name: "näme", Engine: "1.2.3", Created: time.Date(2024, 2, 29, 23, 59, 58, 987654321, time.UTC),
			Config: json.RawMessage(`{"seed":1}`),
		},
		Events: []engine.EventRecord{
			{Seq: 1, Kind: "started", Time: time.Unix(1700000000, 1)},
			{Seq: 2, Turn: 3, Kind: "limits", Data: json.RawMessage(`{"evaluations":200}`), Time: time.Unix(1700000001, 0)},
		},
		State:    map[engine.Part][]byte{engine.PartSearch: []byte("opened")},
		Counters: &engine.Counters{State: engine.StateRunning},
	}
	full := ledgerJob(2, 0)
	full.Phase, full.Task, full.Operator = engine.PhaseSearch, engine.Supernet, engine.OpCrossMutate
	full.Parents, full.Fidelity, full.Budget, full.Seed = []engine.ID{1, 1}, 3, 2.5, 1<<53-1
	full.Input, full.Resume, full.Inherit, full.Reuse = []byte{0, 1, 255}, 1, 1, 1
	full.Stop = &engine.StopRule{Metric: "loss", Goal: engine.Minimize, Step: 1.5, Threshold: -0.25}
	full.Tag, full.Replicate = "island 3", true
	last := ledgerJob(engine.FinalBase+1, 0)
	last.Phase, last.Fidelity, last.Baseline, last.Parents = engine.PhaseTest, -1, "hand-made", []engine.ID{2}
	turn := ledgerTurn(engine.PartSearch, 0, 1, 2)
	turn.Spent, turn.Note, turn.Keep = engine.Spent{Evaluations: 7, Seconds: 1.25}, "a note", []engine.ID{2, 1}
	turn.Files = []engine.FileRef{{Name: "weights", Hash: hash("w"), Size: 1}}
	final := ledgerTurn(engine.PartFinal, 0, engine.FinalBase+1, 1)
	final.Done = true
	work := engine.Change{
		Turns: []engine.TurnRecord{turn, final},
		Jobs:  []engine.JobRecord{ledgerJob(1, 0), full, last},
		Attempts: []engine.AttemptRecord{
			{ID: 2, Started: 3, Counted: 2, Reason: "died", Saved: []engine.FileRef{{Name: "checkpoint", Hash: hash("x"), Size: 1 << 40}}},
			{ID: 1, Started: 1},
		},
		State: map[engine.Part][]byte{engine.PartSearch: {0, 1, 2}, engine.PartFinal: bytes.Repeat([]byte("state"), 10000)},
	}
	whole := ledgerResult(2)
	whole.Files = []engine.FileRef{{Name: "checkpoint", Hash: hash("y"), Size: 12}, {Name: "log", Hash: hash("z")}}
	whole.Curve = append(whole.Curve, engine.Point{Step: 2.5},
		engine.Point{Step: 3, Metrics: engine.Values{{Name: "accuracy", Value: 0.5}}})
	arrived := engine.Change{
		Inbox: []engine.ResultRecord{
			whole, {ID: engine.FinalBase + 1, Attempt: 1, Result: engine.Result{Status: engine.Failed, Reason: "no device"}},
		},
		Counters: &engine.Counters{
			Wall: 1.5, Seconds: 2.5, State: engine.StateStopped, Cause: "trouble", Retries: 3, Idle: 0.125, TestLooks: 4,
		},
	}
	taken := engine.Change{
		Turns:    []engine.TurnRecord{ledgerTurn(engine.PartSearch, 1, 3, 0, 2)},
		Consumed: []engine.ResultRecord{whole},
	}
	var done []engine.Change
	for _, c := range []engine.Change{begin, work, arrived, taken} {
		s.commit(c)
		done = append(done, c)
		s.holds(done...)
	}
	s.again()
	s.holds(done...)
}

func (s *ledgerSuite) nothing() {
	s.commit(engine.Change{})
	s.holds()
}

// inbox follows a result from its arrival into the history.
func (s *ledgerSuite) inbox() {
	made := engine.Change{
		Turns:    []engine.TurnRecord{ledgerTurn(engine.PartSearch, 0, 1, 3)},
		Jobs:     []engine.JobRecord{ledgerJob(1, 0), ledgerJob(2, 0), ledgerJob(3, 0)},
		Attempts: []engine.AttemptRecord{{ID: 1, Started: 1}, {ID: 3, Started: 2, Counted: 1, Reason: "lost"}},
	}
	came := engine.Change{Inbox: []engine.ResultRecord{ledgerResult(3), ledgerResult(1)}}
	// Job 2 is consumed in the commit that brings it.
	took := engine.Change{
		Turns:    []engine.TurnRecord{ledgerTurn(engine.PartSearch, 1, 4, 0, 3, 2)},
		Inbox:    []engine.ResultRecord{ledgerResult(2)},
		Consumed: []engine.ResultRecord{ledgerResult(3), ledgerResult(2)},
	}
	rest := engine.Change{Consumed: []engine.ResultRecord{ledgerResult(1)}}
	var done []engine.Change
	for _, c := range []engine.Change{made, came, took, rest} {
		s.commit(c)
		s.again()
		done = append(done, c)
		s.holds(done...)
	}
}

// order consumes thousands of results in another order than that of their ids.
func (s *ledgerSuite) order() {
	const n = 2500
	var made, took engine.Change
	made.Turns = []engine.TurnRecord{ledgerTurn(engine.PartSearch, 0, 1, n)}
	for i := range n {
		made.Jobs = append(made.Jobs, ledgerJob(engine.ID(i+1), 0))
		r := ledgerResult(engine.ID(i*7%n + 1))
		r.Curve = nil
		took.Consumed = append(took.Consumed, r)
	}
	s.commit(made)
	s.commit(engine.Change{Inbox: took.Consumed[:n/2]})
	s.commit(engine.Change{Consumed: took.Consumed[:n/3]})
	s.commit(engine.Change{Consumed: took.Consumed[n/3:]})
	s.again()
	s.holds(made, took)
}

// newest overwrites what is kept only once.
func (s *ledgerSuite) newest() {
	var done []engine.Change
	for i := range 5 {
		c := engine.Change{
			State:    map[engine.Part][]byte{engine.PartSearch: bytes.Repeat([]byte{byte(i)}, 5000-1000*i)},
			Counters: &engine.Counters{Wall: float64(i), State: engine.StateRunning},
		}
		if i == 2 {
			c.State[engine.PartFinal] = []byte("final")
			c.Counters = nil
		}
		s.commit(c)
		done = append(done, c)
		s.holds(done...)
	}
}

// iterators may be left early, run inside each other, and commit between their
// steps.
func (s *ledgerSuite) iterators() {
	const n = 2100
	made := engine.Change{Turns: []engine.TurnRecord{ledgerTurn(engine.PartSearch, 0, 1, n)}}
	for i := range n {
		made.Jobs = append(made.Jobs, ledgerJob(engine.ID(i+1), 0))
	}
	s.commit(made)
	for job, err := range s.l.Jobs() {
		if err != nil {
			s.Fatalf("jobs: %v", err)
		}
		if job.ID > 1050 {
			break
		}
		if job.ID%100 == 0 {
			s.commit(engine.Change{Inbox: []engine.ResultRecord{ledgerResult(job.ID)}})
			for range s.l.Inbox() {
				break
			}
		}
	}
	seen := 0
	for r, err := range s.l.Inbox() { // what is consumed on the way is met at most once
		if err != nil {
			s.Fatalf("inbox: %v", err)
		}
		s.commit(engine.Change{Consumed: []engine.ResultRecord{r}})
		seen++
	}
	if seen != 10 {
		s.Errorf("the inbox had %d results, want 10", seen)
	}
	if left := rows(s, "inbox", s.l.Inbox()); len(left) != 0 {
		s.Errorf("the inbox still has %d results", len(left))
	}
}

// readers look on while turns of three jobs and as many results are committed.
func (s *ledgerSuite) readers() {
	const turns, size = 40, 3
	var wg sync.WaitGroup
	stop := make(chan struct{})
	faults := make(chan string, 4)
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				jobs, results := 0, 0
				for _, err := range s.l.Jobs() {
					if err != nil {
						faults <- fmt.Sprintf("jobs beside a commit: %v", err)
						return
					}
					jobs++
				}
				for _, err := range s.l.History() {
					if err != nil {
						faults <- fmt.Sprintf("history beside a commit: %v", err)
						return
					}
					results++
				}
				if jobs%size != 0 || results%size != 0 {
					faults <- fmt.Sprintf("a reader saw half a commit: %d jobs and %d results in commits of %d", jobs, results, size)
					return
				}
			}
		})
	}
	for n := range turns {
		first := engine.ID(n*size + 1)
		c := engine.Change{Turns: []engine.TurnRecord{ledgerTurn(engine.PartSearch, uint64(n), first, size)}}
		for i := range engine.ID(size) {
			c.Jobs = append(c.Jobs, ledgerJob(first+i, uint64(n)))
			c.Consumed = append(c.Consumed, ledgerResult(first+i))
		}
		s.commit(c)
	}
	close(stop)
	wg.Wait()
	close(faults)
	for fault := range faults {
		s.Errorf("%s", fault)
	}
}

// files are found by their content's hash until they are removed, and not removed
// before a commit names them.
func (s *ledgerSuite) files() {
	put := func(content string) engine.FileRef {
		s.Helper()
		path := filepath.Join(s.l.Temp(), "unfinished")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			s.Fatalf("write to Temp: %v", err)
		}
		ref, err := s.l.Put(path, "checkpoint")
		if err != nil {
			s.Fatalf("put: %v", err)
		}
		h := sha256.Sum256([]byte(content))
		if want := (engine.FileRef{Name: "checkpoint", Hash: hex.EncodeToString(h[:]), Size: int64(len(content))}); ref != want {
			s.Errorf("put returned %+v, want %+v", ref, want)
		}
		if _, err := os.Lstat(path); err == nil {
			s.Errorf("after put the path is still there")
		}
		return ref
	}
	read := func(ref engine.FileRef) string {
		s.Helper()
		path, err := s.l.Path(ref.Hash)
		if err != nil {
			s.Fatalf("path: %v", err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			s.Fatalf("read: %v", err)
		}
		return string(b)
	}
	gone := func(ref engine.FileRef) {
		s.Helper()
		if _, err := s.l.Path(ref.Hash); err == nil {
			s.Errorf("file %s is still there", ref.Hash)
		}
	}
	one, two, three := put("one"), put("two"), put("three")
	if put("one") != one {
		s.Errorf("the same content twice is two files")
	}
	if _, err := s.l.Put(filepath.Join(s.l.Temp(), "nowhere"), "x"); err == nil {
		s.Errorf("put of a missing file is no error")
	}
	for want, ref := range map[string]engine.FileRef{"one": one, "two": two, "three": three} {
		if got := read(ref); got != want {
			s.Errorf("file %s holds %q, want %q", ref.Hash, got, want)
		}
	}
	remove := func(refs ...engine.FileRef) {
		s.Helper()
		var hashes []string
		for _, ref := range refs {
			hashes = append(hashes, ref.Hash)
		}
		if err := s.l.Remove(hashes); err != nil {
			s.Errorf("remove: %v", err)
		}
	}
	remove(two) // by somebody who needs equal content no more
	if err := s.l.Collect(nil); err != nil {
		s.Errorf("collect: %v", err)
	}
	for want, ref := range map[string]engine.FileRef{"one": one, "two": two, "three": three} {
		if got := read(ref); got != want {
			s.Errorf("file %s, which no commit names yet, holds %q after removing", ref.Hash, got)
		}
	}
	put("two") // again: once for each job that brings it
	four := put("four")
	job := engine.JobRecord{Job: engine.Job{ID: 1, Phase: engine.PhaseSearch, Task: engine.Train, Operator: engine.OpRandom, Budget: 1},
		Packed: "genome"}
	other, third := job, job
	other.ID, third.ID = 2, 3
	header := engine.Header{Name: "files", Engine: "0", Config: []byte("{}")}
	s.commit(engine.Change{Header: &header, Jobs: []engine.JobRecord{job, other, third}})
	attempt := engine.AttemptRecord{ID: 2, Started: 1, Saved: []engine.FileRef{two}}
	s.commit(engine.Change{Attempts: []engine.AttemptRecord{attempt}})
	attempt.Started = 2 // names the same saved file again
	s.commit(engine.Change{Attempts: []engine.AttemptRecord{attempt}})
	shared := engine.ResultRecord{ID: 3, Result: engine.Result{Status: engine.OK, Files: []engine.FileRef{two}}} // another's
	s.commit(engine.Change{Inbox: []engine.ResultRecord{shared}})
	remove(two, two)
	if got := read(two); got != "two" {
		s.Errorf("file %s, which one of two commits names, holds %q after removing", two.Hash, got)
	}
	s.commit(engine.Change{Inbox: []engine.ResultRecord{{ID: 1, Attempt: 1, Attempts: 1,
		Result: engine.Result{Status: engine.OK, Files: []engine.FileRef{two, four}}}}})
	remove(two, two)
	gone(two)
	if err := s.l.Collect(map[string]bool{four.Hash: true}); err != nil {
		s.Errorf("collect: %v", err)
	}
	if got := read(four); got != "four" {
		s.Errorf("file %s, which was to be kept, holds %q after collecting", four.Hash, got)
	}
	if err := s.l.Collect(nil); err != nil {
		s.Errorf("collect: %v", err)
	}
	gone(four)
	s.again()
	if s.forgets {
		return
	}
	if err := s.l.Collect(map[string]bool{three.Hash: true}); err != nil { // what no commit named before the end
		s.Errorf("collect: %v", err)
	}
	gone(one)
	if got := read(three); got != "three" {
		s.Errorf("file %s holds %q after collecting", three.Hash, got)
	}
	if got := read(put("one")); got != "one" {
		s.Errorf("a file put again holds %q", got)
	}
}
