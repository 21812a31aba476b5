package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// past is a History for tests.
type past []*engine.Candidate

func (p past) Len() int                   { return len(p) }
func (p past) At(i int) *engine.Candidate { return p[i] }
func (p past) Get(id engine.ID) (*engine.Candidate, bool) {
	for _, c := range p {
		if c.ID == id {
			return c, true
		}
	}
	return nil, false
}
func (p past) Curve(id engine.ID) ([]engine.Point, error) {
	c, ok := p.Get(id)
	if !ok {
		return nil, errors.New("nobody")
	}
	return c.Curve, nil
}

func (p past) Output(engine.ID) ([]byte, error) { return nil, nil }

// candidates makes n of them; another salt makes others.
func someHistory(t *testing.T, n, salt int) past {
	t.Helper()
	r := rng.New(uint64(salt))
	var out past
	for i := range n {
		g, err := space.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &engine.Candidate{
			Job: engine.Job{ID: engine.ID(i + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Seed: uint64(i), Parents: []engine.ID{1}},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: float64(i + salt)}},
				Curve: []engine.Point{{Step: 1, Metrics: engine.Values{{Name: "accuracy", Value: 0.1}}}}},
		})
	}
	return out
}

func openStrategy(t *testing.T, settings string) (*StrategyPlugin, []byte, engine.Needs) {
	t.Helper()
	return openStrategyWith(t, options(t), settings)
}

func openStrategyWith(t *testing.T, o Options, settings string) (*StrategyPlugin, []byte, engine.Needs) {
	t.Helper()
	s := Strategy(testPlugin, o)
	t.Cleanup(func() { s.Close(within(t)) })
	low := 1.5
	state, needs, err := s.Open(within(t), engine.Setup{
		Space: space, Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Constraints: []engine.Constraint{{Metric: "accuracy", Min: &low}}, Fidelities: []engine.Fidelity{{Evaluator: "e", Budget: 3}},
		Order: engine.Strict, Start: nil, Options: json.RawMessage(settings)})
	if err != nil {
		t.Fatal(err)
	}
	return s, state, needs
}

func turn(n uint64, h past) engine.Turn {
	t := engine.Turn{N: n, Seed: 42 + n, FirstID: engine.ID(len(h) + 1), Want: 2, History: h}
	if len(h) > 0 {
		t.Results = []engine.Candidate{*h[len(h)-1]}
	}
	return t
}

func TestStrategySteps(t *testing.T) {
	t.Parallel()
	for _, need := range []string{"none", "metrics", "all"} {
		t.Run(need, func(t *testing.T) {
			t.Parallel()
			s, state, needs := openStrategy(t, fmt.Sprintf(`{"need": %q}`, need))
			if string(state) != "new" || string(needs.History) != need || needs.Batch != 1 {
				t.Fatalf("%s %+v", state, needs)
			}
			note := func(n, salt int) string {
				sum := 0
				for i := range n {
					sum += i + salt
				}
				switch need {
				case "none":
					return "history 0, results 1, sum 0"
				case "all":
					sum += n
				}
				return fmt.Sprintf("history %d, results 1, sum %d", n, sum)
			}
			long, other := someHistory(t, 20, 1), someHistory(t, 20, 2)
			mixed := append(append(past{}, long[:5]...), other[5:]...)
			for i, h := range []past{long[:3], long[:7], long[:20], long[:20], long[:4], other[:4], other[:9], mixed[:5]} {
				d, err := s.Step(within(t), state, turn(uint64(i), h))
				if err != nil {
					t.Fatal(err)
				}
				salt := 1
				if i == 5 || i == 6 {
					salt = 2
				}
				if want := note(len(h), salt); d.Note != want {
					t.Errorf("step %d: %s, want %s", i, d.Note, want)
				}
				if string(d.State) != fmt.Sprintf("new+%d", i) || len(d.Proposals) != 2 ||
					d.Proposals[0].Operator != engine.OpRandom || d.Proposals[1].Genome.IsZero() || d.Proposals[1].Stop.Threshold != 0.5 {
					t.Errorf("step %d: %+v", i, d)
				}
			}
		})
	}
}

// decision is what two decisions are compared by.
func decision(d engine.Decision) string {
	s := fmt.Sprintf("%s %s %v", d.State, d.Note, d.Done)
	for _, p := range d.Proposals {
		g := ""
		if !p.Genome.IsZero() {
			g = p.Genome.Text()
		}
		s += fmt.Sprintf("\n%s %s %s %v", p.Operator, g, p.Tag, p.Stop)
	}
	return s
}

func TestStrategyDies(t *testing.T) {
	t.Parallel()
	whole, state, _ := openStrategy(t, `{"need": "all"}`)
	mortal, _, _ := openStrategy(t, fmt.Sprintf(`{"need": "all", "die_at": 2, "mark": %q}`, filepath.Join(t.TempDir(), "mark")))
	h := someHistory(t, 9, 1)
	for n := range uint64(4) {
		a, err := whole.Step(within(t), state, turn(n, h[:2*n+1]))
		if err != nil {
			t.Fatal(err)
		}
		b, err := mortal.Step(within(t), state, turn(n, h[:2*n+1]))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decision(a), decision(b)); diff != "" {
			t.Errorf("turn %d differs after a death:\n%s", n, diff)
		}
	}
	hopeless, _, _ := openStrategy(t, `{"die_at": 1}`)
	_, err := hopeless.Step(within(t), state, turn(1, h[:1]))
	if err == nil || !strings.Contains(err.Error(), "tried 3 times") || !strings.Contains(err.Error(), "the strategy trips") ||
		strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

func TestStrategyHangs(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.TurnTimeout = 5 * time.Second // a process that takes another's place has twice that to start, on any machine
	s, state, _ := openStrategyWith(t, o, fmt.Sprintf(`{"stop_at": 1, "mark": %q}`, filepath.Join(t.TempDir(), "mark")))
	whole, _, _ := openStrategy(t, `{}`)
	want, err := whole.Step(within(t), state, turn(1, nil))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Step(within(t), state, turn(1, nil))
	if err != nil {
		t.Fatalf("a stopped process was not replaced: %v", err)
	}
	if diff := cmp.Diff(decision(want), decision(got)); diff != "" {
		t.Errorf("the decision differs after a hang:\n%s", diff)
	}
	o.TurnTimeout = 10 * time.Millisecond
	hopeless, _, _ := openStrategyWith(t, o, `{"stop_at": 1}`)
	_, err = hopeless.Step(within(t), state, turn(1, nil))
	if err == nil || !strings.Contains(err.Error(), "did not decide within 40ms; if it needs longer, raise plugins.turn_timeout") {
		t.Error(err)
	}
}

// TestPatience: a deadline that nobody chose follows what turns have taken.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		turns   int
		longest time.Duration
		chosen  time.Duration
		try     int
		want    time.Duration
	}{
		{9, time.Minute, 0, 0, 10 * time.Minute},
		{10, time.Millisecond, 0, 0, time.Minute},
		{10, time.Minute, 0, 0, 20 * time.Minute},
		{10, time.Minute, 0, 2, 80 * time.Minute},
		{0, 0, time.Second, 1, 2 * time.Second},
	} {
		s := &StrategyPlugin{options: Options{TurnTimeout: c.chosen}, turns: c.turns, longest: c.longest}
		if got := s.patience(c.try); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestStrategyFails(t *testing.T) {
	t.Parallel()
	s, state, _ := openStrategy(t, `{"fail_at": 1, "panic_at": 2, "hang_at": 3}`)
	for n, want := range map[uint64]string{1: "cannot decide", 2: "panic: at a loss (main.go:"} {
		if _, err := s.Step(within(t), state, turn(n, nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("turn %d: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(within(t))
	go cancel()
	if _, err := s.Step(ctx, state, turn(3, nil)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.Step(within(t), state, turn(4, nil)); err != nil {
		t.Error(err)
	}
	refusing := Strategy(testPlugin, options(t))
	defer refusing.Close(within(t))
	_, _, err := refusing.Open(within(t), engine.Setup{Space: space, Options: json.RawMessage(`{"needs": 1}`)})
	var r *Refusal
	if !errors.As(err, &r) || r.Key != "needs" {
		t.Error(err)
	}
	wrong := Strategy(onemax, options(t))
	defer wrong.Close(within(t))
	if _, _, err := wrong.Open(within(t), engine.Setup{Space: space}); err == nil || !strings.Contains(err.Error(), "is no strategy") {
		t.Error(err)
	}
	if _, err := Strategy(testPlugin, options(t)).Step(within(t), nil, turn(0, nil)); err == nil {
		t.Error("a step before Open")
	}
}

// heard is a plugin that remembers what it was asked.
type heard struct {
	proto.UnimplementedStrategyServer
	asked chan *proto.StepRequest
}

func (h *heard) Step(_ context.Context, r *proto.StepRequest) (*proto.StepResponse, error) {
	h.asked <- r
	return &proto.StepResponse{}, nil
}

// A plugin that takes genomes packed gets no texts, one from before that nothing else.
func TestGenomesAsThePluginTakesThem(t *testing.T) {
	t.Parallel()
	h := &heard{asked: make(chan *proto.StepRequest, 1)}
	server := grpc.NewServer()
	proto.RegisterStrategyServer(server, h)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	for _, packed := range []bool{true, false} {
		s := &StrategyPlugin{
			setup: &engine.Setup{Space: space}, proc: &process{conn: conn}, hello: &proto.StrategyHello{History: "metrics", Packed: packed},
		}
		past := someHistory(t, 3, 1)
		if _, err := s.ask(within(t), nil, turn(1, past)); err != nil {
			t.Fatal(err)
		}
		request := <-h.asked
		if len(request.History) != 3 || len(request.Results) != 1 {
			t.Fatalf("%d rows and %d results are sent", len(request.History), len(request.Results))
		}
		for i, c := range append(request.History, request.Results...) {
			g := past[min(i, 2)].Genome
			if packed && (c.Genome != "" || string(c.Packed) != g.Packed()) || !packed && (c.Genome != g.Text() || c.Packed != nil) {
				t.Errorf("where it takes them packed (%v), it gets %q and %q", packed, c.Genome, c.Packed)
			}
		}
	}
}
