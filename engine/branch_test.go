package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// branched branches a search into a new ledger.
func branched(t *testing.T, led engine.Ledger, b engine.Branching) (engine.Ledger, *engine.Branched) {
	t.Helper()
	to := enginetest.Memory(t)
	b.Now, b.From = time.Now(), "the first"
	out, err := engine.Branch(t.Context(), led, to, b)
	if err != nil {
		t.Fatal(err)
	}
	return to, out
}

// counted is an evaluator that notes whom it measures.
type counted struct {
	mu   sync.Mutex
	jobs map[engine.ID]int
}

func (c *counted) evaluator() engine.Evaluator {
	return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.jobs == nil {
			c.jobs = map[engine.ID]int{}
		}
		c.jobs[j.ID]++
		return evaluate(ctx, j)
	})
}

// ways are searches that things happen to, all of them before they go on by themselves.
var ways = map[string]func(t *testing.T, cfg engine.Config) engine.Config{
	"plain": func(_ *testing.T, cfg engine.Config) engine.Config { return cfg },
	"batches": func(_ *testing.T, cfg engine.Config) engine.Config {
		cfg.Strategy = climber{batch: 7}
		return cfg
	},
	"duplicates": func(_ *testing.T, cfg engine.Config) engine.Config {
		cfg.Strategy = same{}
		return cfg
	},
	"planned": func(t *testing.T, cfg engine.Config) engine.Config {
		begunTo(t, cfg, 0)
		for _, r := range []engine.Request{
			{ID: "a", AtTurn: 10, Ban: "z = c"},
			{ID: "b", AtTurn: 14, Add: &engine.Additions{Genomes: []string{"x=0.5 y=10 z=b", "x=0.25 y=10 z=b"}}},
			{ID: "c", AtTurn: 15, Import: &engine.Imports{From: "elsewhere", Results: known(5)}},
			{ID: "d", AtTurn: 20, Set: &engine.Settings{Window: number(12)}},
			{ID: "e", AtTurn: 25, Unban: "z = c"},
		} {
			steered(t, cfg.Ledger, r)
		}
		return cfg
	},
	"taken over": func(t *testing.T, cfg engine.Config) engine.Config {
		begunTo(t, cfg, 0)
		for _, r := range []engine.Request{
			{ID: "a", AtTurn: 9, Ban: "y > 900"},
			{ID: "b", AtTurn: 12, Takeover: &engine.Takeover{Space: []byte(wider), Constraints: []engine.Constraint{{Metric: "accuracy", Min: number(0.2)}}}},
			{ID: "c", AtTurn: 15, Import: &engine.Imports{From: "elsewhere", Results: known(5)}},
			{ID: "d", AtTurn: 18, Add: &engine.Additions{Genomes: []string{"x=0.5 y=10 z=a", "x=0.25 y=10 z=b"}}},
			{ID: "e", AtTurn: 22, Takeover: &engine.Takeover{Space: []byte(narrower), Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Minimize}}}},
		} {
			steered(t, cfg.Ledger, r)
		}
		return cfg
	},
	"extended": func(t *testing.T, cfg engine.Config) engine.Config { // measured its best again, and went on
		cfg.Strategy = climber{batch: 7}
		first := cfg
		first.Limits.Evaluations = 30
		run(t, first)
		return cfg
	},
}

// A branch goes on as the search did that it was made of, and pays for nothing that is
// known.
func TestABranchGoesOnAsItDid(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := ways[name](t, config(enginetest.Memory(t)))
			s := run(t, whole)
			turns, want := s.Status().Turns, digest(t, whole.Ledger, -1)
			for _, at := range []*uint64{
				number(uint64(0)), number(uint64(1)), number(turns / 3), number(turns / 2), number(turns - 1), number(turns), nil,
			} {
				to, out := branched(t, whole.Ledger, engine.Branching{Turn: at, Find: always(whole.Strategy)})
				n := turns
				if at != nil {
					n = *at
				}
				if out.Turn != n || digest(t, to, int(n)) != digest(t, whole.Ledger, int(n)) {
					t.Fatalf("at %d: %+v, and another past", n, out)
				}
				a := mustArchive(t, to)
				if st := a.Status(); st.Turns != n || st.Branched == nil || st.Branched.Turn != n || st.Branched.From != "the first" {
					t.Fatalf("at %d it stands at turn %d: %+v", n, st.Turns, st.Branched)
				}
				var c counted
				cfg := whole
				cfg.Ledger, cfg.Evaluators = to, map[string]engine.EvaluatorRef{"f": {Evaluator: c.evaluator()}}
				again := run(t, cfg)
				if got := digest(t, to, -1); got != want {
					t.Errorf("at %d: a branch went another way", n)
				}
				for _, id := range out.Known {
					if c.jobs[id] > 0 {
						t.Errorf("at %d: candidate %s was measured, and its result was known", n, id)
					}
				}
				all := name != "planned" && name != "taken over" // imported ones are no jobs, and who is dropped later has no result
				if n <= turns/2 && out.Outstanding != len(out.Known) && all {
					t.Errorf("at %d: of %d outstanding jobs %d are known", n, out.Outstanding, len(out.Known))
				}
				if x, y := s.Status(), again.Status(); x.OK != y.OK || x.Evaluations != y.Evaluations || x.Imported != y.Imported {
					t.Errorf("at %d: ended as %+v, and not as %+v", n, y, x)
				}
				if err := engine.Replay(t.Context(), always(whole.Strategy), to, nil); err != nil {
					t.Errorf("at %d: %v", n, err)
				}
			}
		})
	}
}

// What is drawn from another seed differs from the turn of the branch on, is in the digest,
// and comes again.
func TestABranchWithAnotherSeed(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := ways[name](t, config(enginetest.Memory(t)))
			run(t, whole)
			turn, seed := number(uint64(8)), uint64(99)
			if name == "batches" || name == "extended" {
				turn = number(uint64(3))
			}
			var digests []string
			for try := range 2 {
				to, _ := branched(t, whole.Ledger, engine.Branching{Turn: turn, Seed: &seed, Find: always(whole.Strategy)})
				cfg := whole
				cfg.Ledger = to
				if try == 1 { // interrupted
					begunTo(t, cfg, *turn+2)
				}
				run(t, cfg)
				if err := engine.Replay(t.Context(), always(whole.Strategy), to, nil); err != nil {
					t.Error(err)
				}
				digests = append(digests, digest(t, to, -1))
				if got := mustArchive(t, to); got.Seed() != 99 || got.Plan.Seed != 11 {
					t.Errorf("seed %d, and %d", got.Seed(), got.Plan.Seed)
				}
				if digest(t, to, int(*turn)) != digest(t, whole.Ledger, int(*turn)) {
					t.Error("another past")
				}
				same := 0
				for c := range mustArchive(t, to).Candidates() {
					if other, err := mustArchive(t, whole.Ledger).Candidate(c.ID); err == nil && other.Seed == c.Seed {
						same++
					}
				}
				if same == 0 || same >= 60 {
					t.Errorf("%d candidates have the same seed", same)
				}
			}
			if digests[0] != digests[1] || digests[0] == digest(t, whole.Ledger, -1) {
				t.Errorf("digests %v", digests)
			}
		})
	}
}

// Of what happened to a search a branch has what holds from its turn or an earlier one on.
func TestABranchHasItsPast(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	holding := cfg
	holding.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if j.ID == 25 { // that has no result when it is cancelled
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return evaluate(ctx, j)
	})}}
	begunTo(t, holding, 10)
	steered(t, cfg.Ledger, engine.Request{ID: "early", Ban: "z = c"})
	begunTo(t, holding, 20)
	steered(t, cfg.Ledger, engine.Request{ID: "late", Ban: "z = b"})
	steered(t, cfg.Ledger, engine.Request{ID: "cancelled", Cancel: []engine.ID{25}})
	steered(t, cfg.Ledger, engine.Request{ID: "plan", AtTurn: 40, Note: "x"})
	steered(t, cfg.Ledger, engine.Request{ID: "limit", Set: &engine.Settings{Evaluations: number(50)}})
	run(t, cfg)
	for _, c := range []struct {
		turn              uint64
		bans, plans, left int
	}{{9, 0, 0, 60}, {10, 1, 0, 60}, {19, 1, 0, 60}, {20, 2, 1, 50}, {39, 2, 1, 50}, {40, 2, 0, 50}} {
		to, _ := branched(t, cfg.Ledger, engine.Branching{Turn: &c.turn, Find: always(climber{})})
		st := mustArchive(t, to).Status()
		if len(st.Bans) != c.bans || len(st.Planned) != c.plans || st.Limits.Evaluations != c.left || st.State != engine.StateStopped {
			t.Errorf("at %d: %v, %v, %+v, %s", c.turn, st.Bans, st.Planned, st.Limits, st.State)
		}
		// Names that requests had are free, but for what waits for its turn.
		if rec, err := engine.Steer(to, engine.Request{ID: "early", Note: "of the branch"}, time.Now()); err != nil || rec.Seq == 0 {
			t.Errorf("at %d: a name that the other search had: %+v, %v", c.turn, rec, err)
		}
		if _, err := engine.Steer(to, engine.Request{ID: "plan", Note: "of the branch"}, time.Now()); (err != nil) != (c.plans > 0) {
			t.Errorf("at %d: the name of a plan: %v", c.turn, err)
		}
		if c.turn == 20 { // it was cancelled right there
			again := cfg
			again.Ledger = to
			again.Limits.Evaluations = 50
			run(t, again)
			if one, err := mustArchive(t, to).Candidate(25); err != nil || one.Status != engine.Failed {
				t.Errorf("at 20 candidate 25: %v, %v", one.Status, err)
			}
		}
		if c.turn != 19 {
			continue
		}
		// It was cancelled later: in the branch it is measured.
		again := cfg
		again.Ledger = to
		run(t, again)
		if one, err := mustArchive(t, to).Candidate(25); err != nil || one.Status != engine.OK {
			t.Errorf("candidate 25: %v, %v", one.Status, err)
		}
		if err := engine.Replay(t.Context(), always(climber{}), to, nil); err != nil {
			t.Error(err)
		}
		all, err := engine.Timeline(to)
		if err != nil || !slices.ContainsFunc(all, func(o engine.Occurrence) bool {
			return o.Kind == "branched" && o.Turn == 19 && strings.HasPrefix(o.Text, "from the first; ")
		}) {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

// A search that ended is branched whole: it has ended, and goes on when its limit is raised.
func TestABranchOfAnEndedSearch(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	before := run(t, cfg).Status()
	var c counted
	to, out := branched(t, cfg.Ledger, engine.Branching{})
	cfg.Ledger, cfg.Evaluators = to, map[string]engine.EvaluatorRef{"f": {Evaluator: c.evaluator()}}
	st := run(t, cfg).Status()
	if len(c.jobs) > 0 || out.Candidates != 60 || st.State != engine.StateFinished || st.Evaluations != before.Evaluations ||
		st.FinalDone != before.FinalDone {
		t.Errorf("%v were measured; it ended as %+v", c.jobs, st)
	}
	cfg.Limits.Evaluations = 70
	if st = run(t, cfg).Status(); st.Evaluations != 70 {
		t.Errorf("it goes on to %d", st.Evaluations)
	}
	if err := engine.Replay(t.Context(), always(climber{}), to, nil); err != nil {
		t.Error(err)
	}
}

// A strategy that took over is asked from its turn on.
func TestABranchOfTwoStrategies(t *testing.T) {
	t.Parallel()
	cfg := with(config(enginetest.Memory(t)), "climber")
	begunTo(t, cfg, 12)
	next := with(cfg, "heir")
	next.ChangeStrategy = true
	run(t, next)
	want := digest(t, cfg.Ledger, -1)
	for turn := uint64(10); turn < 16; turn++ {
		to, _ := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: strategies})
		going := next
		if going.Ledger = to; turn < 12 {
			going = with(going, "climber")
			begunTo(t, going, 12)
			going = with(going, "heir")
		}
		run(t, going)
		if digest(t, to, -1) != want {
			t.Errorf("branched at %d it went another way", turn)
		}
		if err := engine.Replay(t.Context(), strategies, to, nil); err != nil {
			t.Errorf("branched at %d: %v", turn, err)
		}
	}
}

// What cannot be branched is refused with the reason.
func TestBranchesThatAreRefused(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	run(t, cfg)
	lost := func(engine.StrategyEvent) (engine.Strategy, error) { return nil, errors.New("climber is not there") }
	other := always(changing{change: func(p *engine.Proposal) { p.Tag = "b" }})
	for want, b := range map[string]engine.Branching{
		"the search has taken 61 turns; name one from 0 to 61":                                       {Turn: number(uint64(62))},
		"what the strategy knew at turn 5 cannot be had again: climber is not there; branch without": {Turn: number(uint64(5)), Find: lost},
		`the tag of job 1 is "", replaying it gives "b"; branch without a turn`:                      {Turn: number(uint64(5)), Find: other},
		"seed: 9007199254740992 is not below 2^53":                                                   {Seed: number(uint64(1 << 53))},
	} {
		_, err := engine.Branch(t.Context(), cfg.Ledger, enginetest.Memory(t), b)
		if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if _, err := engine.Branch(t.Context(), enginetest.Memory(t), enginetest.Memory(t), engine.Branching{}); !errors.Is(err, engine.ErrEmpty) {
		t.Error(err)
	}
	if _, err := engine.Branch(t.Context(), cfg.Ledger, cfg.Ledger, engine.Branching{}); !errors.Is(err, engine.ErrConfig) {
		t.Error(err)
	}
	branched(t, cfg.Ledger, engine.Branching{Find: lost}) // where the state is recorded nobody is asked
}

// A branch has the checkpoints that there are. Those that were let go in the meantime are
// gone on from by nobody, which replays.
func TestABranchWithoutSomeCheckpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := farm(t, enginetest.Memory(t), 1, 1_000_000, 3)
		run(t, cfg)
		for _, turn := range []uint64{250, 400} {
			to, out := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: always(farmer{})})
			if len(out.Gone) == 0 != (turn == 400) || out.Files == 0 {
				t.Errorf("at %d: %+v", turn, out)
			}
			going := farm(t, to, 2, 1_000_000, 2)
			going.Limits.Evaluations = 450
			run(t, going)
			if had, none := gains(t, to); had == 0 || none == 0 {
				t.Errorf("%d had checkpoints, %d had none", had, none)
			}
			for c := range mustArchive(t, to).Candidates() {
				if slices.Contains(out.Gone, c.Resume) && c.ID >= engine.ID(turn)+20 {
					t.Errorf("candidate %s goes on from %s, whose file is gone", c.ID, c.Resume)
				}
			}
			if err := engine.Replay(t.Context(), always(farmer{}), to, nil); err != nil {
				t.Errorf("at %d: %v", turn, err)
			}
		}
	})
}

// Files are the same files, and stay for the one search when the other lets them go.
func TestFilesOfABranchAreLinked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led := enginetest.Memory(t)
		cfg := farm(t, led, 1, 1_000_000, 3)
		cfg.Limits.Evaluations = 100
		run(t, cfg)
		to, _ := branched(t, led, engine.Branching{})
		entries, err := os.ReadDir(to.Temp())
		if err != nil || len(entries) == 0 {
			t.Fatal(entries, err)
		}
		for _, e := range entries {
			path, err := led.Path(e.Name())
			if err != nil {
				t.Error(err)
			}
			a, errA := os.Stat(path)
			b, errB := os.Stat(filepath.Join(to.Temp(), e.Name()))
			if err := errors.Join(errA, errB); err != nil || !os.SameFile(a, b) {
				t.Errorf("%s: %v", e.Name(), err)
			}
		}
		if err := led.Close(); err != nil {
			t.Fatal(err)
		}
		run(t, farm(t, to, 1, 1_000_000, 3))
	})
}

// Seconds of what is known are not charged, unless the strategy is told of them.
func TestKnownResultsAreNotCharged(t *testing.T) {
	t.Parallel()
	for _, exact := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := crawling()
			a.hello.Metrics = []engine.Metric{{Name: "accuracy"}, {Name: "seconds", Measured: !exact}}
			a.hello.Optional = []string{"seconds"}
			cfg := acting(t, a)
			cfg.Workers = 8
			whole := run(t, cfg).Status()
			turn := uint64(10)
			to, out := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: always(climber{})})
			if len(out.Known) == 0 {
				t.Fatal("nothing is known")
			}
			st := mustArchive(t, to).Status()
			if want := 2 * float64(out.Candidates); st.Spent.Seconds != want || st.Wall <= 0 || st.Wall >= whole.Wall {
				t.Errorf("%d candidates of two seconds cost %v, and %v of %v on the wall", out.Candidates, st.Spent.Seconds, st.Wall, whole.Wall)
			}
			cfg.Ledger = to
			want := float64(2 * (30 - len(out.Known)))
			if exact {
				want = 60
			}
			if st = run(t, cfg).Status(); st.Spent.Seconds != want {
				t.Errorf("exact %t: in the end they cost %v and not %v", exact, st.Spent.Seconds, want)
			}
			if err := engine.Replay(t.Context(), always(climber{}), to, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// In order of arrival the known results arrive at once; what comes of that replays.
func TestABranchInOrderOfArrival(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Order = engine.Arrival
	run(t, cfg)
	turn := uint64(10)
	to, out := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: always(climber{})})
	if digest(t, to, 10) != digest(t, cfg.Ledger, 10) {
		t.Error("another past")
	}
	var c counted
	cfg.Ledger, cfg.Evaluators = to, map[string]engine.EvaluatorRef{"f": {Evaluator: c.evaluator()}}
	run(t, cfg)
	for _, id := range out.Known {
		if c.jobs[id] > 0 {
			t.Errorf("candidate %s was measured, and its result was known", id)
		}
	}
	if err := engine.Replay(t.Context(), always(climber{}), to, nil); err != nil || len(out.Known) == 0 {
		t.Errorf("%d known; %v", len(out.Known), err)
	}
}

// A result of an evaluator that took another's place after the turn of the branch is not one
// of the evaluator there: that measures the candidate itself.
func TestABranchBeforeAnotherEvaluator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		version := func(v string, stuck ...engine.ID) map[string]engine.EvaluatorRef {
			a := crawling(stuck...)
			a.hello = engine.Hello{Deterministic: true, Fingerprint: v, Identity: v}
			return map[string]engine.EvaluatorRef{"f": {Evaluator: a}}
		}
		cfg := acting(t, crawling())
		cfg.Workers, cfg.Evaluators = 8, version("1", 26)
		begunTo(t, cfg, 20)
		cfg.Evaluators, cfg.AcceptFingerprint = version("2"), true
		run(t, cfg)
		turn := uint64(19)
		to, out := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: always(climber{})})
		var want []engine.ID
		for id := engine.ID(19); id < 27; id++ {
			if c, err := mustArchive(t, cfg.Ledger).Candidate(id); err == nil && c.Fingerprint == 0 {
				want = append(want, id)
			}
		}
		if len(want) == 0 || slices.Contains(want, 26) || !slices.Equal(out.Known, want) || out.Outstanding != 8 {
			t.Errorf("of %d outstanding are known %v, and not %v", out.Outstanding, out.Known, want)
		}
		cfg.Ledger, cfg.Evaluators, cfg.AcceptFingerprint = to, version("1"), false
		run(t, cfg)
		if err := engine.Replay(t.Context(), always(climber{}), to, nil); err != nil {
			t.Error(err)
		}
	})
}

// A file that is not what it was is carried nowhere, and one that a waiting job goes on from
// has to be there.
func TestABranchOfDamagedFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led := enginetest.Memory(t)
		waits := map[string]engine.ID{} // files, by who goes on from them
		for n := 150; len(waits) == 0; n++ {
			if n == 200 {
				t.Fatal("nobody goes on from anything")
			}
			cfg := farm(t, led, uint64(n), 1_000_000, 3)
			cfg.Limits.Evaluations = n
			run(t, cfg)
			a := mustArchive(t, led)
			for id := engine.ID(n); ; id++ {
				c, err := a.Candidate(id)
				if err != nil {
					break
				}
				if from, err := a.Candidate(c.Resume); err == nil && c.Status == "" {
					for _, f := range from.Files {
						waits[f.Hash] = c.ID
					}
				}
			}
		}
		some := slices.Sorted(maps.Keys(waits))[0]
		hidden := &damaged{Ledger: led, err: fmt.Errorf("%w: other bytes", engine.ErrDamaged), hidden: map[string]bool{some: true}}
		if _, err := engine.Branch(t.Context(), hidden, enginetest.Memory(t), engine.Branching{}); !errors.Is(err, engine.ErrDamaged) {
			t.Error(err)
		}
		hidden.err = fs.ErrNotExist
		_, err := engine.Branch(t.Context(), hidden, enginetest.Memory(t), engine.Branching{})
		if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "which has no result yet, goes on from what candidate") {
			t.Error(err)
		}
	})
}

// sameLater proposes one genome, and from then on another one over and over.
type sameLater struct{ same }

func (s sameLater) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	d, err := s.same.Step(ctx, state, t)
	if t.N == 0 && err == nil {
		d.Proposals[0].Genome, err = plainSpace.Parse("x=0.25 y=10 z=b")
	}
	return d, err
}

// Who is to share a result that a branch does not know shares what is measured there, although
// the search that it was made of measured it by itself in the end.
func TestABranchKnowsNoResultThatIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := acting(t, crawling(2))
		first := cfg.Ledger
		cfg.Strategy, cfg.Duplicates, cfg.Window = sameLater{}, engine.Reuse, 4
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Minute) // 2 hangs, and the others wait for its result
			if _, err := s.Steer(engine.Request{Cancel: []engine.ID{2}, ID: "it hangs"}); err != nil {
				t.Error(err)
			}
		}()
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		turn := uint64(1)
		to, out := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: always(sameLater{})})
		if !slices.Equal(out.Known, []engine.ID{1}) || out.Outstanding != 4 {
			t.Errorf("of %d known are %v", out.Outstanding, out.Known)
		}
		cfg.Ledger, cfg.Evaluators = to, acting(t, crawling()).Evaluators
		run(t, cfg)
		for id, c := range map[engine.ID][2]engine.ID{3: {0, 2}, 4: {0, 2}} {
			before, err := mustArchive(t, first).Candidate(id)
			after, failed := mustArchive(t, to).Candidate(id)
			if err != nil || failed != nil || before.Reuse != c[0] || after.Reuse != c[1] || after.Status != engine.OK {
				t.Errorf("candidate %s shared the result of %s, and then of %s (%s): %v, %v", id, before.Reuse, after.Reuse, after.Status, err, failed)
			}
		}
		if err := engine.Replay(t.Context(), always(sameLater{}), to, nil); err != nil {
			t.Error(err)
		}
	})
}
