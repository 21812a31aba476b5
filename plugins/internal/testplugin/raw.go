package main

import (
	"context"
	"math"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/nascent-nas/nascent/plugins/proto"
)

// serveRaw serves an evaluator made without the SDK, which breaks the contract
// in every answer.
func serveRaw() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  proto.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{proto.Version: {proto.SetName: rawPlugin{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
	})
}

type rawPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (rawPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	proto.RegisterEvaluatorServer(s, &raw{})
	return nil
}

func (rawPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

type raw struct {
	proto.UnimplementedEvaluatorServer
	scratch string
}

func (r *raw) Open(_ context.Context, req *proto.OpenEvaluator) (*proto.EvaluatorHello, error) {
	r.scratch = req.Scratch
	return &proto.EvaluatorHello{Name: "raw", Slots: 4, Metrics: []*proto.Metric{{Name: "accuracy"}}}, nil
}

func (r *raw) Run(stream grpc.BidiStreamingServer[proto.ToEvaluator, proto.FromEvaluator]) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return nil
		}
		for _, j := range m.Jobs {
			answer := func(id uint64, attempt int64, f *proto.Finished) *proto.Report {
				return &proto.Report{Id: id, Attempt: attempt, What: &proto.Report_Finished{Finished: f}}
			}
			accuracy := func(v float64) *proto.Values {
				return &proto.Values{Names: []string{"accuracy"}, Values: []float64{v}}
			}
			good := &proto.Finished{Status: "ok", Metrics: accuracy(0.25)}
			var f *proto.Finished
			switch j.Tag {
			case "nan":
				f = &proto.Finished{Status: "ok", Metrics: accuracy(math.NaN())}
			case "infinite":
				f = &proto.Finished{Status: "ok", Metrics: accuracy(math.Inf(1))}
			case "status":
				f = &proto.Finished{Status: "excellent", Metrics: accuracy(1)}
			case "file":
				f = &proto.Finished{Status: "ok", Metrics: accuracy(1), Files: []*proto.File{{Name: "x", Path: "/etc/hostname"}}}
			case "break":
				return context.DeadlineExceeded // ends the stream, not the process
			default:
				f = good
			}
			reports := []*proto.Report{
				answer(j.Id+1000, j.Attempt, good),                        // nobody
				answer(j.Id, j.Attempt+1, good),                           // another attempt
				{Id: j.Id, Attempt: j.Attempt},                            // nothing
				answer(j.Id, j.Attempt, f), answer(j.Id, j.Attempt, good), // twice
			}
			if err := stream.Send(&proto.FromEvaluator{Reports: reports}); err != nil {
				return err
			}
		}
	}
}
