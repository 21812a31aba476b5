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
	need    engine.HistoryNeed
	history *history
}

func (s *strategyServer) Open(ctx context.Context, req *proto.OpenStrategy) (hello *proto.StrategyHello, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if v := recover(); v != nil {
			hello, err = &proto.StrategyHello{Refusal: refusalOf(panicError(v))}, nil
		}
	}()
	setup, err := proto.SetupFrom(req)
	if err != nil {
		return &proto.StrategyHello{Refusal: refusalOf(err)}, nil
	}
	state, needs, err := s.strategy.Open(ctx, setup)
	if err != nil {
		return &proto.StrategyHello{Refusal: refusalOf(err)}, nil
	}
	s.space, s.need, s.history = setup.Space, needs.History, newHistory(needs.History)
	return &proto.StrategyHello{State: state, History: string(needs.History), Batch: int64(needs.Batch)}, nil
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
			return &proto.StepResponse{Error: proto.OneLine(err.Error())}, nil
		}
		s.history.add(c)
	}
	turn := engine.Turn{
		N: req.N, Seed: req.Seed, FirstID: engine.ID(req.FirstId), Want: int(req.Want),
		Limits: proto.LimitsFrom(req.Limits), History: s.history,
		Spent: engine.Spent{Evaluations: int(req.Spent.GetEvaluations()), Seconds: req.Spent.GetSeconds()},
	}
	for _, w := range req.Results {
		c, err := proto.CandidateFrom(w, s.space)
		if err != nil {
			return &proto.StepResponse{Error: proto.OneLine(err.Error())}, nil
		}
		turn.Results = append(turn.Results, *c)
	}
	defer func() {
		if v := recover(); v != nil {
			answer, err = &proto.StepResponse{Error: proto.OneLine(panicError(v).Error())}, nil
		}
	}()
	decision, err := s.strategy.Step(ctx, req.State, turn)
	if err != nil {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return &proto.StepResponse{Error: proto.OneLine(err.Error())}, nil
	}
	return proto.DecisionTo(decision), nil
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
	if h.need != engine.NeedAll {
		return nil, fmt.Errorf("the strategy reads curves but asked for the history %q: answer engine.NeedAll in Open", h.need)
	}
	c, ok := h.Get(id)
	if !ok {
		return nil, fmt.Errorf("there is no candidate %s in the history", id)
	}
	return c.Curve, nil
}
