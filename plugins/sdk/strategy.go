package sdk

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// strategyServer is the plugin's side of the strategy calls.
type strategyServer struct {
	proto.UnimplementedStrategyServer
	strategy engine.Strategy

	mu      sync.Mutex
	space   *genome.Space // nil before Open
	packed  *genome.Space // space, if the host takes its genomes packed
	need    engine.HistoryNeed
	history *history
	files   *files
}

func (s *strategyServer) Open(ctx context.Context, req *proto.OpenStrategy) (answer *proto.StrategyHello, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			answer, err = s.refuse(Trouble(panicError(v)))
		}
	}()
	setup, err := proto.SetupFrom(req)
	if err != nil {
		return s.refuse(err)
	}
	s.files = &files{scratch: req.Scratch}
	setup.Files = s.files
	state, needs, err := s.strategy.Open(ctx, setup)
	if err != nil {
		return s.refuse(err)
	}
	s.space, s.packed, s.need, s.history = setup.Space, nil, needs.History, newHistory(needs.History)
	if req.Packed {
		s.packed = s.space
	}
	hello := &proto.StrategyHello{
		State: state, History: string(needs.History), Batch: int64(needs.Batch), Remark: needs.Remark, Packed: req.Packed,
	}
	for _, t := range needs.Tasks {
		hello.Tasks = append(hello.Tasks, string(t))
	}
	return hello, nil
}

// refuse answers Open with an error.
func (s *strategyServer) refuse(err error) (*proto.StrategyHello, error) {
	refusal, err := refusalOf(err)
	return &proto.StrategyHello{Refusal: refusal}, err
}

func (s *strategyServer) Step(ctx context.Context, req *proto.StepRequest) (answer *proto.StepResponse, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.space == nil {
		return nil, status.Error(codes.FailedPrecondition, "Open comes before Step")
	}
	if have := s.history.Len(); int64(have) < req.Have {
		lacking := int64(have)
		return &proto.StepResponse{Lacking: &lacking}, nil
	}
	s.history.cut(int(req.Have))
	for _, w := range req.History {
		c, err := proto.CandidateFrom(w, s.space)
		if err != nil {
			return &proto.StepResponse{Error: engine.OneLine(err.Error())}, nil
		}
		s.history.add(c)
	}
	turn := engine.Turn{
		N: req.N, Seed: req.Seed, FirstID: engine.ID(req.FirstId), Want: int(req.Want),
		Limits: proto.LimitsFrom(req.Limits), Files: s.files.begin(req.Files), History: s.history,
		Spent: engine.Spent{Evaluations: int(req.Spent.GetEvaluations()), Seconds: req.Spent.GetSeconds()},
	}
	for _, w := range req.Results {
		c, err := proto.CandidateFrom(w, s.space)
		if err != nil {
			return &proto.StepResponse{Error: engine.OneLine(err.Error())}, nil
		}
		turn.Results = append(turn.Results, *c)
	}
	defer func() {
		if v := recover(); v != nil {
			answer, err = &proto.StepResponse{Error: engine.OneLine(panicError(v).Error())}, nil
		}
	}()
	decision, err := s.strategy.Step(ctx, req.State, turn)
	if err != nil {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return &proto.StepResponse{Error: engine.OneLine(err.Error())}, nil
	}
	answer = proto.DecisionTo(decision, s.packed)
	s.files.handOver(answer.Files)
	return answer, nil
}

// history is the plugin's copy of the engine's History: it is only ever
// appended to, or cut back and appended to, when the host finds that it is a
// copy of another one.
type history struct {
	need engine.HistoryNeed
	rows []*engine.Candidate
	byID map[engine.ID]int
}

func newHistory(need engine.HistoryNeed) *history {
	return &history{need: need, byID: map[engine.ID]int{}}
}

func (h *history) add(c *engine.Candidate) {
	h.byID[c.ID] = len(h.rows)
	h.rows = append(h.rows, c)
}

func (h *history) cut(n int) {
	for _, c := range h.rows[n:] {
		delete(h.byID, c.ID)
	}
	clear(h.rows[n:])
	h.rows = h.rows[:n]
}

// Len implements engine.History.
func (h *history) Len() int { return len(h.rows) }

// At implements engine.History.
func (h *history) At(i int) *engine.Candidate { return h.rows[i] }

// Get implements engine.History.
func (h *history) Get(id engine.ID) (*engine.Candidate, bool) {
	i, ok := h.byID[id]
	if !ok {
		return nil, false
	}
	return h.rows[i], true
}

// Curve implements engine.History.
func (h *history) Curve(id engine.ID) ([]engine.Point, error) {
	c, err := h.whole(id, "curves")
	if err != nil {
		return nil, err
	}
	return c.Curve, nil
}

// Output implements engine.History.
func (h *history) Output(id engine.ID) ([]byte, error) {
	c, err := h.whole(id, "outputs")
	if err != nil {
		return nil, err
	}
	return c.Output, nil
}

func (h *history) whole(id engine.ID, what string) (*engine.Candidate, error) {
	if h.need != engine.NeedAll {
		return nil, fmt.Errorf("the strategy reads %s but asked for the history %q: answer engine.NeedAll in Open", what, h.need)
	}
	c, ok := h.Get(id)
	if !ok {
		return nil, fmt.Errorf("there is no candidate %s in the history", id)
	}
	return c, nil
}
